"""Whether a POST may be sent, and what its answer changes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shared.core.intervals import Intervals
from shared.core.lro import Fault, SubmissionState
from shared.core.preflight_facts import Check, Verdict
from shared.core.runs import Outcome, RunPhase, RunRecord
from shared.core.steps import StepState
from shared.core.submission import (
    DENIED_HINT,
    POSTS_MAX,
    Evidence,
    Weighed,
    after_post,
    intend,
    needs_note,
    settle,
    weigh,
    withdraw,
    word_on_record,
)
from tests.core import make

S = SubmissionState
INTERVALS = Intervals()
GRACE = dt.timedelta(seconds=INTERVALS.evidence_grace_s)
LATER = make.after(minutes=1)


def _posted(posts: int = 1, **changes: Any) -> RunRecord:
    return make.run(RunPhase.SUBMITTING, **{"posts": posts, "posted_at": make.NOW} | changes)


EVIDENCE = {
    "something runs": (True, None, 1, GRACE * 9, Weighed.WAIT),
    "something runs beside the effect": (True, True, 1, GRACE * 9, Weighed.WAIT),
    "it could not be looked for": (False, None, 1, GRACE * 9, Weighed.WAIT),
    "the effect is there": (False, True, 1, GRACE * 9, Weighed.SETTLED),
    "the effect is there at once": (False, True, 1, GRACE * 0, Weighed.SETTLED),
    "the effect is there after the last POST": (False, True, POSTS_MAX, GRACE, Weighed.SETTLED),
    "no trace yet": (False, False, 1, GRACE - dt.timedelta(seconds=1), Weighed.WAIT),
    "no trace after the grace": (False, False, 1, GRACE, Weighed.POST),
    "no trace after the last but one": (False, False, POSTS_MAX - 1, GRACE, Weighed.POST),
    "no trace after the last POST": (False, False, POSTS_MAX, GRACE, Weighed.GIVE_UP),
    "the last POST has its grace": (False, False, POSTS_MAX, GRACE * 0, Weighed.WAIT),
}


@pytest.mark.parametrize(
    ("in_transition", "effect", "posts", "since", "expected"), EVIDENCE.values(), ids=EVIDENCE
)
def test_evidence_decides_what_a_lost_answer_means(
    in_transition: bool, effect: bool | None, posts: int, since: dt.timedelta, expected: Weighed
) -> None:
    """A POST is repeated only where it certainly never took effect."""
    evidence = Evidence(in_transition=in_transition, effect_seen=effect)

    assert expected is weigh(_posted(posts), evidence, make.NOW + since, INTERVALS)


def test_the_intention_is_written_before_the_post() -> None:
    """Whoever reads the record after a crash knows that a POST may be on its way."""
    run = intend(make.run(), LATER)

    assert (run.phase, run.posts, run.posted_at) == (RunPhase.SUBMITTING, 1, LATER)


def test_a_second_intention_counts_on() -> None:
    """The record tells how many POSTs may have arrived."""
    run = intend(_posted(1), LATER)

    assert (run.phase, run.posts, run.posted_at) == (RunPhase.SUBMITTING, 2, LATER)


def test_the_time_of_the_first_post_stays() -> None:
    """What the operation captured is not older than the first POST, whichever of them it was."""
    first = intend(make.run(), make.NOW)

    second = intend(first, LATER)

    assert (first.first_posted_at, second.first_posted_at, second.posted_at) == (make.NOW, make.NOW, LATER)


def test_the_time_of_a_post_of_an_older_release_is_the_first_ones() -> None:
    """Its record knows only the last POST."""
    assert intend(_posted(1), LATER).first_posted_at == make.NOW


def test_the_time_of_a_withdrawn_post_is_forgotten_with_it() -> None:
    """The next POST is the first again."""
    assert withdraw(intend(make.run(), make.NOW), LATER).first_posted_at is None


def test_withdrawing_the_only_post_leaves_no_trace() -> None:
    """It is certain that nothing is on its way, so the next try needs no evidence."""
    run = withdraw(_posted(1), LATER)

    assert (run.phase, run.posts, run.posted_at) == (RunPhase.REQUESTED, 0, None)


def test_withdrawing_a_second_post_keeps_the_first_on_record() -> None:
    """The first one's fate is still unknown, so evidence is looked for before the next try."""
    run = withdraw(_posted(2), LATER)

    assert (run.phase, run.posts, run.posted_at) == (RunPhase.SUBMITTING, 1, make.NOW)


def test_settling_goes_on_to_verify() -> None:
    """An operation without a Location is over when its effect is seen."""
    run = settle(_posted(), LATER)

    assert (run.phase, run.phase_at) == (RunPhase.VERIFYING, LATER)


