"""From the record of a restore point to its replica on the standby, on a virtual clock."""

from __future__ import annotations

import datetime as dt

import pytest

from shared.core import layout, names
from shared.core.errors import UnavailableError
from shared.core.reports import Replica
from shared.core.runs import Outcome
from tests.fakes.arm import HANGS
from tests.fakes.clock import START

HOUR = dt.timedelta(hours=1)
LONG = dt.timedelta(days=3)


@pytest.fixture
def stage(standby_stage):
    """The app of the standby's region."""
    return standby_stage


def replicas(stage):
    """Return the replica records, in order."""
    records = stage.ports.records()
    return [Replica.from_bytes(records.read(key)[0]) for key in records.keys(layout.REPLICAS)]


def finish(stage, instance):
    """Run a replication to its end and return its output."""
    done = stage.host.run_until_done(instance, LONG)
    assert done.runtime_status == "Completed", done
    return done.output


def restored(stage):
    """Return the names of the points whose restores were sent, in order."""
    return [post.backup_name for post in stage.ports.arm.posts]


def test_an_event_becomes_a_restore_and_a_replica(stage):
    """The record of a new point ends as a replica record that names run and inventory."""
    point = stage.put_point(START - HOUR)

    output = finish(stage, stage.replicate(point))

    assert output["outcome"] == Outcome.SUCCEEDED
    (replica,) = replicas(stage)
    assert (replica.name, replica.run_id) == (point.name, output["runId"])
    assert replica.inventory_digest == point.inventory.digest
    assert stage.ports.runs.read(replica.run_id)[0].kind == "replicate"


def test_steps_come_in_their_order(stage):
    """Choose, start, the restore's own steps, looks, and the replica's record last."""
    finish(stage, stage.replicate(stage.put_point(START - HOUR)))

    steps = list(dict.fromkeys(stage.activities()))
    assert steps[:2] == ["choose_replication", "start_replication"]
    assert steps[-1] == "record_replica"


def test_a_point_that_the_standby_holds_is_ignored(stage):
    """The same point again, under another instance: no second restore."""
    point = stage.put_point(START - HOUR)
    finish(stage, stage.replicate(point))
    stage.host.purge(names.replication_instance("drprimary", layout.restore_point_key("contoso", point.name)))

    output = finish(stage, stage.replicate(point))

    assert "holds this point" in output["ignored"]
    assert len(stage.ports.arm.posts) == 1


def test_an_older_point_is_ignored(stage):
    """Events come in any order: what is older than the standby's point is not restored over it."""
    older, newer = stage.put_point(START - 2 * HOUR), stage.put_point(START - HOUR)
    finish(stage, stage.replicate(newer))

    output = finish(stage, stage.replicate(older))

    assert "or a newer one" in output["ignored"]
    assert restored(stage) == [newer.name]


def test_an_older_point_that_waits_is_overtaken(stage):
    """Two points wait for a busy standby and the newer one gets it first: the older is dropped."""
    older, newer = stage.put_point(START - 2 * HOUR), stage.put_point(START - HOUR)
    first = stage.replicate(newer)
    stage.host.run_for(dt.timedelta(seconds=1))
    second = stage.replicate(older)

    finish(stage, first)
    output = finish(stage, second)

    assert "or a newer one" in output["ignored"]
    assert restored(stage) == [newer.name]


def test_a_restore_that_just_ended_counts_before_its_replica_is_recorded(stage):
    """Between the end of a restore and its replica's record an older point has no chance."""
    older, newer = stage.put_point(START - 2 * HOUR), stage.put_point(START - HOUR)
    stage.replicate(newer)
    run_id = names.run_id(
        "replicate", "contoso", START, because=layout.restore_point_key("contoso", newer.name)
    )
    while stage.host.get(names.service_instance(stage.ports.first.standby.resource_id)) is None or (
        stage.ports.runs.read(run_id)[0].outcome is None
    ):
        stage.host.run_for(dt.timedelta(seconds=10))
    assert replicas(stage) == []

    output = finish(stage, stage.replicate(older))

    assert "or a newer one" in output["ignored"]
    assert restored(stage) == [newer.name]


def test_a_newer_point_follows_an_older_one(stage):
    """A point that comes while the standby is at work waits, and is restored after it."""
    older, newer = stage.put_point(START - 2 * HOUR), stage.put_point(START - HOUR)
    first = stage.replicate(older)
    stage.host.run_for(dt.timedelta(minutes=1))
    second = stage.replicate(newer)

    finish(stage, first)
    finish(stage, second)

    assert restored(stage) == [older.name, newer.name]
    assert [replica.name for replica in replicas(stage)] == [older.name, newer.name]


