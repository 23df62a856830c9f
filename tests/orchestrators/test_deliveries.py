"""
A thousand deliveries of events: repeated, in any order, late, or lost, with the timer as in production.

Whatever the schedule, the standby ends with the newest verified point, and no point is restored twice.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from dataclasses import dataclass

import pytest
from azure.functions import meta
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.core import layout
from shared.core.replication import ReplicationWord
from shared.core.restore_points import RestorePoint
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.ports import plan_json
from tests.orchestrators.conftest import Stage
from tests.orchestrators.replicating import replicas, restored, said, target

MINUTE = dt.timedelta(minutes=1)
LOOK = dt.timedelta(minutes=10)

SCHEDULES = int(os.environ.get("DELIVERIES_SCHEDULES", "20"))
"""More of them once in a while: DELIVERIES_SCHEDULES=400."""

DELIVERIES_EACH = 50


@dataclass(frozen=True)
class Made:
    """A point that the primary's app records: when, its content, and whether it was verified."""

    minute: int
    content: int
    is_good: bool


@dataclass(frozen=True)
class Delivery:
    """One event of one of the points, so many minutes after its record; None: it is lost."""

    point: int
    minutes_late: int | None


POINTS = st.lists(
    st.builds(
        Made,
        minute=st.integers(0, 120),
        content=st.integers(1, 3),
        is_good=st.sampled_from([True, True, True, False]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda made: made.minute,
)
DELIVERIES = st.lists(
    st.builds(
        Delivery,
        point=st.integers(0, 4),
        minutes_late=st.one_of(st.none(), st.just(0), st.integers(0, 5), st.integers(0, 150)),
    ),
    min_size=DELIVERIES_EACH,
    max_size=DELIVERIES_EACH,
)
FATES = st.sampled_from(["as they come", "as they come", "all lost", "all at once at the end"])


def entities(made: Made) -> dict[str, str]:
    """Return what a point holds: some points equal one another."""
    return {f"/apis/a{number}": str(made.content) * 16 for number in range(4)}


def record(stage: Stage, made: Made) -> RestorePoint:
    """Record a point now, as the primary's app would."""
    point = stage.put_point(stage.ports.clock.now(), entities(made))
    if not made.is_good:
        point = point.model_copy(update={"rebuilt_at": stage.ports.clock.now()})
        key = layout.restore_point_key(point.service, point.name)
        stage.ports.records("westeurope").put(key, point.to_bytes())
    return point


def deliver(stage: Stage, point: RestorePoint) -> None:
    """Hand the app the event of a point's record, as its queue would."""
    key = layout.restore_point_key(point.service, point.name)
    url = f"https://drprimary.blob.core.windows.net/apim-dr/{key}"
    event = {"id": point.name, "eventType": "Microsoft.Storage.BlobCreated", "data": {"url": url}}
    stage._invoke("replicate_event", meta.Datum(json.dumps(event), "string"))


def timetable(points: list[Made], deliveries: list[Delivery], fate: str) -> list[tuple[int, str, int]]:
    """Return what happens at which minute: records, events that arrive, looks of the timer."""
    plan = [(made.minute, "record", number) for number, made in enumerate(points)]
    for delivery in deliveries:
        number = delivery.point % len(points)
        if delivery.minutes_late is None or fate == "all lost":
            continue
        late = 200 if fate == "all at once at the end" else delivery.minutes_late
        plan.append((points[number].minute + late, "deliver", number))
    # a record before its own event; the timer in between, as it comes
    return sorted([*plan, *((minute, "find", 0) for minute in range(7, 480, 10))], key=lambda one: one[0])


@settings(
    max_examples=SCHEDULES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    points=POINTS,
    deliveries=DELIVERIES,
    fate=FATES,
    has_copies=st.booleans(),
    restore_s=st.sampled_from([60, 300, 1140]),
)
def test_every_schedule_ends_with_the_newest_verified_point(
    monkeypatch: pytest.MonkeyPatch,
    points: list[Made],
    deliveries: list[Delivery],
    fate: str,
    has_copies: bool,
    restore_s: int,
) -> None:
    """The standby equals the newest verified point, restores are no more than points, none comes twice."""
    plan = plan_json(region="northeurope")
    if has_copies:
        plan["services"][0]["standby"]["storage"] = {"account": "drcopies", "container": "apim-copies"}
    stage = Stage(monkeypatch, FakePorts(plan))
    target(stage).duration_s["restore"] = restore_s
    recorded: dict[int, RestorePoint] = {}
    try:
        for minute, what, number in timetable(points, deliveries, fate):
            stage.host.run_for(max(START + minute * MINUTE - stage.host.clock.now(), dt.timedelta()))
            if what == "record":
                recorded[number] = record(stage, points[number])
            elif what == "deliver":
                deliver(stage, recorded[number])
            else:
                stage.fire("find_unreplicated")
        stage.host.settle()
        _assert_end(stage, points, recorded)
        stage.check_determinism()
    finally:
        stage.host.close()


def _assert_end(stage: Stage, points: list[Made], recorded: dict[int, RestorePoint]) -> None:
    sent = restored(stage)
    good = [number for number, made in enumerate(points) if made.is_good]
    assert len(sent) == len(set(sent)) <= len(good)
    assert sent == sorted(sent)
    if not good:
        assert sent == []
        return
    newest = max(good, key=lambda number: points[number].minute)
    assert target(stage).entities == entities(points[newest])
    assert replicas(stage)[-1].name == recorded[newest].name
    is_last = points[newest].minute == max(made.minute for made in points)
    assert said(stage).word is (ReplicationWord.IN_SYNC if is_last else ReplicationWord.HELD_BACK)


def test_a_burst_of_a_thousand_events_causes_one_restore(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five points within the settling time, two hundred events of each: one restore, of the newest."""
    stage = Stage(monkeypatch, FakePorts(plan_json(region="northeurope")))
    try:
        points = []
        for second in range(5):
            points.append(record(stage, Made(minute=0, content=second + 1, is_good=True)))
            deliver(stage, points[-1])
            stage.host.run_for(dt.timedelta(seconds=1))
        for number in range(995):
            deliver(stage, points[number % 5])
        stage.host.run_for(60 * MINUTE)

        assert restored(stage) == [points[-1].name]
    finally:
        stage.host.close()
