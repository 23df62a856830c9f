"""The last step of a restore: comparing, judging, and leaving the evidence. It may run more than once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shared import inventories, standby
from shared.core import layout
from shared.core.errors import NotFoundError, ProtocolError, ServiceBusyError
from shared.core.inventory import (
    DIFFERENCES_SHOWN_MAX,
    Difference,
    Inventory,
    InventoryPair,
    compare,
    shortened,
)
from shared.core.lro import Fault
from shared.core.ports import Ports
from shared.core.reports import RestoreReport
from shared.core.requests import RestoreRequest
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome, RunPhase, RunRecord, advance
from shared.core.steps import StepResult, attempt, done, end
from shared.submit import replace_run

_WATCHED_BADLY = frozenset({"ComparedLate", "AnswerLost"})
"""Codes of runs that nobody watched to the end of their operation: a difference later on proves nothing."""


def verify_restore(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Compare the target with the inventory of the point, and leave the report as evidence.

    Args:
        wish: RestoreRequest, and in `runningAt` when the operation was last seen at work, if it was.
        ports: everything.

    Returns:
        StepResult; DONE only if everything was compared and nothing differs. A difference is a verdict
        only where nobody else can have made it.
    """
    running_at = dt.datetime.fromisoformat(wish["runningAt"]) if wish.get("runningAt") else None
    request = RestoreRequest.from_json({key: wish[key] for key in wish if key != "runningAt"})
    return attempt(lambda: _verify(request, running_at, ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _verify(request: RestoreRequest, running_at: dt.datetime | None, ports: Ports) -> StepResult:
    run, etag = ports.runs.read(request.run_id)
    if run.phase not in {RunPhase.VERIFYING, RunPhase.ENDED}:  # an ended one is looked at once more
        replace_run(ports, advance(run, RunPhase.VERIFYING, ports.clock.now()), etag)
    target = ports.arm.service_state(request.target)
    if target.is_in_transition:
        raise ServiceBusyError(f"service {request.target.name} is {target.provisioning_state}")
    if target.provisioning_state != "Succeeded":
        message = f"after the restore the target's provisioning state is {target.provisioning_state}"
        return end(Outcome.FAILED, Fault(code="TargetNotSucceeded", message=message))
    if standby.is_superseded(run, ports):
        message = "a later run has changed the target, so comparing it would say nothing of this one"
        return end(Outcome.OUTCOME_UNKNOWN, Fault(code="Superseded", message=message))
    expected = expected_inventories(request.point, ports)
    if expected is None:
        message = "there is no inventory of this restore point to compare with"
        return end(Outcome.OUTCOME_UNKNOWN, Fault(code="NotCompared", message=message))
    actual = take(request, "verify", ports)
    differences = compare(inventories_of(expected), actual)
    report = _report(request, actual, differences, ports)
    ports.records().put(layout.report_key(request.run_id), report.to_bytes())
    result = _judge(inventories_of(expected), actual, differences)
    if result.outcome is Outcome.FAILED and _is_late(run, running_at, request, ports.clock.now()):
        message = f"compared so late that somebody else may have made the differences: {_said(result)}"
        hint = "The run's report names them all. Restore again if the target does not hold what it should."
        fault = Fault(code="ComparedLate", message=message, hint=hint)
        return end(Outcome.OUTCOME_UNKNOWN, fault)
    return result


def _is_late(
    run: RunRecord, running_at: dt.datetime | None, request: RestoreRequest, now: dt.datetime
) -> bool:
    """
    Tell whether a difference may well be younger than the restore.

    A later look comes late by its nature. It judges only what was watched until its deadline, so that
    the look is what is late, and not the run.
    """
    if run.phase is RunPhase.ENDED:
        return run.resumes > 0 or (run.fault is not None and run.fault.code in _WATCHED_BADLY)
    seen_at = running_at or run.posted_at or run.requested_at
    return now - seen_at > dt.timedelta(seconds=request.intervals.late_proof_s)


def _said(result: StepResult) -> str:
    return result.fault.message if result.fault else ""


def take(request: RestoreRequest, purpose: str, ports: Ports) -> Inventory:
    """Take the inventory of the target, piece by piece; see shared.inventories."""
    key = layout.part_key(layout.report_key(request.run_id))
    return inventories.take(ports, request.target, key, purpose)


def _judge(
    expected: tuple[Inventory, ...], actual: Inventory, differences: tuple[Difference, ...]
) -> StepResult:
    if differences:
        shown = ", ".join(f"{item.entity} {item.what}" for item in differences[:5])
        more = f" and {len(differences) - 5} more" if len(differences) > 5 else ""
        message = f"{len(differences)} entities differ from the backup: {shown}{more}"
        hint = "The run's report names them all; compare them by hand, then restore again."
        return end(Outcome.FAILED, Fault(code="RestoreDiffers", message=message, hint=hint))
    not_read = sorted({line for inventory in (*expected, actual) for line in inventory.not_read})
    if not_read:
        message = f"equal as far as it could be read; not compared: {shortened(not_read)}"
        hint = "Give the app's identity the role API Management Service Reader Role on both services."
        return end(Outcome.OUTCOME_UNKNOWN, Fault(code="PartlyCompared", message=message, hint=hint))
    return done()


def _report(
    request: RestoreRequest, actual: Inventory, differences: tuple[Difference, ...], ports: Ports
) -> RestoreReport:
    now = ports.clock.now()
    return RestoreReport(
        run_id=request.run_id,
        service=request.service,
        target=request.target,
        point=request.point,
        requested_at=request.requested_at,
        verified_at=now,
        recovery_point_age_s=request.point.age_s(now),
        restore_duration_s=round((now - request.requested_at).total_seconds()),
        entities=len(actual.entities),
        counts=actual.counts,
        differences=differences[:DIFFERENCES_SHOWN_MAX],
        differences_total=len(differences),
    )


def expected_inventories(point: RestorePoint, ports: Ports) -> InventoryPair | None:
    """Return what the target should hold; None if the point has no inventory that can be read."""
    if point.inventory is None:
        return None
    place = ports.backups(point.inventory.account, point.inventory.container)
    try:
        return InventoryPair.from_bytes(place.read(point.inventory.key)[0])
    except (NotFoundError, ProtocolError):
        return None


def inventories_of(pair: InventoryPair) -> tuple[Inventory, ...]:
    """Return the states that a backup may hold: one, or two if the service changed while it ran."""
    return (pair.before,) if pair.after is None else (pair.before, pair.after)
