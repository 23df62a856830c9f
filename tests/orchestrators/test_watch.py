"""Runs that lost their orchestration are taken up again or ended, and nothing is sent twice or too late."""

from __future__ import annotations

import datetime as dt
import itertools

import azure.durable_functions as df
import pytest

from shared.core import layout
from shared.core.errors import UnavailableError
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome, RunPhase
from tests.fakes.arm import HANGS, error, lost_after, lost_before
from tests.fakes.clock import START

MINUTE = dt.timedelta(minutes=1)
HOUR = 60 * MINUTE
LOOK = 5 * MINUTE
"""The watch's own period."""

LOST = UnavailableError("azure resource manager could not be reached: ReadTimeout", code="ReadTimeout")
BUSY = UnavailableError("the records: ServerBusy", code="ServerBusy")


def watch(stage, duration):
    """Let time pass with the watch at work."""
    end = stage.host.clock.now() + duration
    while stage.host.clock.now() + LOOK <= end:
        stage.host.run_for(LOOK)
        stage.fire("watch_runs")
    stage.host.run_for(end - stage.host.clock.now())


def lose(stage, request):
    """End the run's orchestration from outside, as a lost task hub or an operator would."""
    stage.host.terminate(request.first_record().instance_id)
    stage.host.settle()


def marks(stage):
    """Return the ids of all open runs."""
    return stage.ports.runs.open_ids()


def source(stage):
    """Return the primary as Azure has it."""
    return stage.ports.arm.service(stage.ports.first.ref)


def keep_verifying(stage):
    """Make the blob unreadable for ten minutes, so that the run stays at Verifying."""
    blobs = stage.ports.backups("drprimary", "apim-backups")
    blobs.faults["measure"].extend([BUSY] * 6)


def keep_ending(stage):
    """Make the last write of the run fail for a while: its restore point is recorded, its word is not."""
    passes = [None, None, None]  # intend, accepted, verifying
    stage.ports.records().faults["replace"].extend([*passes, *[BUSY] * 6])


def keep_waiting(stage):
    """Keep the service busy for half an hour, so that the run stays at Requested."""
    source(stage).foreign_until = START + 30 * MINUTE


def lose_answer(stage):
    """Lose the answer to the POST, so that the run stays at Submitting."""
    stage.ports.arm.on_post.append(lost_after(LOST))


LOSSES = {
    "in Requested": (keep_waiting, 2 * MINUTE, "Requested", "prepare_backup"),
    "in Submitting": (lose_answer, 2 * MINUTE, "Submitting", "begin_backup"),
    "in Running": (lambda stage: None, 4 * MINUTE, "Running", "poll_once"),
    "in Verifying": (keep_verifying, 12 * MINUTE, "Verifying", "verify_backup"),
    "after the record": (keep_ending, 12 * MINUTE, "Verifying", "end_run"),
}


@pytest.mark.parametrize(("prepare", "after", "phase", "step"), LOSSES.values(), ids=LOSSES)
def test_a_run_that_lost_its_orchestration_goes_on_where_it_stood(stage, prepare, after, phase, step):
    """Lost in any phase, the backup succeeds all the same, with one POST in total."""
    prepare(stage)
    request = stage.start_backup()
    stage.host.run_for(after)
    assert (stage.run_of(request).phase, stage.activities()[-1]) == (phase, step)
    lose(stage, request)

    watch(stage, HOUR)

    run = stage.run_of(request)
    assert (run.outcome, run.resumes, run.restore_point) == (Outcome.SUCCEEDED, 1, request.backup_name)
    assert len(stage.ports.arm.posts) == 1
    assert marks(stage) == []


def test_a_run_that_was_lost_while_it_was_verified_needs_no_location(stage):
    """Its operation was read to its end before: that the Location is gone meanwhile says nothing."""
    keep_verifying(stage)
    request = stage.start_backup()
    stage.host.run_for(12 * MINUTE)
    lose(stage, request)
    stage.ports.arm.on_poll = lambda _now, _honest: error(404, "ResourceNotFound", "no such operation")

    watch(stage, HOUR)

    assert stage.run_of(request).outcome == Outcome.SUCCEEDED


