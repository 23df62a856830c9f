"""
What makes operations go on: starts them, waits for their time, does their contact with storage, ends them.

A backup captures the entities when it starts and commits the blob when it ends. A restore reads the blob when
it ends and then replaces the entities in one step, so that until then nothing of the target has changed; a
restore that cannot succeed therefore fails no sooner than a good one would end.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable

from simulator import backup_blob, errors, service_resource
from simulator.backup_request import SYSTEM_ASSIGNED, USER_ASSIGNED, BackupRequest
from simulator.operations import Failure, Kind, Operation, new_operation_id
from simulator.outcomes import Outcome
from simulator.services import TIERS_WITH_BACKUP, Service
from simulator.storage import BackupMissingError, Storage, StorageRefusedError
from simulator.world import World


class OperationRunner:
    """Runs every operation of the world; one at a time for each service."""

    def __init__(self, world: World, storage: Storage) -> None:
        self._world = world
        self._storage = storage
        self._outcomes: dict[str, Outcome] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}

    async def start(self, kind: Kind, service: Service, request: BackupRequest) -> Operation:
        """
        Start an operation; the service is in transition from here on.

        Raises:
            WireError: 400, the tier has no backup, the identity is not enabled, or storage refuses access;
                409, the service is in transition. Nothing was started.
        """
        if service.operation_id is not None:
            raise errors.service_locked(service.id.name)
        if service.tier not in TIERS_WITH_BACKUP:
            raise errors.not_in_tier(kind.value, service.tier)
        principal_id = _principal_id(service, request)
        self._check_account(request, principal_id)
        operation = self._new_operation(kind, service, request)
        # Locked before the first await: of two calls at the same time one wins.
        service.operation_id = operation.id
        try:
            self._check_reach(request)
            await self._storage.check(
                request, principal_id=principal_id, create_container=kind is Kind.BACKUP
            )
        except StorageRefusedError as err:
            service.operation_id = None
            raise errors.storage_refused(str(err)) from err
        self._world.operations[operation.id] = operation
        self._world.results[operation.result_id] = operation
        outcome = self._world.outcomes.take(kind, service.id.key)
        self._outcomes[operation.id] = outcome
        if outcome.is_changed:
            edited = {"displayName": "changed-meanwhile", "value": operation.id, "secret": False}
            service.entities.put(("namedValues", "changed-meanwhile"), edited)
        if operation.progression.seconds is not None:
            self._waiting[operation.id] = asyncio.create_task(
                self._wait(operation, self._world.clock.wait(operation.progression.seconds))
            )
        return operation

    async def poll(self, operation: Operation) -> None:
        """Count one poll; the operation has ended when this returns if it is the poll that ends it."""
        if operation.count_poll():
            await self._end(operation, self._world.clock.now())

    def hold(self, service: Service, seconds: float) -> None:
        """Put a service in transition for somebody else's sake, for that many simulated seconds."""
        service.operation_id = f"somebody else's change of {service.id.name}"
        self._waiting[service.operation_id] = asyncio.create_task(
            self._release(service, self._world.clock.wait(seconds))
        )

    async def settle(self) -> None:
        """Return when every operation whose time is over has ended. Call it after moving the clock."""
        self._world.clock.catch_up()
        await asyncio.sleep(0)
        while ending := [task for task in self._ending.values() if not task.done()]:
            await asyncio.wait(ending)

    async def catch_up(self) -> None:
        """Settle, if this is a world whose clock ends nothing by itself."""
        if self._world.clock.catch_up():
            await self.settle()

    async def close(self) -> None:
        """Drop what still waits; operations that are being ended come to their end."""
        for task in self._waiting.values():
            task.cancel()
        await asyncio.gather(*self._waiting.values(), *self._ending.values(), return_exceptions=True)

    def _check_account(self, request: BackupRequest, principal_id: str) -> None:
        """Refuse what the storage account, as far as it was put, would refuse; the wording is assumed."""
        account = self._world.storage_accounts.named(request.account)
        if account is None:
            return
        container = f"{account.id}/blobServices/default/containers/{request.container}"
        reason = ""
        if not principal_id and account.properties.get("allowSharedKeyAccess") is False:
            reason = "403 KeyBasedAuthenticationNotPermitted"
        elif principal_id and account.is_guarded:
            may = self._world.extensions.may_write_blobs(principal_id, container)
            reason = "" if may else "403 AuthorizationPermissionMismatch"
        if reason:
            raise errors.storage_refused(f"storage account '{account.name}' refused access: {reason}")

    def _check_reach(self, request: BackupRequest) -> None:
        if self._world.outages.has_lost_account(request.account):
            raise StorageRefusedError(f"storage account '{request.account}' cannot be reached")

    def _new_operation(self, kind: Kind, service: Service, request: BackupRequest) -> Operation:
        return Operation(
            id=new_operation_id(kind, service),
            kind=kind,
            service=service,
            request=request,
            progression=self._world.progressions.of(kind, service.id.key),
            started_at=self._world.clock.now(),
            captured=service.entities.snapshot() if kind is Kind.BACKUP else (),
            captured_tier=service.tier,
        )

    async def _wait(self, operation: Operation, over: Awaitable[dt.datetime]) -> None:
        await self._end(operation, await over)

    async def _release(self, service: Service, over: Awaitable[dt.datetime]) -> None:
        await over
        self._waiting.pop(service.operation_id or "", None)
        service.operation_id = None
        service.state = "Succeeded"
        service.etag = self._world.services.next_etag()

    async def _end(self, operation: Operation, at: dt.datetime) -> None:
        """End an operation once, however many ask for it."""
        task = self._ending.get(operation.id)
        if task is None:
            task = asyncio.create_task(self._take_effect(operation, at))
            self._ending[operation.id] = task
        await asyncio.shield(task)
        self._ending.pop(operation.id, None)
        self._waiting.pop(operation.id, None)

    async def _take_effect(self, operation: Operation, at: dt.datetime) -> None:
        service = operation.service
        outcome = self._outcomes.pop(operation.id)
        failure = outcome.failure
        try:
            if failure is not None:
                pass
            elif operation.kind is Kind.BACKUP:
                await self._write_backup(operation, outcome)
            else:
                await self._replace_entities(operation, outcome)
        except (StorageRefusedError, BackupMissingError, backup_blob.UnreadableBackupError) as err:
            message = str(err) if operation.kind is Kind.BACKUP else f"Cannot restore: {err}"
            failure = Failure(code=f"{operation.kind.value}Failed", message=message)
        except _CannotRestoreError as err:
            failure = Failure(code="RestoreFailed", message=str(err))
        service.operation_id = None
        service.state = outcome.state_after
        # Recorded: the etag changes with every operation, a backup included.
        service.etag = self._world.services.next_etag()
        if failure is None:
            tenant, origin = self._world.tokens.tenant, self._world.https_url
            operation.succeed(service_resource.shown(service, tenant, origin), now=at)
        else:
            operation.fail(failure, now=at)

    async def _write_backup(self, operation: Operation, outcome: Outcome) -> None:
        whole = backup_blob.encode(
            backup_blob.Backup(
                created_at=operation.started_at,
                tier=operation.captured_tier,
                service_id=str(operation.service.id),
                entities=operation.captured,
            )
        )
        operation.captured = ()
        content = outcome.content(whole)
        if content is None:
            return
        self._check_reach(operation.request)
        principal_id = _principal_id(operation.service, operation.request)
        await self._storage.write(operation.request, content, principal_id=principal_id)
        operation.blob_bytes = len(content)

    async def _replace_entities(self, operation: Operation, outcome: Outcome) -> None:
        service = operation.service
        principal_id = _principal_id(service, operation.request)
        self._check_reach(operation.request)
        content = await self._storage.read(operation.request, principal_id=principal_id)
        backup = backup_blob.decode(content)
        reason = backup_blob.why_not_restorable(backup, tier=service.tier, now=self._world.clock.now())
        if reason is not None:
            raise _CannotRestoreError(reason)
        service.entities.replace(backup.entities)
        outcome.spoil(service.entities)
        operation.blob_bytes = len(content)


class _CannotRestoreError(Exception):
    """The backup is readable, and not for this service now."""


def _principal_id(service: Service, request: BackupRequest) -> str:
    """Return the object id of the identity that a request names; "" for an account key."""
    if request.access_type == SYSTEM_ASSIGNED:
        if found := service.system_principal_id():
            return found
        raise errors.identity_not_enabled(
            f"the system-assigned managed identity is not enabled on service {service.id.name}"
        )
    if request.access_type == USER_ASSIGNED:
        if found := service.user_principal_id(request.client_id):
            return found
        raise errors.identity_not_enabled(
            f"no user-assigned managed identity with client id '{request.client_id}' "
            f"is assigned to service {service.id.name}"
        )
    return ""
