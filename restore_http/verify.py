"""The last step of a restore: comparing, judging, and leaving the evidence. It may run more than once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from restore_http import evidence
from restore_http.evidence import Before, Found
from restore_http.evidence import inventories_of as inventories_of
from shared import inventories, standby, survey
from shared.beside import expected_inventories, settings_now, sidecar_of
from shared.core import gateways, layout
from shared.core.errors import DrError, ServiceBusyError, TemporaryError
from shared.core.inventory import Difference, Inventory, classified, compare, shortened
from shared.core.lro import Fault
from shared.core.ports import Ports
from shared.core.reports import GatewayProbe
from shared.core.requests import RestoreRequest
from shared.core.runs import Outcome, RunPhase, RunRecord, advance
from shared.core.services import ServiceState
from shared.core.sidecar import Sidecar
from shared.core.steps import StepResult, StepState, attempt, done, end, fault_of, retry
from shared.submit import replace_run

NAMED_MAX = 5
"""Differences that a run's word names; its report names them all."""

_WATCHED_BADLY = frozenset({"ComparedLate", "AnswerLost"})
"""Codes of runs that nobody watched to the end of their operation: a difference later on proves nothing."""


_SUPERSEDED = Fault(
    code="Superseded",
    message="a later run has changed the target, so comparing it would say nothing of this one",
    hint="GET /api/runs lists the runs: the word of the last one into this target says what it holds now.",
)
_NOT_COMPARED = Fault(
    code="NotCompared",
    message="there is no inventory of this restore point to compare with",
    hint=(
        "The operation is over. Look through the target by hand, with the run's report beside it. "
        "Restore a point with an inventory where a proof is needed."
    ),
)
_NO_VERDICT = Fault(
    code="NoVerdict",
    message=(
        "the target equals the restore point, but Azure's verdict could not be read and nobody saw the "
        "target at work, so it may have equalled it before; secret values are in no digest"
    ),
    hint="Restore again if secret values may differ, or if a proof is needed.",
)