def test_a_lost_restore_goes_on_where_it_stood(standby_stage):
    """A restore whose orchestration was lost while it ran is followed to its end, with one POST."""
    stage = standby_stage
    request = stage.start_restore(stage.put_point(START - HOUR))
    stage.host.run_for(4 * MINUTE)
    lose(stage, request)

    watch(stage, HOUR)

    run = stage.run_of(request)
    assert (run.outcome, run.resumes, len(stage.ports.arm.posts)) == (Outcome.SUCCEEDED, 1, 1)


def test_a_replication_waits_for_the_watch_to_take_its_restore_up(standby_stage):
    """Its restore's orchestration is lost; the replica is recorded all the same, with one POST."""
    point = standby_stage.put_point(START - HOUR)
    replication = standby_stage.replicate()
    watch(standby_stage, 5 * MINUTE)
    (run,) = standby_stage.ports.runs.newest(1, START)
    standby_stage.host.terminate(run.instance_id)

    watch(standby_stage, 2 * HOUR)

    assert standby_stage.host.get(replication).output["word"] == "InSync"
    assert standby_stage.ports.records().exists(layout.replica_key("contoso", point.name))
    assert len(standby_stage.ports.arm.posts) == 1


def test_a_run_that_is_taken_up_is_polled_by_an_instance_of_its_own(stage):
    """The lost run's polling may be at work still; the resumed one does not collide with it."""
    request = stage.start_backup()
    stage.host.run_for(4 * MINUTE)
    lose(stage, request)
    assert stage.host.get(f"poll-{request.run_id}").runtime_status == "Running"

    watch(stage, 10 * MINUTE)

    assert stage.host.get(f"poll-{request.run_id}-1").name == "poll_operation"
    watch(stage, HOUR)
    assert stage.run_of(request).outcome == Outcome.SUCCEEDED


def test_a_run_that_is_driven_is_left_alone(stage):
    """Five hours of an operation: the watch starts nothing and the run is never resumed."""
    source(stage).duration_s["backup"] = 5 * 3600
    request = stage.start_backup()

    watch(stage, 6 * HOUR)

    run = stage.run_of(request)
    assert (run.outcome, run.resumes, run.polls) == (Outcome.SUCCEEDED, 0, 300)


def test_a_run_that_is_driven_is_seen(stage):
    """The mark of a run at work says when it was seen last, so that a loss is dated."""
    source(stage).duration_s["backup"] = HANGS
    request = stage.start_backup()

    watch(stage, 20 * MINUTE)

    mark, _ = stage.ports.runs.mark(request.run_id)
    assert mark.seen_at == START + 20 * MINUTE


def test_a_lost_run_waits_while_another_run_has_the_service(stage):
    """Another run of the service is at work: the lost one is taken up when that has ended."""
    request = stage.start_backup()
    stage.host.run_for(4 * MINUTE)
    lose(stage, request)
    stage.host.run_for(2 * MINUTE)
    other = stage.start_backup()

    watch(stage, 5 * MINUTE)
    assert stage.run_of(request).resumes == 0

    watch(stage, 2 * HOUR)
    assert stage.run_of(other).outcome == Outcome.SUCCEEDED
    assert (stage.run_of(request).outcome, stage.run_of(request).resumes) == (Outcome.SUCCEEDED, 1)
    assert len(stage.ports.arm.posts) - refused_posts(stage) == 2


def refused_posts(stage):
    """Count the POSTs that met a busy service."""
    return len(stage.ports.arm.posts) - len(stage.ports.arm._operations)


def test_a_run_that_is_lost_again_and_again_is_left_to_a_human(stage):
    """After three times it ends as OutcomeUnknown, says so, and keeps its Location."""
    source(stage).duration_s["backup"] = HANGS
    request = stage.start_backup()
    stage.host.run_for(4 * MINUTE)
    for _ in range(4):
        lose(stage, request)
        watch(stage, 15 * MINUTE)

    run = stage.run_of(request)
    assert (run.outcome, run.fault.code, run.resumes) == (Outcome.OUTCOME_UNKNOWN, "LostTooOften", 3)
    assert run.operation is not None
    assert len(stage.ports.arm.posts) == 1


