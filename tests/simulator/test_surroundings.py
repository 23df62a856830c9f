"""What stands around a service: storage accounts, roles, rights, locks, diagnostics, workspaces."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.virtual import BACKUP, SERVICE, SERVICE_BODY, SUBSCRIPTION, Stage

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/drprimary"
CONTAINER = f"{ACCOUNT}/blobServices/default/containers/apim-backups"
ROLES = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
CONTRIBUTOR = f"{ROLES}/ba92f5b4-2d11-453d-a403-e96b0029c9fe"
READER = f"{ROLES}/2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
SOMEBODY = "11111111-2222-4333-8444-555555555555"


def _put_account(stage: Stage, **properties: Any) -> None:
    body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_GRS"}}
    stage.simulator.arm("PUT", ACCOUNT, {**body, "properties": properties})


def _assign(stage: Stage, scope: str, principal_id: str, role: str = CONTRIBUTOR, name: str = "a") -> None:
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
    properties = {"roleDefinitionId": role, "principalId": principal_id}
    stage.simulator.arm("PUT", path, {"properties": properties})


def _lock(stage: Stage, scope: str, level: str, name: str = "keep") -> None:
    path = f"{scope}/providers/Microsoft.Authorization/locks/{name}"
    stage.simulator.arm("PUT", path, {"properties": {"level": level}})


def _principal_id(stage: Stage) -> str:
    return str(stage.simulator.arm("GET", SERVICE)["identity"]["principalId"])


def _names(stage: Stage, scope: str, kind: str, **query: str) -> list[str]:
    answer = stage.send("GET", f"{scope}/providers/{kind}", **query)
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["value"]]


# --- Storage accounts ----------------------------------------------------------------------------------


def test_storage_account_is_shown_as_put(stage: Stage) -> None:
    """Kind, SKU, firewall and the rest come back; what was never set has Azure's defaults or is absent."""
    _put_account(stage, isHnsEnabled=True, networkAcls={"defaultAction": "Deny", "bypass": "None"})
    found = stage.send("GET", ACCOUNT, **{"api-version": "2023-05-01"}).json()

    assert (found["id"], found["name"], found["kind"]) == (ACCOUNT, "drprimary", "StorageV2")
    assert (found["location"], found["sku"]) == ("westeurope", {"tier": "Standard", "name": "Standard_GRS"})
    assert found["properties"]["isHnsEnabled"] is True
    assert found["properties"]["networkAcls"] == {
        "defaultAction": "Deny",
        "bypass": "None",
        "ipRules": [],
        "virtualNetworkRules": [],
        "resourceAccessRules": [],
    }
    assert "allowSharedKeyAccess" not in found["properties"]


def test_storage_accounts_are_listed_by_subscription_page_by_page(stage: Stage) -> None:
    """The list has a nextLink until its last page."""
    stage.simulator.world.page_size = 2
    body = {"location": "westeurope"}
    for number in range(3):
        stage.simulator.arm("PUT", f"{ACCOUNT}{number}", body)
    url = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Storage/storageAccounts"
    first = stage.send("GET", url, **{"api-version": "2023-05-01"}).json()
    second = stage.send("GET", first["nextLink"]).json()

    pages = [[one["name"] for one in page["value"]] for page in (first, second)]
    assert pages == [["drprimary0", "drprimary1"], ["drprimary2"]]
    assert "nextLink" not in second


def test_blob_service_has_no_cors_until_it_is_put(stage: Stage) -> None:
    """Rules are shown as they were put; versioning too."""
    _put_account(stage)
    path = f"{ACCOUNT}/blobServices/default"
    before = stage.send("GET", path).json()["properties"]["cors"]
    rule = {"allowedOrigins": ["*"], "allowedMethods": ["GET"], "maxAgeInSeconds": 0}
    properties = {"cors": {"corsRules": [rule]}, "isVersioningEnabled": True}
    stage.simulator.arm("PUT", path, {"properties": properties})
    after = stage.send("GET", path).json()["properties"]

    assert before == {"corsRules": []}
    assert (after["cors"], after["isVersioningEnabled"]) == ({"corsRules": [rule]}, True)


