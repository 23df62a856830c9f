"""The checks of where a backup goes: for each a case that passes, one that refuses, and one not made."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.preflight_facts import Unseen
from tests.core import make
from tests.core.facts import (
    ACCOUNT_ID,
    CLIENT_ID,
    CONTAINER_ID,
    KEY,
    PRINCIPAL,
    SYSTEM,
    UNSEEN,
    USER,
    USER_PRINCIPAL,
    WRITER,
    account,
    assignment,
    check,
    cors,
    fine,
    firewall,
    resource,
    storage,
)

OWNER_OF_BLOBS = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba818e7"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
CUSTOM = "12345678-1234-1234-1234-123456789012"
OUTAGE = Unseen(reason="could not be read: 503", for_now=True)
NEAR = "West Europe"


def _said(name: str, access: Any = SYSTEM, **facts: Any) -> tuple[str, str]:
    found = check(name, fine(access, **facts))
    return found.verdict.value, f"{found.cause} | {found.command}"


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({"has_container": True}, "ok"),
        ({"has_container": False}, "refusal"),
        ({"has_container": False, "storage": storage(create_container=True)}, "ok"),
        ({"has_container": UNSEEN}, "notChecked"),
    ],
    ids=["there", "missing", "to be made", "not read"],
)
def test_container_exists(facts: dict[str, Any], verdict: str) -> None:
    """A missing one is refused, unless the plan says that it is to be made."""
    assert _said("ContainerExists", **facts)[0] == verdict


def test_a_container_is_made_without_public_access() -> None:
    """The command says so, too."""
    _, text = _said("ContainerExists", has_container=False)

    assert "--public-access off" in text


@pytest.mark.parametrize(
    ("fact", "verdict"),
    [(True, "ok"), (False, "ok"), (UNSEEN, "refusal"), (OUTAGE, "notChecked")],
    ids=["there", "missing", "no right", "outage"],
)
def test_container_readable(fact: Any, verdict: str) -> None:
    """What this app may not read it could not prove afterwards; a missing container is another check's."""
    assert _said("ContainerReadable", has_container=fact)[0] == verdict


@pytest.mark.parametrize(
    ("fact", "verdict"),
    [
        *[(account(kind=kind), "ok") for kind in ("StorageV2", "BlockBlobStorage", "BlobStorage")],
        (account(kind="Storage"), "warning"),
        (account(kind="SomethingNew"), "warning"),
        (account(kind="FileStorage"), "refusal"),
        (UNSEEN, "notChecked"),
    ],
    ids=["v2", "block", "blob", "v1", "unknown", "files only", "not read"],
)
def test_account_raises_events(fact: Any, verdict: str) -> None:
    """General purpose v1 stores backups as well; only its silence is worth a word."""
    assert _said("AccountRaisesEvents", account=fact)[0] == verdict


@pytest.mark.parametrize(
    ("access", "fault", "verdict"),
    [(KEY, "", "ok"), (KEY, "is missing", "refusal"), (SYSTEM, "", "ok"), (USER, "", "ok")],
)
def test_key_present(access: Any, fault: str, verdict: str) -> None:
    """A key that is not there would be missed only at the POST."""
    assert _said("KeyPresent", access, key_fault=fault)[0] == verdict


@pytest.mark.parametrize(
    ("code", "mends"),
    [
        ("AuthorizationPermissionMismatch", "az role assignment create"),
        ("AuthorizationFailure", "az storage account network-rule add"),
    ],
)
def test_a_closed_network_is_not_taken_for_a_missing_role(code: str, mends: str) -> None:
    """Storage has a code of its own for callers that its firewall stops, and a role would not help them."""
    refused = Unseen(reason=f"may not be read ({code})", code=code)

    found = check("ContainerReadable", fine(has_container=refused))

    assert (found.verdict.value, found.command.startswith(mends)) == ("refusal", True)


@pytest.mark.parametrize(
    ("access", "fact", "verdict"),
    [
        (KEY, account(), "ok"),
        (KEY, account(allowSharedKeyAccess=None), "ok"),
        (KEY, account(allowSharedKeyAccess=True), "ok"),
        (KEY, account(allowSharedKeyAccess=False), "refusal"),
        (SYSTEM, account(allowSharedKeyAccess=False), "ok"),
        (USER, UNSEEN, "ok"),
        (KEY, UNSEEN, "notChecked"),
    ],
)
def test_shared_key_allowed(access: Any, fact: Any, verdict: str) -> None:
    """Not said means allowed; an identity does not care."""
    assert _said("SharedKeyAllowed", access, account=fact)[0] == verdict