def test_a_run_is_not_counted_as_lost_while_nothing_can_be_started(stage, monkeypatch):
    """Durable takes no start for half an hour: one loss, and the run is taken up as soon as it does."""

    async def start_new(_client, *_args, **_named):
        raise RuntimeError("the host said 500")

    request = stage.start_backup()
    stage.host.run_for(4 * MINUTE)
    lose(stage, request)
    with monkeypatch.context() as broken:
        broken.setattr(df.DurableOrchestrationClient, "start_new", start_new)
        watch(stage, 30 * MINUTE)
    run = stage.run_of(request)
    assert (run.phase, run.resumes) == (RunPhase.RUNNING, 0)

    watch(stage, HOUR)

    run = stage.run_of(request)
    assert (run.outcome, run.resumes, len(stage.ports.arm.posts)) == (Outcome.SUCCEEDED, 1, 1)


def test_a_run_that_is_lost_again_and_again_before_its_post_is_refused(stage):
    """The record proves that nothing was sent: not unknown, but Refused."""
    source(stage).foreign_until = START + 30 * HOUR
    request = stage.start_backup()
    for _ in range(4):
        stage.host.run_for(MINUTE)
        lose(stage, request)
        watch(stage, 15 * MINUTE)

    run = stage.run_of(request)
    assert (run.outcome, run.fault.code) == (Outcome.REFUSED, "LostTooOften")
    assert stage.ports.arm.posts == []
    assert marks(stage) == []


def test_a_restore_that_was_lost_before_its_post_is_not_sent_hours_later(standby_stage):
    """The whole app was down for two hours: the restore ends as Refused, and the standby stays as it is."""
    stage = standby_stage
    target = stage.ports.arm.service(stage.ports.first.standby.ref)
    target.foreign_until = START + 10 * MINUTE
    request = stage.start_restore(stage.put_point(START - HOUR))
    stage.host.run_for(2 * MINUTE)
    lose(stage, request)
    stage.host.run_for(2 * HOUR)

    watch(stage, 30 * MINUTE)

    run = stage.run_of(request)
    assert (run.outcome, run.fault.code) == (Outcome.REFUSED, "NotStarted")
    assert (stage.ports.arm.posts, marks(stage)) == ([], [])


def test_a_restore_that_waits_long_may_still_be_taken_up(standby_stage):
    """What counts is how long nobody drove it, not how long it has waited for its service."""
    stage = standby_stage
    stage.ports.arm.service(stage.ports.first.standby.ref).foreign_until = START + 3 * HOUR
    request = stage.start_restore(stage.put_point(START - HOUR))
    watch(stage, 2 * HOUR)
    lose(stage, request)

    watch(stage, 3 * HOUR)

    assert (stage.run_of(request).outcome, len(stage.ports.arm.posts)) == (Outcome.SUCCEEDED, 1)


def test_a_restore_whose_answer_was_lost_is_not_sent_again_hours_later(standby_stage):
    """A POST without effect, then two hours without anybody: it ends unknown, and no second POST is sent."""
    stage = standby_stage
    stage.ports.arm.on_post.append(lost_before(LOST))
    request = stage.start_restore(stage.put_point(START - HOUR))
    stage.host.run_for(MINUTE)
    lose(stage, request)
    stage.host.run_for(2 * HOUR)

    watch(stage, 10 * MINUTE)

    run = stage.run_of(request)
    assert (run.outcome, run.fault.code) == (Outcome.OUTCOME_UNKNOWN, "AnswerLost")
    assert len(stage.ports.arm.posts) == 1


def test_a_backup_that_was_never_sent_is_taken_up_until_its_deadline(stage):
    """Three hours without anybody are no reason to leave out a night's backup."""
    source(stage).foreign_until = START + 10 * MINUTE
    request = stage.start_backup()
    stage.host.run_for(2 * MINUTE)
    lose(stage, request)
    stage.host.run_for(3 * HOUR)

    watch(stage, HOUR)

    assert stage.run_of(request).outcome == Outcome.SUCCEEDED


def test_a_backup_that_was_never_sent_is_not_sent_after_its_deadline(stage):
    """Nine hours without anybody: Refused, and nothing was sent."""
    source(stage).foreign_until = START + 10 * MINUTE
    request = stage.start_backup()
    stage.host.run_for(2 * MINUTE)
    lose(stage, request)
    stage.host.run_for(9 * HOUR)

    watch(stage, HOUR)

    run = stage.run_of(request)
    assert (run.outcome, run.fault.code, stage.ports.arm.posts) == (Outcome.REFUSED, "NotStarted", [])


