"""From a restore point to its replica on the standby, on a virtual clock: whatever began it."""

from __future__ import annotations

import datetime as dt

import pytest

from shared.core import layout, names
from shared.core.errors import UnavailableError
from shared.core.replication import ReplicationWord
from shared.core.runs import Outcome
from tests.fakes.clock import START
from tests.fakes.ports import ENTITIES
from tests.orchestrators.replicating import (
    HOUR,
    LONG,
    MINUTE,
    finish,
    instance,
    let_pass,
    replicas,
    restored,
    said,
    target,
)

DOWN = UnavailableError("the records: ServerBusy")


@pytest.fixture
def stage(standby_stage):
    """The app of the standby's region."""
    return standby_stage


def test_an_event_becomes_a_restore_and_a_replica(stage):
    """The newest point ends as a replica record that names run, inventory and counts."""
    point = stage.put_point(START - HOUR)

    output = finish(stage)

    (replica,) = replicas(stage)
    assert output == {"word": "InSync", "reasons": []}
    assert (replica.name, replica.inventory_digest) == (point.name, point.inventory.digest)
    assert (replica.counts, replica.in_sync) == (point.inventory.counts, False)
    assert stage.ports.runs.read(replica.run_id)[0].kind == "replicate"


def test_steps_come_in_their_order(stage):
    """Look, start, say so, the restore's own steps, record, look again, say so."""
    stage.put_point(START - HOUR)
    finish(stage)

    own = ("survey_replication", "start_replication", "note_replication", "record_replica")
    assert [step for step in stage.activities() if step in own] == [
        "survey_replication", "start_replication", "note_replication",
        "survey_replication", "record_replica", "survey_replication", "note_replication",
    ]  # fmt: skip


def test_a_burst_causes_one_restore(stage):
    """Points that come within the settling time: the newest one is restored, the others are not."""
    stage.put_point(START - HOUR)
    stage.replicate()
    for minutes in (30, 20, 10):
        stage.host.run_for(MINUTE / 2)
        newest = stage.put_point(START - minutes * MINUTE)

    stage.host.run_until_done(instance(stage), LONG)

    assert restored(stage) == [newest.name]


def test_a_point_that_the_standby_holds_is_not_restored_again(stage):
    """The same again: in sync, and nothing is sent."""
    stage.put_point(START - HOUR)
    finish(stage)

    output = finish(stage)

    assert output["word"] == "InSync"
    assert len(stage.ports.arm.posts) == 1


def test_an_older_point_is_not_brought_over_a_newer_one(stage):
    """Its record comes late: what is older than what the standby holds is not restored."""
    newer = stage.put_point(START - HOUR)
    finish(stage)
    stage.put_point(START - 2 * HOUR)

    output = finish(stage)

    assert (output["word"], restored(stage)) == ("InSync", [newer.name])


def test_a_newer_point_follows_an_older_one(stage):
    """A point that comes while the standby is at work is restored after it, by the same orchestration."""
    older = stage.put_point(START - 2 * HOUR)
    stage.replicate()
    stage.host.run_for(5 * MINUTE)
    newer = stage.put_point(START - HOUR, {**ENTITIES, "/apis/new": "2" * 16})

    stage.host.run_until_done(instance(stage), LONG)

    assert restored(stage) == [older.name, newer.name]
    assert [replica.name for replica in replicas(stage)] == [older.name, newer.name]


def test_a_standby_busy_with_a_restore_of_ours_is_waited_for(stage):
    """An operator's restore holds the standby; what is the newest point after it is chosen anew."""
    older = stage.put_point(START - 2 * HOUR)
    stage.start_restore(older)
    stage.replicate()
    stage.host.run_for(5 * MINUTE)
    assert said(stage).word is ReplicationWord.WAITING
    newer = stage.put_point(START - HOUR, {**ENTITIES, "/apis/new": "2" * 16})

    stage.host.run_until_done(instance(stage), LONG)

    assert restored(stage) == [older.name, newer.name]
    assert said(stage).word is ReplicationWord.IN_SYNC


def test_a_restore_after_a_long_wait_has_its_whole_deadline(make_stage):
    """The deadline counts from the start of the restore, not from the event."""
    stage = make_stage(region="northeurope", deadlineHours=1)
    target(stage).duration_s["restore"] = 2400
    stage.start_restore(stage.put_point(START - 2 * HOUR))
    stage.put_point(START - HOUR, {**ENTITIES, "/apis/new": "2" * 16})
    stage.host.run_for(MINUTE)

    finish(stage)

    assert [run.word for run in stage.ports.runs.newest(9, stage.ports.clock.now())] == [
        Outcome.SUCCEEDED
    ] * 2