@pytest.mark.parametrize("tail", ["", "/blobServices/default"])
def test_storage_account_that_was_not_put_is_not_found(stage: Stage, tail: str) -> None:
    """The account and its blob service are 404."""
    answer = stage.send("GET", ACCOUNT + tail)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")


def test_storage_account_that_cannot_be_is_refused_with_every_fault(stage: Stage) -> None:
    """Region, kind and SKU are checked."""
    answer = stage.send("PUT", ACCOUNT, {"location": "mars", "kind": "StorageV3", "sku": {"tier": "x"}})

    assert answer.status_code == 400
    assert all(one in answer.text for one in ("location", "kind", "sku.name"))


# --- Roles ---------------------------------------------------------------------------------------------


def test_role_assignments_at_and_above_and_below_a_scope_are_listed(stage: Stage) -> None:
    """atScope() leaves out what hangs below; what hangs on other things never shows."""
    _put_account(stage)
    for scope, name in ((GROUP, "above"), (ACCOUNT, "at"), (CONTAINER, "below"), (SERVICE, "beside")):
        _assign(stage, scope, SOMEBODY, name=name)
    kind = "Microsoft.Authorization/roleAssignments"

    assert _names(stage, ACCOUNT, kind) == ["above", "at", "below"]
    assert _names(stage, ACCOUNT, kind, **{"$filter": "atScope()"}) == ["above", "at"]


@pytest.mark.parametrize(
    "query", ["assignedTo('{}')", "principalId eq '{}'", "atScope() and assignedTo('{}')"]
)
def test_role_assignments_of_one_principal_are_filtered(stage: Stage, query: str) -> None:
    """Only those of the principal that the filter names are listed."""
    _put_account(stage)
    _assign(stage, ACCOUNT, SOMEBODY, name="somebody")
    _assign(stage, ACCOUNT, _principal_id(stage), name="service")
    found = _names(
        stage,
        ACCOUNT,
        "Microsoft.Authorization/roleAssignments",
        **{"$filter": query.format(_principal_id(stage))},
    )

    assert found == ["service"]


def test_role_assignment_is_shown_with_role_principal_and_scope(stage: Stage) -> None:
    """Its properties are those that clients compare."""
    _put_account(stage)
    _assign(stage, ACCOUNT, SOMEBODY)
    (found,) = stage.send("GET", f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments").json()[
        "value"
    ]

    assert found["id"] == f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments/a"
    assert found["properties"] == {
        "principalType": "ServicePrincipal",
        "roleDefinitionId": CONTRIBUTOR,
        "principalId": SOMEBODY,
        "scope": ACCOUNT,
    }


def test_unknown_filter_is_refused(stage: Stage) -> None:
    """A filter that the simulator does not know is told, not ignored."""
    _put_account(stage)
    path = f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments"

    assert stage.send("GET", path, **{"$filter": "roleName eq 'x'"}).status_code == 400


@pytest.mark.parametrize(
    ("role", "scope", "status"),
    [
        (CONTRIBUTOR, ACCOUNT, 202),
        (CONTRIBUTOR, GROUP, 202),
        (CONTRIBUTOR, CONTAINER, 202),
        (READER, ACCOUNT, 400),
        (CONTRIBUTOR, CONTAINER + "-of-others", 400),
    ],
)
def test_backup_needs_the_blob_role_once_an_account_has_roles(
    stage: Stage, role: str, scope: str, status: int
) -> None:
    """The service's identity must hold it on the container or above; else the POST is refused."""
    _put_account(stage)
    _assign(stage, ACCOUNT, SOMEBODY, name="first")
    _assign(stage, scope, _principal_id(stage), role)
    answer = stage.send("POST", f"{SERVICE}/backup", BACKUP)

    assert answer.status_code == status
    assert ("AuthorizationPermissionMismatch" in answer.text) is (status == 400)


