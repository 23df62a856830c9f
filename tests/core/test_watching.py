"""What is done for an open run: every way that a run can stand leads to one sort of care."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest

from shared.core.intervals import Intervals
from shared.core.runs import Look, Outcome, Resolution, RunPhase, RunRecord
from shared.core.watching import RESUMES_MAX, Care, care_for, end_of, wish_of
from tests.core import make

INTERVALS = Intervals()
MINUTE = dt.timedelta(minutes=1)
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def backup(phase: RunPhase = RunPhase.REQUESTED, **changes: Any) -> RunRecord:
    """Return a backup's run with its wish, deadline after 8 hours."""
    return make.run(phase, **{"wish": make.backup_request().to_json()} | changes)


def restore(phase: RunPhase = RunPhase.REQUESTED, **changes: Any) -> RunRecord:
    """Return a restore's run with its wish, deadline after 8 hours."""
    return make.run(phase, **{"kind": "restore", "wish": make.restore_request().to_json()} | changes)


def care(
    run: RunRecord,
    idle: dt.timedelta,
    *,
    seen_after: dt.timedelta | None = None,
    is_driven: bool = False,
) -> Care:
    """Return the care for a run so long after its phase began."""
    seen_at = make.NOW + seen_after if seen_after is not None else None
    return care_for(run, seen_at, is_driven=is_driven, now=make.NOW + idle, intervals=INTERVALS)


SENT = {"posts": 1, "posted_at": make.NOW}
ACCEPTED = {**SENT, "operation": make.operation()}

UNDRIVEN = {
    "just written down": (backup(), 5 * MINUTE, Care.LEAVE),
    "a backup that was not sent": (backup(), 6 * MINUTE, Care.RESUME),
    "a backup that was not sent, shortly before its deadline": (backup(), 8 * HOUR - MINUTE, Care.RESUME),
    "a backup that was not sent, at its deadline": (backup(), 8 * HOUR, Care.END),
    "a restore that was not sent": (restore(), HOUR, Care.RESUME),
    "a restore that was not sent for over an hour": (restore(), HOUR + MINUTE, Care.END),
    "a backup's POST of unknown fate": (backup(RunPhase.SUBMITTING, **SENT), 7 * HOUR, Care.RESUME),
    "a backup's POST of unknown fate, too late": (backup(RunPhase.SUBMITTING, **SENT), 9 * HOUR, Care.END),
    "a restore's POST of unknown fate": (restore(RunPhase.SUBMITTING, **SENT), HOUR, Care.RESUME),
    "a restore's POST of unknown fate, too late": (restore(RunPhase.SUBMITTING, **SENT), 2 * HOUR, Care.END),
    "a backup that runs": (backup(RunPhase.RUNNING, **ACCEPTED), 9 * HOUR, Care.RESUME),
    "a restore that runs": (restore(RunPhase.RUNNING, **ACCEPTED), 30 * HOUR, Care.RESUME),
    "a backup that is verified": (backup(RunPhase.VERIFYING, **SENT), 9 * HOUR, Care.RESUME),
    "lost for the last time": (backup(resumes=RESUMES_MAX - 1), 6 * MINUTE, Care.RESUME),
    "lost too often": (backup(resumes=RESUMES_MAX), 6 * MINUTE, Care.END),
    "lost too often while it runs": (
        backup(RunPhase.RUNNING, resumes=RESUMES_MAX, **ACCEPTED),
        6 * MINUTE,
        Care.END,
    ),
    "without its wish": (backup(wish={}), 6 * DAY, Care.LEAVE),
    "without its wish for over a week": (backup(wish={}), 8 * DAY, Care.GIVE_UP),
    "with the wish of another release": (backup(wish={"v": 9}), 6 * MINUTE, Care.LEAVE),
}


@pytest.mark.parametrize(("run", "idle", "expected"), UNDRIVEN.values(), ids=UNDRIVEN)
def test_a_run_that_nothing_drives(run: RunRecord, idle: dt.timedelta, expected: Care) -> None:
    """It is taken up again where that surprises nobody, and ended where it would."""
    assert care(run, idle) is expected


RESTORING = restore()
PARTS = {
    "not sent, and its restore may go on": (backup(), 6 * MINUTE, RESTORING, Care.LEAVE),
    "not sent for hours, and its restore may go on": (backup(), 5 * HOUR, RESTORING, Care.LEAVE),
    "accepted, and its restore may go on": (
        backup(RunPhase.RUNNING, **ACCEPTED),
        6 * MINUTE,
        RESTORING,
        Care.LEAVE,
    ),
    "not sent, and its restore has ended": (backup(), 6 * MINUTE, restore(RunPhase.ENDED), Care.END),
    "not sent, and its restore is gone": (backup(), 6 * MINUTE, None, Care.END),
    "of unknown fate, and its restore has ended": (
        backup(RunPhase.SUBMITTING, **SENT),
        6 * MINUTE,
        restore(RunPhase.ENDED),
        Care.END,
    ),
    "accepted, and its restore has ended": (
        backup(RunPhase.RUNNING, **ACCEPTED),
        6 * MINUTE,
        restore(RunPhase.ENDED),
        Care.RESUME,
    ),
    "just written down": (backup(), MINUTE, restore(RunPhase.ENDED), Care.LEAVE),
}


