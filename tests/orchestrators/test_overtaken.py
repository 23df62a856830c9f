"""Restores that were lost and taken up late: nothing newer is undone, and no false word is given."""

from __future__ import annotations

import datetime as dt

import pytest

from shared.core import layout, names
from shared.core.runs import Outcome, RunPhase
from tests.fakes.arm import error, lost_after, lost_before
from tests.fakes.clock import START
from tests.fakes.ports import ENTITIES
from tests.orchestrators.test_watch import BUSY, HOUR, LOST, MINUTE, lose, watch

OLD, NEW, BY_HAND = {"/apis/old": "1" * 16}, {"/apis/new": "2" * 16}, {"/apis/by-hand": "f" * 16}


@pytest.fixture
def stage(standby_stage):
    """The app of the standby's region; its restores take ten minutes."""
    target(standby_stage).duration_s["restore"] = 600
    return standby_stage


def target(stage):
    """Return the standby as Azure has it."""
    return stage.ports.arm.service(stage.ports.first.standby.ref)


def start(stage, point, kind="replicate"):
    """Start a run of that kind; nothing runs yet."""
    run_id = names.run_id(kind, point.service, stage.ports.clock.now(), because=point.name)
    trigger = "http" if kind == "restore" else "event"
    return stage.start_restore(point, kind=kind, trigger=trigger, run_id=run_id)


def finish(stage, request):
    """Let a run come to its end and return its record."""
    stage.host.run_until_done(request.first_record().instance_id, HOUR)
    return stage.run_of(request)


def lose_before_its_post(stage, point, kind):
    """Return a run that was lost while it waited for a busy standby; six minutes have passed."""
    target(stage).foreign_until = START + 5 * MINUTE
    request = start(stage, point, kind)
    stage.host.run_for(2 * MINUTE)
    lose(stage, request)
    stage.host.run_for(4 * MINUTE)
    assert stage.run_of(request).phase is RunPhase.REQUESTED
    return request


def two_points(stage):
    """Return an older and a newer point with different contents."""
    return stage.put_point(START - 24 * HOUR, OLD), stage.put_point(START - HOUR, NEW)


@pytest.mark.parametrize("later", ["replicate", "restore"])
def test_an_older_point_is_not_replicated_over_a_newer_one(stage, later):
    """Lost before its POST, taken up after a newer point was restored: Refused, and the newer one stays."""
    older, newer = two_points(stage)
    request = lose_before_its_post(stage, older, "replicate")
    assert finish(stage, start(stage, newer, later)).outcome is Outcome.SUCCEEDED

    watch(stage, HOUR)

    run = stage.run_of(request)
    assert (run.outcome, run.fault.code, run.resumes) == (Outcome.REFUSED, "Superseded", 1)
    assert (target(stage).entities, len(stage.ports.arm.posts)) == (NEW, 1)


def test_a_newer_point_is_replicated_although_its_run_was_lost(stage):
    """The other way round nothing is overtaken: the newer point comes after the older one."""
    older, newer = two_points(stage)
    request = lose_before_its_post(stage, newer, "replicate")
    finish(stage, start(stage, older))

    watch(stage, HOUR)

    assert (stage.run_of(request).outcome, target(stage).entities) == (Outcome.SUCCEEDED, NEW)


def test_a_restore_that_somebody_asked_for_is_not_sent_after_another_one(stage):
    """Lost before its POST; meanwhile another point was restored: what was asked for then is stale."""
    older, newer = two_points(stage)
    request = lose_before_its_post(stage, newer, "restore")
    finish(stage, start(stage, older, "restore"))

    watch(stage, HOUR)

    run = stage.run_of(request)
    assert (run.outcome, run.fault.code) == (Outcome.REFUSED, "Superseded")
    assert (target(stage).entities, len(stage.ports.arm.posts)) == (OLD, 1)