DONE, RETRY, END = StepState.DONE, StepState.RETRY, StepState.END
ANSWERS = {
    "accepted": (S.ACCEPTED, 1, DONE, None, RunPhase.RUNNING, 1),
    "accepted, second": (S.ACCEPTED, 2, DONE, None, RunPhase.RUNNING, 2),
    "completed": (S.COMPLETED, 1, DONE, None, RunPhase.VERIFYING, 1),
    "completed, second": (S.COMPLETED, 2, DONE, None, RunPhase.VERIFYING, 2),
    "unclear": (S.UNCLEAR, 1, RETRY, Outcome.OUTCOME_UNKNOWN, RunPhase.SUBMITTING, 1),
    "unclear, second": (S.UNCLEAR, 2, RETRY, Outcome.OUTCOME_UNKNOWN, RunPhase.SUBMITTING, 2),
    "busy": (S.BUSY, 1, RETRY, Outcome.REFUSED, RunPhase.REQUESTED, 0),
    "busy, second": (S.BUSY, 2, RETRY, Outcome.OUTCOME_UNKNOWN, RunPhase.SUBMITTING, 1),
    "denied": (S.DENIED, 1, END, Outcome.REFUSED, RunPhase.REQUESTED, 0),
    "denied, second": (S.DENIED, 2, END, Outcome.OUTCOME_UNKNOWN, RunPhase.SUBMITTING, 2),
    "rejected": (S.REJECTED, 1, END, Outcome.FAILED, RunPhase.REQUESTED, 0),
    "rejected, second": (S.REJECTED, 2, END, Outcome.OUTCOME_UNKNOWN, RunPhase.SUBMITTING, 2),
}


def test_every_answer_is_in_the_table() -> None:
    """First and second POST, for each thing that an answer can say."""
    assert {(state, posts) for state in S for posts in (1, 2)} == {row[:2] for row in ANSWERS.values()}


@pytest.mark.parametrize(
    ("state", "posts", "step", "outcome", "phase", "posts_after"), ANSWERS.values(), ids=ANSWERS
)
def test_an_answer_changes_run_and_step(
    state: SubmissionState,
    posts: int,
    step: StepState,
    outcome: Outcome | None,
    phase: RunPhase,
    posts_after: int,
) -> None:
    """With an earlier POST of unknown fate no refusal proves that nothing was started."""
    run, result = after_post(_posted(posts), make.submission(state), LATER)

    assert (result.state, result.outcome) == (step, outcome)
    assert (run.phase, run.posts) == (phase, posts_after)
    assert (run.posted_at is None) == (posts_after == 0)


def test_an_accepted_operation_is_in_record_and_result() -> None:
    """The Location is kept where a crash finds it, and handed on."""
    run, result = after_post(_posted(), make.submission(S.ACCEPTED), LATER)

    assert run.operation == make.operation()
    assert result.value == {"operation": make.operation().to_json()}


def test_a_completed_operation_is_settled_without_location() -> None:
    """There is nothing to poll."""
    run, result = after_post(_posted(), make.submission(S.COMPLETED), LATER)

    assert (run.operation, result.value) == (None, {"settled": True})


@pytest.mark.parametrize("posts", [1, 2])
@pytest.mark.parametrize(("asked", "expected"), [(17, 17), (None, None)])
def test_a_busy_service_is_asked_again_when_it_says(
    posts: int, asked: int | None, expected: int | None
) -> None:
    """Retry-After counts, else our own growing pauses: 409 ServiceLocked comes without one."""
    answer = make.submission(S.BUSY, retry_after_s=asked)

    assert after_post(_posted(posts), answer, LATER)[1].retry_after_s == expected


def test_a_denied_post_names_the_actions_that_are_needed() -> None:
    """The hint says what to give, the fault keeps Azure's code."""
    answer = make.submission(S.DENIED, fault=Fault(code="AuthorizationFailed"))

    fault = after_post(_posted(), answer, LATER)[1].fault

    assert fault is not None
    assert (fault.code, fault.hint) == ("AuthorizationFailed", DENIED_HINT)


def test_a_busy_service_never_uses_up_the_posts() -> None:
    """A hundred times busy after a lost answer is still one POST of unknown fate."""
    run = _posted(1)
    for _ in range(100):
        run, _result = after_post(intend(run, LATER), make.submission(S.BUSY), LATER)

    assert run.posts == 1


def _restore(posts: int = 1, **changes: Any) -> RunRecord:
    return _posted(posts, kind="restore", **changes)


