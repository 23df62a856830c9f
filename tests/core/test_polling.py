"""Following an operation: what each answer and each hour does to the state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.intervals import Intervals
from shared.core.lro import OperationStatus, PollState
from shared.core.polling import FollowEnd, FollowResult, FollowState, begin, decide
from tests.core import make

P, R = PollState, FollowResult
DEFAULTS = Intervals()


def _go_on(decision: FollowState | FollowEnd) -> FollowState:
    assert isinstance(decision, FollowState)
    return decision


def _stop(decision: FollowState | FollowEnd) -> FollowEnd:
    assert isinstance(decision, FollowEnd)
    return decision


def _follow(state: FollowState, answers: Sequence[OperationStatus]) -> tuple[FollowEnd | None, dt.datetime]:
    """Play answers, each at the time that the state asks for; return the end, if any, and the time."""
    state = begin(state, make.NOW)
    now = make.NOW
    for answer in answers:
        assert state.next_at is not None
        now = state.next_at
        decision = decide(state, answer, now)
        if isinstance(decision, FollowEnd):
            return decision, now
        state = decision
    return None, now


def _waited_s(state: FollowState, now: dt.datetime = make.NOW) -> float:
    assert state.next_at is not None
    return (state.next_at - now).total_seconds()


def test_the_first_poll_comes_after_the_posts_retry_after() -> None:
    """The POST's own answer says when to ask first."""
    assert _waited_s(begin(make.follow_state(operation=make.operation(retry_after_s=42)), make.NOW)) == 42


def test_the_first_poll_comes_after_our_default_otherwise() -> None:
    """Nothing is asked at once: no operation ends in its first second."""
    assert _waited_s(begin(make.follow_state(), make.NOW)) == 60


def test_the_first_poll_is_not_after_the_deadline() -> None:
    """A deadline sooner than the first wait gets its look."""
    state = begin(make.follow_state(hours=0, operation=make.operation(retry_after_s=600)), make.NOW)

    assert _waited_s(state) == 0


@pytest.mark.parametrize(
    ("state", "expected"), [(P.SUCCEEDED, R.SUCCEEDED), (P.FAILED, R.FAILED)], ids=["succeeded", "failed"]
)
def test_an_operation_that_ended_is_never_timed_out(state: PollState, expected: FollowResult) -> None:
    """The last look, after the deadline, still brings the verdict."""
    end = _stop(decide(make.follow_state(hours=-1), make.status(state), make.NOW))

    assert expected is end.result


def test_a_verdict_counts_after_hours_of_denial() -> None:
    """The answer is looked at before any patience."""
    state = make.follow_state(denied_since=make.after(hours=-7), not_found_since=make.after(hours=-7))

    assert _stop(decide(state, make.status(P.SUCCEEDED), make.NOW)).result is R.SUCCEEDED


def test_a_running_operation_ends_at_the_deadline_and_not_before() -> None:
    """One second before there is one more look; at the deadline itself it is over."""
    state = make.follow_state(hours=1)

    early = _go_on(decide(state, make.status(P.RUNNING, retry_after_s=600), make.after(seconds=3599)))
    late = _stop(decide(state, make.status(P.RUNNING), make.after(hours=1)))

    assert early.next_at == state.deadline_at
    assert late.result is R.DEADLINE


def test_the_deadline_keeps_the_newest_location() -> None:
    """A human finds where to look later, and how often we looked."""
    moved = make.operation(make.LOCATION + "&moved=1")
    answer = OperationStatus(state=P.RUNNING, operation=moved)

    end = _stop(decide(make.follow_state(hours=0, polls=7), answer, make.NOW))

    assert (end.operation, end.polls, end.fault) == (moved, 8, None)


def test_the_deadline_tells_the_last_fault() -> None:
    """An operation whose answers could not be read says why."""
    end = _stop(decide(make.follow_state(hours=0), make.status(P.FAULT, code="Http502"), make.NOW))

    assert (end.result, end.fault and end.fault.code) == (R.DEADLINE, "Http502")


