"""What speaks against a restore at the last moment: it comes too late, or a guard says no."""

from __future__ import annotations

from shared import clearance, standby
from shared.core import restore_guards
from shared.core.errors import DrError, ServiceBusyError, TemporaryError
from shared.core.lro import Fault
from shared.core.ports import Ports
from shared.core.preflight_facts import Check, Verdict
from shared.core.requests import RestoreRequest
from shared.core.runs import Outcome, RunRecord
from shared.core.steps import StepResult, done, end, fault_of, retry


def last_check(request: RestoreRequest, run: RunRecord, ports: Ports) -> StepResult:
    """
    Return whether a restore may be sent now: DONE, with every guard's verdict, or how it goes on instead.

    Asked right before each POST: the run may have waited for hours, or lost its orchestration in between.
    The run's own mark is there by then, and whoever prunes looks for it after he has written his: one of
    the two sees the other.

    Args:
        request: the wish.
        run: its record as it is now. After a POST of unknown fate the run cannot be called refused.
        ports: everything.
    """
    word = Outcome.REFUSED if run.posted_at is None else Outcome.OUTCOME_UNKNOWN
    try:
        late = overtaken(request, run, ports)
        return end(word, late) if late else _judged(clearance.checks(request, ports), word)
    except TemporaryError as err:
        return retry(fault_of(err), unproven=word, after_s=err.retry_after_s)
    except DrError as err:
        return end(word, fault_of(err))


def overtaken(request: RestoreRequest, run: RunRecord, ports: Ports) -> Fault | None:
    """Return that the restore comes too late, if it does."""
    reason = standby.overtaking(run, request.point, ports)
    if not reason:
        return None
    hint = "Nothing was sent for this run. Ask again if it is still wanted." if run.posted_at is None else ""
    return Fault(code="Superseded", message=reason, hint=hint)


def refusal_of(found: tuple[Check, ...]) -> Fault | None:
    """Return the fault that names all refusals but one: something that runs on the target is waited for."""
    no = tuple(check for check in clearance.refusals(found) if check.name != restore_guards.IN_TRANSITION)
    return restore_guards.fault_of(no) if no else None


def busy(found: tuple[Check, ...]) -> ServiceBusyError | None:
    """Return that something runs on the target, if it does."""
    for check in found:
        if check.name == restore_guards.IN_TRANSITION and check.verdict in {Verdict.REFUSAL, Verdict.WARNING}:
            return ServiceBusyError(check.cause)
    return None


def _judged(found: tuple[Check, ...], word: Outcome) -> StepResult:
    fault = refusal_of(found)
    if fault is not None:
        return end(word, fault)
    waiting = busy(found)
    if waiting is not None:
        return retry(fault_of(waiting), unproven=word)
    return done(guards=[check.to_json() for check in found])