@pytest.mark.parametrize(("run", "idle", "whole", "expected"), PARTS.values(), ids=PARTS)
def test_a_part_of_another_run(
    run: RunRecord, idle: dt.timedelta, whole: RunRecord | None, expected: Care
) -> None:
    """It is left to its whole while that has no word, and not begun after it."""
    part = run.model_copy(update={"part_of": RESTORING.run_id})
    now = make.NOW + idle

    found = care_for(part, None, is_driven=False, now=now, intervals=INTERVALS, whole=whole)

    assert found is expected


def test_a_part_that_is_driven_with_its_whole_is_noted() -> None:
    """Whoever drives the restore drives its safety backup."""
    part = backup().model_copy(update={"part_of": RESTORING.run_id})

    found = care_for(part, None, is_driven=True, now=make.NOW + DAY, intervals=INTERVALS, whole=RESTORING)

    assert found is Care.NOTE


ENDED = {
    "just now": (Outcome.OUTCOME_UNKNOWN, {}, 59 * MINUTE, Care.LEAVE),
    "an hour ago": (Outcome.OUTCOME_UNKNOWN, {}, HOUR, Care.RESOLVE),
    "denied": (Outcome.POLL_DENIED, {}, HOUR, Care.RESOLVE),
    "looked at half an hour ago": (
        Outcome.OUTCOME_UNKNOWN,
        {"last_look": Look(at=make.after(hours=5), said="no")},
        5.5 * HOUR,
        Care.LEAVE,
    ),
    "looked at an hour ago": (
        Outcome.OUTCOME_UNKNOWN,
        {"last_look": Look(at=make.after(hours=5), said="no")},
        6 * HOUR,
        Care.RESOLVE,
    ),
    "a week ago": (Outcome.OUTCOME_UNKNOWN, {}, 7 * DAY, Care.RESOLVE),
    "over a week ago": (Outcome.OUTCOME_UNKNOWN, {}, 7 * DAY + MINUTE, Care.GIVE_UP),
    "succeeded": (Outcome.SUCCEEDED, {}, MINUTE, Care.CLOSE),
    "failed": (Outcome.FAILED, {}, MINUTE, Care.CLOSE),
    "refused": (Outcome.REFUSED, {}, MINUTE, Care.CLOSE),
    "resolved": (
        Outcome.OUTCOME_UNKNOWN,
        {"resolution": Resolution(outcome=Outcome.FAILED, at=make.NOW)},
        HOUR,
        Care.CLOSE,
    ),
}


@pytest.mark.parametrize(("outcome", "changes", "ago", "expected"), ENDED.values(), ids=ENDED)
def test_a_run_that_ended(
    outcome: Outcome, changes: dict[str, Any], ago: dt.timedelta, expected: Care
) -> None:
    """Without proof it is looked at once an hour for a week; with proof it needs no care."""
    assert care(backup(RunPhase.ENDED, outcome=outcome, **changes), ago) is expected


@pytest.mark.parametrize("phase", RunPhase)
def test_a_run_that_is_driven_is_left_alone_in_every_phase(phase: RunPhase) -> None:
    """However old it is, and whatever became of it before."""
    outcome = Outcome.OUTCOME_UNKNOWN if phase is RunPhase.ENDED else None
    run = restore(phase, outcome=outcome, resumes=RESUMES_MAX)

    assert care(run, 9 * DAY, is_driven=True) is Care.NOTE


def test_how_long_nobody_drove_it_counts_from_when_it_was_seen() -> None:
    """A restore that waited for three hours, and was lost ten minutes ago, is not stale."""
    assert care(restore(), 3 * HOUR, seen_after=3 * HOUR - 10 * MINUTE) is Care.RESUME
    assert care(restore(), 3 * HOUR, seen_after=HOUR) is Care.END
    assert care(backup(), 3 * HOUR, seen_after=3 * HOUR - 4 * MINUTE) is Care.LEAVE


def test_a_restore_is_never_taken_up_where_a_post_could_come_late() -> None:
    """Over all phases and ages: RESUME of a stale restore only where nothing is sent any more."""
    for phase, sent, hours in itertools.product(RunPhase, ({}, SENT, ACCEPTED), range(2, 200, 7)):
        outcome = Outcome.OUTCOME_UNKNOWN if phase is RunPhase.ENDED else None
        run = restore(phase, outcome=outcome, **sent)
        if care(run, hours * HOUR) is Care.RESUME:
            assert run.operation is not None or phase is RunPhase.VERIFYING


def test_a_run_that_was_never_sent_ends_as_refused() -> None:
    """Nothing was changed, and it says why."""
    end = end_of(restore())

    assert end.fault is not None
    assert (end.outcome, end.fault.code) == (Outcome.REFUSED, "NotStarted")


def test_a_run_with_a_post_of_unknown_fate_ends_without_proof() -> None:
    """It may have taken effect."""
    end = end_of(backup(RunPhase.SUBMITTING, **SENT))

    assert end.fault is not None
    assert (end.outcome, end.fault.code) == (Outcome.OUTCOME_UNKNOWN, "AnswerLost")


def test_a_run_that_was_lost_too_often_says_how_often() -> None:
    """Once at first, and once for each time it was taken up."""
    end = end_of(backup(RunPhase.RUNNING, resumes=RESUMES_MAX, **ACCEPTED))

    assert end.fault is not None
    assert (end.outcome, end.fault.code) == (Outcome.OUTCOME_UNKNOWN, "LostTooOften")
    assert f"{RESUMES_MAX + 1} times" in end.fault.message


def test_the_wish_on_record_is_the_wish() -> None:
    """It is read by the run's kind."""
    assert wish_of(make.backup_request().first_record()) == make.backup_request()
    assert wish_of(make.restore_request().first_record()) == make.restore_request()
    assert wish_of(make.run()) is None
