"""The steps after the operation of a backup: proof and record. Each may run more than once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from backup_timer.before import Prepared
from shared import inventories, telemetry
from shared.core import layout
from shared.core.coverage import coverage
from shared.core.errors import (
    ConflictError,
    DrError,
    NotFoundError,
    ProtocolError,
    ServiceBusyError,
    TemporaryError,
)
from shared.core.inventory import (
    UNREAD_NAMED_MAX,
    Inventory,
    InventoryPair,
    change_warning,
    compare,
    shortened,
)
from shared.core.lro import Fault
from shared.core.ports import BlobFacts, Ports
from shared.core.requests import BackupRequest
from shared.core.restore_points import VALIDITY, InventorySummary, RestorePoint, StoredDocument
from shared.core.runs import Outcome, RunPhase, RunRecord, advance
from shared.core.sizes import RECENT_MAX, size_warning
from shared.core.steps import StepResult, attempt, done, end
from shared.records import newest, read_document
from shared.submit import replace_run

TIMELY = dt.timedelta(minutes=15)
"""An inventory that is taken so long after the end was seen still tells what changed while the backup ran."""

MANIFEST_PATIENCE = dt.timedelta(minutes=15)
"""So long a storage that does not answer is waited for; the record itself is worth more than its copy."""

NO_INVENTORY = (
    "there is no inventory of it: the one taken before the backup is lost, or is not what was stored then; "
    "a restore of it cannot be proven"
)

SEEN_LATE = (
    "endedAt is when the end was seen, by a run that was taken up again or by a later look: "
    "the operation may have ended before"
)


def verify_backup(facts: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Prove the backup: the blob is there, has a size, and was read through.

    Args:
        facts: {"request": BackupRequest, "prepared": Prepared, "polls": number of polls}.
        ports: everything.

    Returns:
        StepResult; DONE carries {"point": RestorePoint}, not recorded yet.
    """
    request = BackupRequest.from_json(facts["request"])
    prepared = Prepared.from_json(facts["prepared"])
    return attempt(
        lambda: _verify(request, prepared, int(facts["polls"]), ports), unproven=Outcome.OUTCOME_UNKNOWN
    )


def _verify(request: BackupRequest, prepared: Prepared, polls: int, ports: Ports) -> StepResult:
    run = _mark_verifying(request.run_id, ports)
    state = ports.arm.service_state(request.source)
    if state.is_in_transition:
        raise ServiceBusyError(f"service {request.source.name} is {state.provisioning_state}")
    if state.provisioning_state != "Succeeded":
        message = f"after the backup the service's provisioning state is {state.provisioning_state}"
        hint = (
            "Nothing was recorded, although there may be a blob. Bring the service back, then back up again."
        )
        return end(Outcome.OUTCOME_UNKNOWN, Fault(code="SourceNotSucceeded", message=message, hint=hint))
    try:
        blob = ports.backups(request.storage.account, request.storage.container).measure(request.backup_name)
    except NotFoundError:
        return _unusable("azure resource manager reported success, but there is no such blob")
    if blob.size_bytes == 0:
        return _unusable("azure resource manager reported success, but the blob is empty")
    run = run.model_copy(update={"polls": polls})
    return done(point=_point(request, prepared, run, blob, ports).to_json())


def _point(
    request: BackupRequest, prepared: Prepared, run: RunRecord, blob: BlobFacts, ports: Ports
) -> RestorePoint:
    """Return the record of a backup that is there, as it will be written, with all that is odd about it."""
    summary, inventory_warnings = _finish_inventory(request, prepared, run, ports)
    seen_late = (SEEN_LATE,) if _is_seen_late(run) else ()
    warnings = [*prepared.remarks, *seen_late, *inventory_warnings]
    too_small = size_warning(blob.size_bytes, _recent_sizes(request, ports))
    if too_small:
        warnings.append(too_small)
    if run.operation is None:
        warnings.append(
            "azure's own verdict was not read: its answer was lost, and the backup found by its blob"
        )
    started_at = run.first_posted_at or run.posted_at or request.requested_at
    return RestorePoint(
        name=request.backup_name,
        service=request.service,
        source=request.source,
        tier=prepared.tier,
        api_version=prepared.api_version,
        run_id=request.run_id,
        account=request.storage.account,
        container=request.storage.container,
        size_bytes=blob.size_bytes,
        sha256=blob.sha256,
        etag=blob.etag,
        scheduled_at=request.scheduled_at,
        requested_at=request.requested_at,
        started_at=started_at,
        ended_at=run.phase_at,
        verified_at=ports.clock.now(),
        expires_at=started_at + min(VALIDITY, dt.timedelta(days=request.validity_days)),
        polls=run.polls,
        inventory=summary,
        sidecar=_sidecar(request, ports) if prepared.has_sidecar else None,
        coverage=coverage(prepared.not_read, has_sidecar=prepared.has_sidecar),
        warnings=tuple(warnings),
    )


