"""What replication does next: copies, runs on record, the breaker, tries, and when it rests."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.breaker import COUNTED_FROM, shrinkage
from shared.core.intervals import Intervals
from shared.core.replicating import TRIES_MAX, Move, decide, state_of
from shared.core.replication import ReplicationWord
from shared.core.replication_survey import Attempt, Candidate, Survey
from shared.core.reports import NewestPoint, Replica
from shared.core.runs import Outcome
from tests.core.make import NOW, service

STANDBY = service("contoso-neu", "northeurope")
HOUR = dt.timedelta(hours=1)
INTERVALS = Intervals()
COUNTS = {"apis": 40, "products": 10, "tags": 3}


def candidate(hours_ago=1, **changes):
    """Return a good point, started so many hours ago."""
    at = NOW - hours_ago * HOUR
    name = f"contoso_{at:%Y%m%dT%H%M%SZ}.apimbackup"
    return Candidate(name=name, started_at=at, digest=f"digest-{hours_ago}", counts=COUNTS).model_copy(
        update=changes
    )


def replica(hours_ago=24, **changes):
    """Return what the standby holds."""
    at = NOW - hours_ago * HOUR
    return Replica(
        name=f"contoso_{at:%Y%m%dT%H%M%SZ}.apimbackup",
        service="contoso",
        target=STANDBY,
        run_id="r",
        point_started_at=at,
        inventory_digest=f"digest-{hours_ago}",
        recorded_at=at,
        counts=COUNTS,
    ).model_copy(update=changes)


def attempt(point, word=Outcome.FAILED, hours_ago=0.9, **changes):
    """Return a run that was to bring a point."""
    at = NOW - hours_ago * HOUR
    return Attempt(
        run_id=f"run-{hours_ago}",
        instance_id="svc-1",
        point=point.name,
        point_started_at=point.started_at,
        requested_at=at,
        ended_at=None if word is None else at + HOUR / 60,
        word=word,
        said="it differs",
    ).model_copy(update=changes)


def survey(*candidates, held=None, **changes):
    """Return what was found: these candidates, newest first."""
    newest = candidates[0] if candidates else None
    held = held or replica()
    return Survey(
        service="contoso",
        target=STANDBY,
        at=NOW,
        shrink_percent_max=20,
        held=held,
        brought=NewestPoint(name=held.name, started_at=held.point_started_at),
        seen=newest.name if newest else None,
        newest=NewestPoint(name=newest.name, started_at=newest.started_at) if newest else None,
        candidates=candidates,
    ).model_copy(update=changes)


def test_the_newest_point_is_restored():
    """Of several good points that the standby does not hold, the newest one; the others are skipped."""
    newest, older = candidate(1), candidate(2)

    decision = decide(survey(newest, older), INTERVALS)

    assert (decision.move, decision.point, decision.word) == (
        Move.RESTORE,
        newest.name,
        ReplicationWord.REPLICATING,
    )


def test_nothing_newer_means_in_sync():
    """The standby holds the newest point: nothing is done."""
    decision = decide(survey(), INTERVALS)

    assert (decision.move, decision.word, decision.again_at) == (Move.REST, ReplicationWord.IN_SYNC, None)


def test_no_point_at_all_is_said():
    """Before the first backup there is nothing to hold."""
    decision = decide(survey().model_copy(update={"held": None, "brought": None}), INTERVALS)

    assert (decision.move, decision.word) == (Move.REST, ReplicationWord.NOTHING)


def test_a_run_under_way_is_followed():
    """Its orchestration was lost, or another replication started it: no second one."""
    point = candidate()
    running = attempt(point, word=None)

    decision = decide(survey(point, attempts=(running,)), INTERVALS)

    assert (decision.move, decision.attempt) == (Move.FOLLOW, running)


@pytest.mark.parametrize("is_blind", [False, True])
def test_a_run_that_succeeded_is_recorded(is_blind):
    """Without a replica the standby is not known to hold it; for that no other region is needed."""
    point = candidate()
    good = attempt(point, word=Outcome.SUCCEEDED)

    decision = decide(survey(attempts=(good,), is_blind=is_blind, primary_fault="gone"), INTERVALS)

    assert (decision.move, decision.attempt) == (Move.RECORD, good)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"is_rebuilt": True}, "rebuild"),
        ({"counts": {"apis": 20, "products": 10, "tags": 3}}, "20 of 53 entities are gone (37 %"),
        ({"counts": {"apis": 50, "products": 7, "tags": 3}}, "3 of 10 products are gone (30 %"),
    ],
)
def test_what_nobody_should_take_for_granted_is_held_back(changes, said):
    """The sentence names numbers, and the call that lets it through."""
    point = candidate(**changes)

    decision = decide(survey(point), INTERVALS)

    assert (decision.move, decision.word) == (Move.REST, ReplicationWord.HELD_BACK)
    text = "; ".join(decision.reasons)
    assert said in text
    assert f'POST /api/services/contoso/replicate with {{"restorePoint": "{point.name}"' in text


def test_a_point_without_inventory_is_never_replicated():
    """Its restore could not be compared, so nobody would ever know; an approval does not help."""
    decision = decide(survey(candidate(digest=None, approved_at=NOW)), INTERVALS)

    assert (decision.move, decision.word) == (Move.REST, ReplicationWord.HELD_BACK)
    assert "no inventory" in decision.reasons[0]
    assert "POST /api/restores" in decision.reasons[0]


def test_an_approval_lets_exactly_one_point_pass():
    """A point that is approved is restored; an older one that is not stays where it is."""
    rebuilt = {"is_rebuilt": True}
    approved, other = candidate(2, approved_at=NOW, **rebuilt), candidate(1, **rebuilt)

    decision = decide(survey(other, approved), INTERVALS)

    assert (decision.move, decision.point) == (Move.RESTORE, approved.name)
    assert decide(survey(other), INTERVALS).move is Move.REST


def test_a_newer_good_point_needs_no_approval():
    """A point that was held back is forgotten as soon as a good one comes."""
    good, bad = candidate(1), candidate(2, is_rebuilt=True)

    decision = decide(survey(good, bad), INTERVALS)

    assert (decision.move, decision.point, decision.reasons) == (Move.RESTORE, good.name, ())


def test_a_paused_service_is_copied_and_not_replicated():
    """Whoever pauses a service wants nothing to begin by itself; a copy changes nothing of it."""
    paused = survey(candidate(), paused="the region is lost")

    decision = decide(paused, INTERVALS)
    copying = decide(paused.model_copy(update={"to_copy": ("one",)}), INTERVALS)

    assert (decision.move, decision.word) == (Move.REST, ReplicationWord.WAITING)
    assert decision.again_at is not None
    assert "paused the service: the region is lost" in decision.reasons[0]
    assert copying.move is Move.COPY
    assert decide(survey(paused="x"), INTERVALS).word is not ReplicationWord.WAITING


def test_an_older_good_point_is_brought_while_a_newer_one_is_held_back():
    """The standby gets as new as it can be."""
    bad, good = candidate(1, digest=None), candidate(2)

    decision = decide(survey(bad, good), INTERVALS)

    assert (decision.move, decision.point) == (Move.RESTORE, good.name)


def test_a_standby_that_held_nothing_known_is_not_compared_by_size():
    """A replica of an older release has no counts, and the first point of all has nothing before it."""
    small = candidate(counts={"apis": 1})

    assert decide(survey(small, held=replica(counts={})), INTERVALS).move is Move.RESTORE
    assert decide(survey(small).model_copy(update={"held": None}), INTERVALS).move is Move.RESTORE


def test_an_equal_configuration_is_confirmed_and_not_restored():
    """The standby is asked first; only if it turns out to be different it is restored."""
    point = candidate(digest=replica().inventory_digest)

    assert decide(survey(point), INTERVALS).move is Move.CONFIRM
    assert decide(survey(point), INTERVALS, unlike=point.name).move is Move.RESTORE


@pytest.mark.parametrize("word", [Outcome.FAILED, Outcome.OUTCOME_UNKNOWN, Outcome.POLL_DENIED])
def test_a_point_is_tried_again_after_growing_pauses_and_not_for_ever(word):
    """Half an hour, an hour, and then never again by itself."""
    point = candidate(5)
    tries = tuple(attempt(point, word, hours_ago) for hours_ago in (4, 3, 2))
    for count, pause in ((1, HOUR / 2), (2, HOUR)):
        found = survey(point, attempts=tries[:count])
        again_at = tries[count - 1].ended_at + pause
        before = decide(found.model_copy(update={"at": again_at - HOUR / 3600}), INTERVALS)
        after = decide(found.model_copy(update={"at": again_at}), INTERVALS)
        assert (before.move, before.word, before.again_at) == (Move.REST, ReplicationWord.WAITING, again_at)
        assert after.move is Move.RESTORE

    over = decide(survey(point, attempts=tries), INTERVALS)

    assert len(tries) == TRIES_MAX
    assert (over.move, over.word, over.again_at) == (Move.REST, ReplicationWord.FAILED, None)
    assert "it differs" in over.reasons[0]


def test_a_newer_point_is_tried_although_the_one_before_has_failed():
    """Tries count for each point."""
    newer, failed = candidate(1), candidate(5)
    tries = tuple(attempt(failed, hours_ago=number) for number in (4, 3, 2))

    assert decide(survey(newer, failed, attempts=tries), INTERVALS).point == newer.name


def test_an_approval_gives_new_tries():
    """An operator who asks for a point that failed has it tried again at once."""
    point = candidate(5, approved_at=NOW - HOUR)
    tries = tuple(attempt(point, hours_ago=number) for number in (4, 3, 2))

    assert decide(survey(point, attempts=tries), INTERVALS).move is Move.RESTORE


def test_a_refused_run_is_no_try():
    """It has changed nothing; however often it was refused, it is tried again after a pause."""
    point = candidate(30)
    refused = tuple(attempt(point, Outcome.REFUSED, number) for number in (20, 15, 10, 5))

    assert decide(survey(point, attempts=refused), INTERVALS).move is Move.RESTORE


def test_a_record_that_cannot_be_read_is_named():
    """A newer record that nobody can read is no reason to say in sync."""
    decision = decide(survey(unreadable=("x.json is broken",)), INTERVALS)

    assert (decision.word, decision.reasons) == (ReplicationWord.HELD_BACK, ("x.json is broken",))
    assert decision.again_at is not None


def test_a_point_without_its_copy_is_waited_for():
    """With storage named, only what lies in the own region is restored."""
    newest = candidate(1)
    found = survey(newest=NewestPoint(name=newest.name, started_at=newest.started_at))

    decision = decide(found, INTERVALS)

    assert (decision.move, decision.word) == (Move.REST, ReplicationWord.WAITING)
    assert newest.name in decision.reasons[0]


def test_a_region_that_does_not_answer_leaves_the_word_as_it_was():
    """The reason is added, once; and copies that are here are restored all the same."""
    former = state_of(
        survey(candidate(is_rebuilt=True)), decide(survey(candidate(is_rebuilt=True)), INTERVALS), {}
    )
    blind = survey(primary_fault="gone", is_blind=True, former=former)

    once = decide(blind, INTERVALS)
    again = decide(blind.model_copy(update={"former": former.cannot_see("gone")}), INTERVALS)

    assert (once.move, once.word) == (Move.REST, ReplicationWord.HELD_BACK)
    assert once.reasons == again.reasons == ("gone", *former.reasons)
    assert decide(survey(candidate(), primary_fault="gone"), INTERVALS).move is Move.RESTORE


@given(
    had=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 200)),
    has=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 200)),
    share=st.integers(1, 99),
)
def test_no_larger_loss_than_allowed_passes_unsaid(had, has, share):
    """For all entities, and for each kind with at least ten; and nothing is said of smaller losses."""
    said = "; ".join(shrinkage(had, has, share))

    total = sum(had.values())
    assert ("entities" in said) == ((total - sum(has.values())) * 100 > total * share)
    for kind, count in had.items():
        is_too_much = count >= COUNTED_FROM and (count - has.get(kind, 0)) * 100 > count * share
        assert (f" {kind} are gone" in said) == is_too_much
