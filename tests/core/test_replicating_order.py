"""What comes before what: copies, stops, bad points, approvals, and what operators restored."""

from __future__ import annotations

import pytest

from shared.core.replicating import Move, decide, state_of
from shared.core.replication import ReplicationState, ReplicationWord
from shared.core.reports import NewestPoint
from shared.core.runs import Outcome
from tests.core.make import NOW
from tests.core.test_replicating import HOUR, INTERVALS, STANDBY, attempt, candidate, replica, survey


def test_the_newest_missing_copy_comes_first_then_the_restore_then_the_other_copies():
    """A point that could not be copied a moment ago holds up nothing, nor does one that is no better."""
    new, here, old = candidate(1), candidate(2), candidate(3)
    missing = {"to_copy": (new.name, old.name), "uncopied": (new, old)}
    found = survey(here, **missing)

    assert decide(found, INTERVALS).copies == (new.name,)
    assert decide(found, INTERVALS, copies_tried={new.name}).point == here.name
    assert decide(found, INTERVALS, copies_rest=True).point == here.name
    assert decide(survey(**missing), INTERVALS, copies_tried={new.name}).copies == (old.name,)
    assert decide(survey(), INTERVALS, copies_tried={new.name, old.name}).move is Move.REST
    bad = candidate(1, is_rebuilt=True)
    assert decide(survey(here, to_copy=(bad.name,), uncopied=(bad,)), INTERVALS).move is Move.RESTORE


def test_copies_rest_for_an_hour_after_the_other_region_did_not_answer():
    """Remembered from look to look; what is here already is restored meanwhile."""
    new, here = candidate(1), candidate(2)
    found = survey(here, to_copy=(new.name,), uncopied=(new,))
    former = state_of(found, decide(found, INTERVALS), {}, copy_again_at=NOW + HOUR)

    resting = decide(found.model_copy(update={"former": former}), INTERVALS)
    again = decide(found.model_copy(update={"former": former, "at": NOW + HOUR}), INTERVALS)

    assert (resting.move, resting.point) == (Move.RESTORE, here.name)
    assert (again.move, again.copies) == (Move.COPY, (new.name,))


def test_what_is_under_way_or_done_comes_before_copies():
    """A region that does not answer delays neither the end of a restore nor its record."""
    point = candidate()
    missing = {"to_copy": ("b",)}
    running = (attempt(point, word=None),)
    succeeded = (attempt(point, word=Outcome.SUCCEEDED),)

    assert decide(survey(point, attempts=running, **missing), INTERVALS).move is Move.FOLLOW
    assert decide(survey(attempts=succeeded, **missing), INTERVALS).move is Move.RECORD


def test_content_that_nobody_brought_is_held_back_until_somebody_says_so():
    """The first restore into a former primary would destroy what changed last there."""
    found = survey(candidate(), has_own_content=True)

    decision = decide(found, INTERVALS)

    assert (decision.move, decision.word) == (Move.REST, ReplicationWord.HELD_BACK)
    assert "content of its own" in decision.reasons[0]
    assert decision.reasons[1].startswith("POST /api/services/contoso/replicate")
    approved = survey(candidate(approved_at=NOW), has_own_content=True)
    assert decide(approved, INTERVALS).move is Move.RESTORE


def test_a_stop_leaves_copies_and_nothing_else():
    """Whoever fails over by hand stops replication: the word is Waiting, with his reason."""
    stopped = survey(candidate(approved_at=NOW), stopped="failing over")

    decision = decide(stopped, INTERVALS)

    assert (decision.move, decision.word) == (Move.REST, ReplicationWord.WAITING)
    assert "stopped by hand: failing over; DELETE " in decision.reasons[0]
    assert decide(stopped.model_copy(update={"to_copy": ("b",)}), INTERVALS).move is Move.COPY
    in_sync = decide(survey(stopped="failing over"), INTERVALS)
    assert in_sync.word is ReplicationWord.IN_SYNC
    assert "failing over" in in_sync.reasons[0]


@pytest.mark.parametrize("how", ["failed", "refused"])
def test_a_bad_newest_point_hides_no_older_good_one(how):
    """Failed three times, or refused by a guard of points: the next one is brought, and then it is named."""
    bad, good = candidate(1), candidate(3)
    tries = tuple(attempt(bad, hours_ago=hours) for hours in (0.9, 0.7, 0.5)) if how == "failed" else ()
    refused = {bad.name: (f"{bad.name} is refused: BlobAsRecorded",)} if how == "refused" else {}

    decision = decide(survey(bad, good, attempts=tries), INTERVALS, refused=refused)
    rest = decide(survey(bad, attempts=tries), INTERVALS, refused=refused)

    assert (decision.move, decision.point) == (Move.RESTORE, good.name)
    word = ReplicationWord.FAILED if how == "failed" else ReplicationWord.HELD_BACK
    assert (rest.move, rest.word, rest.again_at is None) == (Move.REST, word, how == "failed")
    assert bad.name in rest.reasons[0]


def test_a_later_approval_outranks_newer_points_and_earlier_approvals():
    """A point that came after the approval is newer than what the operator knew."""
    first, second = candidate(5, approved_at=NOW - 2 * HOUR), candidate(6, approved_at=NOW - HOUR)

    assert decide(survey(candidate(3), first, second), INTERVALS).point == second.name
    assert decide(survey(candidate(0.5), first, second), INTERVALS).point == candidate(0.5).name


def test_an_older_point_that_was_restored_by_hand_stays_and_is_said():
    """What was brought before is not brought again, although it is newer."""
    held, brought = replica(48), replica(24)
    newest = NewestPoint(name=brought.name, started_at=brought.point_started_at)
    found = survey(held=held, newest=newest, brought=newest)

    decision = decide(found, INTERVALS)

    assert (decision.move, decision.word) == (Move.REST, ReplicationWord.HELD_BACK)
    assert held.name in decision.reasons[0]
    assert brought.name in decision.reasons[0]


def test_what_is_known_of_copies_stays_when_the_region_is_lost():
    """Which copies are missing cannot be read any more: what was said last is said again."""
    former = ReplicationState(
        service="contoso", target=STANDBY, at=NOW, word="InSync", not_copied=("a: broken",)
    )
    found = survey(primary_fault="gone", former=former, copies=2)

    state = state_of(found, decide(found, INTERVALS), {})

    assert (state.copies, state.not_copied) == (2, ("a: broken",))