def record_restore_point(verified: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Write the record: the commit point, and what replication hears of.

    Idempotent: a record of the same run is the same record.
    """
    point = RestorePoint.from_json(verified["point"])
    return attempt(lambda: _record(point, ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _record(point: RestorePoint, ports: Ports) -> StepResult:
    key = layout.restore_point_key(point.service, point.name)
    warnings: tuple[str, ...] = ()
    if not ports.records().exists(key):  # else the manifest is there, perhaps that of another run
        warnings = _put_manifest(point, ports)
        point = point.model_copy(update={"warnings": (*point.warnings, *warnings)})
    try:
        ports.records().create(key, point.to_bytes())
    except ConflictError:
        existing = RestorePoint.from_bytes(ports.records().read(key)[0])
        if existing.run_id != point.run_id or existing.sha256 != point.sha256:
            raise
    telemetry.log(
        telemetry.Event.POINT_RECORDED, run_id=point.run_id, service=point.service, restore_point=point.name
    )
    return done(warnings=list(warnings))


def _put_manifest(point: RestorePoint, ports: Ports) -> tuple[str, ...]:
    """
    Put the record's copy beside the backup, from which the catalogue can be rebuilt.

    A backup that worked must not go unrecorded for want of a copy: that is a warning, and returned.

    Raises:
        TemporaryError: storage does not answer; raised for MANIFEST_PATIENCE after the proof only.
    """
    try:
        backups = ports.backups(point.account, point.container)
        backups.put(layout.manifest_key(point.name), point.to_bytes())
    except DrError as err:
        if isinstance(err, TemporaryError) and ports.clock.now() - point.verified_at < MANIFEST_PATIENCE:
            raise
        return (f"its manifest could not be written, so no rebuild would find it: {err.message}",)
    return ()


def _mark_verifying(run_id: str, ports: Ports) -> RunRecord:
    run, etag = ports.runs.read(run_id)
    if run.phase is RunPhase.ENDED:
        # a later look: it sees the end now, see _is_seen_late
        return run.model_copy(update={"phase_at": ports.clock.now()})
    if run.phase is not RunPhase.VERIFYING:
        run = advance(run, RunPhase.VERIFYING, ports.clock.now())
        replace_run(ports, run, etag)
    return run


def _is_seen_late(run: RunRecord) -> bool:
    """
    Tell whether the operation may have ended long before its end was seen.

    A run that is driven sees it at the next poll. One that was lost may have been so for hours, and its
    record does not say for how long.
    """
    return run.phase is RunPhase.ENDED or run.resumes > 0


def _finish_inventory(
    request: BackupRequest, prepared: Prepared, run: RunRecord, ports: Ports
) -> tuple[InventorySummary | None, tuple[str, ...]]:
    """
    Take the inventory after, store both, and say what is noteworthy.

    The two differ also where the service was changed after the backup. That is called a change while it
    ran only if the second one was taken right after the end: one that an earlier execution took is kept,
    since it is nearer.
    """
    records, key = ports.records(), layout.inventory_key(request.service, request.backup_name)
    stored = _stored_inventory(key, prepared, ports)
    if stored is None:
        return None, (NO_INVENTORY,)
    before = stored.before
    after = stored.after or inventories.take(ports, request.source, layout.part_key(key), "after")
    has_changed = bool(compare([before], after))
    pair = InventoryPair(before=before, after=after if has_changed else None)
    if not records.exists(layout.restore_point_key(request.service, request.backup_name)):
        records.put(key, pair.to_bytes())  # else an execution that was faster has recorded what it found
    is_timely = not _is_seen_late(run) and after.taken_at - run.phase_at <= TIMELY
    warnings = _unread_warnings(before, after)
    is_known = is_timely if has_changed else not warnings
    if has_changed:
        warnings.append(change_warning(before, after, is_timely=is_timely))
    summary = InventorySummary(
        account=records.account,
        container=records.container,
        key=key,
        digest=before.digest,
        counts=before.counts,
        changed_while_running=has_changed if is_known else None,
    )
    return summary, tuple(warnings)


def _stored_inventory(key: str, prepared: Prepared, ports: Ports) -> InventoryPair | None:
    """Return what was stored before the POST, if it is there and still what this run stored."""
    try:
        stored, _ = read_document(ports.records(), key, InventoryPair)
    except (NotFoundError, ProtocolError):
        return None
    is_ours = prepared.inventory_digest in {None, stored.before.digest}
    return stored if is_ours else None


def _unread_warnings(before: Inventory, after: Inventory) -> list[str]:
    """Return a line for each list that could not be read, and one that they were not compared."""
    not_read = list(dict.fromkeys((*before.not_read, *after.not_read)))
    if not not_read:
        return []
    warnings = [f"not in the inventory: {what}" for what in not_read[:UNREAD_NAMED_MAX]]
    if len(not_read) > UNREAD_NAMED_MAX:
        warnings.append(f"not in the inventory: {len(not_read) - UNREAD_NAMED_MAX} more lists")
    paths = list(dict.fromkeys(what.partition(":")[0] for what in not_read))
    return [*warnings, f"could not be compared before and after the backup: {shortened(paths)}"]


def _recent_sizes(request: BackupRequest, ports: Ports) -> list[int]:
    """Return the sizes of the newest recorded backups of the service, this one left out."""
    prefix = layout.restore_points_prefix(request.service)
    points = newest(ports.records(), prefix, RestorePoint, RECENT_MAX + 1)
    return [point.size_bytes for point in points if point.name != request.backup_name][:RECENT_MAX]


def _sidecar(request: BackupRequest, ports: Ports) -> StoredDocument:
    records = ports.records()
    key = layout.sidecar_key(request.service, request.backup_name)
    return StoredDocument(account=records.account, container=records.container, key=key)


def _unusable(message: str) -> StepResult:
    hint = "Nothing was recorded. Back up again; if it repeats, ask Azure support with the correlation id."
    return end(Outcome.FAILED, Fault(code="UnusableBackup", message=message, hint=hint))
