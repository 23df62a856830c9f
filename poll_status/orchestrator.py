"""The polling of one operation, as a sub-orchestration."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from typing import Any

from shared.core import polling
from shared.core.lro import Fault, OperationStatus, PollState
from shared.core.polling import POLLS_PER_GENERATION, FollowEnd, FollowState


def poll_operation(context: Any) -> Generator[Any, Any, dict[str, Any] | None]:
    """
    Ask an operation's URL until it ended, the deadline passed, or nobody may tell us.

    Input: FollowState. Output: FollowEnd. Starts anew with the same state every POLLS_PER_GENERATION
    polls, so that the cost of a poll does not grow with the hours.
    """
    state = FollowState.from_json(context.get_input())
    if state.next_at is None:
        if context.parent_instance_id is None:
            raise ValueError("poll_operation runs only under a run; POST /api/restores starts one")
        state = polling.begin(state, context.current_utc_datetime)
    for _ in range(POLLS_PER_GENERATION):
        context.set_custom_status(_progress(state))
        if state.next_at is not None and state.next_at > context.current_utc_datetime:
            yield context.create_timer(state.next_at)
        status = yield from _poll_once(context, state)
        decision = polling.decide(state, status, context.current_utc_datetime)
        if isinstance(decision, FollowEnd):
            return decision.to_json()
        state = decision
    context.continue_as_new(state.to_json())
    return None


def _poll_once(context: Any, state: FollowState) -> Generator[Any, Any, OperationStatus]:
    question = {"operation": state.operation.to_json(), "refreshToken": state.refresh_token}
    try:
        answer = yield context.call_activity("poll_once", question)
        return OperationStatus.from_json(answer)
    except Exception:  # noqa: BLE001 - Durable raises nothing more precise for a failed activity
        # the read died, not the operation
        fault = Fault(code="PollCrashed", message="the poll itself failed; see the log of poll_once")
        return OperationStatus(state=PollState.FAULT, operation=state.operation, fault=fault)


def _progress(state: FollowState) -> dict[str, Any]:
    return {
        "polls": state.polls,
        "nextPollAt": _iso(state.next_at) if state.next_at else None,
        "fault": state.last_fault.code if state.last_fault else None,
    }


def _iso(at: dt.datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
