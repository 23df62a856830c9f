"""What Azure Resource Manager and API Management refuse, and how: status, code and envelope."""

from __future__ import annotations

from typing import Any

import pytest

BACKUP = "Microsoft.ApiManagement/service/backup/action"
POLL = "Microsoft.ApiManagement/service/operationresults/read"
READ = "Microsoft.ApiManagement/service/read"
RESTORE = "Microsoft.ApiManagement/service/restore/action"


def _code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def _targets(answer: Any) -> set[str]:
    return {one["target"] for one in answer.json()["error"]["details"]}


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", "AuthenticationFailed"),
        ("Basic abc", "AuthenticationFailed"),
        ("Bearer not.a.token", "InvalidAuthenticationToken"),
    ],
)
def test_call_without_a_good_token_is_401_with_www_authenticate(
    simulator: Any, service: Any, authorization: str, code: str
) -> None:
    """A missing or damaged token is challenged."""
    answer = simulator.call("GET", service.path, headers={"Authorization": authorization})

    assert _code(answer) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith('Bearer authorization_uri="https://')


@pytest.mark.parametrize("tail", ["", "/apis", "/backup", "/operationresults/abc"])
def test_every_arm_route_wants_a_token(simulator: Any, service: Any, tail: str) -> None:
    """No route of Azure Resource Manager answers without one."""
    answer = simulator.call("GET", service.path + tail, headers={"Authorization": ""})

    assert answer.status_code == 401


def test_token_for_storage_is_no_token_for_arm(simulator: Any, service: Any) -> None:
    """A token for another audience is refused."""
    token = simulator.token("https://storage.azure.com")
    answer = simulator.call("GET", service.path, headers={"Authorization": f"Bearer {token}"})

    assert _code(answer) == (401, "InvalidAuthenticationToken")
    assert "WWW-Authenticate" in answer.headers


def test_expired_token_is_401_expired(start_simulator: Any) -> None:
    """A token is good until its lifetime is over."""
    own = start_simulator()
    service = own.new_service()
    own.scene("tokens", lifetimeSeconds=0)
    answer = own.call("GET", service.path, headers={"Authorization": f"Bearer {own.token()}"})

    assert _code(answer) == (401, "ExpiredAuthenticationToken")
    assert own.call("GET", service.path).status_code == 200


