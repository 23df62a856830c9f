"""The steps of one drill: plain functions that take ports. Each may run more than once."""

from __future__ import annotations

import logging
from typing import Any

from drill_timer.choosing import choose_point, refusals, request_for, why_no_point
from drill_timer.planning import is_wanted
from drill_timer.standby_content import objection
from shared import roster, telemetry
from shared.core import drills, layout
from shared.core.documents import Document
from shared.core.drills import DrillWish
from shared.core.errors import ConflictError, NotFoundError, TemporaryError
from shared.core.lro import Fault
from shared.core.ports import Blobs, Ports
from shared.core.reports import DrillRecord, RestoreReport
from shared.core.requests import RestoreRequest
from shared.core.restore_guards import fault_of
from shared.core.runs import PROVEN, Outcome
from shared.core.steps import StepResult, attempt, done, end
from shared.records import read_document

_NO_POINT_HINT = "GET /api/restore-points lists what there is."


class DrillEnd(Document):
    """How a drill ended; `request` None: no restore point was chosen."""

    wish: DrillWish
    request: RestoreRequest | None = None
    outcome: Outcome
    fault: Fault | None = None


def choose_drill(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Choose the point of a drill, and ask every guard, and a standby whether it was changed by hand.

    A drill that was begun before is gone on with.

    Args:
        wish: DrillWish.
        ports: everything.

    Returns:
        StepResult; DONE carries {"request": RestoreRequest}, with it "refused": Fault if a guard says no;
        or {"isOver"} for one that is on record, or of the timer's, that nobody waits for any more.
    """
    return attempt(lambda: _choose(DrillWish.from_json(wish), ports), unproven=Outcome.REFUSED)


def _choose(wish: DrillWish, ports: Ports) -> StepResult:
    begun = _begun(wish, ports)
    record = _stored(ports.records(), wish)
    if record is not None and (begun is None or record[0].outcome in PROVEN):
        return done(isOver=True)
    if begun is not None:
        return done(request=begun)
    service = roster.find(ports, wish.service)
    into = service.drill_into if service else None
    if service is None or into is None or not into.ref.is_same_as(wish.target):
        message = f"{wish.target.name} is not, or no longer, where drills of {wish.service} restore into"
        return end(Outcome.REFUSED, Fault(code="NoDrills", message=message))
    if wish.trigger == "timer" and not is_wanted(service, ports):
        return done(isOver=True)
    point = choose_point(wish, service, ports)
    if point is None:
        fault = Fault(code="NoUsablePoint", message=why_no_point(wish, service), hint=_NO_POINT_HINT)
        return end(Outcome.REFUSED, fault)
    request = request_for(wish, service, point, ports)
    refused = refusals(request, wish, ports)
    against = fault_of(refused) if refused else None
    if against is None and wish.into_standby:
        against = objection(wish, point, ports)
        request = request_for(wish, service, point, ports)  # comparing is no part of the measured duration
    if against is not None:
        return done(request=request.to_json(), refused=against.to_json())
    return done(request=request.to_json())


def record_drill(ended: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Write the record of a drill; for a standby that it may have spoilt, what it no longer holds. Idempotent.

    A record stays as it was first written, unless it says that nothing was proven and now something is.

    Args:
        ended: DrillEnd.
        ports: the records of this region, and the clock.

    Returns:
        StepResult; DONE carries {"outcome": the word on record}.
    """
    return attempt(lambda: _record(DrillEnd.from_json(ended), ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _record(ended: DrillEnd, ports: Ports) -> StepResult:
    records = ports.records()
    if ended.wish.into_standby:
        _withdraw_replica(ended, records)
    drilled = _drilled(ended, ports)
    stored = _stored(records, ended.wish)
    key = layout.drill_key(drilled.service, drilled.run_id)
    try:
        if stored is None:
            records.create(key, drilled.to_bytes())
        elif stored[0].outcome not in PROVEN and drilled.outcome in PROVEN:  # a later look found out
            records.replace(key, drilled.to_bytes(), stored[1])
        else:
            return done(outcome=stored[0].outcome)
    except ConflictError as err:
        raise TemporaryError("the record of the drill was just written elsewhere", code=err.code) from err
    _log(drilled)
    return done(outcome=drilled.outcome)


def _begun(wish: DrillWish, ports: Ports) -> dict[str, Any] | None:
    """Return the restore that a drill has come to already."""
    try:
        return ports.runs.read(wish.run_id)[0].wish
    except NotFoundError:
        return None


def _stored(records: Blobs, wish: DrillWish) -> tuple[DrillRecord, str] | None:
    try:
        return read_document(records, layout.drill_key(wish.service, wish.run_id), DrillRecord)
    except NotFoundError:
        return None


def _drilled(ended: DrillEnd, ports: Ports) -> DrillRecord:
    wish, request, records = ended.wish, ended.request, ports.records()
    keys = (layout.report_key(wish.run_id), layout.readable_report_key(wish.run_id))
    report = _report(records, keys[0])
    return DrillRecord(
        service=wish.service,
        run_id=wish.run_id,
        target=wish.target,
        point=request.point.name if request else None,
        requested_at=request.requested_at if request else wish.wished_at,
        ended_at=ports.clock.now(),
        outcome=ended.outcome,
        fault=ended.fault,
        restore_duration_s=report.restore_duration_s if report else None,
        rto_s=wish.rto_s,
        rto_kept=report.rto_kept if report else None,
        evidence=tuple(key for key in keys if records.exists(key)),
    )


def _report(records: Blobs, key: str) -> RestoreReport | None:
    """Return what the restore left; it knows whether its duration says anything of the RTO."""
    try:
        return read_document(records, key, RestoreReport)[0]
    except NotFoundError:
        return None


def _withdraw_replica(ended: DrillEnd, records: Blobs) -> None:
    """
    Take back that the standby holds the point, after a drill into it that is not proven.

    It may hold anything now. What replication said last is not true any more either: without it, it looks
    anew, and brings the point once more.
    """
    request = ended.request
    if request is not None and ended.outcome not in {Outcome.SUCCEEDED, Outcome.REFUSED}:
        records.delete(layout.replica_key(request.service, request.point.name))
        records.delete(layout.replication_key(request.service))


def _log(drilled: DrillRecord) -> None:
    fault = drilled.fault
    is_late = drilled.outcome is Outcome.SUCCEEDED and not drills.is_good(drilled)
    late = f"the restore took {drilled.restore_duration_s} s, the RTO is {drilled.rto_s} s"
    telemetry.log(
        telemetry.Event.DRILL_ENDED,
        level=logging.INFO if drills.is_good(drilled) else logging.ERROR,
        run_id=drilled.run_id,
        service=drilled.service,
        target=drilled.target.name,
        restore_point=drilled.point,
        outcome=drilled.outcome,
        code="RtoMissed" if is_late else fault.code if fault else None,
        message=late if is_late else fault.message if fault else None,
    )