def test_a_restore_whose_answer_was_lost_does_not_undo_what_people_changed(stage):
    """Restored, changed by hand, and only then looked at again: no second POST, and no verdict either."""
    stage.ports.arm.on_post.append(lost_after(LOST))
    request = start(stage, stage.put_point(START - HOUR, NEW), "restore")
    stage.host.run_for(MINUTE / 4)
    lose(stage, request)
    stage.host.run_for(50 * MINUTE)
    target(stage).entities |= BY_HAND

    watch(stage, 12 * HOUR)

    run = stage.run_of(request)
    assert (run.word, run.fault.code, run.resumes) == (Outcome.OUTCOME_UNKNOWN, "AnswerLost", 1)
    assert (target(stage).entities, len(stage.ports.arm.posts)) == (NEW | BY_HAND, 1)


def test_a_target_that_was_seen_at_work_gets_no_second_post(stage):
    """Never lost, but changed by hand right after the restore: what was seen at work counts as proof."""
    stage.ports.arm.on_post.append(lost_after(LOST))
    request = start(stage, stage.put_point(START - HOUR, NEW), "restore")
    stage.host.run_for(10 * MINUTE + MINUTE / 2)
    target(stage).entities |= BY_HAND

    run = finish(stage, request)

    assert (run.outcome, run.fault.code, run.posts) == (Outcome.OUTCOME_UNKNOWN, "AnswerLost", 1)
    assert run.transition_seen_at is not None
    assert target(stage).entities == NEW | BY_HAND


def test_a_look_that_comes_late_gets_no_second_post(stage):
    """Never lost, but Azure could not be asked for half an hour: a restore may have come and gone."""
    stage.ports.arm.on_post.append(lost_before(LOST))
    request = start(stage, stage.put_point(START - HOUR, NEW), "restore")
    stage.host.run_for(MINUTE / 4)
    stage.ports.arm.on_state.extend([BUSY] * 8)

    run = finish(stage, request)

    assert (run.outcome, run.fault.code, run.posts) == (Outcome.OUTCOME_UNKNOWN, "AnswerLost", 1)
    assert run.ended_at - START > 15 * MINUTE


def test_a_restore_that_was_lost_and_overtaken_is_not_compared(stage):
    """Azure finished it, a newer point came after it: no proof of the first one, and no false Failed."""
    older, newer = two_points(stage)
    request = start(stage, older)
    stage.host.run_for(3 * MINUTE)
    lose(stage, request)
    stage.host.run_for(20 * MINUTE)
    finish(stage, start(stage, newer))

    watch(stage, 12 * HOUR)

    run = stage.run_of(request)
    assert (run.word, run.fault.code) == (Outcome.OUTCOME_UNKNOWN, "Superseded")
    assert [key for key in stage.ports.records().keys(layout.REPLICAS) if older.name in key] == []


def test_a_restore_that_is_compared_a_day_later_is_not_failed(stage):
    """Lost for a day, and an entity was added meanwhile: no proof, also not by a later look."""
    request = start(stage, stage.put_point(START - HOUR, NEW), "restore")
    stage.host.run_for(3 * MINUTE)
    lose(stage, request)
    stage.host.run_for(24 * HOUR)
    target(stage).entities |= BY_HAND

    watch(stage, 12 * HOUR)

    run = stage.run_of(request)
    assert (run.word, run.fault.code) == (Outcome.OUTCOME_UNKNOWN, "ComparedLate")
    assert "/apis/by-hand" in run.fault.message


def test_a_restore_that_cannot_be_compared_for_hours_is_not_failed(stage):
    """Never lost, but the inventory could be read after hours only: whoever changed it is not known."""
    request = start(stage, stage.put_point(START - HOUR, NEW), "restore")
    stage.host.run_for(8 * MINUTE)
    stage.ports.arm.on_state.extend([BUSY] * 30)
    stage.host.run_for(HOUR)
    target(stage).entities |= BY_HAND
    stage.host.run_until_done(request.first_record().instance_id, 12 * HOUR)

    watch(stage, 12 * HOUR)

    run = stage.run_of(request)
    assert (run.word, run.fault.code, run.resumes) == (Outcome.OUTCOME_UNKNOWN, "ComparedLate", 0)


