"""The plan of one restore, as a generator. Only yields, pure calls and returns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from typing import Any

from shared.core.lro import Operation
from shared.core.requests import RestoreRequest
from shared.core.runs import Outcome, RunEnd
from shared.core.steps import Patience, StepResult, StepState, repeat
from shared.operation import operate


def restore_service(context: Any) -> Generator[Any, Any, dict[str, Any]]:
    """
    Restore one point into one target and compare.

    Input: RestoreRequest, whose run record exists. Output: RunEnd.
    """
    request = RestoreRequest.from_json(context.get_input())
    patience = Patience(until=request.deadline_at, intervals=request.intervals)
    end = yield from _restore(context, request, patience)
    # the word must be written whatever it is, so there is a day's patience for the storage to come back
    insist = Patience(until=context.current_utc_datetime + dt.timedelta(days=1), intervals=request.intervals)
    written = yield from repeat(context, "end_run", end.to_json(), insist)
    if written.state is StepState.END:
        raise RuntimeError(f"the end of run {request.run_id} could not be recorded: {end.outcome}")
    return end.to_json()


def _restore(context: Any, request: RestoreRequest, patience: Patience) -> Generator[Any, Any, RunEnd]:
    # somebody else's operation is waited for, but not as long as our own may take
    busy_until = context.current_utc_datetime + dt.timedelta(seconds=request.intervals.busy_patience_s)
    short = patience.model_copy(update={"until": min(busy_until, patience.until)})
    checked = yield from repeat(context, "check_restore", request.to_json(), short)
    if checked.state is StepState.END:
        return _ended(request, checked)
    operated = yield from operate(context, request, "begin_restore")
    polls = int(operated.value.get("polls", 0))
    if operated.state is StepState.END:
        return _ended(request, operated, polls, operated.value.get("operation"))
    verified = yield from repeat(context, "verify_restore", request.to_json(), patience)
    if verified.state is StepState.END:
        return _ended(request, verified, polls)
    return RunEnd(
        run_id=request.run_id, outcome=Outcome.SUCCEEDED, polls=polls, restore_point=request.point.name
    )


def _ended(
    request: RestoreRequest, result: StepResult, polls: int = 0, operation: dict[str, Any] | None = None
) -> RunEnd:
    return RunEnd(
        run_id=request.run_id,
        outcome=result.outcome or Outcome.OUTCOME_UNKNOWN,
        fault=result.fault,
        polls=polls,
        operation=Operation.from_json(operation) if operation else None,
        restore_point=request.point.name,
    )
