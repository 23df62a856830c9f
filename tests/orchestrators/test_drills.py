"""Drills from the timer to their records, on a virtual clock."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared.core import layout
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from tests.fakes import FakePorts
from tests.fakes.arm import HANGS, RESTORE_S
from tests.fakes.clock import START
from tests.fakes.drills import drill_plan, drilled, put_drill
from tests.orchestrators.conftest import MakeStage, Stage

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
TARGET = "rehearsal-drill"


def drilling(make_stage: MakeStage, *names: str, region: str = "westeurope", **said: Any) -> Stage:
    """Make a stage whose services are drilled; each has one restore point."""
    stage = make_stage(region=region, **drill_plan(*names, **said))
    for service in stage.ports.plan.services:
        point_of(stage, service.name, START - HOUR)
    return stage


@pytest.fixture
def make(make_stage) -> Callable[..., Stage]:
    """Return a function that makes a stage whose services are drilled."""
    return functools.partial(drilling, make_stage)


@pytest.fixture
def stage(make) -> Stage:
    """The app with one service."""
    return make()


def point_of(stage: Stage, name: str, at: dt.datetime) -> RestorePoint:
    """Record a restore point of a service that was made at a time."""
    ports = stage.ports
    document = ports.plan.model_dump(mode="json", by_alias=True, exclude_unset=True)
    document["services"].sort(key=lambda service: service["name"] != name)
    first = FakePorts(document, clock=ports.clock, storage=ports.storage, arm=ports.arm)
    own, stage.ports = stage.ports, first
    try:
        return stage.put_point(at)
    finally:
        stage.ports = own


def target_of(stage: Stage) -> Any:
    """Return the drill target of the first service as the fake Azure has it."""
    return stage.ports.arm.service(stage.ports.first.drill_target.ref)


def hold(stage: Stage, during: dt.timedelta = 12 * HOUR) -> None:
    """Fire the timer, and let time pass."""
    stage.fire("drill_timer")
    stage.host.run_for(during)


def next_morning(stage: Stage) -> None:
    """Let time pass until the timer is due again."""
    now = stage.ports.clock.now()
    stage.host.run_for((now + DAY).replace(hour=9, minute=0, second=0, microsecond=0) - now)


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    """Return what was logged of one event, with its level."""
    return [
        f"{one.levelname} {one.getMessage()}" for one in caplog.records if one.getMessage().startswith(name)
    ]


@pytest.fixture(autouse=True)
def listening(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Take down every event."""
    with caplog.at_level("INFO", logger="apim_dr"):
        yield


def test_a_drill_restores_and_leaves_its_record(stage, caplog):
    """The newest point in the drill target, with word, duration, RTO and the keys of its report."""
    hold(stage)

    (record,) = drilled(stage.ports)
    (post,) = stage.ports.arm.posts
    assert (post.service, post.action, post.backup_name) == (TARGET, "restore", record.point)
    assert (record.outcome, record.fault) == (Outcome.SUCCEEDED, None)
    assert (record.restore_duration_s, record.rto_s, record.rto_kept) == (RESTORE_S, 8 * 3600, True)
    assert record.evidence == (
        layout.report_key(record.run_id),
        layout.readable_report_key(record.run_id),
    )
    assert stage.ports.runs.read(record.run_id)[0].kind == "drill"
    assert len(events(caplog, "drill.started")) == 1
    (ended,) = events(caplog, "drill.ended")
    assert ended.startswith("INFO")


def test_a_drill_makes_no_safety_backup(stage):
    """What a drill target holds is the last rehearsal, and nobody wants it back."""
    hold(stage)

    assert [post.action for post in stage.ports.arm.posts] == ["restore"]


def test_a_second_firing_of_one_occurrence_does_not_drill_twice(stage):
    """While the first is at work, after it has ended, and after Durable's history is gone."""
    stage.fire("drill_timer")
    stage.host.run_for(HOUR / 4)
    hold(stage, HOUR)
    hold(stage, HOUR)
    for instance in {instance for instance, _ in stage.recorder if instance.startswith("drills-")}:
        stage.host.purge(instance)
    hold(stage)

    assert len(drilled(stage.ports)) == len(stage.ports.arm.posts) == 1


def test_a_drill_is_held_every_so_many_days(make):
    """Every three days: on the first morning and on the fourth."""
    stage = make(drill={"everyDays": 3})
    mornings = []
    for _ in range(5):
        next_morning(stage)
        hold(stage, HOUR)
        mornings.append(len(stage.ports.arm.posts))

    assert mornings == [1, 1, 1, 2, 2]


def test_a_service_that_is_paused_is_not_drilled(make):
    """The pause and its reason stand in the service's state; a record would only repeat them."""
    stage = make(paused={"reason": "its owners move it"})
    hold(stage)

    assert drilled(stage.ports) == []
    assert stage.ports.arm.posts == []


def test_another_region_s_drills_are_left_to_its_app(make):
    """The target is in westeurope, so the app of northeurope does nothing."""
    stage = make(region="northeurope")
    hold(stage)

    assert stage.ports.arm.posts == []
    assert drilled(stage.ports) == []