@pytest.mark.parametrize(
    ("access", "fact", "verdict"),
    [
        (KEY, cors(), "ok"),
        (KEY, {"properties": {}}, "ok"),
        (KEY, {"properties": {"cors": None}}, "ok"),
        (KEY, cors({"allowedMethods": ["GET", "PATCH"]}), "refusal"),
        (SYSTEM, cors({"allowedMethods": ["GET", "PATCH"]}), "warning"),
        (USER, cors({"allowedMethods": ["GET"]}), "warning"),
        (KEY, UNSEEN, "notChecked"),
    ],
)
def test_no_cors_rules(access: Any, fact: Any, verdict: str) -> None:
    """A rule has broken backups with the key; with an identity the same users were cured of it."""
    assert _said("NoCorsRules", access, blob_service=fact)[0] == verdict


OPEN = [
    account(),
    account(publicNetworkAccess="Enabled", networkAcls={"defaultAction": "Allow"}),
    account(publicNetworkAccess=None, networkAcls=None),
]
CLOSED = account(publicNetworkAccess="Disabled", networkAcls={"defaultAction": "Allow", "bypass": "None"})
CLOSED_TRUSTING = account(
    publicNetworkAccess="Disabled", networkAcls={"defaultAction": "Deny", "bypass": "AzureServices"}
)
CLOSED_WITH_IP = account(
    publicNetworkAccess="Disabled", networkAcls={"defaultAction": "Deny", "ipRules": [{"value": "1.2.3.4"}]}
)
PERIMETER = account(publicNetworkAccess="SecuredByPerimeter")
ENDPOINT = account(publicNetworkAccess="Disabled", privateEndpointConnections=[{"id": "/e"}])
IP = {"ipRules": [{"value": "203.0.113.7"}]}
NETWORK = {"virtualNetworkRules": [{"id": "/subnet"}]}
INSTANCE = {"resourceAccessRules": [{"resourceId": "/service"}]}


@pytest.mark.parametrize("access", [SYSTEM, USER, KEY], ids=lambda access: access.type)
@pytest.mark.parametrize("fact", OPEN, ids=["nothing said", "enabled", "nulls"])
def test_an_open_account_lets_everybody_in(access: Any, fact: Any) -> None:
    """Without a firewall there is nothing to ask."""
    assert _said("FirewallLetsIn", access, account=fact)[0] == "ok"


@pytest.mark.parametrize(
    ("fact", "verdict"),
    [
        (firewall("AzureServices"), "ok"),
        (firewall("Logging, Metrics, AzureServices"), "ok"),
        (firewall("AzureServices", location=NEAR), "ok"),
        (CLOSED_TRUSTING, "ok"),
        (firewall("Logging, Metrics"), "refusal"),
        (CLOSED, "refusal"),
        (CLOSED_WITH_IP, "refusal"),
        (firewall("None", **IP), "warning"),
        (firewall("None", **INSTANCE), "warning"),
        (ENDPOINT, "warning"),
        (PERIMETER, "warning"),
        (UNSEEN, "notChecked"),
    ],
)
def test_firewall_with_the_system_assigned_identity(fact: Any, verdict: str) -> None:
    """Documented is the exception for trusted Azure services; it holds with public access disabled, too."""
    assert _said("FirewallLetsIn", SYSTEM, account=fact)[0] == verdict


@pytest.mark.parametrize("fact", [firewall("AzureServices"), firewall("None", **IP), CLOSED, PERIMETER])
def test_firewall_with_a_user_assigned_identity(fact: Any) -> None:
    """Nothing is documented, so nothing is promised and nothing refused."""
    assert _said("FirewallLetsIn", USER, account=fact)[0] == "warning"


@pytest.mark.parametrize(
    ("fact", "verdict"),
    [
        (firewall("AzureServices", **IP), "warning"),
        (firewall("AzureServices", **IP, location=NEAR), "refusal"),
        (firewall("AzureServices", **NETWORK, location=NEAR), "warning"),
        (firewall("AzureServices"), "refusal"),
        (firewall("AzureServices", **INSTANCE), "refusal"),
        (firewall("AzureServices", location=NEAR), "refusal"),
        (CLOSED_WITH_IP, "refusal"),
        (ENDPOINT, "warning"),
        (PERIMETER, "warning"),
        (UNSEEN, "notChecked"),
    ],
)
def test_firewall_with_the_account_key(fact: Any, verdict: str) -> None:
    """IP rules have no effect on the account's own region, and trusted services come with an identity."""
    assert _said("FirewallLetsIn", KEY, account=fact)[0] == verdict


