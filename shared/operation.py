"""One operation from POST to its end, as the part of an orchestration that backup and restore share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from typing import Any

from shared.core import names
from shared.core.intervals import Intervals
from shared.core.lro import Fault, Operation
from shared.core.polling import FollowEnd, FollowResult, FollowState
from shared.core.requests import BackupRequest, RestoreRequest
from shared.core.runs import Outcome, RunEnd
from shared.core.steps import Patience, StepResult, StepState, done, end, repeat

_WORDS = {
    FollowResult.FAILED: Outcome.FAILED,
    FollowResult.DENIED: Outcome.POLL_DENIED,
    FollowResult.LOST: Outcome.OUTCOME_UNKNOWN,
    FollowResult.DEADLINE: Outcome.OUTCOME_UNKNOWN,
}

_HINTS = {
    FollowResult.FAILED: "This is Azure's verdict on the operation; nothing but its text tells more.",
    FollowResult.DENIED: (
        "Give the app's identity Microsoft.ApiManagement/service/operationresults/read on the service. "
        "The operation itself goes on; whether it succeeded can be seen from the service and the blob."
    ),
    FollowResult.LOST: "The operation's URL no longer answers; look at the service and the blob.",
    FollowResult.DEADLINE: "It may still be running; the run record keeps its Location for a later look.",
}


def operate(
    context: Any, request: BackupRequest | RestoreRequest, begin: str
) -> Generator[Any, Any, StepResult]:
    """
    Start an operation once and follow it to its end.

    Args:
        context: Durable's orchestration context.
        request: the wish.
        begin: name of the activity that starts it (see shared.submit).

    Returns:
        DONE with `polls`, and with `runningAt` if it was seen at work, when Azure Resource Manager says
        that it succeeded, or when its effect was found without a Location; END with the word otherwise,
        and with `polls`, the `operation` followed last and `runningAt` if it came to polling.
    """
    busy = busy_patience(context, request)
    patience = Patience(until=request.deadline_at, unsent_until=busy.until, intervals=request.intervals)
    began = yield from repeat(context, begin, request.to_json(), patience)
    if began.state is StepState.END:
        return began
    if began.value.get("settled"):
        return done(polls=0)
    state = FollowState(
        run_id=request.run_id,
        operation=Operation.from_json(began.value["operation"]),
        deadline_at=request.deadline_at,
        intervals=request.intervals,
    )
    instance_id = names.follow_instance(request.run_id, int(began.value.get("resumes", 0)))
    try:
        answer = yield context.call_sub_orchestrator("poll_operation", state.to_json(), instance_id)
    except Exception:  # noqa: BLE001 - Durable raises nothing more precise for a failed sub-orchestration
        fault = Fault(
            code="FollowingStopped",
            message="following the operation stopped; it may still be running",
            hint=_HINTS[FollowResult.DEADLINE],
        )
        return end(Outcome.OUTCOME_UNKNOWN, fault)
    return _read_end(FollowEnd.from_json(answer))


def busy_patience(context: Any, request: BackupRequest | RestoreRequest) -> Patience:
    """Return how long somebody else's operation is waited for: not as long as our own may take."""
    until = context.current_utc_datetime + dt.timedelta(seconds=request.intervals.busy_patience_s)
    return Patience(until=min(until, request.deadline_at), intervals=request.intervals)


def insist(context: Any, intervals: Intervals) -> Patience:
    """
    Return a day's patience for what comes after an operation: its proof, its record, the run's word.

    The deadline is the operation's own; one that ends at its last look must still be proven, and a word
    must be written whatever it is, however long storage takes to come back.
    """
    return Patience(until=context.current_utc_datetime + dt.timedelta(days=1), intervals=intervals)


def ended(request: BackupRequest | RestoreRequest, result: StepResult, polls: int = 0) -> RunEnd:
    """Return the end of a run whose step ended it."""
    operation, running_at = result.value.get("operation"), result.value.get("runningAt")
    return RunEnd(
        run_id=request.run_id,
        outcome=result.outcome or Outcome.OUTCOME_UNKNOWN,
        fault=result.fault,
        polls=polls,
        operation=Operation.from_json(operation) if operation else None,
        running_at=dt.datetime.fromisoformat(running_at) if running_at else None,
        restore_point=request.first_record().restore_point,
    )


def conclude(
    context: Any, request: BackupRequest | RestoreRequest, end_of_run: RunEnd
) -> Generator[Any, Any, dict[str, Any]]:
    """
    Write the word that a run ended in, and return the end with the word on record as the output.

    Raises:
        RuntimeError: it could not be written within a day; the orchestration fails, which alerts see.
    """
    written = yield from repeat(context, "end_run", end_of_run.to_json(), insist(context, request.intervals))
    if written.state is StepState.END:
        raise RuntimeError(f"the end of run {request.run_id} could not be recorded: {end_of_run.outcome}")
    word = Outcome(written.value.get("outcome", end_of_run.outcome))
    return end_of_run.model_copy(update={"outcome": word}).to_json()


def _read_end(followed: FollowEnd) -> StepResult:
    running_at = followed.running_at.isoformat() if followed.running_at else None
    if followed.result is FollowResult.SUCCEEDED:
        return done(polls=followed.polls, runningAt=running_at)
    fault = followed.fault or Fault(code="StillRunning", message="not over at the deadline")
    if not fault.hint:
        hint = _HINTS[followed.result]
        if fault.correlation_id:
            hint += f" Azure support asks for correlation id {fault.correlation_id}."
        fault = fault.model_copy(update={"hint": hint})
    result = end(_WORDS[followed.result], fault)
    value = {
        "polls": followed.polls,
        "operation": followed.operation.to_json(),
        "runningAt": running_at,
    }
    return result.model_copy(update={"value": value})
