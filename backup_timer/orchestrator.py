"""The plans of a night and of one backup, as generators. Only yields, pure calls and returns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from typing import Any

from shared.core import fleet
from shared.core.fleet import LOOKS_PER_GENERATION, STARTS_PER_GENERATION, FleetState
from shared.core.glance import glance
from shared.core.nights import NightWish
from shared.core.requests import BackupRequest
from shared.core.runs import Outcome, RunEnd
from shared.core.steps import Patience, StepState, repeat
from shared.operation import busy_patience, conclude, ended, insist, operate


def back_up_fleet(context: Any) -> Generator[Any, Any, dict[str, Any] | None]:
    """
    Back up many services, some at a time, and record the night.

    Input: NightWish at first, FleetState in later generations. Output: {"night", "words"}.
    """
    data = context.get_input()
    state = FleetState.from_json(data) if "wish" in data else (yield from _plan(context, data))
    starts = 0
    for _ in range(LOOKS_PER_GENERATION):
        state, count = yield from _start_due(context, state)
        starts += count
        if state.is_over:
            output = yield from _end(context, state)
            return output
        context.set_custom_status(glance(state))
        if starts >= STARTS_PER_GENERATION:
            break
        wait = dt.timedelta(seconds=state.intervals.follow_s)
        yield context.create_timer(context.current_utc_datetime + wait)
        if state.active:
            looks = yield from _look(context, state)
            state = fleet.looked(state, looks, context.current_utc_datetime)
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
    prune_warnings = yield from _prune(context, request)
    return RunEnd(
        run_id=request.run_id,
        outcome=Outcome.SUCCEEDED,
        polls=polls,
        restore_point=request.backup_name,
        warnings=(
            *verified.value["point"]["warnings"],
            *recorded.value.get("warnings", ()),
            *prune_warnings,
        ),
        # null, which is not known, asks for no further backup
        changed_while_running=bool((verified.value["point"]["inventory"] or {}).get("changedWhileRunning")),
    )


def _prune(context: Any, request: BackupRequest) -> Generator[Any, Any, tuple[str, ...]]:
    """Let go what the rules no longer keep, and return warnings: no trouble here is one of the backup."""
    until = context.current_utc_datetime + dt.timedelta(seconds=request.intervals.catalog_patience_s)
    wish = {"service": request.service, "runId": request.run_id, "fresh": request.backup_name}
    patience = Patience(until=until, intervals=request.intervals)
    pruned = yield from repeat(context, "prune_restore_points", wish, patience)
    if pruned.state is StepState.END:
        why = (pruned.fault.message or pruned.fault.code) if pruned.fault else "see the log"
        return (f"pruning failed: {why}",)
    return tuple(pruned.value["warnings"])


def _plan(context: Any, data: dict[str, Any]) -> Generator[Any, Any, FleetState]:
    wish = NightWish.from_json(data)
    until = context.current_utc_datetime + dt.timedelta(seconds=wish.intervals.busy_patience_s)
    planned = yield from repeat(context, "plan_night", data, Patience(until=until, intervals=wish.intervals))
    if planned.state is StepState.END:
        why = planned.fault.message if planned.fault else "see the log of plan_night"
        raise RuntimeError(f"night {wish.night} could not be planned: {why}")
    return FleetState.from_json(planned.value["state"])


def _start_due(context: Any, state: FleetState) -> Generator[Any, Any, tuple[FleetState, int]]:
    """Start whoever's turn it is; a busy service gives its place to the next one at once."""
    now, count = context.current_utc_datetime, 0
    while count < STARTS_PER_GENERATION and (starts := fleet.to_start(state, now)):
        calls = [context.call_activity("start_backup", start.to_json()) for start in starts]
        try:
            answers = yield context.task_all(calls)
        except Exception:  # noqa: BLE001 - a worker died with a start in its hands: all of them are asked again
            fault = {"code": "StartFailed", "message": "see the log of start_backup"}
            answers = [{"fault": fault}] * len(starts)
        # counted from when they were asked, so that nobody's turn comes twice here
        state = fleet.started(state, starts, answers, now)
        count += len(starts)
    return state, count


def _end(context: Any, state: FleetState) -> Generator[Any, Any, dict[str, Any]]:
    ended_at = context.current_utc_datetime.isoformat()
    night = {"v": 1, "state": state.to_json(), "endedAt": ended_at}
    written = yield from repeat(context, "end_night", night, insist(context, state.intervals))
    if written.state is StepState.END:
        why = written.fault.message if written.fault else "see the log of end_night"
        raise RuntimeError(f"the record of night {state.wish.night} could not be written: {why}")
    return {"v": 1, **written.value}


def _look(context: Any, state: FleetState) -> Generator[Any, Any, list[dict[str, Any]]]:
    question = {"v": 1, "runs": [run.to_json() for run in state.active]}
    try:
        answer = yield context.call_activity("run_states", question)
    except Exception:  # noqa: BLE001 - a look that failed says nothing about the runs
        return []
    looks: list[dict[str, Any]] = answer["runs"]
    return looks