def test_a_restore_that_was_lost_shortly_is_judged(stage):
    """Lost for a few minutes and then watched to its end: what differs is the restore's own fault."""
    target(stage).duration_s["restore"] = 1800
    target(stage).loses = frozenset({"/apis/orders"})
    request = start(stage, stage.put_point(START - HOUR, ENTITIES), "restore")
    stage.host.run_for(3 * MINUTE)
    lose(stage, request)

    watch(stage, HOUR)

    run = stage.run_of(request)
    assert (run.outcome, run.fault.code, run.resumes) == (Outcome.FAILED, "RestoreDiffers", 1)


# Pruning on the other side.


@pytest.mark.parametrize("key_of", [layout.open_prune_key, layout.pruned_key], ids=["mark", "tombstone"])
def test_a_point_that_is_being_pruned_is_not_restored(stage, key_of):
    """The mark of an unfinished pruning, or a tombstone, is there at the check: Refused, nothing is sent."""
    point = stage.put_point(START - HOUR, NEW)
    stage.ports.records("westeurope").put(key_of(point.service, point.name), b"")

    run = stage.restore(point)

    assert (run.outcome, "PointNotPruned" in run.fault.message) == (Outcome.REFUSED, True)
    assert stage.ports.arm.posts == []


def test_a_point_that_is_pruned_while_the_standby_is_busy_is_not_restored(stage):
    """It is looked for again right before the POST: the first look may be hours old."""
    point = stage.put_point(START - HOUR, NEW)
    key = layout.open_prune_key(point.service, point.name)
    stage.ports.arm.on_post.append(lambda _accept: prune_and_lock(stage, key))

    run = stage.restore(point)

    assert (run.outcome, "PointNotPruned" in run.fault.message) == (Outcome.REFUSED, True)
    assert (len(stage.ports.arm.posts), target(stage).entities) == (1, {})


def prune_and_lock(stage, key):
    """Begin to prune, and answer that the standby is busy."""
    stage.ports.records("westeurope").put(key, b"")
    return error(409, "ServiceLocked", "The API Service is transitioning at this time.")


def test_records_that_are_lost_with_their_region_block_no_restore(stage, caplog):
    """A disaster: whether the point is being pruned cannot be told, which is logged, and no more."""
    point = stage.put_point(START - HOUR, NEW)
    stage.ports.records("westeurope").faults["exists"].extend([BUSY] * 9)

    run = stage.restore(point)

    assert (run.outcome, target(stage).entities) == (Outcome.SUCCEEDED, NEW)
    assert "record.unreadable" in caplog.text


# Reading the runs of the last days.


def test_a_run_record_that_cannot_be_read_ends_no_replication(stage, caplog):
    """One broken record among the newest replications is passed over, and named in the log."""
    point = stage.put_point(START - HOUR, NEW)
    broken = names.run_id("replicate", point.service, START - HOUR, because="y")
    stage.ports.records().put(layout.run_key(broken), b'{"v": 2}')

    done = stage.host.run_until_done(stage.replicate(), 24 * HOUR)

    assert done.output["word"] == "InSync"
    assert stage.ports.records().exists(layout.replica_key(point.service, point.name))
    assert broken in caplog.text


def test_old_runs_are_not_listed_for_a_replication_or_a_restore(stage, monkeypatch):
    """Neither for the choice of a point, nor before or after its restore: only the last days are."""
    records = stage.ports.records()
    listed, keys = [], records.keys
    monkeypatch.setattr(records, "keys", lambda prefix: listed.append(prefix) or keys(prefix))

    stage.put_point(START - HOUR, NEW)
    stage.host.run_until_done(stage.replicate(), 24 * HOUR)
    status, _ = stage.ask("GET", "list_runs")

    runs = {prefix for prefix in listed if prefix.startswith(layout.RUNS)}
    assert status == 200
    assert {layout.runs_of_day_prefix(START.date() - dt.timedelta(days=ago)) for ago in range(2)} <= runs
    assert [prefix for prefix in listed if prefix == layout.RUNS] == [layout.RUNS]  # the page, of few runs
