"""When changes lead to a backup, as a table and as properties."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.change_events import Change
from shared.core.changes import (
    EVENT_IDS_MAX,
    Backups,
    Changes,
    Next,
    at_rest,
    handed_over,
    heard,
    weigh,
)
from shared.core.intervals import Intervals
from shared.core.plan import AfterChanges
from tests.core.make import NOW, after, service

RULE = AfterChanges(quiet_minutes=30, min_interval_hours=4)
INTERVALS = Intervals()


def change(minutes: float | None = 0, event_id: str = "") -> Change:
    """Return a change so long after NOW; None: the event does not say when."""
    at = None if minutes is None else NOW + dt.timedelta(minutes=minutes)
    return Change(event_id=event_id, kind="APIUpdated", resource_id=service().resource_id, at=at)


def known(*changes: Change, now: dt.datetime = NOW) -> Changes:
    """Return what is known after some events."""
    changes_ = Changes(service="contoso")
    for one in changes:
        changes_ = heard(changes_, one, now)
    return changes_


def test_the_first_change_asks_for_somebody_to_wait() -> None:
    """With a number of its own."""
    found = known(change(-5, "a"))

    assert (found.count, found.first_at, found.last_at) == (1, after(minutes=-5), after(minutes=-5))
    assert (found.is_waiting, found.wait) == (True, 1)


def test_further_changes_are_counted_and_need_nobody_else() -> None:
    """In whichever order they come: the earliest and the latest are known."""
    found = known(change(-5, "a"), change(-9, "b"), change(-1, "c"))

    assert (found.count, found.first_at, found.last_at) == (3, after(minutes=-9), after(minutes=-1))
    assert found.wait == 1


def test_an_event_that_comes_twice_counts_once() -> None:
    """And nothing needs to be written."""
    once = known(change(-5, "a"))

    assert heard(once, change(-5, "a"), NOW) is once


def test_the_ids_that_are_remembered_do_not_grow() -> None:
    """An older event that comes once more is counted once more, and that is all."""
    found = known(*(change(-1, str(number)) for number in range(100)))

    assert len(found.event_ids) == EVENT_IDS_MAX
    assert found.count == 100


@pytest.mark.parametrize("minutes", [None, 60 * 24 * 365])
def test_a_time_to_come_is_now(minutes: float | None) -> None:
    """A sender whose clock is wrong must not put off the backup for a year."""
    assert known(change(minutes)).last_at == NOW


WEIGHED: dict[str, tuple[Changes, Backups, Next, Any]] = {
    "nothing known": (Changes(service="contoso"), Backups(), Next.REST, None),
    "quiet for long enough": (known(change(-30)), Backups(), Next.BACK_UP, None),
    "not yet quiet": (known(change(-29)), Backups(), Next.WAIT, after(minutes=1)),
    "quiet, and the last backup is old enough": (
        known(change(-30)),
        Backups(succeeded_at=after(hours=-4), started_at=after(hours=-4)),
        Next.BACK_UP,
        None,
    ),
    "quiet, and the last backup is too young": (
        known(change(-30)),
        Backups(succeeded_at=after(hours=-3), started_at=after(hours=-3)),
        Next.WAIT,
        after(hours=1),
    ),
    "quiet, and a backup that failed is too young": (
        known(change(-30)),
        Backups(started_at=after(hours=-1)),
        Next.WAIT,
        after(hours=3),
    ),
    "quiet, and a night was begun for changes before": (
        known(change(-30)).model_copy(update={"night": "n", "night_at": after(hours=-2)}),
        Backups(),
        Next.WAIT,
        after(hours=2),
    ),
    "another backup was started after it": (
        known(change(-30)), Backups(succeeded_at=after(minutes=-29)), Next.REST, None,
    ),
    "another backup was started at the same time": (
        known(change(-300)), Backups(succeeded_at=after(minutes=-300)), Next.BACK_UP, None,
    ),
    "another backup was started after it, and failed": (
        known(change(-300)), Backups(started_at=after(minutes=-241)), Next.BACK_UP, None,
    ),
    "a backup is under way": (
        known(change(-300)),
        Backups(started_at=after(hours=-5), is_open=True),
        Next.WAIT,
        after(minutes=5),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "backups", "next_", "at"), WEIGHED.values(), ids=WEIGHED)
def test_what_follows_from_changes_and_backups(
    changes: Changes, backups: Backups, next_: Next, at: dt.datetime | None
) -> None:
    """Rest, wait until a known moment, or back up now."""
    decision = weigh(changes, RULE, backups, NOW, INTERVALS)

    assert (decision.next, decision.at if at else None) == (next_, at)


def test_what_is_handed_over_is_forgotten_and_the_night_is_kept() -> None:
    """The next event begins anew, with another number."""
    weighed = known(change(-40), change(-35))

    left = handed_over(weighed, weighed, "night", NOW)

    assert (left.count, left.first_at, left.is_waiting, left.night, left.night_at) == (
        0,
        None,
        False,
        "night",
        NOW,
    )
    assert heard(left, change(-1), NOW).wait == 2


def test_what_came_meanwhile_is_not_handed_over() -> None:
    """It is left for another backup, with somebody waiting."""
    weighed = known(change(-40), change(-35))

    left = handed_over(heard(weighed, change(-1), NOW), weighed, "night", NOW)

    assert (left.count, left.is_waiting, left.wait) == (1, True, 1)


@given(st.lists(st.tuples(st.integers(-600, 5), st.sampled_from("abcdef")), min_size=1))
def test_order_and_repetition_change_nothing_that_counts(events: list[tuple[int, str]]) -> None:
    """The latest time is the same for every order of the same events."""
    some = [change(minutes, event_id) for minutes, event_id in dict((e, (m, e)) for m, e in events).values()]

    forwards, backwards = known(*some, *some), known(*reversed(some))

    assert (forwards.last_at, forwards.first_at, forwards.count) == (
        backwards.last_at, backwards.first_at, backwards.count,
    )  # fmt: skip


@given(
    last=st.integers(-3000, 0),
    succeeded=st.none() | st.integers(-3000, 0),
    failed=st.none() | st.integers(-3000, 0),
    is_open=st.booleans(),
)
def test_waiting_always_ends_and_never_sooner_than_the_rules_allow(
    last: int, succeeded: int | None, failed: int | None, is_open: bool
) -> None:
    """A decision to wait names a moment to come; a backup keeps both distances."""

    def at(minutes: int | None) -> dt.datetime | None:
        return None if minutes is None else NOW + dt.timedelta(minutes=minutes)

    starts = [start for start in (at(succeeded), at(failed)) if start]
    backups = Backups(succeeded_at=at(succeeded), started_at=max(starts, default=None), is_open=is_open)

    decision = weigh(at_rest(known(change(last))), RULE, backups, NOW, INTERVALS)

    if decision.next is Next.WAIT:
        assert decision.at > NOW
    if decision.next is Next.BACK_UP:
        assert last <= -30
        assert all(NOW - start >= dt.timedelta(hours=4) for start in starts)
        assert succeeded is None or last + 1 > succeeded
    if decision.next is Next.REST:
        assert succeeded is not None
        assert last + 1 <= succeeded
