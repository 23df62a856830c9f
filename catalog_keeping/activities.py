"""The steps that prune one service, after a point or a copy was recorded. They may run more than once."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from catalog_keeping.pruning import Pruning, open_prunes
from shared import roster, telemetry
from shared.catalog import read_catalog, records_of
from shared.core import layout
from shared.core.documents import Document
from shared.core.errors import ProtocolError
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.restore_points import RestorePoint
from shared.core.retention import (
    Catalog,
    Verdict,
    is_ours,
    is_usable,
    newest_first,
    plan_prune,
    why_mostly_missing,
)
from shared.core.runs import Outcome
from shared.core.steps import StepResult, StepState, attempt, done
from shared.records import newest

CLOCKS_APART_MAX = dt.timedelta(hours=2)
"""The record was written by this run, minutes ago; each day that a clock is ahead costs a day of points."""


class PruneWish(Document):
    """Prune a service, because this run has just recorded this restore point."""

    service: str
    run_id: str
    fresh: str


def prune_restore_points(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Let go what no rule keeps any more, and finish what an earlier run began.

    In the standby's region that concerns its copies; an app never prunes in another region.

    Args:
        wish: {"service", "runId", "fresh": name of the point that the run has just recorded}.
        ports: everything.

    Returns:
        StepResult; DONE carries {"pruned": names, "left": points that wait for the next run, "warnings"}.
        RETRY and END have deleted nothing that was not on record as pruned; the next run goes on.
    """
    request = PruneWish.from_json(wish)
    answer = attempt(lambda: _prune(request, ports), unproven=Outcome.OUTCOME_UNKNOWN)
    _log_failure(answer, request.service, request.run_id)
    return answer


def prune_copies(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Do the same with the copies that this app keeps of a service, after one of them was recorded.

    Args:
        wish: {"service"}.
        ports: everything; no region but the own one is asked.

    Returns:
        StepResult, as of prune_restore_points; nothing is pruned unless the newest copy is a fresh one.
    """
    service = str(wish["service"])
    answer = attempt(lambda: _prune_copies(service, ports), unproven=Outcome.OUTCOME_UNKNOWN)
    _log_failure(answer, service, None)
    return answer


def _log_failure(answer: dict[str, Any], service: str, run_id: str | None) -> None:
    result = StepResult.from_json(answer)
    if result.state is StepState.END and result.fault:
        telemetry.log(
            telemetry.Event.PRUNE_FAILED,
            level=logging.ERROR,
            run_id=run_id,
            service=service,
            code=result.fault.code,
            message=result.fault.message,
        )


def _prune_copies(service: str, ports: Ports) -> StepResult:
    found = newest(ports.records(), layout.restore_points_prefix(service), RestorePoint, 1)
    if not found or found[0].copied is None:
        return done(pruned=[], left=0, warnings=[])
    fresh = found[0]
    return _prune(PruneWish(service=service, run_id=fresh.run_id, fresh=fresh.name), ports)


def _prune(wish: PruneWish, ports: Ports) -> StepResult:
    service = roster.find(ports, wish.service)
    if service is None or service.shelf(ports.plan.region) != ports.plan.region:
        return done(pruned=[], left=0, warnings=[])
    if service.retention is None and not open_prunes(service.name, records_of(service, ports)):
        return done(pruned=[], left=0, warnings=[])
    reading = read_catalog(service, ports)
    trouble = reading.catalog.why_incomplete or why_mostly_missing(service, reading.catalog)
    if trouble:
        raise ProtocolError(
            f"nothing was deleted: {trouble}",
            hint="Mend or remove the records that are named; see docs/retention.md.",
        )
    now = ports.clock.now()
    reason = _why_not(reading.catalog, wish, service, now) or _why_no_time(service, wish.fresh, ports)
    if reason:
        return done(pruned=[], left=0, warnings=[f"nothing was pruned: {reason}"])
    work = Pruning(service, wish.run_id, ports, reading)
    work.finish()
    plan = plan_prune(service, reading.catalog, now)
    work.take_back_all(judged.name for judged in plan.points if judged.verdict is Verdict.KEEP)
    left = 0
    for judged in plan.dying:
        if work.is_spent:
            left += 1
        else:
            work.let_go(judged)
    return done(pruned=work.pruned, left=left, warnings=[*reading.catalog.doubts, *work.warnings])


def _why_not(catalog: Catalog, wish: PruneWish, service: ProtectedService, now: dt.datetime) -> str:
    """Return why this run may not prune, or an empty string: it must have recorded the newest point."""
    own = newest_first([point for point in catalog.points if is_ours(point, service)])
    fresh = next((point for point in own if point.name == wish.fresh), None)
    if fresh is None or fresh.run_id != wish.run_id:
        return f"run {wish.run_id} has no record of {wish.fresh}"
    if fresh is not own[0]:
        return f"{own[0].name} is newer than {wish.fresh}"
    if not is_usable(fresh, catalog, now):
        return f"{wish.fresh} is not usable"
    return ""


def _why_no_time(service: ProtectedService, fresh: str, ports: Ports) -> str:
    """Return why our clock cannot be believed, or an empty string: storage has one, too."""
    seen = records_of(service, ports).look(layout.restore_point_key(service.name, fresh))
    if seen is None:
        return f"the record of {fresh} has vanished"
    now = ports.clock.now()
    if abs(now - seen.modified_at) <= CLOCKS_APART_MAX:
        return ""
    return (
        f"the app's clock says {now:%Y-%m-%d %H:%M} UTC, and storage says that the record of {fresh} was "
        f"written at {seen.modified_at:%Y-%m-%d %H:%M} UTC: they should be minutes apart"
    )
