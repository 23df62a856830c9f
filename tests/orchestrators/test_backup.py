"""One backup from wish to word, on a virtual clock."""

from __future__ import annotations

import datetime as dt

from shared.core import layout
from shared.core.errors import UnavailableError
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome, RunPhase
from tests.fakes.arm import HANGS, error
from tests.fakes.clock import START

HOUR = dt.timedelta(hours=1)


def test_steps_come_in_their_order(stage):
    """Prepare, begin, polls, verify, record, prune, end: each once, in this order."""
    run = stage.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    steps = list(dict.fromkeys(stage.activities()))
    assert steps == [
        "prepare_backup", "begin_backup", "poll_once", "verify_backup", "record_restore_point",
        "prune_restore_points", "end_run",
    ]  # fmt: skip
    assert len(stage.activities()) - stage.activities().count("poll_once") == 6


def test_a_backup_that_succeeded_left_a_restore_point(stage):
    """The record names blob, size, digest, polls and times as they were."""
    run = stage.back_up()

    records = stage.ports.records()
    point = RestorePoint.from_bytes(records.read(layout.restore_point_key("contoso", run.restore_point))[0])
    blob = stage.ports.backups("drprimary", "apim-backups").measure(point.name)
    assert (blob.size_bytes, blob.sha256) == (point.size_bytes, point.sha256)
    assert (START, START + dt.timedelta(seconds=660)) == (point.started_at, point.ended_at)
    assert (11, run.run_id) == (point.polls, point.run_id)


def test_a_backup_of_five_hours_succeeds(stage):
    """300 polls a minute apart end in Succeeded, with one POST."""
    stage.ports.arm.service(stage.ports.first.ref).duration_s["backup"] = 5 * 3600

    run = stage.back_up()

    assert (run.outcome, run.polls) == (Outcome.SUCCEEDED, 300)
    assert len(stage.ports.arm.posts) == 1
    assert run.ended_at == START + 5 * HOUR


def test_history_does_not_grow_with_the_hours(stage):
    """No generation of the polling holds more than 20 polls, so the last poll costs what the first did."""
    stage.ports.arm.service(stage.ports.first.ref).duration_s["backup"] = 5 * 3600

    stage.back_up()

    lengths = [
        len(payload["history"]) for name, payload, _ in stage.recorder.values() if name == "poll_operation"
    ]
    assert len(lengths) == 15
    assert max(lengths) < 220


def test_the_polls_wait_as_long_as_the_answers_ask(stage):
    """Retry-After of 60 s puts 60 s between the polls, the first after the POST's own."""
    stage.back_up()

    times = [at for at, _ in stage.ports.arm.polled]
    assert [START + dt.timedelta(seconds=60 * n) for n in range(1, 12)] == times


def test_the_verdict_of_azure_is_failed_with_its_code(stage):
    """An operation that ends in an error envelope ends the run as Failed, with ARM's code."""
    stage.ports.arm.service(stage.ports.first.ref).failure = ("BackupFailed", "storage said no")

    run = stage.back_up()

    assert (run.outcome, run.fault.code) == (Outcome.FAILED, "BackupFailed")
    assert run.polls == 11
    assert list(stage.ports.records().keys(layout.RESTORE_POINTS)) == []


def test_another_tier_is_refused_without_a_post(stage):
    """A tier without backup ends as Refused, and nothing is sent."""
    stage.ports.arm.service(stage.ports.first.ref).tier = "Consumption"

    run = stage.back_up()

    assert run.outcome == Outcome.REFUSED
    assert "TierHasBackup" in run.fault.message
    assert stage.ports.arm.posts == []


def test_a_missing_container_is_refused_without_a_post(stage):
    """No container for the blob ends as Refused, with what to do."""
    stage.ports.backups("drprimary", "apim-backups").is_there = False

    run = stage.back_up()

    assert run.outcome == Outcome.REFUSED
    assert "ContainerExists" in run.fault.message
    assert "az storage container create" in run.fault.hint
    assert stage.ports.arm.posts == []


def test_every_refusal_is_named_at_once(stage):
    """Tier, region and container speak against it: all three are in one message."""
    service = stage.ports.arm.service(stage.ports.first.ref)
    service.tier, service.region = "Consumption", "eastus"
    stage.ports.backups("drprimary", "apim-backups").is_there = False

    run = stage.back_up()

    for guard in ("TierHasBackup", "RegionAsPlanned", "ContainerExists"):
        assert guard in run.fault.message