def test_a_running_answer_sets_the_next_poll_by_its_retry_after() -> None:
    """What was asked for is what is waited."""
    decision = _go_on(decide(make.follow_state(), make.status(P.RUNNING, retry_after_s=17), make.NOW))

    assert _waited_s(decision) == 17


def test_a_running_answer_without_retry_after_waits_our_default() -> None:
    """60 s, as the contract says."""
    assert _waited_s(_go_on(decide(make.follow_state(), make.status(P.RUNNING), make.NOW))) == 60


def test_faults_are_survived_for_hours_with_a_capped_backoff() -> None:
    """15 s, doubling up to 5 minutes, until the deadline and no further."""
    state, now, waits = make.follow_state(hours=5), make.NOW, []
    while isinstance(decision := decide(state, make.status(P.FAULT), now), FollowState):
        waits.append(_waited_s(decision, now))
        assert decision.next_at is not None
        state, now = decision, decision.next_at

    assert waits[:6] == [15, 30, 60, 120, 240, 300]
    assert max(waits) == 300
    assert (decision.result, now) == (R.DEADLINE, make.after(hours=5))


def test_a_faults_retry_after_is_kept_to_when_longer_than_the_backoff() -> None:
    """429 with 200 s waits 200 s; 429 with 1 s waits the backoff."""
    long = _go_on(decide(make.follow_state(), make.status(P.FAULT, retry_after_s=200), make.NOW))
    short = _go_on(decide(make.follow_state(), make.status(P.FAULT, retry_after_s=1), make.NOW))

    assert (_waited_s(long), _waited_s(short)) == (200, 15)


def test_a_good_answer_resets_every_counter() -> None:
    """After one readable answer the next fault is the first one again."""
    state = make.follow_state(
        faults_in_row=9, denied_since=make.NOW, not_found_since=make.NOW, refresh_token=True
    )

    after = _go_on(decide(state, make.status(P.RUNNING), make.NOW))

    assert (after.faults_in_row, after.denied_since, after.not_found_since) == (0, None, None)
    assert (after.refresh_token, after.last_fault) == (False, None)


def test_a_401_asks_for_a_new_token_once_and_soon() -> None:
    """A cached token may be what was refused; the second 401 in a row waits like a fault."""
    first = _go_on(decide(make.follow_state(), make.status(P.UNAUTHENTICATED), make.NOW))
    second = _go_on(decide(first, make.status(P.UNAUTHENTICATED), make.after(seconds=1)))

    assert (first.refresh_token, _waited_s(first)) == (True, 1)
    assert (second.refresh_token, _waited_s(second, make.after(seconds=1))) == (False, 30)


def test_a_401_with_retry_after_waits_that_long() -> None:
    """The next poll is never earlier than the answer asks, also with a new token."""
    after = _go_on(decide(make.follow_state(), make.status(P.UNAUTHENTICATED, retry_after_s=90), make.NOW))

    assert (after.refresh_token, _waited_s(after)) == (True, 90)


@pytest.mark.parametrize("state", [P.DENIED, P.UNAUTHENTICATED])
def test_a_refusal_ends_as_denied_only_after_patience(state: PollState) -> None:
    """New role assignments take minutes: refused for 15 minutes is denied, one second less is not."""
    waiting = make.follow_state(denied_since=make.NOW)

    _go_on(decide(waiting, make.status(state), make.after(seconds=DEFAULTS.denied_patience_s - 1)))
    end = _stop(decide(waiting, make.status(state), make.after(seconds=DEFAULTS.denied_patience_s)))

    assert end.result is R.DENIED


def test_a_refusal_at_the_deadline_is_denied() -> None:
    """That we may not read is more to the point than that time is over."""
    end = _stop(decide(make.follow_state(hours=0), make.status(P.DENIED), make.NOW))

    assert end.result is R.DENIED


