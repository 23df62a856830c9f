"""The steps of a night and of one backup: plain functions that take ports. Each may run more than once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shared import telemetry
from shared.core import guards, layout, names
from shared.core.documents import Document
from shared.core.errors import ConflictError, NotFoundError, ServiceBusyError
from shared.core.fleet import FleetState
from shared.core.inventory import Inventory, InventoryPair
from shared.core.lro import Fault
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.reports import NightRecord
from shared.core.requests import BackupRequest
from shared.core.restore_points import VALIDITY, InventorySummary, RestorePoint
from shared.core.runs import Outcome, RunPhase, RunRecord, advance
from shared.core.steps import StepResult, attempt, done, end
from shared.core.submission import Evidence
from shared.submit import replace_run, submit_once


class Prepared(Document):
    """What is known of the service before the POST."""

    tier: str
    api_version: str


def plan_night(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Return the night's FleetState: the services of the plan that this app's region looks after."""
    requested_at = dt.datetime.fromisoformat(wish["requestedAt"])
    state = FleetState(
        night=f"{requested_at:%Y-%m-%d}",
        requested_at=requested_at,
        patience_until=requested_at + dt.timedelta(seconds=ports.intervals.busy_patience_s),
        concurrency=ports.plan.concurrency,
        intervals=ports.intervals,
        waiting=tuple(service.name for service in ports.plan.own_primaries()),
    )
    telemetry.log(telemetry.Event.NIGHT_STARTED, night=state.night, services=len(state.waiting))
    return state.to_json()


def backup_request(wish: dict[str, Any], ports: Ports) -> BackupRequest:
    """
    Return the wish of one service in one night; the same night makes the same run and the same blob name.

    Raises:
        NotFoundError: the plan no longer names the service.
    """
    service = ports.plan.service(wish["service"])
    if service is None:
        raise NotFoundError(f"the plan names no service {wish['service']}")
    requested_at = dt.datetime.fromisoformat(wish["requestedAt"])
    return request_for(service, requested_at, ports)


def request_for(service: ProtectedService, requested_at: dt.datetime, ports: Ports) -> BackupRequest:
    """Return the timer's wish for one service."""
    return BackupRequest(
        run_id=names.run_id("backup", service.name, requested_at),
        service=service.name,
        source=service.ref,
        storage=service.storage,
        backup_name=names.backup_name(service.name, requested_at),
        trigger="timer",
        requested_at=requested_at,
        deadline_at=ports.clock.now() + dt.timedelta(seconds=ports.intervals.deadline_s),
        intervals=ports.intervals,
    )