def verify_restore(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Compare the target with the inventory of the point, and leave the report as evidence.

    Args:
        wish: RestoreRequest, and what the steps before have found; see `Before`.
        ports: everything.

    Returns:
        StepResult; DONE only if everything was compared and nothing differs. A difference is a verdict
        only where nobody else can have made it. `warnings` in its value say what else somebody should see
        to: settings and a gateway that does not answer never change the word.
    """
    before, request = Before.taken_from(wish)
    return attempt(lambda: _verify(request, before, ports), unproven=Outcome.OUTCOME_UNKNOWN)


def report_failed_restore(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Leave the report of a restore that Azure failed, with whatever can be read. It compares nothing.

    Args:
        wish: RestoreRequest, and what the steps before have found, `fault` among it; see `Before`.
        ports: everything.

    Returns:
        StepResult; its END is no word of the run, which has Azure's.
    """
    before, request = Before.taken_from(wish)

    def report() -> StepResult:
        run, _ = ports.runs.read(request.run_id)
        fault = before.fault or Fault(code="Unclear")
        why = Fault(code=fault.code, message=f"Azure failed the operation: {fault.message}", hint=fault.hint)
        found = evidence.look_around(request, ports)
        evidence.leave(request, run, before, found, end(Outcome.FAILED, why), ports)
        return done()

    return attempt(report, unproven=Outcome.FAILED)


def _verify(request: RestoreRequest, before: Before, ports: Ports) -> StepResult:
    run, etag = ports.runs.read(request.run_id)
    if run.phase not in {RunPhase.VERIFYING, RunPhase.ENDED}:  # an ended one is looked at once more
        run = advance(run, RunPhase.VERIFYING, ports.clock.now())
        replace_run(ports, run, etag)
    if standby.is_superseded(run, ports):
        return end(Outcome.OUTCOME_UNKNOWN, _SUPERSEDED)
    try:
        result, found = _prove(request, run, before, ports)
    except TemporaryError:
        raise
    except DrError as err:
        result, found = end(Outcome.OUTCOME_UNKNOWN, fault_of(err)), None
    if result.state is StepState.RETRY:
        return result
    found = found or evidence.look_around(request, ports)
    warnings = evidence.leave(request, run, before, found, result, ports)
    return result.model_copy(update={"value": {"warnings": list(warnings)}})


def _prove(
    request: RestoreRequest, run: RunRecord, before: Before, ports: Ports
) -> tuple[StepResult, Found | None]:
    """Compare the target with the point; without what was found it came to its result before that."""
    resource = survey.read_service(ports.arm, request.target)
    target = ServiceState.from_resource(resource)
    if target.is_in_transition:
        raise ServiceBusyError(f"service {request.target.name} is {target.provisioning_state}")
    if target.provisioning_state != "Succeeded":
        is_late = _is_long_ago(run, before.running_at, request, ports.clock.now())
        return _not_succeeded(target, is_late), None
    expected = expected_inventories(request.point, ports)
    if expected is None:
        return end(Outcome.OUTCOME_UNKNOWN, _NOT_COMPARED), None
    settings = settings_now(request.point, request.target, resource, target, ports)
    gateway = ports.probe_gateway(target.gateway_url) if target.gateway_url else None
    waiting = _waiting(gateway, settings, run, request, ports.clock.now())
    if waiting is not None:
        return waiting, None
    actual = take(request, "verify", ports)
    found = Found(
        expected=inventories_of(expected),
        actual=actual,
        differences=classified(compare(inventories_of(expected), actual)),
        sidecar=sidecar_of(request.point, ports),
        settings=settings,
        gateway=gateway,
        gateway_url=target.gateway_url,
    )
    result = _compared(found.expected, actual, found.differences)
    return _weighed(result, run, before, request, ports.clock.now()), found


def _not_succeeded(target: ServiceState, is_late: bool) -> StepResult:
    """Return the end of a restore whose target is not well: a verdict only as long as it must be ours."""
    message = f"after the restore the target's provisioning state is {target.provisioning_state}"
    if is_late:
        message += ", and it was looked at so late that something else may be the cause"
    hint = (
        "The activity log of the target tells what failed. Restore again once Azure lets it; where it does "
        "not, ask Azure support."
    )
    fault = Fault(code="TargetNotSucceeded", message=message, hint=hint)
    return end(Outcome.OUTCOME_UNKNOWN if is_late else Outcome.FAILED, fault)


def _waiting(
    gateway: GatewayProbe | None,
    settings: Sidecar,
    run: RunRecord,
    request: RestoreRequest,
    now: dt.datetime,
) -> StepResult | None:
    """Return that the step is to be repeated because the gateway may be starting still, or None."""
    if gateway is None or not gateways.may_be_starting(gateway, settings):
        return None
    patience = dt.timedelta(seconds=request.intervals.gateway_patience_s)
    if run.phase is not RunPhase.VERIFYING or now - run.phase_at >= patience:
        return None
    fault = Fault(code="GatewaySilent", message=gateways.warning_of(gateway, settings))
    return retry(fault, unproven=Outcome.OUTCOME_UNKNOWN)


def _weighed(
    result: StepResult, run: RunRecord, before: Before, request: RestoreRequest, now: dt.datetime
) -> StepResult:
    """Return what a comparison proves of this very run."""
    if result.state is StepState.DONE and not _is_ours(run, before):
        return end(Outcome.OUTCOME_UNKNOWN, _NO_VERDICT)
    if result.outcome is not Outcome.FAILED or not _is_late(run, before.running_at, request, now):
        return result
    said = result.fault.message if result.fault else ""
    message = f"compared so late that somebody else may have made the differences: {said}"
    hint = "The run's report names them all. Restore again if the target does not hold what it should."
    return end(Outcome.OUTCOME_UNKNOWN, Fault(code="ComparedLate", message=message, hint=hint))


def _is_ours(run: RunRecord, before: Before) -> bool:
    """
    Tell whether a target that equals the point does so because of this run: it may have done so before.

    A run comes here only with Azure's verdict, or after its target was seen at work; a later look need
    have neither.
    """
    return run.phase is not RunPhase.ENDED or before.is_verdict_read or run.transition_seen_at is not None


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
    return _is_long_ago(run, running_at, request, now)


def _is_long_ago(
    run: RunRecord, running_at: dt.datetime | None, request: RestoreRequest, now: dt.datetime
) -> bool:
    """Tell whether the operation was last seen at work so long ago that anything may have come after it."""
    seen = (running_at, run.transition_seen_at, run.posted_at, run.requested_at)
    seen_at = max(at for at in seen if at is not None)
    return now - seen_at > dt.timedelta(seconds=request.intervals.late_proof_s)


def _compared(
    expected: tuple[Inventory, ...], actual: Inventory, differences: tuple[Difference, ...]
) -> StepResult:
    if differences:
        shown = ", ".join(f"{item.entity} {item.what}" for item in differences[:NAMED_MAX])
        rest = len(differences) - NAMED_MAX
        more = f" and {rest} more" if rest > 0 else ""
        message = f"{len(differences)} entities differ from the backup: {shown}{more}"
        hint = "The run's report names them all; compare them by hand, then restore again."
        return end(Outcome.FAILED, Fault(code="RestoreDiffers", message=message, hint=hint))
    not_read = sorted({line for inventory in (*expected, actual) for line in inventory.not_read})
    if not_read:
        message = f"equal as far as it could be read; not compared: {shortened(not_read)}"
        hint = "Give the app's identity the role API Management Service Reader Role on both services."
        return end(Outcome.OUTCOME_UNKNOWN, Fault(code="PartlyCompared", message=message, hint=hint))
    return done()


def take(request: RestoreRequest, purpose: str, ports: Ports) -> Inventory:
    """Take the inventory of the target, piece by piece; see shared.inventories."""
    key = layout.part_key(layout.report_key(request.run_id))
    return inventories.take(ports, request.target, key, purpose)