def test_a_key_from_the_own_region_is_told_why() -> None:
    """The reason is the one that is documented."""
    _, text = _said("FirewallLetsIn", KEY, account=firewall("None", **IP, location=NEAR))

    assert "own region westeurope" in text
    assert "SystemAssignedManagedIdentity" in text


ONLY_SYSTEM = {"type": "SystemAssigned", "principalId": PRINCIPAL}
ONLY_USER = {
    "type": "UserAssigned",
    "userAssignedIdentities": {"/id": {"clientId": CLIENT_ID, "principalId": USER_PRINCIPAL}},
}
OTHER_USER = {
    "type": "UserAssigned",
    "userAssignedIdentities": {"/id": {"clientId": PRINCIPAL, "principalId": CLIENT_ID}},
}


@pytest.mark.parametrize(
    ("access", "fact", "verdict"),
    [
        (SYSTEM, resource(identity=ONLY_SYSTEM), "ok"),
        (SYSTEM, resource(identity=ONLY_USER), "refusal"),
        (SYSTEM, resource(identity={"type": "None"}), "refusal"),
        (SYSTEM, {**resource(), "identity": None}, "refusal"),
        (USER, resource(identity=ONLY_USER), "ok"),
        (USER, resource(identity=ONLY_SYSTEM), "refusal"),
        (USER, resource(identity=OTHER_USER), "refusal"),
        (KEY, resource(identity={"type": "None"}), "ok"),
        (KEY, UNSEEN, "ok"),
        (USER, UNSEEN, "notChecked"),
    ],
)
def test_identity_enabled(access: Any, fact: Any, verdict: str) -> None:
    """A user-assigned identity is known by its client id; its principal id is another's."""
    assert _said("IdentityEnabled", access, resource=fact)[0] == verdict


def test_enabling_one_kind_of_identity_does_not_take_the_other() -> None:
    """The command keeps what is there."""
    _, text = _said("IdentityEnabled", SYSTEM, resource=resource(identity=ONLY_USER))

    assert '"type": "SystemAssigned, UserAssigned"' in text


GROUP = make.GROUP
SUBSCRIPTION = GROUP.split("/resourceGroups")[0]


@pytest.mark.parametrize(
    ("assignments", "verdict"),
    [
        ([assignment()], "ok"),
        ([assignment(OWNER_OF_BLOBS)], "ok"),
        ([assignment(WRITER.upper(), ACCOUNT_ID.upper())], "ok"),
        ([assignment(scope=CONTAINER_ID)], "ok"),
        ([assignment(scope=GROUP)], "ok"),
        ([assignment(scope=SUBSCRIPTION)], "ok"),
        ([assignment(scope="/")], "ok"),
        ([assignment(scope="/providers/Microsoft.Management/managementGroups/all")], "ok"),
        ([assignment(principal="a group that it is in")], "ok"),
        ([assignment(scope=f"{CONTAINER_ID}-other")], "refusal"),
        ([assignment(scope=f"{ACCOUNT_ID}2")], "refusal"),
        ([assignment(CONTRIBUTOR), assignment(READER), assignment(BLOB_READER)], "refusal"),
        ([], "refusal"),
        ([assignment(CUSTOM)], "warning"),
        ([assignment(CUSTOM, scope=f"{CONTAINER_ID}-other")], "refusal"),
        ([assignment(condition="@Resource[…] StringEquals 'x'")], "warning"),
        ([assignment(condition="x"), assignment(condition=None)], "ok"),
        (UNSEEN, "notChecked"),
    ],
)
def test_identity_may_write(assignments: Any, verdict: str) -> None:
    """At the account, above it or on this container; a role that nobody here knows may be enough."""
    assert _said("IdentityMayWrite", role_assignments=assignments)[0] == verdict


def test_a_key_needs_no_role() -> None:
    """The account key is right enough."""
    assert _said("IdentityMayWrite", KEY, role_assignments=UNSEEN)[0] == "ok"


def test_an_identity_that_is_not_there_is_not_asked_for_its_role() -> None:
    """That it is missing says another check; this one was not made."""
    word, _ = _said("IdentityMayWrite", resource=resource(identity={"type": "None"}))

    assert word == "notChecked"


def test_the_role_is_looked_for_by_the_id_that_the_plan_names() -> None:
    """An account that the app may not read can still be asked for its role assignments."""
    facts = fine(account=UNSEEN, storage=storage(resource_id=ACCOUNT_ID))

    assert check("IdentityMayWrite", facts).verdict == "ok"