MINUTE = dt.timedelta(minutes=1)
REPEATED = {
    "in time": (_restore(), 15 * MINUTE, Weighed.POST),
    "too late": (_restore(), 15 * MINUTE + MINUTE / 60, Weighed.UNPROVEN),
    "taken up in time": (_restore(resumes=1), 5 * MINUTE, Weighed.POST),
    "taken up too late": (_restore(resumes=1), 6 * MINUTE, Weighed.UNPROVEN),
    "seen at work": (_restore(transition_seen_at=LATER), GRACE, Weighed.UNPROVEN),
    "a replication": (_restore().model_copy(update={"kind": "replicate"}), 16 * MINUTE, Weighed.UNPROVEN),
    "a backup": (_posted(resumes=1), 5 * 60 * MINUTE, Weighed.POST),
}


@pytest.mark.parametrize(("run", "since", "expected"), REPEATED.values(), ids=REPEATED)
def test_the_post_of_a_restore_is_repeated_only_while_nobody_can_have_changed_its_target(
    run: RunRecord, since: dt.timedelta, expected: Weighed
) -> None:
    """A backup written twice costs a blob, a restore done twice what people did in between."""
    assert (
        weigh(run, Evidence(in_transition=False, effect_seen=False), make.NOW + since, INTERVALS) is expected
    )


EQUAL = Evidence(in_transition=False, effect_seen=True)


@pytest.mark.parametrize("posts", [1, POSTS_MAX])
@pytest.mark.parametrize("resumes", [0, 1])
def test_a_target_that_was_at_work_and_equals_the_point_settles_a_restore_however_late(
    posts: int, resumes: int
) -> None:
    """Something restored it after the POST: nothing needs to be sent."""
    run = _restore(posts, resumes=resumes, transition_seen_at=LATER)

    assert weigh(run, EQUAL, make.NOW + 600 * MINUTE, INTERVALS) is Weighed.SETTLED


EQUAL_ONLY = {
    "in the grace": (_restore(), GRACE - MINUTE / 60, Weighed.WAIT),
    "in time": (_restore(), 15 * MINUTE, Weighed.POST),
    "too late": (_restore(), 15 * MINUTE + MINUTE / 60, Weighed.UNPROVEN),
    "taken up too late": (_restore(resumes=1), 6 * MINUTE, Weighed.UNPROVEN),
    "after the last POST": (_restore(POSTS_MAX), GRACE, Weighed.GIVE_UP),
}


@pytest.mark.parametrize("kind", ["restore", "replicate", "drill"])
@pytest.mark.parametrize(("run", "since", "expected"), EQUAL_ONLY.values(), ids=EQUAL_ONLY)
def test_that_a_target_equals_the_point_alone_is_no_evidence_of_a_restore(
    run: RunRecord, since: dt.timedelta, expected: Weighed, kind: str
) -> None:
    """It may have equalled it before: a drill target does so as a rule."""
    run = run.model_copy(update={"kind": kind})

    assert weigh(run, EQUAL, make.NOW + since, INTERVALS) is expected


def test_the_guards_of_the_last_look_are_written_with_the_intention() -> None:
    """Those of the last POST count: hours may lie between two of them."""
    first, last = (Check(name="NoTraffic", verdict=Verdict.OK, cause=cause) for cause in ("first", "last"))

    run = intend(intend(make.run(), make.NOW, (first,)), LATER, (last,))

    assert run.guards == (last,)


def test_what_the_guards_say_is_kept_in_bounds() -> None:
    """A record is small, whatever Azure's texts are like."""
    long = Check(name="NoTraffic", verdict=Verdict.REFUSAL, cause="x" * 9_999, command="y" * 9_999)

    run = intend(make.run(), make.NOW, (long,) * 999)

    assert len(run.to_bytes()) < 100_000
    assert run.guards[0].cause.endswith("…")


def test_the_word_on_record_ends_a_step() -> None:
    """Whatever a step would do, an ended run keeps the word and the fault that it has."""
    fault = Fault(code="NotStarted")
    ended = make.run(RunPhase.ENDED, outcome=Outcome.REFUSED, fault=fault)

    result = word_on_record(ended)

    assert result is not None
    assert (result.state, result.outcome, result.fault) == (StepState.END, Outcome.REFUSED, fault)
    assert word_on_record(make.run()) is None


def test_that_a_target_was_seen_at_work_is_noted_once_and_for_restores_only() -> None:
    """A backup's effect is its blob."""
    assert needs_note(_restore(), True)
    assert not any(
        needs_note(run, is_in_transition)
        for run, is_in_transition in [
            (_restore(), False),
            (_restore(transition_seen_at=LATER), True),
            (_restore(posted_at=None), True),
            (_posted(), True),
        ]
    )