def test_an_operation_is_followed_also_after_its_deadline(stage):
    """Nine hours without anybody: how the operation ended is read all the same, and the backup is good."""
    request = stage.start_backup()
    stage.host.run_for(4 * MINUTE)
    lose(stage, request)
    stage.host.run_for(9 * HOUR)

    watch(stage, 30 * MINUTE)

    assert (stage.run_of(request).outcome, len(stage.ports.arm.posts)) == (Outcome.SUCCEEDED, 1)


def record_of(stage, request):
    """Return the restore point that a run has recorded."""
    key = layout.restore_point_key(request.service, request.backup_name)
    return RestorePoint.from_bytes(stage.ports.records().read(key)[0])


def test_a_change_after_the_end_is_not_called_one_while_the_backup_ran(stage):
    """Taken up nine hours later, with an entity added meanwhile: nobody knows when, and it says so."""
    request = stage.start_backup()
    stage.host.run_for(4 * MINUTE)
    lose(stage, request)
    stage.host.run_for(5 * HOUR)
    source(stage).entities["/apis/later"] = "f" * 16
    stage.host.run_for(4 * HOUR)

    watch(stage, 30 * MINUTE)

    run, point = stage.run_of(request), record_of(stage, request)
    ended, changed = point.warnings
    assert ended.startswith("endedAt is when the end was seen")
    assert "not known whether it changed while the backup ran" in changed
    assert "/apis/later added" in changed
    assert point.inventory.changed_while_running is None
    assert (run.outcome, run.changed_while_running, run.warnings) == (
        Outcome.SUCCEEDED,
        False,
        point.warnings,
    )


def test_a_backup_that_is_proven_hours_after_its_end_does_not_date_the_changes(stage):
    """Its container was not readable for two hours: the end is known, when the entity was added is not."""
    blobs = stage.ports.backups("drprimary", "apim-backups")
    blobs.faults["measure"].extend([BUSY] * 28)
    request = stage.start_backup()
    stage.host.run_for(HOUR)
    source(stage).entities["/apis/later"] = "f" * 16
    stage.host.run_for(4 * HOUR)

    point = record_of(stage, request)
    (changed,) = point.warnings
    assert "not known whether it changed while the backup ran" in changed
    assert point.inventory.changed_while_running is None
    assert point.ended_at == START + 11 * MINUTE
    assert point.verified_at > START + 2 * HOUR


def test_an_inventory_that_was_taken_in_time_is_not_taken_again(stage):
    """A change while it ran was found; the record waits for storage, and a later change is not called one."""
    stage.ports.records().faults["keys"].extend([BUSY] * 20)
    request = stage.start_backup()
    stage.host.run_for(4 * MINUTE)
    source(stage).entities["/apis/meanwhile"] = "e" * 16
    stage.host.run_for(HOUR)
    source(stage).entities["/apis/later"] = "f" * 16
    stage.host.run_for(4 * HOUR)

    run, point = stage.run_of(request), record_of(stage, request)
    (changed,) = point.warnings
    assert point.verified_at > START + HOUR
    assert changed.startswith("the configuration changed while the backup ran")
    assert changed.endswith("of 1 entities: /apis/meanwhile added")
    assert (point.inventory.changed_while_running, run.changed_while_running) == (True, True)


def test_a_run_without_its_wish_is_left_as_it_is_and_given_up_after_a_week(stage, caplog):
    """An older release did not write down the wish: nothing can be started again."""
    request = stage.start_backup()
    stage.host.run_for(4 * MINUTE)
    lose(stage, request)
    run, etag = stage.ports.runs.read(request.run_id)
    stage.ports.runs.replace(run.model_copy(update={"wish": {}}), etag)

    watch(stage, HOUR)
    assert (stage.run_of(request).phase, marks(stage)) == (RunPhase.RUNNING, [request.run_id])

    stage.host.run_for(dt.timedelta(days=8))
    watch(stage, 10 * MINUTE)
    assert (stage.run_of(request).phase, marks(stage)) == (RunPhase.RUNNING, [])
    assert "run.given_up" in caplog.text


def test_the_mark_of_a_run_that_ended_is_cleared_with_its_word(stage):
    """Succeeded, and no mark: nobody needs to look after it."""
    stage.back_up()

    assert marks(stage) == []