def test_the_app_of_another_region_replicates_nothing(make_stage):
    """The app of the primary's region has no standby to restore into."""
    stage = make_stage()
    stage.put_point(START - HOUR)

    output = finish(stage)

    assert "no standby" in output["ignored"]
    assert stage.ports.arm.posts == []


def test_a_point_of_another_service_than_planned_is_not_restored(stage):
    """A record whose source is not the service that the plan names, such as a former primary's."""
    point = stage.put_point(START - HOUR)
    other = point.source.model_copy(update={"resource_id": point.source.resource_id + "-other"})
    key = layout.restore_point_key(point.service, point.name)
    stage.ports.records("westeurope").put(key, point.model_copy(update={"source": other}).to_bytes())

    output = finish(stage)

    assert output["word"] == "Nothing"
    assert stage.ports.arm.posts == []


def test_storage_down_when_the_replica_is_recorded_delays_it(stage):
    """The replica is recorded when storage is back, however long that takes."""
    point = stage.put_point(START - HOUR)
    # the run record passes; then the replica meets a storage that is down
    stage.ports.records().faults["create"].extend([None, *[DOWN] * 12])

    finish(stage)
    let_pass(stage, HOUR)

    assert [replica.name for replica in replicas(stage)] == [point.name]
    assert len(stage.ports.arm.posts) == 1


def test_the_history_of_a_long_replication_is_bounded(stage):
    """Following a restore of an hour and a half starts anew every 20 looks."""
    target(stage).duration_s["restore"] = 5400
    stage.put_point(START - HOUR)

    finish(stage)

    lengths = [
        len(payload["history"]) for name, payload, _ in stage.recorder.values() if name == "replicate_service"
    ]
    assert len(lengths) > 5
    assert max(lengths) < 220


# What the timer makes certain.


def test_without_any_event_the_timer_does_the_same(stage):
    """No message at all: the point is on the standby all the same."""
    point = stage.put_point(START - HOUR)

    let_pass(stage, HOUR)

    assert restored(stage) == [replica.name for replica in replicas(stage)] == [point.name]


@pytest.mark.parametrize("minutes", range(1, 21, 2))
def test_a_replication_that_is_lost_at_any_time_is_taken_up(stage, minutes):
    """Terminated while it settles, follows, or records: one restore, one replica, in sync."""
    stage.put_point(START - HOUR)
    stage.replicate()
    stage.host.run_for(minutes * MINUTE)
    stage.host.terminate(instance(stage))

    let_pass(stage, 2 * HOUR)

    assert len(stage.ports.arm.posts) == len(replicas(stage)) == 1
    assert said(stage).word is ReplicationWord.IN_SYNC


def test_a_restore_whose_replica_was_not_recorded_counts(stage):
    """Between a restore's end and its replica's record the orchestration is lost: no second restore."""
    point = stage.put_point(START - HOUR)
    stage.replicate()
    run_id = names.run_id(
        "replicate", "contoso", START + 2 * MINUTE, because=layout.restore_point_key("contoso", point.name)
    )
    stage.host.run_for(3 * MINUTE)
    while stage.ports.runs.read(run_id)[0].word is None:
        stage.host.run_for(dt.timedelta(seconds=1))
    stage.host.terminate(instance(stage))
    assert replicas(stage) == []

    let_pass(stage, HOUR)

    assert [replica.run_id for replica in replicas(stage)] == [run_id]
    assert restored(stage) == [point.name]


def test_another_standby_than_before_holds_nothing(make_stage):
    """The plan names another service now: what the former one held says nothing of it."""
    stage = make_stage(region="northeurope")
    point = stage.put_point(START - HOUR)
    finish(stage)
    (replica,) = replicas(stage)
    former = replica.target.model_copy(update={"resource_id": replica.target.resource_id + "-former"})
    key = layout.replica_key("contoso", point.name)
    stage.ports.records().put(key, replica.model_copy(update={"target": former}).to_bytes())
    run, etag = stage.ports.runs.read(replica.run_id)
    stage.ports.runs.replace(run.model_copy(update={"subject": former}), etag)
    target(stage).entities = {}

    finish(stage)

    assert restored(stage) == [point.name, point.name]
    assert replicas(stage)[0].target.is_same_as(stage.ports.first.standby.ref)
