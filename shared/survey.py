"""
Reading what preflight needs: the service, what may be done with it, and where its backup goes.

Costs at most seven calls of Azure Resource Manager for a service (six where a key is used), each a GET: the
service, its workspace links, permissions and locks, the storage account, its blob service, the role
assignments of the identity. The account is named by its id in the plan, or found in one more page or two of
its subscription's list. A container is asked for over the data plane.

Only the service itself must be readable. Whatever else cannot be read is `Unseen`: a check that was not made,
and no reason to leave a service without its backup.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from shared.core import names, preflight_storage
from shared.core.access import BackupStorage
from shared.core.errors import AccessError, DrError, NotFoundError, ProtocolError, TemporaryError
from shared.core.ports import Arm, Ports
from shared.core.preflight_facts import Facts, Unseen
from shared.core.services import ServiceRef

WORKSPACES_VERSION = "2024-05-01"
AUTHORIZATION_VERSION = "2022-04-01"
LOCKS_VERSION = "2020-05-01"
STORAGE_VERSION = "2023-05-01"
DIAGNOSTICS_VERSION = "2021-05-01-preview"

NOT_IN_THIS_TIER = frozenset({"MethodNotAllowedInPricingTier"})
"""A 400 that says that the tier has no workspaces."""

_T = TypeVar("_T")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def read_service(arm: Arm, service: ServiceRef) -> dict[str, Any]:
    """
    Return the resource of a service.

    Raises:
        NotFoundError, AccessError, TemporaryError, ProtocolError.
    """
    resource = arm.read(service.resource_id, what=f"service {service.name}")
    if not isinstance(resource, dict):
        raise ProtocolError(f"service {service.name} is not an object")
    return resource


def glance(
    ports: Ports, name: str, service: ServiceRef, storage: BackupStorage, resource: dict[str, Any] | Unseen
) -> Facts:
    """Return what the service alone tells; nothing else is asked. The arguments are those of `take`."""
    later = Unseen(reason="not asked yet", for_now=True)
    return Facts(
        service=name,
        expected=service,
        storage=storage,
        backup_name=names.backup_name(name, ports.clock.now()),
        api_version=ports.arm.api_version,
        resource=resource,
        workspace_links=later,
        permissions=later,
        locks=later,
        account=later,
        blob_service=later,
        role_assignments=later,
        has_container=later,
        key_fault=ports.key_fault(storage.access),
    )


def take(
    ports: Ports, name: str, service: ServiceRef, storage: BackupStorage, resource: dict[str, Any] | Unseen
) -> Facts:
    """
    Read the rest of what preflight needs.

    Args:
        ports: Azure Resource Manager and the backups' container.
        name: the service's name in the plan.
        service: the service.
        storage: where its backup goes.
        resource: the service, from `read_service`, or why it could not be read.
    """
    arm, service_id = ports.arm, service.resource_id
    account = _seen(
        "Microsoft.Storage/storageAccounts/read",
        storage.resource_id,
        lambda: _account(arm, service, storage),
    )
    account_id = storage.resource_id
    if not isinstance(account, Unseen):
        account_id = str(account.get("id") or "") or account_id
    return dataclasses.replace(
        glance(ports, name, service, storage, resource),
        workspace_links=_seen(
            "Microsoft.ApiManagement/service/workspaceLinks/read",
            service_id,
            lambda: _workspace_links(arm, service),
        ),
        permissions=_seen(
            "Microsoft.Authorization/permissions/read",
            service_id,
            lambda: list(
                arm.read_all(
                    f"{service_id}/providers/Microsoft.Authorization/permissions",
                    what=f"this app's permissions on {service.name}",
                    api_version=AUTHORIZATION_VERSION,
                )
            ),
        ),
        locks=_seen("Microsoft.Authorization/locks/read", service_id, lambda: _locks(arm, service)),
        account=account,
        blob_service=_seen(
            "Microsoft.Storage/storageAccounts/blobServices/read",
            account_id,
            lambda: _object(
                arm, f"{_needed(account_id, account)}/blobServices/default", f"blob service {storage.account}"
            ),
        ),
        role_assignments=_seen(
            "Microsoft.Authorization/roleAssignments/read",
            account_id,
            lambda: _role_assignments(arm, _needed(account_id, account), storage, resource),
        ),
        has_container=_seen(
            "Storage Blob Data Contributor on the storage account",
            None,
            ports.backups(storage.account, storage.container).container_exists,
        ),
    )


def read_diagnostics(arm: Arm, service: ServiceRef) -> list[dict[str, Any]] | Unseen:
    """Return the diagnostic settings of a service, for the sidecar; one call."""
    return _seen(
        "Microsoft.Insights/diagnosticSettings/read",
        service.resource_id,
        lambda: list(
            arm.read_all(
                f"{service.resource_id}/providers/Microsoft.Insights/diagnosticSettings",
                what=f"the diagnostic settings of {service.name}",
                api_version=DIAGNOSTICS_VERSION,
            )
        ),
    )


def unseen(err: DrError, right: str, scope: str = "") -> Unseen:
    """Return why something could not be read; `right` is what the app needs for it, at `scope`."""
    if isinstance(err, AccessError):
        reason = f"may not be read ({err.code}): the app needs {right}"
        return Unseen(reason=reason, scope=scope, code=err.code)
    if isinstance(err, NotFoundError):
        reason = f"was not found, or may not be seen ({err.code}): the app needs {right}"
        return Unseen(reason=reason, scope=scope)
    return Unseen(reason=f"could not be read: {err.message}", for_now=isinstance(err, TemporaryError))


class _MissingError(Exception):
    """Something that has to be known before a call can be made is not; carries why."""

    def __init__(self, why: Unseen) -> None:
        super().__init__(why.reason)
        self.why = why


def _seen(right: str, scope: str | None, read: Callable[[], _T]) -> _T | Unseen:
    try:
        return read()
    except _MissingError as err:
        return err.why
    except DrError as err:
        return unseen(err, right, scope or "")


def _needed(account_id: str | None, account: Mapping[str, Any] | Unseen) -> str:
    if account_id:
        return account_id
    raise _MissingError(account if isinstance(account, Unseen) else Unseen(reason="the account has no id"))


def _account(arm: Arm, service: ServiceRef, storage: BackupStorage) -> dict[str, Any]:
    if storage.resource_id is not None:
        return _object(arm, storage.resource_id, f"storage account {storage.account}")
    subscription = service.resource_id.split("/")[2]
    accounts = arm.read_all(
        f"/subscriptions/{subscription}/providers/Microsoft.Storage/storageAccounts",
        what=f"the storage accounts of subscription {subscription}",
        api_version=STORAGE_VERSION,
    )
    for account in accounts:
        if isinstance(account, dict) and str(account.get("name")).lower() == storage.account:
            return account
    reason = (
        f"storage account {storage.account} is not among those that the app sees in the service's "
        "subscription: the app needs Microsoft.Storage/storageAccounts/read, or the plan storage.resourceId"
    )
    raise _MissingError(Unseen(reason=reason, scope=f"/subscriptions/{subscription}"))


def _object(arm: Arm, path: str, what: str) -> dict[str, Any]:
    found = arm.read(path, what=what, api_version=STORAGE_VERSION)
    if not isinstance(found, dict):
        raise ProtocolError(f"{what} is not an object")
    return found


def _workspace_links(arm: Arm, service: ServiceRef) -> list[dict[str, Any]]:
    links = arm.read_all(
        f"{service.resource_id}/workspaceLinks",
        what=f"the workspace links of {service.name}",
        api_version=max(arm.api_version, WORKSPACES_VERSION),
    )
    try:
        return list(links)
    except ProtocolError as err:
        if err.code in NOT_IN_THIS_TIER:
            return []
        raise


def _locks(arm: Arm, service: ServiceRef) -> list[dict[str, Any]]:
    # atScope() lists what is at the service and above it; a lock below it does not concern the POST
    locks = arm.read_all(
        f"{service.resource_id}/providers/Microsoft.Authorization/locks",
        what=f"the locks of {service.name}",
        api_version=LOCKS_VERSION,
        query={"$filter": "atScope()"},
    )
    return list(locks)


def _role_assignments(
    arm: Arm, account_id: str, storage: BackupStorage, resource: dict[str, Any] | Unseen
) -> list[dict[str, Any]]:
    if storage.access.type == "AccessKey":
        return []
    if isinstance(resource, Unseen):
        raise _MissingError(resource)
    principal = preflight_storage.principal_of(resource, storage.access)
    if principal is None or not _GUID.fullmatch(principal):
        raise _MissingError(Unseen(reason="the service has no such identity"))
    assignments = arm.read_all(
        f"{account_id}/providers/Microsoft.Authorization/roleAssignments",
        what=f"the role assignments on {storage.account}",
        api_version=AUTHORIZATION_VERSION,
        # also what the identity holds as a member of groups
        query={"$filter": f"assignedTo('{principal}')"},
    )
    return list(assignments)