def test_a_busy_service_is_waited_for(stage):
    """Somebody else's operation of an hour delays the backup, and no more."""
    stage.ports.arm.service(stage.ports.first.ref).foreign_until = START + HOUR

    run = stage.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert run.posted_at >= START + HOUR
    assert len(stage.ports.arm.posts) == 1


def test_patience_with_a_busy_service_ends(stage):
    """A service that stays busy longer than the patience is Refused, and nothing is sent."""
    stage.ports.arm.service(stage.ports.first.ref).foreign_until = START + 30 * HOUR

    run = stage.back_up()

    assert (run.outcome, run.fault.code) == (Outcome.REFUSED, "ServiceBusy")
    assert stage.ports.arm.posts == []
    patience = dt.timedelta(seconds=stage.ports.intervals.busy_patience_s)
    assert START + patience == run.ended_at


def test_a_poll_that_stays_forbidden_is_poll_denied(stage):
    """403 on the operation beyond the patience ends as PollDenied, with the right that is missing."""
    stage.ports.arm.on_poll = lambda _now, _honest: error(403, "AuthorizationFailed", "no right")

    run = stage.back_up()

    assert (run.outcome, run.fault.code) == (Outcome.POLL_DENIED, "AuthorizationFailed")
    assert "operationresults/read" in run.fault.hint
    assert run.operation is not None


def test_a_right_given_in_time_is_no_denial(stage):
    """403 for ten minutes and then an answer: Succeeded."""
    until = START + dt.timedelta(minutes=10)
    stage.ports.arm.on_poll = lambda now, honest: (
        error(403, "AuthorizationFailed", "not yet") if now < until else honest()
    )

    assert stage.back_up().outcome == Outcome.SUCCEEDED


def test_still_running_at_the_deadline_is_outcome_unknown(make_stage):
    """An operation that hangs ends at the deadline as OutcomeUnknown, never as Failed."""
    stage = make_stage(deadlineHours=1)
    stage.ports.arm.service(stage.ports.first.ref).duration_s["backup"] = HANGS

    run = stage.back_up()

    assert run.outcome == Outcome.OUTCOME_UNKNOWN
    assert run.ended_at == START + HOUR


def test_at_the_deadline_the_location_is_kept(make_stage):
    """The run record of a run of unknown outcome holds the URL to look at later."""
    stage = make_stage(deadlineHours=1)
    stage.ports.arm.service(stage.ports.first.ref).duration_s["backup"] = HANGS

    run = stage.back_up()

    assert stage.ports.arm.polled[-1][1] == run.operation.location_url


def test_at_the_deadline_the_newest_location_is_kept(make_stage):
    """When Azure moves an operation to a new URL, the record keeps the new one: the old one may be gone."""
    stage = make_stage(deadlineHours=1)
    service = stage.ports.arm.service(stage.ports.first.ref)
    service.duration_s["backup"] = HANGS
    moved = stage.ports.arm.start_url(service.ref, "operationresults/moved")
    honest_answer = error(202, "", "", location=moved)
    stage.ports.arm.on_poll = lambda _now, _honest: honest_answer

    run = stage.back_up()

    assert moved == run.operation.location_url


def test_an_hour_of_faults_of_the_read_is_survived(stage):
    """Polls that fail for an hour say nothing about the operation: it succeeds all the same."""
    begin, end = START + dt.timedelta(minutes=3), START + dt.timedelta(minutes=63)

    def poll(now, honest):
        if begin <= now < end:
            raise UnavailableError("azure resource manager could not be reached: ReadTimeout")
        return honest()

    stage.ports.arm.on_poll = poll

    run = stage.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert run.ended_at >= end
    assert len(stage.ports.arm.posts) == 1


def test_a_poll_that_crashes_is_a_fault_of_the_read(make_stage):
    """A worker that dies in a poll, again and again, does not end the run."""
    crashes = iter([True] * 6)

    def poll_once(question):
        from poll_status import activities

        if next(crashes, False):
            raise RuntimeError("the worker died")
        return activities.poll_once(question, stage.ports)

    stage = make_stage(stand_ins={"poll_once": poll_once})

    assert stage.back_up().outcome == Outcome.SUCCEEDED


def test_a_refused_token_is_asked_for_anew(stage):
    """401 on a poll: the next one comes a second later, with a new token."""
    first = iter([True])
    stage.ports.arm.on_poll = lambda _now, honest: (
        error(401, "ExpiredAuthenticationToken", "expired") if next(first, False) else honest()
    )

    run = stage.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert stage.ports.arm.refreshes == 1
    assert dt.timedelta(seconds=1) == stage.ports.arm.polled[1][0] - stage.ports.arm.polled[0][0]


