"""What stands around a service so that preflight has nothing to say: rights, locks, account, identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.core.access import Access, UserAssignedAccess
from shared.core.plan import ProtectedService
from shared.core.services import ServiceRef
from tests.fakes.arm import PRINCIPAL, FakeArm

GROUP = "rg-dr"
USER_IDENTITY = (
    "/subscriptions/x/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/dr"
)
USER_PRINCIPAL = "77a5b8e4-0f4d-4b8e-9b57-3f6f1f0f7b21"
CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"


def account_id(subscription: str, account: str) -> str:
    """Return the ARM id of a storage account."""
    group = f"/subscriptions/{subscription}/resourceGroups/{GROUP}"
    return f"{group}/providers/Microsoft.Storage/storageAccounts/{account}"


def account_resource(resource_id: str, **properties: Any) -> dict[str, Any]:
    """Return a storage account as Azure Resource Manager shows it: no firewall, keys allowed."""
    return {
        "id": resource_id,
        "name": resource_id.rsplit("/", 1)[-1],
        "kind": "StorageV2",
        "location": "westeurope",
        "properties": {
            "publicNetworkAccess": "Enabled",
            "networkAcls": {"defaultAction": "Allow", "bypass": "AzureServices"},
            **properties,
        },
    }


def role_assignment(scope: str, principal: str, role: str = CONTRIBUTOR, **more: Any) -> dict[str, Any]:
    """Return one role assignment as a list gives it."""
    definition = f"/subscriptions/x/providers/Microsoft.Authorization/roleDefinitions/{role}"
    found = {"roleDefinitionId": definition, "principalId": principal, "scope": scope, **more}
    return {"id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/1", "properties": found}


def surround(arm: FakeArm, service: ProtectedService) -> None:
    """Put everything in its place around one service of a plan, its ends and its storage accounts."""
    subscription = service.resource_id.split("/")[2]
    accounts = [service.storage.resource_id or account_id(subscription, service.storage.account)]
    copies = service.standby.storage if service.standby else None
    if copies is not None:
        accounts.append(copies.resource_id or account_id(subscription, copies.account))
    _surround_service(arm, service.ref, service.storage.access)
    for end in (service.standby, service.drill_target):
        if end is not None:
            _surround_service(arm, end.ref, end.access)
    for account in accounts:
        _surround_account(arm, subscription, account)


def _surround_service(arm: FakeArm, service: ServiceRef, access: Access) -> None:
    if isinstance(access, UserAssignedAccess):
        known = {"clientId": access.client_id, "principalId": USER_PRINCIPAL}
        arm.service(service).identity = {
            "type": "UserAssigned",
            "userAssignedIdentities": {USER_IDENTITY: known},
        }
    service_id = service.resource_id
    arm.resources |= {
        f"{service_id}/workspaceLinks".lower(): [],
        f"{service_id}/providers/Microsoft.Authorization/permissions".lower(): [
            {"actions": ["Microsoft.ApiManagement/service/*"], "notActions": []}
        ],
        f"{service_id}/providers/Microsoft.Authorization/locks".lower(): [],
        f"{service_id}/providers/Microsoft.Insights/diagnosticSettings".lower(): [],
        f"{service_id}/reports/byApi".lower(): [],
    }


def _surround_account(arm: FakeArm, subscription: str, account: str) -> None:
    accounts = f"/subscriptions/{subscription}/providers/Microsoft.Storage/storageAccounts".lower()
    known = arm.resources.setdefault(accounts, [])
    resource = account_resource(account)
    if all(one["id"] != account for one in known):
        known.append(resource)
    arm.resources |= {
        account.lower(): resource,
        f"{account}/blobServices/default".lower(): {"properties": {"cors": {"corsRules": []}}},
        f"{account}/providers/Microsoft.Authorization/roleAssignments".lower(): _assignments(account),
    }


def _assignments(account: str) -> Callable[[Mapping[str, str]], list[dict[str, Any]]]:
    """Return what is answered for each identity: that it may write, and so read, the account's blobs."""

    def answer(query: Mapping[str, str]) -> list[dict[str, Any]]:
        principal = query.get("$filter", "").removeprefix("assignedTo('").removesuffix("')")
        return [role_assignment(account, principal or PRINCIPAL)]

    return answer
