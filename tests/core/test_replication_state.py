"""How a replication stands as it is stored, and whether the timer has a reason to look again."""

from __future__ import annotations

import datetime as dt

from shared.core.intervals import Intervals
from shared.core.replicating import decide, state_of
from shared.core.replication import ReplicationState, ReplicationWord, needs_look
from shared.core.reports import NewestPoint
from tests.core.make import NOW
from tests.core.test_replicating import candidate, survey

HOUR = dt.timedelta(hours=1)
INTERVALS = Intervals()


def said(**changes):
    """Return what replication said last: in sync."""
    point = candidate()
    found = survey(newest=NewestPoint(name=point.name, started_at=point.started_at), seen=point.name)
    decision = decide(survey(), INTERVALS)
    return state_of(found, decision, {}).model_copy(update=changes)


def test_a_state_is_looked_at_again_for_a_reason_only():
    """A new record, a time that has come, a region that answers again; else nothing is started."""
    state = said()

    assert not needs_look(state, state.seen, NOW)
    assert needs_look(state, "another", NOW)
    assert needs_look(state.model_copy(update={"again_at": NOW}), state.seen, NOW)
    assert not needs_look(state.model_copy(update={"again_at": NOW + HOUR}), state.seen, NOW)
    assert needs_look(state.cannot_see("gone"), state.seen, NOW)
    assert needs_look(None, "one", NOW)
    assert not needs_look(None, None, NOW)


def test_what_is_under_way_is_due_at_once():
    """Should its orchestration be lost, the timer's next look takes it up."""
    point = candidate()

    state = state_of(survey(point), decide(survey(point), INTERVALS), {}, "run")

    assert (state.word, state.run_id, state.again_at) == (ReplicationWord.REPLICATING, "run", NOW)


def test_a_copy_that_failed_is_named_and_tried_again_in_an_hour():
    """Newest first, each with its reason; the word is not concerned."""
    found = survey(to_copy=("b",), not_copied={"a": "rebuilt"})

    state = state_of(found, decide(found, INTERVALS, copies_tried={"b"}), {"b": "no rights"})

    assert (state.word, state.not_copied) == (ReplicationWord.IN_SYNC, ("b: no rights", "a: rebuilt"))
    assert state.again_at == NOW + HOUR


def test_a_state_of_an_earlier_release_can_be_read():
    """It lacks what the timer asks for, so the next look is due by the name alone."""
    old = said().to_json()
    for name in ("seen", "againAt", "primaryFault"):
        del old[name]

    assert needs_look(ReplicationState.from_json(old), "one", NOW)