def test_a_standby_busy_with_a_restore_of_ours_is_waited_for(stage):
    """A restore that an operator started holds the standby; the replication comes after it."""
    point = stage.put_point(START - HOUR)
    stage.start_restore(point)
    stage.host.run_for(dt.timedelta(minutes=1))

    output = finish(stage, stage.replicate(point))

    assert output["outcome"] == Outcome.SUCCEEDED
    assert len(stage.ports.arm.posts) == 2


def test_a_restore_after_a_long_wait_has_its_whole_deadline(make_stage):
    """The deadline counts from the start of the restore, not from the event."""
    stage = make_stage(region="northeurope", deadlineHours=1)
    point = stage.put_point(START - HOUR)
    target = stage.ports.arm.service(stage.ports.first.standby.ref)
    target.duration_s["restore"] = 2400
    stage.start_restore(point)
    stage.host.run_for(dt.timedelta(minutes=1))

    output = finish(stage, stage.replicate(point))

    assert output["outcome"] == Outcome.SUCCEEDED


def test_a_standby_that_stays_busy_is_refused(make_stage):
    """Patience with a busy standby ends with the deadline: Refused, and no second POST."""
    stage = make_stage(region="northeurope", deadlineHours=1)
    point = stage.put_point(START - HOUR)
    stage.ports.arm.service(stage.ports.first.standby.ref).duration_s["restore"] = HANGS
    stage.start_restore(point, deadline_at=START + 9 * HOUR)
    stage.host.run_for(dt.timedelta(minutes=1))

    output = finish(stage, stage.replicate(point))

    assert output["outcome"] == Outcome.REFUSED
    assert len(stage.ports.arm.posts) == 1


def test_a_restore_that_differs_leaves_no_replica(stage):
    """A replica record says equal; a restore that differs gets none."""
    stage.ports.arm.service(stage.ports.first.standby.ref).loses = frozenset({"/products/gold"})

    output = finish(stage, stage.replicate(stage.put_point(START - HOUR)))

    assert output["outcome"] == Outcome.FAILED
    assert replicas(stage) == []


def test_a_point_of_another_region_is_ignored(make_stage):
    """The app of the primary's region has no standby to restore into."""
    stage = make_stage()

    output = finish(stage, stage.replicate(stage.put_point(START - HOUR)))

    assert "no standby" in output["ignored"]
    assert stage.ports.arm.posts == []


def test_a_point_of_another_service_than_planned_is_ignored(stage):
    """A record whose source is not the service that the plan names restores nothing."""
    point = stage.put_point(START - HOUR)
    other = point.source.model_copy(update={"resource_id": point.source.resource_id + "-other"})
    key = layout.restore_point_key(point.service, point.name)
    stage.ports.records("westeurope").put(key, point.model_copy(update={"source": other}).to_bytes())

    output = finish(stage, stage.replicate(point))

    assert "another service" in output["ignored"]
    assert stage.ports.arm.posts == []


def test_a_record_made_anew_by_a_rebuild_is_ignored(stage):
    """Its creation is an event like a backup's, and nobody has asked for a restore."""
    point = stage.put_point(START - HOUR)
    key = layout.restore_point_key(point.service, point.name)
    rebuilt = point.model_copy(update={"rebuilt_at": START})
    stage.ports.records("westeurope").put(key, rebuilt.to_bytes())

    output = finish(stage, stage.replicate(point))

    assert "rebuild" in output["ignored"]
    assert stage.ports.arm.posts == []


def test_storage_down_when_the_replica_is_recorded_delays_it(stage):
    """The replica is recorded when storage is back."""
    point = stage.put_point(START - HOUR)
    instance = stage.replicate(point)
    # the run record passes; then the replica meets a storage that is down
    down = [UnavailableError("the records: ServerBusy")] * 4
    stage.ports.records().faults["create"].extend([None, *down])

    finish(stage, instance)

    assert [replica.name for replica in replicas(stage)] == [point.name]


def test_the_history_of_a_long_replication_is_bounded(stage):
    """Following a restore of an hour and a half starts anew every 20 looks."""
    stage.ports.arm.service(stage.ports.first.standby.ref).duration_s["restore"] = 5400

    finish(stage, stage.replicate(stage.put_point(START - HOUR)))

    lengths = [
        len(payload["history"])
        for name, payload, _ in stage.recorder.values()
        if name == "replicate_restore_point"
    ]
    assert len(lengths) > 5
    assert max(lengths) < 220
