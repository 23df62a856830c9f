"""The plans of a night and of one backup, as generators. Only yields, pure calls and returns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from typing import Any

from shared.core import fleet
from shared.core.fleet import LOOKS_PER_GENERATION, FleetState
from shared.core.requests import BackupRequest
from shared.core.runs import Outcome, RunEnd
from shared.core.steps import StepState, repeat
from shared.operation import busy_patience, conclude, ended, insist, operate


def back_up_fleet(context: Any) -> Generator[Any, Any, dict[str, Any] | None]:
    """
    Back up every service of the plan, some at a time, and record the night.

    Input: {"v": 1, "requestedAt"} at first, FleetState in later generations. Output: NightRecord.
    """
    data = context.get_input()
    if "night" not in data:
        data = yield context.call_activity("plan_night", data)
    state = FleetState.from_json(data)
    for _ in range(LOOKS_PER_GENERATION):
        for service in fleet.to_start(state):
            answer = yield from _start(context, state, service)
            state = fleet.started(state, service, answer, context.current_utc_datetime)
        if state.is_over:
            record = fleet.record(state, context.current_utc_datetime).to_json()
            written = yield from repeat(context, "end_night", record, insist(context, state.intervals))
            if written.state is StepState.END:
                raise RuntimeError(f"the record of night {state.night} could not be written")
            return record
        wait = dt.timedelta(seconds=state.intervals.follow_s)
        yield context.create_timer(context.current_utc_datetime + wait)
        if state.active:
            looks = yield from _look(context, state)
            state = fleet.looked(state, looks)
    context.continue_as_new(state.to_json())
    return None


def back_up_service(context: Any) -> Generator[Any, Any, dict[str, Any]]:
    """
    Back up one service and record a restore point.

    Input: BackupRequest, whose run record exists. Output: RunEnd.
    """
    request = BackupRequest.from_json(context.get_input())
    end = yield from _back_up(context, request)
    output = yield from conclude(context, request, end)
    return output


def _back_up(context: Any, request: BackupRequest) -> Generator[Any, Any, RunEnd]:
    prepared = yield from repeat(
        context, "prepare_backup", request.to_json(), busy_patience(context, request)
    )
    if prepared.state is StepState.END:
        return ended(request, prepared)
    operated = yield from operate(context, request, "begin_backup")
    polls = int(operated.value.get("polls", 0))
    if operated.state is StepState.END:
        return ended(request, operated, polls)
    facts = {"request": request.to_json(), "prepared": prepared.value, "polls": polls}
    verified = yield from repeat(context, "verify_backup", facts, insist(context, request.intervals))
    if verified.state is StepState.END:
        return ended(request, verified, polls)
    recorded = yield from repeat(
        context, "record_restore_point", verified.value, insist(context, request.intervals)
    )
    if recorded.state is StepState.END:
        return ended(request, recorded, polls)
    return RunEnd(
        run_id=request.run_id,
        outcome=Outcome.SUCCEEDED,
        polls=polls,
        restore_point=request.backup_name,
        warnings=tuple(verified.value["point"]["warnings"]),
    )


def _start(context: Any, state: FleetState, service: str) -> Generator[Any, Any, dict[str, Any]]:
    wish = {"v": 1, "service": service, "requestedAt": state.to_json()["requestedAt"]}
    try:
        answer: dict[str, Any] = yield context.call_activity("start_backup", wish)
    except Exception:  # noqa: BLE001 - a service that cannot be started now must not hold up the others
        return {"fault": {"code": "StartFailed", "message": "see the log of start_backup"}}
    return answer


def _look(context: Any, state: FleetState) -> Generator[Any, Any, list[dict[str, Any]]]:
    question = {"v": 1, "runs": [run.to_json() for run in state.active]}
    try:
        answer = yield context.call_activity("run_states", question)
    except Exception:  # noqa: BLE001 - a look that failed says nothing about the runs
        return []
    looks: list[dict[str, Any]] = answer["runs"]
    return looks
