"""The plan of one restore, as a generator. Only yields, pure calls and returns."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Generator
from typing import Any

from restore_http.safety import Safety
from shared.core.requests import RestoreRequest
from shared.core.runs import Outcome, RunEnd
from shared.core.steps import Patience, StepResult, StepState, done, repeat
from shared.operation import busy_patience, conclude, ended, insist, operate


def restore_service(context: Any) -> Generator[Any, Any, dict[str, Any]]:
    """
    Restore one point into one target and compare; back up first what the target holds, if that is wished.

    Input: RestoreRequest, whose run record exists. Output: RunEnd.
    """
    request = RestoreRequest.from_json(context.get_input())
    end = yield from _restore(context, request)
    output = yield from conclude(context, request, end)
    return output


def _restore(context: Any, request: RestoreRequest) -> Generator[Any, Any, RunEnd]:
    checked = yield from repeat(context, "check_restore", request.to_json(), busy_patience(context, request))
    if checked.state is StepState.END:
        return ended(request, checked)
    secured = yield from _secure(context, request)
    if secured.state is StepState.END:
        return ended(request, secured)
    safety_backup = secured.value.get("safetyBackup")
    if safety_backup is not None:
        request = _with_time(request, context.current_utc_datetime)
    operated = yield from operate(context, request, "begin_restore")
    polls = int(operated.value.get("polls", 0))
    seen = {"runningAt": operated.value.get("runningAt"), "safetyBackup": safety_backup}
    wish = {**request.to_json(), **seen}
    if operated.state is StepState.END:
        yield from _report_failure(context, request, wish, operated)
        return ended(request, operated, polls)
    verified = yield from repeat(context, "verify_restore", wish, insist(context, request.intervals))
    warnings = tuple(verified.value.get("warnings", ()))
    if verified.state is StepState.END:
        return ended(request, verified, polls).model_copy(update={"warnings": warnings})
    return RunEnd(
        run_id=request.run_id,
        outcome=Outcome.SUCCEEDED,
        polls=polls,
        restore_point=request.point.name,
        warnings=warnings,
    )


def _report_failure(
    context: Any, request: RestoreRequest, wish: dict[str, Any], operated: StepResult
) -> Generator[Any, Any, None]:
    """Have the report left of a restore that was accepted and then failed; the word does not wait long."""
    if operated.outcome is not Outcome.FAILED or "operation" not in operated.value:
        return
    until = context.current_utc_datetime + dt.timedelta(seconds=request.intervals.report_patience_s)
    patience = Patience(until=until, intervals=request.intervals)
    fault = operated.fault.to_json() if operated.fault else None
    yield from repeat(context, "report_failed_restore", {**wish, "fault": fault}, patience)


def _secure(context: Any, request: RestoreRequest) -> Generator[Any, Any, StepResult]:
    """Back up what the target holds; DONE carries `safetyBackup`, null if nothing had to be backed up."""
    if not request.safety_backup:
        return done(safetyBackup=None)
    prepared = yield from repeat(
        context, "prepare_safety", request.to_json(), busy_patience(context, request)
    )
    if prepared.state is StepState.END:
        return prepared
    safety = Safety.from_json(prepared.value)
    if safety.wish is None:
        return done(safetyBackup=safety.made)
    if safety.is_open:
        waiting_for = f"the safety backup of {request.target.name}, run {safety.wish.run_id}"
        context.set_custom_status({"step": safety.wish.function, "waitingFor": waiting_for})
        with contextlib.suppress(Exception):  # the run's record says what became of it, and is asked next
            yield context.call_sub_orchestrator(
                safety.wish.function, safety.wish.to_json(), safety.instance_id
            )
        context.set_custom_status({"step": "keep_safety"})
    kept = yield from repeat(context, "keep_safety", request.to_json(), busy_patience(context, request))
    return kept


def _with_time(request: RestoreRequest, now: dt.datetime) -> RestoreRequest:
    """Give the restore all of its time: what came before it may have taken hours."""
    until = now + dt.timedelta(seconds=request.intervals.deadline_s)
    return request.model_copy(update={"deadline_at": max(request.deadline_at, until)})