@pytest.mark.parametrize("suffix", ["", "/"])
def test_own_url_is_an_audience_with_and_without_a_slash(simulator: Any, service: Any, suffix: str) -> None:
    """Official clients ask for the endpoint as audience, with or without a slash at the end."""
    token = simulator.token(simulator.https + suffix)
    answer = simulator.call("GET", service.path, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 200


def test_missing_api_version_is_400(simulator: Any, service: Any) -> None:
    """The parameter is required on every call."""
    answer = simulator.call("GET", simulator.https + service.path)

    assert _code(answer) == (400, "MissingApiVersionParameter")


@pytest.mark.parametrize("version", ["2014-02-14", "2020-12-01", "2021-04-01-preview"])
def test_retired_api_version_is_400(simulator: Any, service: Any, version: str) -> None:
    """Versions older than 2021-08-01 are not answered any more."""
    answer = simulator.call("GET", service.path, **{"api-version": version})

    assert _code(answer) == (400, "NoRegisteredProviderFound")


@pytest.mark.parametrize("version", ["2021-08-01", "2022-08-01", "2024-05-01", "2025-03-01-preview"])
def test_living_api_versions_are_answered(simulator: Any, service: Any, version: str) -> None:
    """The versions of the official clients all work."""
    assert simulator.call("GET", service.path, **{"api-version": version}).status_code == 200


def test_api_version_that_is_no_date_is_400(simulator: Any, service: Any) -> None:
    """Junk is told apart from a retired version."""
    answer = simulator.call("GET", service.path, **{"api-version": "latest"})

    assert _code(answer) == (400, "InvalidApiVersionParameter")


def test_unknown_service_is_404_resource_not_found(simulator: Any, service: Any) -> None:
    """The code is Azure Resource Manager's own, and the message names service and group."""
    answer = simulator.call("GET", service.path + "-not")

    assert _code(answer) == (404, "ResourceNotFound")
    assert f"{service.name}-not" in answer.json()["error"]["message"]


def test_unknown_operation_is_404(simulator: Any, service: Any) -> None:
    """An id that no operation has is not found."""
    answer = simulator.call("GET", f"{service.path}/operationresults/bm90aGluZw==")

    assert _code(answer) == (404, "ResourceNotFound")


def test_operation_of_another_service_is_404(simulator: Any, service: Any) -> None:
    """A result is found below its own service only."""
    location = simulator.call("POST", f"{service.path}/backup", service.backup_body()).headers["Location"]
    other = simulator.new_service()
    answer = simulator.call("GET", location.replace(service.path, other.path))

    assert answer.status_code == 404


def test_result_disappears_with_its_service(simulator: Any, service: Any) -> None:
    """A result URL below a resource goes when the resource goes."""
    accepted = simulator.call("POST", f"{service.path}/backup", service.backup_body())
    simulator.call("GET", accepted.headers["Location"])
    simulator.call("DELETE", service.path)
    simulator.call("PUT", service.path, _service_body())

    assert simulator.call("GET", accepted.headers["Location"]).status_code == 404


def test_ids_are_compared_without_regard_to_case(simulator: Any, service: Any) -> None:
    """An id in capitals is the same resource, answered as it was first written."""
    answer = simulator.call("GET", service.path.upper())

    assert answer.json()["id"] == service.path


@pytest.mark.parametrize(
    ("method", "tail", "action"),
    [
        ("POST", "/backup", BACKUP),
        ("POST", "/restore", RESTORE),
        ("GET", "/operationresults/abc", POLL),
        ("GET", "", READ),
        ("PATCH", "", "Microsoft.ApiManagement/service/write"),
        ("DELETE", "", "Microsoft.ApiManagement/service/delete"),
        ("GET", "/apis", "Microsoft.ApiManagement/service/apis/read"),
        ("PUT", "/apis/a/operations/b", "Microsoft.ApiManagement/service/apis/operations/write"),
        ("POST", "/namedValues/a/listValue", "Microsoft.ApiManagement/service/namedValues/listValue/action"),
    ],
)
def test_denied_action_is_403_naming_action_scope_and_caller(
    simulator: Any, service: Any, method: str, tail: str, action: str
) -> None:
    """Every route has its right, and the refusal names it."""
    name = f"denied {method} {tail} {service.name}"
    principal = simulator.scene("principals", name=name)
    simulator.scene("rights", principal=name, deny=[action])
    headers = {"Authorization": f"Bearer {simulator.token(header=principal['identityHeader'])}"}
    answer = simulator.call(method, service.path + tail, {}, headers=headers)

    assert _code(answer) == (403, "AuthorizationFailed")
    message = answer.json()["error"]["message"]
    assert f"'{action}'" in message
    assert principal["objectId"] in message
    assert service.path in message


def test_poll_without_its_right_is_403_while_the_backup_succeeds(
    simulator: Any, service: Any, container: Any
) -> None:
    """
    A caller that may start a backup but not read its result sees 403; the backup is written all the same.
    """
    principal = simulator.scene("principals", name=f"no poll {service.name}")
    simulator.scene("rights", principal=principal["name"], deny=[POLL])
    headers = {"Authorization": f"Bearer {simulator.token(header=principal['identityHeader'])}"}
    accepted = simulator.call("POST", f"{service.path}/backup", service.backup_body(), headers=headers)
    denied = simulator.call("GET", accepted.headers["Location"], headers=headers)
    final = simulator.call("GET", accepted.headers["Location"])

    assert (accepted.status_code, denied.status_code, final.status_code) == (202, 403, 200)
    assert container.get_blob_client(service.blob).exists()


def test_right_is_checked_before_existence(simulator: Any, service: Any) -> None:
    """Whoever may not read learns nothing about what is there."""
    name = f"blind {service.name}"
    principal = simulator.scene("principals", name=name)
    simulator.scene("rights", principal=name, deny=["Microsoft.ApiManagement/*"])
    headers = {"Authorization": f"Bearer {simulator.token(header=principal['identityHeader'])}"}

    assert simulator.call("GET", service.path + "-not", headers=headers).status_code == 403


def test_backup_body_faults_are_named_all_at_once(simulator: Any, service: Any) -> None:
    """An empty body lacks four fields, and the answer names the four."""
    answer = simulator.call("POST", f"{service.path}/backup", {})

    assert _code(answer) == (400, "ValidationError")
    assert _targets(answer) == {"storageAccount", "containerName", "backupName", "accessKey"}
    assert answer.json()["error"]["innerError"] is None


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"storageAccount": None}, "storageAccount"),
        ({"storageAccount": "https://drprimary"}, "storageAccount"),
        ({"containerName": None}, "containerName"),
        ({"containerName": "Apim_Backups"}, "containerName"),
        ({"backupName": None}, "backupName"),
        ({"backupName": 7}, "backupName"),
        ({"accessType": "Sas"}, "accessType"),
        ({"accessType": None}, "accessKey"),
        ({"accessType": "AccessKey"}, "accessKey"),
        ({"accessType": "UserAssignedManagedIdentity"}, "clientId"),
    ],
)
@pytest.mark.parametrize("operation", ["backup", "restore"])
def test_wrong_backup_body_is_400_naming_the_field(
    simulator: Any, service: Any, operation: str, changes: dict[str, Any], target: str
) -> None:
    """Each required field, and each field's form, is checked by the POST."""
    answer = simulator.call("POST", f"{service.path}/{operation}", service.backup_body(**changes))

    assert _code(answer) == (400, "ValidationError")
    assert _targets(answer) == {target}