def test_services_that_share_a_target_are_drilled_one_after_the_other(make):
    """Three restores into one target, none before the one before has ended, all of them recorded."""
    stage = make("alpha", "beta", "gamma")
    hold(stage)

    found = sorted(
        (record for name in ("alpha", "beta", "gamma") for record in drilled(stage.ports, name)),
        key=lambda record: record.requested_at,
    )
    assert [record.outcome for record in found] == [Outcome.SUCCEEDED] * 3
    assert all(before.ended_at <= after.requested_at for before, after in itertools.pairwise(found))
    assert all(record.restore_duration_s == RESTORE_S for record in found)


def test_different_targets_are_drilled_side_by_side(make_stage):
    """Two targets take as long as one."""
    services = [drill_plan(name, target=name)["services"][0] for name in ("alpha", "beta")]
    stage = make_stage(services=services)
    for name in ("alpha", "beta"):
        point_of(stage, name, START - HOUR)
    stage.fire("drill_timer")
    stage.host.run_for(HOUR / 2)

    assert {post.service for post in stage.ports.arm.posts} == {"alpha-drill", "beta-drill"}


def test_a_busy_target_is_waited_for(stage):
    """Another run of this app has the target for an hour; then the drill takes place."""
    target_of(stage).duration_s["restore"] = 3600
    target = stage.ports.first.drill_target.ref
    stage.start_restore(point_of(stage, "contoso", START - 3 * HOUR), target=target)
    stage.host.run_for(HOUR / 6)
    hold(stage)

    (record,) = drilled(stage.ports)
    assert record.outcome is Outcome.SUCCEEDED
    assert record.requested_at >= START + HOUR
    assert record.restore_duration_s == 3600


def test_a_target_that_stays_busy_refuses_the_drill(stage, caplog):
    """After four hours the drill ends, says why, and was never sent."""
    target_of(stage).duration_s["restore"] = HANGS
    target = stage.ports.first.drill_target.ref
    stage.start_restore(point_of(stage, "contoso", START - 3 * HOUR), target=target)
    stage.host.run_for(HOUR / 6)
    hold(stage, 5 * HOUR)

    (record,) = drilled(stage.ports)
    assert (record.outcome, record.fault.code) == (Outcome.REFUSED, "TargetBusy")
    assert len(stage.ports.arm.posts) == 1
    (ended,) = events(caplog, "drill.ended")
    assert ended.startswith("ERROR")
    assert "TargetBusy" in ended


def test_a_drill_that_azure_fails_is_recorded_with_azure_s_reason(stage):
    """Failed, with the code, and with evidence of it; it is not repeated the next day."""
    target_of(stage).failure = ("RestoreFailed", "Cannot restore")
    hold(stage)
    next_morning(stage)
    hold(stage)

    (record,) = drilled(stage.ports)
    assert (record.outcome, record.fault.code) == (Outcome.FAILED, "RestoreFailed")
    assert record.rto_kept is None
    assert record.evidence == (
        layout.report_key(record.run_id),
        layout.readable_report_key(record.run_id),
    )


def test_a_drill_that_finds_a_difference_keeps_its_evidence(stage):
    """An entity that the restore forgot: Failed, and the report names it."""
    target_of(stage).loses = frozenset({"/products/gold"})
    hold(stage)

    (record,) = drilled(stage.ports)
    assert (record.outcome, record.fault.code) == (Outcome.FAILED, "RestoreDiffers")
    assert "/products/gold" in stage.ports.records().read(record.evidence[0])[0].decode()


def test_an_rto_that_was_missed_is_said(make, caplog):
    """The restore succeeded, too late: an error with both numbers, and the state says failed."""
    stage = make(drill={"rtoHours": 1})
    target_of(stage).duration_s["restore"] = 2 * 3600
    hold(stage)

    (record,) = drilled(stage.ports)
    assert (record.outcome, record.rto_kept) == (Outcome.SUCCEEDED, False)
    (ended,) = events(caplog, "drill.ended")
    assert ended.startswith("ERROR")
    assert "code=RtoMissed" in ended
    assert "the RTO is 3600 s" in ended


def test_a_drill_without_a_usable_point_is_refused_and_tried_again_the_next_day(stage, caplog):
    """The blob is gone: recorded each day, until there is a point."""
    point = point_of(stage, "contoso", START - HOUR)
    stage.ports.backups(point.account, point.container).delete(point.name)
    hold(stage, HOUR)
    point_of(stage, "contoso", START)
    next_morning(stage)
    hold(stage, HOUR)

    refused, good = drilled(stage.ports)
    assert (refused.outcome, refused.fault.code, refused.point) == (Outcome.REFUSED, "NoUsablePoint", None)
    assert good.outcome is Outcome.SUCCEEDED


def test_an_overdue_service_is_warned_of_once_a_day(stage, caplog):
    """38 days after the last good drill, one of which nothing came since."""
    put_drill(stage.ports, 40 * DAY)
    put_drill(stage.ports, HOUR, Outcome.REFUSED, rto_kept=None)
    hold(stage, HOUR)
    stage.fire("drill_timer")

    (overdue,) = events(caplog, "drill.overdue")
    assert overdue.startswith("WARNING")
    assert "service=contoso" in overdue


def test_a_plan_without_drills_starts_nothing(make_stage):
    """Not even an orchestration that would find nothing to do."""
    stage = make_stage()
    stage.fire("drill_timer")
    stage.host.settle()

    assert stage.activities() == []