def test_an_early_404_is_tolerated() -> None:
    """A Location has been seen to exist only after a while."""
    end, _ = _follow(
        make.follow_state(), [make.status(P.NOT_FOUND), make.status(P.RUNNING), make.status(P.SUCCEEDED)]
    )

    assert end is not None
    assert end.result is R.SUCCEEDED


def test_a_lasting_404_is_lost() -> None:
    """After 15 minutes of 404 only evidence can tell."""
    end, at = _follow(make.follow_state(), [make.status(P.NOT_FOUND)] * 100)

    assert end is not None
    assert end.result is R.LOST
    assert make.after(seconds=900) <= at <= make.after(seconds=900 + 60 + 300)


def test_404_and_403_are_counted_apart() -> None:
    """Each patience is for an uninterrupted row of the same answers."""
    answers = [make.status(P.NOT_FOUND), make.status(P.DENIED)] * 40

    end, at = _follow(make.follow_state(hours=3), answers)

    assert end is not None
    assert at == make.after(hours=3)


def test_an_end_says_how_often_was_asked() -> None:
    """Every answer counts as a poll, faults included."""
    answers = [make.status(P.RUNNING), make.status(P.FAULT), make.status(P.SUCCEEDED)]

    end, _ = _follow(make.follow_state(), answers)

    assert end is not None
    assert end.polls == 3


def test_the_state_does_not_grow_with_the_polls() -> None:
    """After 10,000 polls it is as large as after one of each kind, so a poll costs the same."""
    state, sizes = make.follow_state(hours=10_000), []
    kinds = [P.RUNNING, P.FAULT, P.UNAUTHENTICATED, P.RUNNING, P.DENIED, P.NOT_FOUND]
    for count in range(10_000):
        now = state.next_at or make.NOW
        state = _go_on(decide(state, make.status(kinds[count % len(kinds)]), now))
        if count % 1000 < len(kinds):
            sizes.append(len(state.to_bytes()))

    assert state.polls == 10_000
    assert max(sizes) <= max(sizes[: len(kinds)]) + len("9999")


def test_the_state_survives_its_json() -> None:
    """A new generation reads exactly what the last one wrote."""
    state = make.follow_state(denied_since=make.NOW, next_at=make.after(hours=1), refresh_token=True)

    assert state == FollowState.from_json(state.to_json())


ANSWERS = st.builds(
    make.status, st.sampled_from(PollState), retry_after_s=st.none() | st.integers(min_value=1, max_value=600)
)
HASTE = Intervals(poll_default_s=300, fault_first_s=60)


@settings(max_examples=150, deadline=None)
@given(
    answers=st.lists(ANSWERS, min_size=1, max_size=30),
    hours=st.integers(0, 3),
    late_s=st.integers(0, 1000),
)
def test_following_always_ends_by_the_deadline_in_one_word(
    answers: list[OperationStatus], hours: int, late_s: int
) -> None:
    """Any answers over and over: one end, at the first look after the deadline, true to its answer."""
    state = begin(make.follow_state(hours=hours, intervals=HASTE), make.NOW)
    for count in range(100_000):
        assert state.next_at is not None
        assert state.next_at <= state.deadline_at
        now = state.next_at + dt.timedelta(seconds=late_s)
        answer = answers[count % len(answers)]
        decision = decide(state, answer, now)
        if isinstance(decision, FollowEnd):
            break
        asked_s = answer.operation.retry_after_s or 1
        assert decision.next_at == decision.deadline_at or _waited_s(decision, now) >= asked_s
        assert now < decision.deadline_at
        state = decision
    else:
        pytest.fail("following does not end")

    assert (decision.result is R.SUCCEEDED) == (answer.state is P.SUCCEEDED)
    assert (decision.result is R.FAILED) == (answer.state is P.FAILED)
    assert decision.polls == count + 1
