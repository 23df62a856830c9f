"""When drills are due, what they take, how a service stands with them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core import drills, roster
from shared.core.drills import DrillWish
from shared.core.intervals import Intervals
from shared.core.plan import Plan, ProtectedService
from shared.core.reports import DrillRecord
from shared.core.roster import Lists, Roster
from shared.core.runs import Outcome
from tests.core import make

NOW = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
TARGET = {
    "resourceId": make.service("contoso-drill").resource_id,
    "region": "westeurope",
    "access": {"type": "SystemAssignedManagedIdentity"},
}


def service(**drill: Any) -> ProtectedService:
    """Return a service whose drills go into a drill target, every 30 days."""
    entry = make.plan_service(drillTarget=TARGET, drill=drill)
    return Plan.model_validate(make.plan(entry)).services[0]


def record(ago: dt.timedelta, outcome: Outcome = Outcome.SUCCEEDED, **changes: Any) -> DrillRecord:
    """Return a drill that was asked for so long ago, took an hour, and was good unless something is said."""
    at = NOW - ago
    fields = {
        "service": "contoso",
        "run_id": f"{at:%Y%m%dT%H%M%SZ}-drill-contoso",
        "target": make.service("contoso-drill"),
        "point": "contoso_20261123T020000Z.apimbackup",
        "requested_at": at,
        "ended_at": at + dt.timedelta(hours=1),
        "outcome": outcome,
        "restore_duration_s": 3600,
        "rto_s": 8 * 3600,
        "rto_kept": True if outcome is Outcome.SUCCEEDED else None,
    }
    return DrillRecord(**fields | changes)


def standing(*records: DrillRecord, **known: Any) -> drills.DrillState:
    """Return how the service stands with these drills."""
    found = drills.state(service(), records, NOW, **{"first_point_at": None} | known)
    assert found is not None
    return found


def test_a_service_without_drills_has_no_state():
    """Nothing was planned, so nothing can be overdue."""
    without = Plan.model_validate(make.plan()).services[0]

    assert drills.state(without, [], NOW, first_point_at=None) is None


def test_what_was_never_drilled_is_due():
    """The first drill need not be waited for."""
    assert drills.is_due(standing(), NOW)
    assert standing().last_word is None


@pytest.mark.parametrize(
    ("ago", "is_due"), [(30 * DAY, True), (30 * DAY - dt.timedelta(hours=9), True), (29 * DAY, False)]
)
def test_the_next_drill_is_due_so_many_days_after_the_last(ago, is_due):
    """Days are counted, not hours: a drill that began late in the day makes the next one no day later."""
    assert drills.is_due(standing(record(ago)), NOW) is is_due


def test_a_drill_that_failed_is_not_repeated_before_its_time():
    """A restore that went wrong is for somebody to look at, and not for the next morning."""
    assert not drills.is_due(standing(record(DAY, Outcome.FAILED)), NOW)


def test_a_drill_that_was_refused_is_tried_again_the_next_day():
    """Nothing was rehearsed, so its time is still to come; but not twice a day."""
    before = record(40 * DAY)

    assert drills.is_due(standing(before, record(DAY, Outcome.REFUSED)), NOW)
    assert not drills.is_due(standing(before, record(dt.timedelta(hours=3), Outcome.REFUSED)), NOW)


def test_a_drill_that_was_refused_does_not_put_off_the_next_real_one():
    """After a real one ten days ago, a refusal yesterday changes nothing."""
    real = record(10 * DAY)

    assert standing(real, record(DAY, Outcome.REFUSED)).due_at == standing(real).due_at


@pytest.mark.parametrize(("ago", "is_overdue"), [(37 * DAY, False), (38 * DAY, True)])
def test_a_service_is_overdue_a_quarter_after_its_time(ago, is_overdue):
    """30 days and a quarter of them after the last good drill ended."""
    assert standing(record(ago)).is_overdue is is_overdue


@pytest.mark.parametrize(
    "bad",
    [
        record(DAY, Outcome.FAILED),
        record(DAY, Outcome.REFUSED),
        record(DAY, Outcome.OUTCOME_UNKNOWN),
        record(DAY, rto_kept=False),
        record(DAY, rto_kept=None),
    ],
    ids=["failed", "refused", "unknown", "too-slow", "not-measured"],
)
def test_only_a_good_drill_keeps_a_service_from_being_overdue(bad):
    """Trying is not proving, and neither is succeeding too late."""
    found = standing(record(60 * DAY), bad)

    assert found.is_overdue
    assert found.is_failed


def test_a_good_drill_after_a_failed_one_settles_it():
    """The last one counts."""
    found = standing(record(DAY), record(5 * DAY, Outcome.FAILED))

    assert not found.is_failed
    assert not found.is_overdue
    assert found.last_succeeded_at == NOW - DAY + dt.timedelta(hours=1)


def test_what_never_succeeded_is_overdue_from_the_first_try():
    """A drill that is refused every day for weeks is overdue, although none was ever good."""
    refused = [record(days * DAY, Outcome.REFUSED) for days in range(1, 40)]

    assert standing(*refused).is_overdue
    assert standing(*refused[:20]).is_overdue is False


def test_what_was_never_tried_is_overdue_from_the_first_restore_point():
    """A timer that never fires leaves no record; that there were points long ago tells."""
    assert standing(first_point_at=NOW - 40 * DAY).is_overdue
    assert not standing(first_point_at=NOW - 20 * DAY).is_overdue
    assert not standing().is_overdue


def test_a_drill_into_a_former_target_proves_nothing_of_the_one_of_today():
    """The plan names another target since: it is due, and overdue if there are points for long."""
    former = record(DAY, target=make.service("contoso-old-drill"))
    found = standing(former, first_point_at=NOW - 40 * DAY)

    assert drills.is_due(found, NOW)
    assert found.is_overdue
    assert (found.last_run_id, found.last_succeeded_at) == (None, None)


def test_a_drill_that_failed_into_a_former_target_is_no_failure_of_the_one_of_today():
    """What counts is what was tried with the target that the plan names."""
    former = record(DAY, Outcome.FAILED, target=make.service("contoso-old-drill"))

    assert not standing(record(2 * DAY), former).is_failed


def test_the_state_tells_of_the_last_drill():
    """Word, run, end, duration and whether the RTO was kept."""
    found = standing(record(DAY, rto_kept=False, restore_duration_s=40_000), record(2 * DAY))

    assert found.last_word is Outcome.SUCCEEDED
    assert found.last_run_id == "20261122T090000Z-drill-contoso"
    assert found.last_restore_duration_s == 40_000
    assert found.last_rto_kept is False
    assert (found.into, found.region, found.rto_s) == ("contoso-drill", "westeurope", 8 * 3600)


@given(st.permutations([record(days * DAY) for days in (1, 35, 70)] + [record(3 * DAY, Outcome.REFUSED)]))
def test_the_order_of_the_records_does_not_matter(records):
    """They are listed by name, and read in pieces."""
    assert standing(*records) == standing(*sorted_by_time(records))


def sorted_by_time(records: list[DrillRecord]) -> list[DrillRecord]:
    """Return records in the order of their times."""
    return sorted(records, key=lambda one: one.requested_at)


def test_a_drill_target_that_has_the_tags_is_not_discovered_as_a_primary():
    """Else its content would be backed up as if it counted; guards keep drills out of it then."""
    searched = TARGET["resourceId"].split("/")[2]
    discover = {"subscriptions": [searched], "tag": {"apim-dr": "nightly"}}
    entry = make.plan_service(drillTarget=TARGET)
    plan = Plan.model_validate(make.plan(entry, discover=discover))
    shown = {"id": TARGET["resourceId"], "location": "westeurope", "tags": {"apim-dr": "nightly"}}
    lists = Lists(resources={searched: [shown]}, unread={})

    found = roster.assemble(plan, Roster(taken_at=NOW), lists, {}, NOW)

    assert found.services == ()
    assert [one.reason for one in found.left_out] == ["it is a standby or a drill target of the plan"]


def points(count: int) -> list[Any]:
    """Return points of so many nights, oldest first."""
    return [
        make.restore_point(name=f"contoso-{days}", started_at=NOW - days * DAY)
        for days in range(count, 0, -1)
    ]


def test_the_newest_point_is_tried_first():
    """By the time at which the backup started, not by where it stands in the list."""
    found = drills.in_preference(points(5), drills.NEWEST, "x")

    assert [point.started_at for point in found] == [NOW - days * DAY for days in range(1, 6)]


def test_a_random_draw_is_the_same_for_the_same_drill():
    """A step that runs again must not choose another point."""
    first = drills.in_preference(points(9), drills.RANDOM, "a drill")
    again = drills.in_preference(list(reversed(points(9))), drills.RANDOM, "a drill")

    assert first == again


def test_random_draws_of_many_drills_reach_every_point():
    """No point is never rehearsed."""
    drawn = {
        drills.in_preference(points(5), drills.RANDOM, f"drill {number}")[0].name for number in range(99)
    }

    assert len(drawn) == 5


def wish(name: str, target: str) -> DrillWish:
    """Return a drill of a service into a target."""
    return DrillWish(
        run_id=f"20261123T090000Z-drill-{name}",
        service=name,
        target=make.service(target),
        rto_s=3600,
        point="newest",
        trigger="timer",
        wished_at=NOW,
    )


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=30, unique_by=lambda pair: pair[0]),
    st.integers(1, 6),
)
def test_queues_hold_every_drill_once_and_a_target_in_one_of_them(pairs, count_max):
    """Two drills into one target never run side by side, and none is lost."""
    wishes = [wish(f"s{number}", f"t{target}") for number, target in pairs]
    found = drills.queues(wishes, count_max, Intervals())

    in_queues = [one.run_id for queue in found for one in queue.waiting]
    assert sorted(in_queues) == sorted(one.run_id for one in wishes)
    assert len(found) <= count_max
    targets = [{one.target.resource_id for one in queue.waiting} for queue in found]
    assert sum(map(len, targets)) == len(set().union(*targets)) if targets else True
    assert all(queue.waiting for queue in found)


def test_a_queue_goes_on_with_the_next_drill_from_scratch():
    """What was chosen and waited for was for the first one alone."""
    (queue,) = drills.queues([wish("a", "t"), wish("b", "t")], 3, Intervals())
    worked = queue.model_copy(update={"until": NOW, "tries": 4})

    (left,) = worked.after_first().waiting
    assert left.service == "b"
    assert worked.after_first().until is None
    assert worked.after_first().tries == 0
