"""Facts of preflight with which nothing is wrong: a test names only what it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.core.access import AccessKeyAccess, BackupStorage, SystemAssignedAccess, UserAssignedAccess
from shared.core.preflight import judge
from shared.core.preflight_facts import Check, Facts, Unseen
from tests.core import make

ACCOUNT_ID = f"{make.GROUP}/providers/Microsoft.Storage/storageAccounts/drprimary"
CONTAINER_ID = f"{ACCOUNT_ID}/blobServices/default/containers/apim-backups"
PRINCIPAL = "aaaaaaaa-1111-2222-3333-444444444444"
USER_PRINCIPAL = "bbbbbbbb-1111-2222-3333-444444444444"
CLIENT_ID = "cccccccc-1111-2222-3333-444444444444"
USER_IDENTITY = (
    "/subscriptions/x/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/dr"
)
WRITER = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"

SYSTEM = SystemAssignedAccess(type="SystemAssignedManagedIdentity")
USER = UserAssignedAccess(type="UserAssignedManagedIdentity", client_id=CLIENT_ID)
KEY = AccessKeyAccess(type="AccessKey", key_setting="BACKUP_KEY")
UNSEEN = Unseen(reason="may not be read: the app needs a right")


def storage(access: Any = SYSTEM, **changes: Any) -> BackupStorage:
    """Return where the backup goes."""
    return BackupStorage(account="drprimary", container="apim-backups", access=access, **changes)


def resource(*, identity: Any = None, tier: str = "Developer", **changes: Any) -> dict[str, Any]:
    """Return the service with both kinds of identity."""
    both = {
        "type": "SystemAssigned, UserAssigned",
        "principalId": PRINCIPAL,
        "userAssignedIdentities": {
            USER_IDENTITY: {
                "clientId": CLIENT_ID.upper(),
                "principalId": USER_PRINCIPAL,
            }
        },
    }
    found = make.resource(**changes)
    return {**found, "identity": both if identity is None else identity, "sku": {"name": tier, "capacity": 1}}


def account(*, kind: str = "StorageV2", location: str = "North Europe", **properties: Any) -> dict[str, Any]:
    """Return the storage account, in another region than the service."""
    return {
        "id": ACCOUNT_ID, "name": "drprimary", "kind": kind, "location": location, "properties": properties,
    }  # fmt: skip


def firewall(bypass: str = "None", *, location: str = "North Europe", **rules: Any) -> dict[str, Any]:
    """Return the storage account with a firewall; `rules` are further network rules."""
    acls = {"defaultAction": "Deny", "bypass": bypass, "ipRules": [], "virtualNetworkRules": [], **rules}
    return account(location=location, networkAcls=acls)


def assignment(
    role: str = WRITER, scope: str = ACCOUNT_ID, principal: str = PRINCIPAL, **more: Any
) -> dict[str, Any]:
    """Return one role assignment."""
    definition = f"/subscriptions/x/providers/Microsoft.Authorization/roleDefinitions/{role}"
    return {"properties": {"roleDefinitionId": definition, "scope": scope, "principalId": principal, **more}}


def permission(*actions: str, but: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what one role gives."""
    return {"actions": list(actions), "notActions": list(but), "dataActions": [], "notDataActions": []}


def lock(level: str, name: str = "l1") -> dict[str, Any]:
    """Return one lock on the resource group."""
    lock_id = f"{make.GROUP}/providers/Microsoft.Authorization/locks/{name}"
    return {"id": lock_id, "name": name, "properties": {"level": level}}


def workspace_link(*gateways: str) -> dict[str, Any]:
    """Return the link of one workspace."""
    workspace = f"{make.service().resource_id}/workspaces/payments"
    found = {"workspaceId": workspace, "gateways": [{"id": one} for one in gateways]}
    return {"id": f"{make.service().resource_id}/workspaceLinks/payments", "properties": found}


def cors(*rules: dict[str, Any]) -> dict[str, Any]:
    """Return the blob service with CORS rules."""
    return {"properties": {"cors": {"corsRules": list(rules)}}}


def fine(access: Any = SYSTEM, **changes: Any) -> Facts:
    """Return facts of which every check is ok, but for `changes`."""
    facts = Facts(
        service="contoso",
        expected=make.service(),
        storage=storage(access),
        backup_name=make.backup_request().backup_name,
        api_version="2024-05-01",
        resource=resource(),
        workspace_links=[workspace_link()],
        permissions=[permission("Microsoft.ApiManagement/service/*")],
        locks=[lock("CanNotDelete")],
        account=account(),
        blob_service=cors(),
        role_assignments=[assignment(), assignment(principal=USER_PRINCIPAL)],
        has_container=True,
    )
    return replace(facts, **changes)


def check(name: str, facts: Facts) -> Check:
    """Return the check of that name."""
    return next(one for one in judge(facts) if one.name == name)