def test_a_mark_that_outlived_its_run_is_cleared(stage):
    """A mark of a run with a final word, as a crash in between leaves it, costs one look."""
    run = stage.back_up()
    stage.ports.records().put(layout.open_run_key(run.run_id), b"")

    watch(stage, LOOK)

    assert (run.outcome, marks(stage)) == (Outcome.SUCCEEDED, [])


def test_a_crash_between_word_and_mark_keeps_the_word(stage):
    """The step runs again, finds the word, and clears the mark; the word is logged once."""
    stage.ports.records().faults["delete"].append(BUSY)

    run = stage.back_up()

    assert (run.outcome, marks(stage)) == (Outcome.SUCCEEDED, [])
    assert stage.activities().count("end_run") == 2


def test_a_mark_without_a_run_is_cleared_after_a_while(stage):
    """A crash between mark and record; it is not cleared while the record may be in the making."""
    stage.ports.records().put(layout.open_run_key("20261123T020000Z-backup-ghost"), b"")

    watch(stage, LOOK)
    assert len(marks(stage)) == 1

    watch(stage, 2 * LOOK)
    assert marks(stage) == []


def test_a_mark_that_was_set_anew_stays(stage):
    """Somebody writes the run down between two looks: its mark is not the one that was seen alone."""
    key = layout.open_run_key("20261123T020000Z-backup-ghost")
    stage.ports.records().put(key, b"")
    watch(stage, LOOK)
    stage.host.run_for(2 * LOOK)
    stage.ports.records().put(key, b"")

    stage.fire("watch_runs")

    assert len(marks(stage)) == 1


def test_one_run_that_cannot_be_read_hides_no_other(stage, caplog):
    """A broken record is named in the log, and the lost run beside it is taken up."""
    broken = "20261123T010000Z-backup-broken"
    stage.ports.records().put(layout.run_key(broken), b'{"v": 7}')
    stage.ports.records().put(layout.open_run_key(broken), b"")
    request = stage.start_backup()
    stage.host.run_for(4 * MINUTE)
    lose(stage, request)

    watch(stage, HOUR)

    assert stage.run_of(request).outcome == Outcome.SUCCEEDED
    assert "watch.failed" in caplog.text
    assert broken in caplog.text


def test_storage_that_is_down_ends_a_look_and_no_more(stage, caplog):
    """The list of open runs cannot be had: said in the log, and the next look works."""
    request = stage.start_backup()
    stage.host.run_for(4 * MINUTE)
    lose(stage, request)
    stage.ports.records().faults["keys"].append(BUSY)

    watch(stage, LOOK)
    assert "watch.failed" in caplog.text

    watch(stage, HOUR)
    assert stage.run_of(request).outcome == Outcome.SUCCEEDED


def test_two_looks_at_once_take_a_run_up_once(stage):
    """A timer that fires twice starts one orchestration, and counts once."""
    source(stage).duration_s["backup"] = HANGS
    request = stage.start_backup()
    stage.host.run_for(4 * MINUTE)
    lose(stage, request)
    stage.host.run_for(10 * MINUTE)

    stage.fire("watch_runs")
    stage.fire("watch_runs")
    stage.host.run_for(MINUTE)

    assert stage.run_of(request).resumes == 1


def test_a_busy_service_at_the_post_is_waited_for_no_longer_than_before_it(stage):
    """409 to every POST ends as Refused after the patience for busy services, not at the deadline."""
    locked = error(409, "ServiceLocked", "The API Service is transitioning at this time.")
    stage.ports.arm.on_post.extend(itertools.repeat(lambda _accept: locked, 600))

    run = stage.back_up()

    patience = dt.timedelta(seconds=stage.ports.intervals.busy_patience_s)
    assert (run.outcome, run.fault.code, run.posts) == (Outcome.REFUSED, "ServiceLocked", 0)
    assert run.ended_at == START + patience


def test_a_step_that_crashes_before_the_post_is_refused(make_stage):
    """prepare_backup dies three times: nothing was sent, so the word is Refused, with the fault kept."""

    def prepare(_wish):
        raise RuntimeError("a bug")

    stage = make_stage(stand_ins={"prepare_backup": prepare})
    request = stage.start_backup()

    done = stage.host.run_until_done(request.first_record().instance_id)

    run = stage.run_of(request)
    assert (run.outcome, run.fault.code, stage.ports.arm.posts) == (Outcome.REFUSED, "StepCrashed", [])
    assert done.output["outcome"] == Outcome.REFUSED
