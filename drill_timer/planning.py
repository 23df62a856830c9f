"""Finding out which drills are due, and which were begun and have no record."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Iterator
from typing import Any

from shared import drill_records, roster, telemetry
from shared.core import drills, layout, names
from shared.core.drills import DrillWish
from shared.core.errors import NotFoundError
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.reports import DrillRecord
from shared.core.requests import RestoreRequest
from shared.core.runs import PROVEN, Outcome, RunRecord
from shared.core.steps import StepResult, attempt, done
from shared.core.watching import wish_of
from shared.records import read_document, readable
from shared.threads import in_threads

SERVICES_AT_ONCE = 8
_DRILL = re.compile(r"\d{8}T\d{6}Z-drill-.+")


def plan_drills(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Find the drills of one occurrence, and warn of those that are overdue.

    Args:
        wish: {"dueAt"}; the occurrence makes the ids of its drills.
        ports: plan, records, run records, clock.

    Returns:
        StepResult; DONE carries {"queues": [DrillQueue]}.
    """
    return attempt(lambda: _plan(dt.datetime.fromisoformat(wish["dueAt"]), ports), unproven=Outcome.FAILED)


def drilled_here(ports: Ports) -> tuple[ProtectedService, ...]:
    """Return the services whose drills this app holds: those whose target is in its region."""
    return tuple(
        service
        for service in roster.members(ports)
        if service.drill_into is not None and service.drill_into.region == ports.plan.region
    )


def wish_for(service: ProtectedService, **said: Any) -> DrillWish:
    """Return a drill of a service as its plan describes it; `said` are the other fields."""
    if service.drill is None or service.drill_into is None:
        raise ValueError(f"{service.name} has no drills")
    wish = {
        "service": service.name,
        "target": service.drill_into.ref,
        "into_standby": service.drill.into == "standby",
        "rto_s": service.drill.rto_hours * 3600,
        "point": service.drill.point,
    }
    return DrillWish.model_validate(wish | said)


def is_wanted(service: ProtectedService, ports: Ports) -> bool:
    """Tell whether the timer wants a drill of a service now; its turn may come hours after its time."""
    now = ports.clock.now()
    standing = drill_records.standing(service, ports)
    return standing is not None and drills.is_due(standing, now) and not service.is_paused(now)


def _plan(due_at: dt.datetime, ports: Ports) -> StepResult:
    unfinished = list(_unfinished(ports))
    at_work = {wish.service for wish in unfinished}
    now = ports.clock.now()

    def due(service: ProtectedService) -> DrillWish | None:
        standing = drill_records.standing(service, ports)
        if standing is None or service.is_paused(now):
            return None
        if standing.is_overdue:
            _warn(service, standing)
        if service.name in at_work or not drills.is_due(standing, now):
            return None
        run_id = names.run_id("drill", service.name, due_at)
        return wish_for(service, run_id=run_id, trigger="timer", wished_at=due_at)

    looked_at = in_threads(due, drilled_here(ports), at_once=SERVICES_AT_ONCE)
    found = [wish for wish in looked_at if wish is not None]
    queues = drills.queues([*unfinished, *found], ports.plan.concurrency, ports.intervals)
    return done(queues=[queue.to_json() for queue in queues])


def _unfinished(ports: Ports) -> Iterator[DrillWish]:
    """Yield the drills whose run has more to tell than their record: it is missing, or says "unproven"."""
    now = ports.clock.now()
    since = now - dt.timedelta(seconds=ports.intervals.give_up_s)
    ids = [run_id for run_id in ports.runs.ids_since(since, now) if _DRILL.fullmatch(run_id)]
    for run in readable(ports.records(), map(layout.run_key, ids), RunRecord):
        request = wish_of(run)
        if isinstance(request, RestoreRequest) and _is_unfinished(run, ports):
            service = roster.find(ports, run.service)
            standby = service.standby if service else None
            yield DrillWish(
                run_id=run.run_id,
                service=run.service,
                target=run.subject,
                into_standby=standby is not None and standby.ref.is_same_as(run.subject),
                rto_s=request.rto_s or 0,
                point=request.point.name,
                trigger="http" if run.trigger == "http" else "timer",
                wished_at=run.requested_at,
            )


def _is_unfinished(run: RunRecord, ports: Ports) -> bool:
    key = layout.drill_key(run.service, run.run_id)
    try:
        record, _ = read_document(ports.records(), key, DrillRecord)
    except NotFoundError:
        return True
    return record.outcome not in PROVEN and run.is_proven


def _warn(service: ProtectedService, standing: drills.DrillState) -> None:
    last = standing.last_succeeded_at
    since = f"the last that succeeded ended at {last:%Y-%m-%d %H:%M} UTC" if last else "none has succeeded"
    telemetry.log(
        telemetry.Event.DRILL_OVERDUE,
        level=logging.WARNING,
        service=service.name,
        target=standing.into,
        reason=f"a good drill is wanted every {standing.every_days} days; {since}",
    )
