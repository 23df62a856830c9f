"""
The result of one step as data, and the loop that repeats a step.

Exceptions lose their type on the way from an activity to its orchestrator (docs/azure-facts.md,
"Functions and Durable"), so whatever an orchestrator must branch on travels as a StepResult.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Generator
from typing import Any, Protocol

from pydantic import Field

from shared.core.documents import Document, Utc
from shared.core.errors import DrError, FaultsError, TemporaryError
from shared.core.intervals import Intervals, backoff_s
from shared.core.lro import Fault
from shared.core.runs import Outcome

CRASHES_MAX = 3
"""So many deaths in a row without a result (a worker lost, a bug), and a step is given up."""


class StepState(enum.StrEnum):
    """What the orchestrator does next."""

    DONE = "done"
    RETRY = "retry"
    END = "end"


class StepResult(Document):
    """
    What a step came to.

    DONE carries `value`. RETRY carries `retry_after_s` (None: we choose) and, in `outcome`, the word
    the run gets if patience ends first. END carries the word and the fault.
    """

    state: StepState
    value: dict[str, Any] = Field(default_factory=dict)
    retry_after_s: int | None = None
    outcome: Outcome | None = None
    fault: Fault | None = None


class OrchestrationContext(Protocol):
    """The part of Durable's context that the loop uses."""

    @property
    def current_utc_datetime(self) -> dt.datetime: ...
    def call_activity(self, name: str, input_: Any) -> Any: ...
    def create_timer(self, fire_at: dt.datetime) -> Any: ...
    def set_custom_status(self, status: Any) -> None: ...


class Patience(Document):
    """How long a step may be repeated."""

    until: Utc
    intervals: Intervals
    unsent_until: Utc | None = None
    """How long one may be that has certainly started nothing, if that is shorter."""

    def end_for(self, result: StepResult) -> dt.datetime:
        """Return when patience with such a result ends."""
        if self.unsent_until is not None and result.outcome is Outcome.REFUSED:
            return min(self.until, self.unsent_until)
        return self.until


def done(**value: Any) -> StepResult:
    """Return the result of a step that is finished."""
    return StepResult(state=StepState.DONE, value=value)


def retry(fault: Fault, *, unproven: Outcome, after_s: int | None = None) -> StepResult:
    """Return the result of a step that may work later; `unproven` is the word if it never does."""
    return StepResult(state=StepState.RETRY, retry_after_s=after_s, outcome=unproven, fault=fault)


def end(outcome: Outcome, fault: Fault) -> StepResult:
    """Return the result of a step that ends the run."""
    return StepResult(state=StepState.END, outcome=outcome, fault=fault)


def attempt(step: Callable[[], StepResult], *, unproven: Outcome) -> dict[str, Any]:
    """
    Run a step and turn our own errors into its result; anything else is a bug and passes.

    Args:
        step: does the work; idempotent.
        unproven: the word for a run that cannot get past this step.
    """
    try:
        return step().to_json()
    except TemporaryError as err:
        return retry(fault_of(err), unproven=unproven, after_s=err.retry_after_s).to_json()
    except DrError as err:
        return end(unproven, fault_of(err)).to_json()


def fault_of(err: DrError) -> Fault:
    """Return one of our errors as data."""
    message = err.message
    if isinstance(err, FaultsError):
        message += ": " + "; ".join(f"{where} {what}" for where, what in err.faults)
    return Fault(code=err.code, message=message, hint=err.hint)


def repeat(
    context: OrchestrationContext, activity: str, payload: dict[str, Any], patience: Patience
) -> Generator[Any, Any, StepResult]:
    """
    Call an activity until it is done, ends the run, or patience ends.

    Used as `result = yield from repeat(…)` in an orchestrator. RETRY waits on a durable timer: as long
    as the step asked, else with a capped backoff.

    Returns:
        DONE or END, never RETRY.
    """
    tries = crashes = 0
    while True:
        try:
            answer = yield context.call_activity(activity, payload)
        except Exception as err:  # noqa: BLE001 - Durable raises nothing more precise for a failed activity
            crashes += 1
            result = retry(
                Fault(code="StepCrashed", message=f"{activity} failed: {_first_line(err)}"),
                unproven=Outcome.OUTCOME_UNKNOWN,
            )
            if crashes >= CRASHES_MAX:
                return _given_up(result)
        else:
            crashes = 0
            result = StepResult.from_json(answer)
        if result.state is not StepState.RETRY:
            if tries:
                context.set_custom_status({"step": activity})
            return result
        now = context.current_utc_datetime
        until = patience.end_for(result)
        if now >= until:
            return _given_up(result)
        pause = backoff_s(tries, patience.intervals.fault_first_s, patience.intervals.fault_max_s)
        at = now + dt.timedelta(seconds=result.retry_after_s or pause)
        # what an operator is shown meanwhile
        context.set_custom_status({"step": activity, "waitingFor": _in_short(result.fault)})
        yield context.create_timer(min(at, until))
        tries += 1


def _given_up(result: StepResult) -> StepResult:
    return StepResult(
        state=StepState.END, outcome=result.outcome or Outcome.OUTCOME_UNKNOWN, fault=result.fault
    )


def _in_short(fault: Fault | None) -> str:
    return (fault.message or fault.code) if fault else "another try"


def _first_line(err: Exception) -> str:
    """Return a short cause; the rest is a stack trace of another process, and belongs in its log."""
    text = str(err).strip().splitlines()
    return text[0][:120] if text else type(err).__name__