def test_account_without_any_role_assignment_lets_everybody_in(stage: Stage) -> None:
    """Scenes that say nothing of roles go on working."""
    _put_account(stage)

    assert stage.send("POST", f"{SERVICE}/backup", BACKUP).status_code == 202


def test_role_that_was_taken_away_is_missed(stage: Stage) -> None:
    """The account stays guarded when its last assignment is deleted."""
    _put_account(stage)
    _assign(stage, ACCOUNT, _principal_id(stage))
    stage.simulator.arm("DELETE", f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments/a")

    assert stage.send("POST", f"{SERVICE}/backup", BACKUP).status_code == 400


@pytest.mark.parametrize(("allowed", "status"), [(True, 202), (False, 400)])
def test_account_key_is_refused_where_shared_keys_are_not_allowed(
    stage: Stage, allowed: bool, status: int
) -> None:
    """allowSharedKeyAccess decides about the access type AccessKey."""
    _put_account(stage, allowSharedKeyAccess=allowed)
    body = {**BACKUP, "accessType": "AccessKey", "accessKey": "bWFkZSB1cA=="}

    assert stage.send("POST", f"{SERVICE}/backup", body).status_code == status


# --- Rights --------------------------------------------------------------------------------------------


def test_permissions_show_what_the_caller_is_denied(stage: Stage) -> None:
    """Everything is allowed but the actions denied, and only to the one who asks."""
    denied = ["Microsoft.ApiManagement/service/operationresults/read"]
    stage.simulator.control("POST", "rights", {"principal": "app", "deny": denied})
    path = f"{SERVICE}/providers/Microsoft.Authorization/permissions"
    (own,) = stage.send("GET", path).json()["value"]
    (other,) = stage.simulator.arm("GET", path)["value"]

    assert (own["actions"], own["notActions"]) == (["*"], denied)
    assert other["notActions"] == []


@pytest.mark.parametrize(
    ("path", "action"),
    [
        (ACCOUNT, "Microsoft.Storage/storageAccounts/read"),
        (f"{ACCOUNT}/blobServices/default", "Microsoft.Storage/storageAccounts/blobServices/read"),
        (
            f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments",
            "Microsoft.Authorization/roleAssignments/read",
        ),
        (
            f"{SERVICE}/providers/Microsoft.Authorization/permissions",
            "Microsoft.Authorization/permissions/read",
        ),
        (f"{SERVICE}/providers/Microsoft.Authorization/locks", "Microsoft.Authorization/locks/read"),
        (
            f"{SERVICE}/providers/Microsoft.Insights/diagnosticSettings",
            "Microsoft.Insights/diagnosticSettings/read",
        ),
        (f"{SERVICE}/workspaceLinks", "Microsoft.ApiManagement/service/workspaceLinks/read"),
    ],
)
def test_reading_what_stands_around_needs_its_own_right(stage: Stage, path: str, action: str) -> None:
    """Each route is 403 for who is denied its action, naming the action, and 200 for who is not."""
    _put_account(stage)
    allowed = stage.send("GET", path).status_code
    stage.simulator.control("POST", "rights", {"principal": "app", "deny": [action]})
    refused = stage.send("GET", path)

    assert (allowed, refused.status_code) == (200, 403)
    assert f"'{action}'" in refused.json()["error"]["message"]


# --- Locks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [SERVICE, GROUP, f"/subscriptions/{SUBSCRIPTION}"])
@pytest.mark.parametrize("action", ["backup", "restore"])
def test_read_only_lock_on_the_service_or_above_forbids_operations(
    stage: Stage, scope: str, action: str
) -> None:
    """The POST is 409 ScopeLocked with the locked scope in its message, and nothing starts."""
    _lock(stage, scope, "ReadOnly")
    answer = stage.send("POST", f"{SERVICE}/{action}", BACKUP)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ScopeLocked")
    assert f"'{scope}'" in answer.json()["error"]["message"]
    assert stage.simulator.account()[SERVICE].operations == ()


def test_lock_against_deletion_forbids_only_deletion(stage: Stage) -> None:
    """CanNotDelete lets a backup start; the service cannot be deleted."""
    _lock(stage, SERVICE, "CanNotDelete")
    refused = stage.send("DELETE", SERVICE)

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "ScopeLocked")
    assert stage.send("POST", f"{SERVICE}/backup", BACKUP).status_code == 202


