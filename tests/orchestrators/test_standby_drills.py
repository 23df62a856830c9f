"""Drills into a standby: it is left with the point that it held, or replication hears that it is not."""

from __future__ import annotations

import datetime as dt

import pytest

from shared.core import layout
from shared.core.inventory import InventoryPair
from shared.core.reports import Replica
from shared.core.runs import Outcome
from tests.fakes.arm import FakeService
from tests.fakes.clock import START
from tests.fakes.drills import drilled
from tests.fakes.ports import ENTITIES
from tests.orchestrators.conftest import Stage

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def stage(make_stage) -> Stage:
    """The app of the standby's region; the standby holds a point of three hours ago."""
    stage = make_stage(region="northeurope", defaults={"drill": {"into": "standby"}})
    stage.put_point(START - 3 * HOUR)
    stage.fire("find_unreplicated")
    stage.host.run_for(2 * HOUR)
    assert len(replicas(stage)) == 1
    return stage


def replicas(stage: Stage) -> list[Replica]:
    """Return what is recorded of the standby's points, oldest first."""
    records = stage.ports.records()
    return [Replica.from_bytes(records.read(key)[0]) for key in records.keys(layout.REPLICAS)]


def hold(stage: Stage) -> None:
    """Fire the timer of drills, and let them come to their ends."""
    stage.fire("drill_timer")
    stage.host.run_for(5 * HOUR)


def test_the_point_that_the_standby_holds_is_restored_again(stage):
    """Not a newer one, which replication may be holding back."""
    stage.put_point(START - HOUR)
    hold(stage)

    (record,) = drilled(stage.ports)
    (held,) = replicas(stage)
    assert (record.outcome, record.point) == (Outcome.SUCCEEDED, held.name)
    assert [post.backup_name for post in stage.ports.arm.posts] == [held.name] * 2


def test_a_standby_that_holds_nothing_is_not_drilled(stage):
    """What it is to hold is for replication to decide."""
    (held,) = replicas(stage)
    stage.ports.records().delete(layout.replica_key("contoso", held.name))
    hold(stage)

    (record,) = drilled(stage.ports)
    assert (record.outcome, record.fault.code) == (Outcome.REFUSED, "NoUsablePoint")
    assert len(stage.ports.arm.posts) == 1


def test_after_a_drill_that_failed_replication_brings_the_point_once_more(stage):
    """The standby may hold anything then, so the record that it holds the point must not stay."""
    standby = stage.ports.arm.service(stage.ports.first.standby.ref)
    standby.loses = frozenset({"/products/gold"})
    hold(stage)
    (record,) = drilled(stage.ports)
    assert record.outcome is Outcome.FAILED
    assert replicas(stage) == []
    standby.loses = frozenset()
    stage.fire("find_unreplicated")
    stage.host.run_for(5 * HOUR)

    assert len(replicas(stage)) == 1
    assert "/products/gold" in standby.entities


def standby_of(stage: Stage) -> FakeService:
    """Return the standby as the fake Azure has it."""
    return stage.ports.arm.service(stage.ports.first.standby.ref)


@pytest.mark.parametrize(
    ("name", "digest", "said"),
    [
        ("/apis/hotfix-after-failover", "9" * 16, "/apis/hotfix-after-failover added"),
        ("/apis/orders", "9" * 16, "/apis/orders altered"),
        ("/products/gold", None, "/products/gold missing"),
    ],
)
def test_what_somebody_changed_in_the_standby_is_not_wiped_by_a_drill(stage, name, digest, said):
    """It is in no backup: the drill is refused, names it, and says how to keep it."""
    standby = standby_of(stage)
    changed = {**standby.entities, name: digest}
    standby.entities = {key: value for key, value in changed.items() if value}
    before = dict(standby.entities)
    hold(stage)

    (record,) = drilled(stage.ports)
    (held,) = replicas(stage)
    assert (record.outcome, record.fault.code) == (Outcome.REFUSED, "StandbyWasChanged")
    assert said in record.fault.message
    assert f"POST /api/restores with {held.name}" in record.fault.hint
    assert standby.entities == before
    assert len(stage.ports.arm.posts) == 1


def test_a_standby_that_cannot_be_read_whole_is_not_drilled(stage):
    """What is not seen may be what somebody changed."""
    stage.ports.unreadable["contoso-neu"] = ("tags: AuthorizationFailed",)
    hold(stage)

    (record,) = drilled(stage.ports)
    assert (record.outcome, record.fault.code) == (Outcome.REFUSED, "StandbyNotCompared")
    assert "tags: AuthorizationFailed" in record.fault.message
    assert len(stage.ports.arm.posts) == 1


def test_a_point_without_a_readable_inventory_is_not_drilled_into_the_standby(stage):
    """There is nothing to compare the standby with, so nobody can tell what a drill would wipe."""
    (held,) = replicas(stage)
    stage.ports.records("westeurope").delete(layout.inventory_key("contoso", held.name))
    hold(stage)

    (record,) = drilled(stage.ports)
    assert (record.outcome, record.fault.code) == (Outcome.REFUSED, "StandbyNotCompared")


def test_lists_that_an_older_release_did_not_take_cannot_be_compared(stage):
    """What stands in them today may be what somebody changed."""
    (held,) = replicas(stage)
    records, key = stage.ports.records("westeurope"), layout.inventory_key("contoso", held.name)
    pair = InventoryPair.from_bytes(records.read(key)[0])
    older = pair.model_copy(update={"before": pair.before.model_copy(update={"taken": 0})})
    records.put(key, older.to_bytes())
    hold(stage)

    (record,) = drilled(stage.ports)
    assert (record.outcome, record.fault.code) == (Outcome.REFUSED, "StandbyNotCompared")


def test_a_standby_is_compared_piece_by_piece(stage):
    """What is read so far is kept between two tries, and taken away at the end."""
    stage.ports.inventory_pieces = [{"/apis/orders": "1111111111111111"}]
    hold(stage)

    (record,) = drilled(stage.ports)
    assert record.outcome is Outcome.SUCCEEDED
    assert not [key for key in stage.ports.records().keys("") if ".part." in key]


def test_a_standby_that_another_run_works_on_is_compared_when_it_is_over(stage):
    """In the middle of a restore it differs from everything; nobody changed it."""
    standby = standby_of(stage)
    standby.duration_s["restore"] = 3600
    stage.put_point(START + HOUR, {**ENTITIES, "/apis/new": "5" * 16})
    stage.fire("find_unreplicated")
    stage.host.run_for(HOUR / 4)
    hold(stage)

    (record,) = drilled(stage.ports)
    assert (record.outcome, record.fault) == (Outcome.SUCCEEDED, None)
    assert record.point == replicas(stage)[-1].name
    assert len(replicas(stage)) == 2


def test_a_standby_in_transition_is_compared_when_it_is_over(stage):
    """Somebody scales it for an hour; then it is as it was, and drilled."""
    over_at = stage.ports.clock.now() + HOUR
    standby_of(stage).foreign_until = over_at
    hold(stage)

    (record,) = drilled(stage.ports)
    assert record.outcome is Outcome.SUCCEEDED
    assert record.requested_at >= over_at


def test_a_standby_that_stays_in_transition_refuses_the_drill(stage):
    """After four hours it says so, and nothing was sent."""
    standby_of(stage).foreign_until = stage.ports.clock.now() + 9 * HOUR
    hold(stage)

    (record,) = drilled(stage.ports)
    assert (record.outcome, record.fault.code) == (Outcome.REFUSED, "TargetBusy")
    assert len(stage.ports.arm.posts) == 1
