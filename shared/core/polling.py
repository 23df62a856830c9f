"""
How an operation is followed to its end. Pure: a state, one answer and a time in, a decision out.

Rules of the file:
1. The answer is looked at first and the deadline second: an operation that ended is never timed out.
2. Faults of the read are survived for as long as the deadline allows.
3. The state has a fixed size, so a poll after five hours costs what the first one cost.
"""

from __future__ import annotations

import datetime as dt
import enum

from shared.core.documents import Document, Utc
from shared.core.intervals import Intervals, backoff_s
from shared.core.lro import Fault, Operation, OperationStatus, PollState

POLLS_PER_GENERATION = 20
"""After so many polls the orchestration starts anew with this state: replay cost grows with history."""


class FollowState(Document):
    """What is carried from poll to poll. All times are aware UTC."""

    run_id: str
    operation: Operation
    deadline_at: Utc
    intervals: Intervals = Intervals()
    next_at: Utc | None = None
    """When to poll next; None before the first wait was chosen."""
    polls: int = 0
    running_at: Utc | None = None
    """When an answer said last that it still runs."""
    faults_in_row: int = 0
    denied_since: Utc | None = None
    not_found_since: Utc | None = None
    refresh_token: bool = False
    last_fault: Fault | None = None


class FollowResult(enum.StrEnum):
    """How following ended. Only the first two are verdicts on the operation."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DENIED = "denied"
    """We may not read the result; the operation goes on without us."""
    LOST = "lost"
    """The result is not to be found any more; only evidence can tell."""
    DEADLINE = "deadline"
    """Still running, or still unreadable, at the deadline."""


class FollowEnd(Document):
    """The end of following: result, the newest operation (its URL is kept for a later look), polls, fault."""

    result: FollowResult
    operation: Operation
    polls: int
    fault: Fault | None = None
    running_at: Utc | None = None
    """When it was last seen at work; None: it was over when it was first seen."""


def begin(state: FollowState, now: dt.datetime) -> FollowState:
    """Return the state before the first poll: it comes after the POST's own Retry-After, else our default."""
    delay_s = state.operation.retry_after_s or state.intervals.poll_default_s
    return state.model_copy(update={"next_at": _no_later(now + dt.timedelta(seconds=delay_s), state)})


def decide(state: FollowState, status: OperationStatus, now: dt.datetime) -> FollowState | FollowEnd:
    """
    Decide what one answer means.

    Args:
        state: what was known before this poll.
        status: the answer, read by lro.read_poll.
        now: aware UTC, when the answer came.

    Returns:
        The end, or the state for the next poll, whose `next_at` is never earlier than the answer's
        Retry-After asks, and never past the deadline, so that one last look is taken there.
    """
    state = _remember(state, status, now)
    if status.state is PollState.SUCCEEDED:
        return _end(state, FollowResult.SUCCEEDED)
    if status.state is PollState.FAILED:
        return _end(state, FollowResult.FAILED)
    if _is_over(state.denied_since, state.intervals.denied_patience_s, now):
        return _end(state, FollowResult.DENIED)
    if _is_over(state.not_found_since, state.intervals.not_found_patience_s, now):
        return _end(state, FollowResult.LOST)
    if now >= state.deadline_at:
        return _end(state, FollowResult.DENIED if state.denied_since else FollowResult.DEADLINE)
    at = now + dt.timedelta(seconds=_delay_s(state, status))
    return state.model_copy(update={"next_at": _no_later(at, state)})


def _remember(state: FollowState, status: OperationStatus, now: dt.datetime) -> FollowState:
    is_denied = status.state in {PollState.DENIED, PollState.UNAUTHENTICATED}
    is_read = status.state in {PollState.RUNNING, PollState.SUCCEEDED, PollState.FAILED}
    return state.model_copy(
        update={
            "operation": status.operation,
            "polls": state.polls + 1,
            "running_at": now if status.state is PollState.RUNNING else state.running_at,
            "faults_in_row": 0 if is_read else state.faults_in_row + 1,
            "denied_since": (state.denied_since or now) if is_denied else None,
            "not_found_since": (state.not_found_since or now)
            if status.state is PollState.NOT_FOUND
            else None,
            # a cached token may be what was refused, so the next poll asks for a new one, once
            "refresh_token": status.state is PollState.UNAUTHENTICATED and not state.refresh_token,
            "last_fault": status.fault,
        }
    )


def _delay_s(state: FollowState, status: OperationStatus) -> int:
    asked = status.operation.retry_after_s
    if state.refresh_token:
        return asked or 1
    if state.faults_in_row == 0:
        return asked or state.intervals.poll_default_s
    pause = backoff_s(state.faults_in_row - 1, state.intervals.fault_first_s, state.intervals.fault_max_s)
    return max(asked or 0, pause)


def _is_over(since: dt.datetime | None, patience_s: int, now: dt.datetime) -> bool:
    return since is not None and now - since >= dt.timedelta(seconds=patience_s)


def _no_later(at: dt.datetime, state: FollowState) -> dt.datetime:
    return min(at, state.deadline_at)


def _end(state: FollowState, result: FollowResult) -> FollowEnd:
    return FollowEnd(
        result=result,
        operation=state.operation,
        polls=state.polls,
        fault=state.last_fault,
        running_at=state.running_at,
    )