def test_access_type_defaults_to_the_account_key(simulator: Any, service: Any, account_key: str) -> None:
    """A body without accessType and with an accessKey is the oldest form, and still good."""
    final = simulator.run("backup", service, accessType=None, accessKey=account_key)

    assert final.status_code == 200


@pytest.mark.parametrize("body", ["[]", "{", '"text"'])
def test_body_that_is_no_json_object_is_400(simulator: Any, service: Any, body: str) -> None:
    """What cannot be read is refused before anything else is."""
    answer = simulator.session.post(
        f"{simulator.https}{service.path}/backup?api-version=2024-05-01",
        data=body,
        headers={"Authorization": simulator.authorization, "Content-Type": "application/json"},
    )

    assert _code(answer) == (400, "InvalidRequestContent")


@pytest.mark.parametrize("tier", ["Consumption", "BasicV2", "StandardV2", "PremiumV2"])
@pytest.mark.parametrize("operation", ["backup", "restore"])
def test_tier_without_backup_is_400(simulator: Any, tier: str, operation: str) -> None:
    """Consumption and the v2 tiers have neither backup nor restore."""
    service = simulator.new_service(tier=tier)
    answer = simulator.call("POST", f"{service.path}/{operation}", service.backup_body())

    assert _code(answer) == (400, "MethodNotAllowedInPricingTier")


@pytest.mark.parametrize("tier", ["Developer", "Basic", "Standard", "Premium"])
def test_classic_tiers_have_backup(simulator: Any, tier: str) -> None:
    """The four classic tiers can be backed up."""
    assert simulator.run("backup", simulator.new_service(tier=tier)).status_code == 200


@pytest.mark.parametrize("tail", ["backup", "restore"])
def test_get_of_an_action_is_405(simulator: Any, service: Any, tail: str) -> None:
    """Actions are POSTs only."""
    assert simulator.call("GET", f"{service.path}/{tail}").status_code == 405


def test_service_body_faults_are_named_all_at_once(simulator: Any, service: Any) -> None:
    """A new service needs region, tier and publisher, and every missing one is named."""
    body = {"location": "atlantis", "sku": {"name": "Gold"}, "identity": {"type": "Both"}}
    answer = simulator.call("PUT", service.path + "-new", body)

    assert _code(answer) == (400, "ValidationError")
    assert _targets(answer) == {
        "location",
        "sku.name",
        "identity.type",
        "properties.publisherEmail",
        "properties.publisherName",
    }


def test_name_of_a_service_is_global(simulator: Any, service: Any) -> None:
    """A name that is taken in another resource group is a conflict."""
    path = service.path.replace(service.group, service.group + "-other")
    answer = simulator.call("PUT", path, _service_body())

    assert _code(answer) == (409, "ServiceAlreadyExists")


def _service_body() -> dict[str, Any]:
    return {
        "location": "westeurope",
        "sku": {"name": "Developer", "capacity": 1},
        "properties": {"publisherEmail": "owner@contoso.example", "publisherName": "Contoso"},
    }
