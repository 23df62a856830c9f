"""What is asked of Azure Resource Manager before a backup, and how each no is remembered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from shared import survey
from shared.core.access import BackupStorage
from shared.core.errors import AccessError, DrError, NotFoundError, ProtocolError, UnavailableError
from shared.core.preflight_facts import Facts, Unseen
from tests.fakes import FakePorts
from tests.fakes.arm import API_VERSION, PRINCIPAL
from tests.fakes.ports import SUBSCRIPTION, plan_json
from tests.fakes.surroundings import USER_PRINCIPAL, account_id, account_resource

ACCOUNT = account_id(SUBSCRIPTION, "drprimary")
ACCOUNTS = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Storage/storageAccounts"
CLIENT_ID = "cccccccc-1111-2222-3333-444444444444"


class Asked:
    """An Arm that remembers how it was asked, before another one answers."""

    def __init__(self, arm: Any) -> None:
        self._arm = arm
        self.api_version = arm.api_version
        self.calls: dict[str, tuple[str | None, dict[str, str]]] = {}

    def read(
        self, path: str, *, what: str, api_version: str | None = None, query: Mapping[str, str] | None = None
    ) -> Any:
        """Return the JSON of a GET."""
        self.calls[path] = (api_version, dict(query or {}))
        return self._arm.read(path, what=what, api_version=api_version, query=query)

    def read_all(self, path: str, **how: Any) -> Iterator[dict[str, Any]]:
        """Yield the items of a list."""
        yield from self.read(path, **how)


@pytest.fixture
def ports() -> FakePorts:
    """A service with which nothing is wrong."""
    return FakePorts()


def _take(ports: FakePorts, **storage: Any) -> Facts:
    service = ports.first
    where = service.storage.model_copy(update=storage)
    resource = survey.read_service(ports.arm, service.ref)
    return survey.take(ports, service.name, service.ref, where, resource)


def test_each_provider_is_asked_in_its_own_version_and_with_its_filter(ports: FakePorts) -> None:
    """Locks at the service and above; role assignments of the identity and of its groups."""
    asked = Asked(ports.arm)
    ports.arm = asked  # type: ignore[assignment]
    service_id = ports.first.resource_id

    _take(ports)
    survey.read_diagnostics(asked, ports.first.ref)  # type: ignore[arg-type]

    below = f"{service_id}/providers"
    assert asked.calls == {
        service_id: (None, {}),
        f"{service_id}/workspaceLinks": (API_VERSION, {}),
        f"{below}/Microsoft.Authorization/permissions": ("2022-04-01", {}),
        f"{below}/Microsoft.Authorization/locks": ("2020-05-01", {"$filter": "atScope()"}),
        f"{below}/Microsoft.Insights/diagnosticSettings": ("2021-05-01-preview", {}),
        ACCOUNTS: ("2023-05-01", {}),
        f"{ACCOUNT}/blobServices/default": ("2023-05-01", {}),
        f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments": (
            "2022-04-01", {"$filter": f"assignedTo('{PRINCIPAL}')"},
        ),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("plans", "asked_in"), [("2021-08-01", "2024-05-01"), ("2025-03-01-preview", "2025-03-01-preview")]
)
def test_workspaces_are_asked_for_in_a_version_that_knows_them(
    ports: FakePorts, plans: str, asked_in: str
) -> None:
    """A plan may use an older api-version than workspaces have."""
    asked = Asked(ports.arm)
    asked.api_version = plans
    ports.arm = asked  # type: ignore[assignment]

    _take(ports)

    assert asked.calls[f"{ports.first.resource_id}/workspaceLinks"][0] == asked_in


def test_a_user_assigned_identity_is_found_by_its_client_id() -> None:
    """Role assignments name the principal, the plan the client."""
    access = {"type": "UserAssignedManagedIdentity", "clientId": CLIENT_ID}
    ports = FakePorts(plan_json(access=access))
    asked = Asked(ports.arm)
    ports.arm = asked  # type: ignore[assignment]

    _take(ports)

    query = asked.calls[f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments"][1]
    assert query == {"$filter": f"assignedTo('{USER_PRINCIPAL}')"}


@pytest.mark.parametrize("principal", [None, "", "x') or ('"])
def test_no_role_is_asked_for_without_an_id(ports: FakePorts, principal: Any) -> None:
    """What is put into a filter has the form of an id."""
    ports.arm.service(ports.first.ref).identity = {"type": "SystemAssigned", "principalId": principal}

    facts = _take(ports)

    assert isinstance(facts.role_assignments, Unseen)
    assert not [path for path in ports.arm.reads if path.endswith("roleAssignments")]


def test_an_account_that_the_plan_names_by_id_is_not_searched(ports: FakePorts) -> None:
    """One GET, and no list of a whole subscription."""
    other = account_id("22222222-2222-2222-2222-222222222222", "drprimary")
    ports.arm.resources[other.lower()] = account_resource(other)

    facts = _take(ports, resource_id=other)

    assert not isinstance(facts.account, Unseen)
    assert facts.account["id"] == other
    assert ACCOUNTS not in ports.arm.reads
    assert f"{other}/blobServices/default" in ports.arm.reads


def test_an_account_is_found_by_its_name(ports: FakePorts) -> None:
    """Names are compared without regard to case, whatever else is in the list."""
    found = {**account_resource(ACCOUNT), "name": "DrPrimary"}
    ports.arm.resources[ACCOUNTS.lower()] = [None, {"name": "another"}, found]

    assert _take(ports).account == found


def test_an_account_that_is_not_in_the_list_is_unseen_with_what_to_do(ports: FakePorts) -> None:
    """Lists leave out what may not be read: neither a right nor an account is known to be missing."""
    ports.arm.resources[ACCOUNTS.lower()] = []

    facts = _take(ports)

    for fact in (facts.account, facts.blob_service, facts.role_assignments):
        assert isinstance(fact, Unseen)
        assert "Microsoft.Storage/storageAccounts/read" in fact.reason
        assert "storage.resourceId" in fact.reason


def test_an_account_that_may_not_be_read_is_still_asked_for_its_roles(ports: FakePorts) -> None:
    """The id in the plan is enough for the other two."""
    ports.arm.resources[ACCOUNT.lower()] = AccessError("403")

    facts = _take(ports, resource_id=ACCOUNT)

    assert isinstance(facts.account, Unseen)
    assert not isinstance(facts.blob_service, Unseen)
    assert not isinstance(facts.role_assignments, Unseen)


def test_a_tier_without_workspaces_has_no_workspace_gateways(ports: FakePorts) -> None:
    """A 400 that says so is an answer, and no fault; another 400 is."""
    path = f"{ports.first.resource_id}/workspaceLinks".lower()
    ports.arm.resources[path] = ProtocolError("400", code="MethodNotAllowedInPricingTier")
    without = _take(ports).workspace_links
    ports.arm.resources[path] = ProtocolError("400", code="BadRequest")

    assert without == []
    assert isinstance(_take(ports).workspace_links, Unseen)


RIGHTS = {
    "workspace_links": ("{service}/workspaceLinks", "Microsoft.ApiManagement/service/workspaceLinks/read"),
    "permissions": (
        "{service}/providers/Microsoft.Authorization/permissions", "Microsoft.Authorization/permissions/read",
    ),
    "locks": ("{service}/providers/Microsoft.Authorization/locks", "Microsoft.Authorization/locks/read"),
    "account": (ACCOUNTS, "Microsoft.Storage/storageAccounts/read"),
    "blob_service": (
        f"{ACCOUNT}/blobServices/default", "Microsoft.Storage/storageAccounts/blobServices/read",
    ),
    "role_assignments": (
        f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments",
        "Microsoft.Authorization/roleAssignments/read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fact", RIGHTS)
@pytest.mark.parametrize(
    ("error", "for_now", "names_right"),
    [
        (AccessError("403", code="AuthorizationFailed"), False, True),
        (NotFoundError("404", code="ResourceNotFound"), False, True),
        (UnavailableError("arm: 503"), True, False),
        (ProtocolError("not JSON"), False, False),
    ],
    ids=["403", "404", "503", "nonsense"],
)
def test_whatever_cannot_be_read_says_why(
    ports: FakePorts, fact: str, error: DrError, for_now: bool, names_right: bool
) -> None:
    """A missing right is named; an outage is told from it."""
    path, right = RIGHTS[fact]
    ports.arm.resources[path.format(service=ports.first.resource_id).lower()] = error

    found = getattr(_take(ports), fact)

    assert isinstance(found, Unseen)
    assert (found.for_now, right in found.reason) == (for_now, names_right)
    # a list of a subscription tells nothing of one account: there is no place to name
    scope = "" if fact == "account" else path.format(service=ports.first.resource_id)
    assert bool(found.scope) is (names_right and fact != "account")
    assert scope.startswith(found.scope)


@pytest.mark.parametrize("broken", [[], "text", 7])
def test_an_answer_that_is_no_object_was_not_read(ports: FakePorts, broken: Any) -> None:
    """Neither the service nor an account."""
    ports.arm.resources[ACCOUNT.lower()] = broken
    assert isinstance(_take(ports, resource_id=ACCOUNT).account, Unseen)

    ports.arm.resources[ports.first.resource_id.lower()] = broken
    with pytest.raises(ProtocolError):
        survey.read_service(ports.arm, ports.first.ref)


def test_a_glance_asks_nothing(ports: FakePorts) -> None:
    """What the service alone tells, and everything else left for later."""
    service, storage = ports.first, ports.first.storage
    assert isinstance(storage, BackupStorage)

    facts = survey.glance(ports, service.name, service.ref, storage, {"id": "/x"})

    assert ports.arm.reads == []
    assert isinstance(facts.has_container, Unseen)
    assert facts.has_container.for_now is True