def test_lock_on_another_service_does_not_matter(stage: Stage) -> None:
    """A scope whose name begins alike is another scope."""
    other = f"{SERVICE}2"
    stage.simulator.arm("PUT", other, SERVICE_BODY)
    _lock(stage, other, "ReadOnly")

    assert stage.send("POST", f"{SERVICE}/backup", BACKUP).status_code == 202


def test_locks_of_a_service_are_those_on_it_and_above(stage: Stage) -> None:
    """The list has the inherited ones too, with their own ids."""
    _lock(stage, GROUP, "CanNotDelete", "of-the-group")
    _lock(stage, SERVICE, "ReadOnly", "of-the-service")
    found = stage.send("GET", f"{SERVICE}/providers/Microsoft.Authorization/locks").json()["value"]

    assert [(one["id"].partition("/providers/Microsoft.Auth")[0], one["properties"]) for one in found] == [
        (GROUP, {"level": "CanNotDelete"}),
        (SERVICE, {"level": "ReadOnly"}),
    ]


def test_lock_can_be_taken_away(stage: Stage) -> None:
    """DELETE works on a ReadOnly lock itself."""
    _lock(stage, SERVICE, "ReadOnly")
    path = f"{SERVICE}/providers/Microsoft.Authorization/locks/keep"

    assert [stage.send("DELETE", path).status_code for _ in range(2)] == [200, 204]
    assert stage.send("POST", f"{SERVICE}/backup", BACKUP).status_code == 202


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("Microsoft.Authorization/locks", {"level": "Half"}),
        ("Microsoft.Authorization/roleAssignments", {"principalId": SOMEBODY}),
    ],
)
def test_lock_or_assignment_that_cannot_be_is_refused(
    stage: Stage, kind: str, properties: dict[str, Any]
) -> None:
    """A level must be one of two, and an assignment names role and principal."""
    answer = stage.send("PUT", f"{SERVICE}/providers/{kind}/x", {"properties": properties})

    assert answer.status_code == 400


@pytest.mark.parametrize("scope", [f"{SERVICE}-unknown", ACCOUNT])
def test_what_hangs_on_nothing_is_not_found(stage: Stage, scope: str) -> None:
    """Locks of a service or an account that is not there are 404."""
    answer = stage.send("GET", f"{scope}/providers/Microsoft.Authorization/locks")

    assert answer.status_code == 404


# --- Diagnostics, workspaces, the service itself -----------------------------------------------------------


def test_diagnostic_settings_are_those_of_the_very_resource(stage: Stage) -> None:
    """Settings of the group are not inherited."""
    kind = "Microsoft.Insights/diagnosticSettings"
    for scope, name in ((GROUP, "of-the-group"), (SERVICE, "audit")):
        path = f"{scope}/providers/{kind}/{name}"
        stage.simulator.arm("PUT", path, {"properties": {"workspaceId": "/subscriptions/x/workspaces/log"}})

    assert _names(stage, SERVICE, kind, **{"api-version": "2021-05-01-preview"}) == ["audit"]