def test_a_step_that_crashes_once_is_repeated(make_stage):
    """A worker lost in the verification costs one repetition."""
    crashes = iter([True])

    def verify(facts):
        from backup_timer import after

        if next(crashes, False):
            raise RuntimeError("the worker died")
        return after.verify_backup(facts, stage.ports)

    stage = make_stage(stand_ins={"verify_backup": verify})

    assert stage.back_up().outcome == Outcome.SUCCEEDED


def test_a_step_that_always_crashes_is_given_up(make_stage):
    """After three crashes of a step the run ends as OutcomeUnknown, and its record says which step."""

    def verify(_facts):
        raise RuntimeError("a bug")

    stage = make_stage(stand_ins={"verify_backup": verify})

    run = stage.back_up()

    assert (run.outcome, run.fault.code) == (Outcome.OUTCOME_UNKNOWN, "StepCrashed")
    assert "verify_backup" in run.fault.message
    assert stage.activities().count("verify_backup") == 3


def test_storage_down_at_the_end_delays_the_word(stage):
    """The last record waits for storage to come back, and says what happened."""
    faults = stage.ports.records().faults["replace"]
    # intend, accepted, verifying pass; then the end meets a storage that is down
    faults.extend([None, None, None, *[UnavailableError("the records: ServerBusy")] * 5])

    run = stage.back_up()

    assert (run.phase, run.outcome) == (RunPhase.ENDED, Outcome.SUCCEEDED)


def test_storage_down_while_verifying_is_waited_for(stage):
    """A container that cannot be read for a while is no verdict on the backup."""
    faults = stage.ports.backups("drprimary", "apim-backups").faults["measure"]
    faults.extend([UnavailableError("the blob: ServerBusy")] * 4)

    assert stage.back_up().outcome == Outcome.SUCCEEDED


def test_an_operation_that_ends_at_its_last_look_is_still_proven(make_stage):
    """The deadline is the operation's: proof that has to wait for storage afterwards is not cut off by it."""
    stage = make_stage(deadlineHours=1)
    stage.ports.arm.service(stage.ports.first.ref).duration_s["backup"] = 3590
    faults = stage.ports.backups("drprimary", "apim-backups").faults["measure"]
    faults.extend([UnavailableError("the blob: ServerBusy")] * 4)

    assert stage.back_up().outcome == Outcome.SUCCEEDED


def test_a_change_while_it_ran_is_a_warning(stage):
    """An entity edited during the backup: recorded, with both inventories and a warning."""
    service = stage.ports.arm.service(stage.ports.first.ref)

    def poll(_now, honest):
        service.entities["/apis/orders"] = "9999999999999999"
        return honest()

    stage.ports.arm.on_poll = poll

    run = stage.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert "changed while the backup ran" in run.warnings[0]


def test_no_blob_after_success_is_failed(stage):
    """Azure said succeeded, but there is no blob: Failed, and no restore point."""
    backups = stage.ports.backups("drprimary", "apim-backups")

    def poll(_now, honest):
        answer = honest()
        if answer.status == 200:
            backups.delete(next(iter(backups.keys(""))))
        return answer

    stage.ports.arm.on_poll = poll

    run = stage.back_up()

    assert (run.outcome, run.fault.code) == (Outcome.FAILED, "UnusableBackup")
    assert list(stage.ports.records().keys(layout.RESTORE_POINTS)) == []


def test_a_backup_whose_inventory_is_lost_meanwhile_succeeds(stage):
    """Its record has none, and says so; the backup itself is proven."""
    request = stage.start_backup()
    stage.host.run_for(5 * dt.timedelta(minutes=1))
    stage.ports.records().delete(layout.inventory_key("contoso", request.backup_name))
    stage.host.run_until_done(request.first_record().instance_id, 2 * HOUR)

    run = stage.run_of(request)
    point = RestorePoint.from_bytes(
        stage.ports.records().read(layout.restore_point_key("contoso", request.backup_name))[0]
    )
    assert (run.outcome, run.changed_while_running) == (Outcome.SUCCEEDED, False)
    assert point.inventory is None
    assert point.warnings[0] in run.warnings


def test_a_backup_whose_inventories_need_pieces_succeeds(stage):
    """Three pieces before the POST, a second apart, and one POST."""
    stage.ports.inventory_pieces = [{}, {}]

    run = stage.back_up()

    assert (run.outcome, stage.activities().count("prepare_backup")) == (Outcome.SUCCEEDED, 3)
    assert len(stage.ports.arm.posts) == 1
    assert run.first_posted_at == START + dt.timedelta(seconds=2)
