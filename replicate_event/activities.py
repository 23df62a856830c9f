"""The steps of a replication that change something. Each may run more than once."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from replicate_event.surveying import last_state, why_not
from shared import clearance, inventories, roster, standby, telemetry
from shared.core import layout, names, restore_guards
from shared.core.breaker import OF_THE_POINT
from shared.core.errors import ConflictError, DrError, RefusedError
from shared.core.plan import ProtectedService
from shared.core.ports import Blobs, Ports
from shared.core.preflight_facts import Check, Verdict
from shared.core.replication import ReplicationState, ReplicationWord, stopped_because
from shared.core.reports import Replica
from shared.core.requests import RestoreRequest
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from shared.core.services import ServiceRef
from shared.core.steps import StepResult, attempt, done
from shared.instances import DurableClient, instance_state
from shared.records import read_document
from shared.start import Started, start_run
from shared.threads import in_thread

REFUSED = "refused"
UNCLEAR = "unclear"

_SAID = {
    ReplicationWord.IN_SYNC: (telemetry.Event.REPLICATION_IN_SYNC, logging.INFO),
    ReplicationWord.HELD_BACK: (telemetry.Event.REPLICATION_HELD_BACK, logging.WARNING),
    ReplicationWord.FAILED: (telemetry.Event.REPLICATION_FAILED, logging.ERROR),
}


async def start_replication(wish: dict[str, Any], client: DurableClient, ports: Ports) -> dict[str, Any]:
    """
    Ask every guard, and start the restore of a point unless one of them says no.

    Args:
        wish: {"service", "point", "at", "trigger", "safetyBackup"}; the same time is the same run.
        client: Durable's client.
        ports: everything.

    Returns:
        {"started": a word of Started, "runId", "instanceId"}; or {"started": "refused" or "unclear",
        "reasons", "passes": whether that may pass by itself, "ofPoint": whether it says nothing against
        another point}, and no run was made.
    """
    try:
        request = await in_thread(_request, wish, ports)
        instance_id = request.first_record().instance_id
        at_work = await instance_state(client, instance_id)
        if at_work.is_running and not at_work.is_of(request.run_id):
            return {"v": 1, "started": Started.BUSY.value}
        checks = await in_thread(clearance.checks, request, ports)
        refusals = clearance.refusals(checks)
        # a run would wait with this very point, and a newer one may come meanwhile
        speaking = refusals or tuple(filter(_is_in_transition, checks))
        if speaking:
            reasons = [f"{check.name}: {check.cause}" for check in speaking]
            if all(check.name in OF_THE_POINT for check in speaking):
                named = [f"{request.point.name} is refused: {reason}" for reason in reasons]
                return {"v": 1, "started": REFUSED, "reasons": named, "passes": False, "ofPoint": True}
            return {"v": 1, "started": REFUSED, "reasons": reasons, "passes": not refusals}
        # all that may have taken hours; whoever stops replication after this finds the run
        reason = await in_thread(_standstill, request.service, ports)
        if reason:
            return {"v": 1, "started": REFUSED, "reasons": [reason], "passes": True}
        word = await start_run(ports, client, request)
    except DrError as err:
        return {"v": 1, "started": UNCLEAR, "reasons": [err.message], "passes": True}
    return {"v": 1, "started": word.value, "runId": request.run_id, "instanceId": instance_id}


def _standstill(name: str, ports: Ports) -> str:
    """Return why nothing of a service may be replicated now, or an empty string."""
    stopped = standby.stop_reason(name, ports)
    if stopped:
        return stopped_because(name, stopped)
    service = roster.find(ports, name)
    if service is not None and service.paused and service.is_paused(ports.clock.now()):
        return f"the plan has paused the service: {service.paused.reason}"
    return ""


def _is_in_transition(check: Check) -> bool:
    return check.name == restore_guards.IN_TRANSITION and check.verdict is not Verdict.OK


def _request(wish: dict[str, Any], ports: Ports) -> RestoreRequest:
    service, point = _point(wish, ports)
    if service.standby is None:
        raise RefusedError(f"{service.name} has no standby any more")
    requested_at = dt.datetime.fromisoformat(wish["at"])
    key = layout.restore_point_key(service.name, point.name)
    return RestoreRequest(
        run_id=names.run_id("replicate", service.name, requested_at, because=key),
        kind="replicate",
        service=service.name,
        target=service.standby.ref,
        access=service.standby.access,
        point=point,
        traffic_may_be_uncounted=service.standby.uncounted_traffic == "replicate",
        safety_backup=bool(wish.get("safetyBackup")),
        trigger=wish["trigger"],
        requested_at=requested_at,
        deadline_at=ports.clock.now() + dt.timedelta(seconds=ports.intervals.deadline_s),
        intervals=ports.intervals,
    )


def _point(wish: dict[str, Any], ports: Ports) -> tuple[ProtectedService, RestorePoint]:
    """Return the service, and the point of the wish where this app takes points from."""
    service = roster.find(ports, wish["service"])
    reason = why_not(service, wish["service"], ports)
    if service is None or reason:
        raise RefusedError(reason)
    key = layout.restore_point_key(service.name, wish["point"])
    return service, read_document(ports.records(service.shelf(ports.plan.region)), key, RestorePoint)[0]


def confirm_replica(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Ask whether a standby equals a point as it is, and if so record that it holds it; nothing is restored.

    Args:
        wish: {"service", "point"}.
        ports: everything.

    Returns:
        StepResult; DONE carries {"inSync": bool}. The inventory may take several executions.
    """
    return attempt(lambda: _confirm(wish, ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _confirm(wish: dict[str, Any], ports: Ports) -> StepResult:
    service, point = _point(wish, ports)
    if service.standby is None or point.inventory is None:
        return done(inSync=False)
    part_key = layout.part_key(layout.replication_key(service.name))
    actual = inventories.take(ports, service.standby.ref, part_key, point.name)
    if actual.not_read or actual.digest != point.inventory.digest:
        return done(inSync=False)
    _record(_replica(point, service.standby.ref, "", ports), ports)
    return done(inSync=True)


def record_replica(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Write down that the standby holds the point of a run. Idempotent: the first record of a point stays.

    Args:
        wish: {"runId"}, as the run's own wish has it, too.
        ports: records of the own region.
    """
    return attempt(lambda: _record_run(str(wish["runId"]), ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _record_run(run_id: str, ports: Ports) -> StepResult:
    request = RestoreRequest.from_json(ports.runs.read(run_id)[0].wish)
    _record(_replica(request.point, request.target, run_id, ports), ports)
    return done()


def _replica(point: RestorePoint, target: ServiceRef, run_id: str, ports: Ports) -> Replica:
    return Replica(
        name=point.name,
        service=point.service,
        target=target,
        run_id=run_id,
        point_started_at=point.started_at,
        inventory_digest=point.inventory.digest if point.inventory else "",
        recorded_at=ports.clock.now(),
        in_sync=not run_id,
        counts=point.inventory.counts if point.inventory else {},
    )


def _record(replica: Replica, ports: Ports) -> None:
    records, key = ports.records(), layout.replica_key(replica.service, replica.name)
    try:
        records.create(key, replica.to_bytes())
    except ConflictError:
        first, _ = read_document(records, key, Replica)
        if first.target.is_same_as(replica.target):
            return
        records.put(key, replica.to_bytes())  # of the standby that the plan named before
    telemetry.log(
        telemetry.Event.REPLICA_RECORDED,
        run_id=replica.run_id or None,
        service=replica.service,
        restore_point=replica.name,
    )
    _forget_approvals(replica, records)


def _forget_approvals(replica: Replica, records: Blobs) -> None:
    """Take away what approves points that the standby has no use for any more."""
    last = layout.approval_key(replica.service, replica.name)
    for key in list(records.keys(layout.approvals_prefix(replica.service))):
        if key <= last:
            records.delete(key)


def note_blind_look(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Write down that replication could not look at a service, and why: what it said last may be wrong.

    Args:
        wish: {"service", "reason"}.
        ports: everything.
    """
    service, reason = str(wish["service"]), str(wish["reason"])
    return attempt(lambda: _note_blind_look(service, reason, ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _note_blind_look(name: str, reason: str, ports: Ports) -> StepResult:
    service, former = roster.find(ports, name), last_state(name, ports)
    if service is None or service.standby is None:
        return done()
    now = ports.clock.now()
    word = ReplicationWord.WAITING
    state = former or ReplicationState(service=name, target=service.standby.ref, at=now, word=word)
    said = {"at": now, "word": word, "reasons": (reason,), "again_at": now}
    return _note(state.model_copy(update=said), ports)


def note_replication(said: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Write down how a replication stands, and log it where that is news. Idempotent."""
    return attempt(lambda: _note(ReplicationState.from_json(said), ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _note(state: ReplicationState, ports: Ports) -> StepResult:
    former = last_state(state.service, ports)
    stopped = standby.stop_reason(state.service, ports)
    sentence = stopped_because(state.service, stopped)
    if stopped and sentence not in state.reasons:  # since it was looked
        state = state.model_copy(update={"reasons": (sentence, *state.reasons)})
    ports.records().put(layout.replication_key(state.service), state.to_bytes())
    is_news = former is None or (former.word, former.reasons) != (state.word, state.reasons)
    if is_news and state.word in _SAID:
        event, level = _SAID[state.word]
        telemetry.log(
            event,
            level=level,
            service=state.service,
            restore_point=state.newest_point.name if state.newest_point else None,
            reason="; ".join(state.reasons) or None,
        )
    return done()