def end_night(night: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Write the night's record. Idempotent: the same night is written again as it is."""
    return attempt(lambda: _end_night(NightRecord.from_json(night), ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _end_night(record: NightRecord, ports: Ports) -> StepResult:
    key = layout.night_key(dt.date.fromisoformat(record.night))
    ports.records().put(key, record.to_bytes())
    good = sum(service.outcome is Outcome.SUCCEEDED for service in record.services)
    telemetry.log(
        telemetry.Event.NIGHT_ENDED, night=record.night, services=len(record.services),
        outcome=f"{good} of {len(record.services)} succeeded",
    )  # fmt: skip
    return done()


def prepare_backup(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Check service and container, and take the inventory before. Nothing is changed but our records."""
    request = BackupRequest.from_json(wish)
    return attempt(lambda: _prepare(request, ports), unproven=Outcome.REFUSED)


def _prepare(request: BackupRequest, ports: Ports) -> StepResult:
    state = ports.arm.service_state(request.source)
    refusals = guards.backup_refusals(state, request.source, ports.arm.api_version)
    if not ports.backups(request.storage.account, request.storage.container).container_exists():
        refusals.append(
            guards.Refusal(
                guard="ContainerExists",
                target=f"{request.storage.account}/{request.storage.container}",
                message=f"container {request.storage.container} does not exist in {request.storage.account}",
                hint="Create it, private, and give the service's identity Storage Blob Data Contributor.",
            )
        )
    if refusals:
        hint = " ".join(refusal.hint for refusal in refusals)
        return end(Outcome.REFUSED, Fault(code="Refused", message=guards.describe(refusals), hint=hint))
    run, _ = ports.runs.read(request.run_id)
    if not run.is_under_way:  # else the transition may be our own, and the inventory was taken before it
        if state.is_in_transition:
            raise ServiceBusyError(f"service {request.source.name} is {state.provisioning_state}")
        inventory = ports.take_inventory(request.source)
        ports.records().put(_inventory_key(request), InventoryPair(before=inventory).to_bytes())
    return done(**Prepared(tier=state.tier, api_version=ports.arm.api_version).to_json())


def begin_backup(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Start the backup once; see shared.submit."""
    request = BackupRequest.from_json(wish)

    def look() -> Evidence:
        state = ports.arm.service_state(request.source)
        if state.is_in_transition:
            return Evidence(in_transition=True, effect_seen=None)
        backups = ports.backups(request.storage.account, request.storage.container)
        return Evidence(in_transition=False, effect_seen=backups.exists(request.backup_name))

    return attempt(
        lambda: submit_once(ports, request, "backup", request.backup_name, look),
        unproven=Outcome.OUTCOME_UNKNOWN,
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
    ended_at = run.phase_at
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
    pair, warnings = _finish_inventory(request, ports)
    if run.operation is None:
        warnings += (
            "azure's own verdict was not read: its answer was lost, and the backup found by its blob",
        )
    started_at = run.posted_at or request.requested_at
    point = RestorePoint(
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
        requested_at=request.requested_at,
        started_at=started_at,
        ended_at=ended_at,
        verified_at=ports.clock.now(),
        expires_at=started_at + VALIDITY,
        polls=polls,
        inventory=_summary(request, pair, ports),
        warnings=warnings,
    )
    return done(point=point.to_json())


def record_restore_point(verified: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Write the record: the commit point, and what replication hears of.

    Idempotent: a record of the same run is the same record.
    """
    point = RestorePoint.from_json(verified["point"])
    return attempt(lambda: _record(point, ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _record(point: RestorePoint, ports: Ports) -> StepResult:
    key = layout.restore_point_key(point.service, point.name)
    try:
        ports.records().create(key, point.to_bytes())
    except ConflictError:
        existing = RestorePoint.from_bytes(ports.records().read(key)[0])
        if existing.run_id != point.run_id or existing.sha256 != point.sha256:
            raise
    telemetry.log(
        telemetry.Event.POINT_RECORDED, run_id=point.run_id, service=point.service, restore_point=point.name
    )
    return done()


def _mark_verifying(run_id: str, ports: Ports) -> RunRecord:
    run, etag = ports.runs.read(run_id)
    if run.phase is not RunPhase.VERIFYING:
        run = advance(run, RunPhase.VERIFYING, ports.clock.now())
        replace_run(ports, run, etag)
    return run


def _finish_inventory(request: BackupRequest, ports: Ports) -> tuple[InventoryPair, tuple[str, ...]]:
    """Take the inventory after, store both, and say what is noteworthy."""
    records, key = ports.records(), _inventory_key(request)
    before = InventoryPair.from_bytes(records.read(key)[0]).before
    after: Inventory = ports.take_inventory(request.source)
    has_changed = after.digest != before.digest
    pair = InventoryPair(before=before, after=after if has_changed else None)
    records.put(key, pair.to_bytes())
    warnings = [f"not in the inventory: {what}" for what in (*before.not_read, *after.not_read)]
    if has_changed:
        warnings.append("the configuration changed while the backup ran; it may hold either state")
    return pair, tuple(dict.fromkeys(warnings))


def _summary(request: BackupRequest, pair: InventoryPair, ports: Ports) -> InventorySummary:
    return InventorySummary(
        account=ports.records().account,
        container=ports.records().container,
        key=_inventory_key(request),
        digest=pair.before.digest,
        counts=pair.before.counts,
        changed_while_running=pair.after is not None,
    )


def _inventory_key(request: BackupRequest) -> str:
    return layout.inventory_key(request.service, request.backup_name)


def _unusable(message: str) -> StepResult:
    hint = "Nothing was recorded. Back up again; if it repeats, ask Azure support with the correlation id."
    return end(Outcome.FAILED, Fault(code="UnusableBackup", message=message, hint=hint))