def test_workspace_links_show_their_gateways_and_are_in_no_backup(stage: Stage) -> None:
    """A link names its workspace and gateways; a restore leaves links alone."""
    link = {"workspaceId": f"{SERVICE}/workspaces/orders", "gateways": [{"id": f"{GROUP}/gateways/one"}]}
    stage.begin()
    stage.simulator.arm("PUT", f"{SERVICE}/workspaceLinks/orders", {"properties": link})
    stage.pass_time(660)
    stage.send("POST", f"{SERVICE}/restore", BACKUP)
    stage.pass_time(1140)
    (found,) = stage.send("GET", f"{SERVICE}/workspaceLinks").json()["value"]

    assert found["type"] == "Microsoft.ApiManagement/service/workspaceLinks"
    assert found["properties"] == link


def test_service_shows_what_was_put_of_its_surroundings(stage: Stage) -> None:
    """Tags, zones, identity, network, locations, CA certificates and host names come back."""
    properties = {
        "virtualNetworkType": "External",
        "virtualNetworkConfiguration": {"subnetResourceId": f"{GROUP}/subnets/apim"},
        "additionalLocations": [{"location": "North Europe", "sku": {"name": "Premium", "capacity": 1}}],
        "customProperties": {"Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Ciphers.X": "True"},
        "apiVersionConstraint": {"minApiVersion": "2021-08-01"},
    }
    body = {**SERVICE_BODY, "tags": {"apim-dr": "nightly"}, "zones": ["1", "2"]}
    body["properties"] = {**SERVICE_BODY["properties"], **properties}
    stage.simulator.arm("PUT", SERVICE, body)
    found = stage.send("GET", SERVICE).json()

    assert (found["tags"], found["zones"]) == ({"apim-dr": "nightly"}, ["1", "2"])
    assert found["identity"]["principalId"]
    shown = {name: found["properties"][name] for name in properties}
    assert shown.pop("customProperties").items() >= properties.pop("customProperties").items()
    assert shown == properties


def test_secrets_of_certificates_are_not_shown(stage: Stage) -> None:
    """What can be written only stays out of every answer; what describes a certificate stays in."""
    certificate = {"encodedCertificate": "c2VjcmV0", "certificatePassword": "hush", "storeName": "Root"}
    host = {"type": "Proxy", "hostName": "api.contoso.example", **certificate, "certificateSource": "Custom"}
    properties = {"certificates": [certificate], "hostnameConfigurations": [host]}
    stage.simulator.arm("PATCH", SERVICE, {"properties": properties})
    found = stage.send("GET", SERVICE)

    assert "c2VjcmV0" not in found.text
    assert "hush" not in found.text
    assert found.json()["properties"]["certificates"] == [{"storeName": "Root"}]
    assert found.json()["properties"]["hostnameConfigurations"][1]["hostName"] == "api.contoso.example"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_tags_can_be_replaced_and_taken_away(stage: Stage, method: str) -> None:
    """The tags given are the tags afterwards, none included."""
    shown = []
    for tags in ({"apim-dr": "nightly"}, {"owner": "orders"}, {}):
        stage.simulator.arm(method, SERVICE, {"tags": tags})
        shown.append(stage.send("GET", SERVICE).json()["tags"])

    assert shown == [{"apim-dr": "nightly"}, {"owner": "orders"}, {}]


def test_services_of_a_subscription_are_listed_page_by_page_with_their_tags(stage: Stage) -> None:
    """Discovery sees every service once, with its tags, over the nextLinks."""
    stage.simulator.world.page_size = 2
    for number in range(4):
        body = {**SERVICE_BODY, "tags": {"number": str(number)}}
        stage.simulator.arm("PUT", f"{SERVICE}-{number}", body)
    url = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ApiManagement/service"
    pages = []
    while url:
        pages.append(stage.send("GET", url).json())
        url = pages[-1].get("nextLink", "")

    assert [len(page["value"]) for page in pages] == [2, 2, 1]
    found = {one["name"]: one["tags"] for page in pages for one in page["value"]}
    assert found == {"contoso": {}, **{f"contoso-{n}": {"number": str(n)} for n in range(4)}}
