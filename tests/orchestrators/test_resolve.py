"""A run that ended without proof is looked at again, and gets a word beside its first one."""

from __future__ import annotations

import datetime as dt

import pytest

from shared.core import layout
from shared.core.errors import UnavailableError
from shared.core.lro import Operation
from shared.core.reports import Replica
from shared.core.restore_points import VALIDITY, RestorePoint
from shared.core.runs import Outcome, RunPhase
from tests.fakes.arm import HANGS, error, lost_after
from tests.fakes.clock import START
from tests.fakes.ports import ENTITIES
from tests.orchestrators.test_watch import BUSY, HOUR, LOST, MINUTE, lose, marks, source, watch

LOOK = 5 * MINUTE
UNREADABLE = error(404, "ResourceNotFound", "there is no such operation")
FORBIDDEN = error(403, "AuthorizationFailed", "no right")


def resolve(stage, run_id):
    """Ask for a later look, let it run, and return (status of the call, the record, its view)."""
    status, _ = stage.ask("POST", "start_resolving", run_id=run_id)
    stage.host.run_for(20 * MINUTE)
    return status, stage.ports.runs.read(run_id)[0], stage.ask("GET", "get_run", run_id=run_id)


def points(stage):
    """Return the restore points on record."""
    records = stage.ports.records()
    keys = list(records.keys(layout.RESTORE_POINTS))
    return [RestorePoint.from_bytes(records.read(key)[0]) for key in keys]


@pytest.fixture
def stage(make_stage):
    """The app of the primary's region, whose operations have a deadline of an hour."""
    return make_stage(deadlineHours=1)


@pytest.fixture
def late(stage):
    """A backup that was still running at its deadline, and ends an hour later."""
    source(stage).duration_s["backup"] = 7200
    run = stage.back_up()
    assert (run.outcome, run.fault.code) == (Outcome.OUTCOME_UNKNOWN, "StillRunning")
    return run


@pytest.fixture
def denied(stage):
    """A backup whose operation could not be read, although it went well."""
    stage.ports.arm.on_poll = lambda _now, _honest: FORBIDDEN
    run = stage.back_up()
    assert run.outcome == Outcome.POLL_DENIED
    return run


# What a look finds.


def test_a_backup_that_ended_after_the_deadline_is_found_good(stage, late):
    """The first word stays, the resolution says Succeeded, and the restore point is there."""
    stage.host.run_for(HOUR)

    status, run, (code, shown) = resolve(stage, late.run_id)

    assert (status, code) == (202, 200)
    assert (run.outcome, run.word, run.resolution.outcome) == (
        Outcome.OUTCOME_UNKNOWN,
        Outcome.SUCCEEDED,
        Outcome.SUCCEEDED,
    )
    (point,) = points(stage)
    assert run.resolution.restore_point == point.name == shown["restorePoint"]["name"]
    assert (shown["outcome"], shown["word"]) == ("OutcomeUnknown", "Succeeded")
    assert len(stage.ports.arm.posts) == 1
    assert marks(stage) == []


def test_the_expiry_of_a_backup_found_good_later_counts_from_its_start(stage, late):
    """What Azure refuses after 30 days counts from the backup's start, not from the look."""
    stage.host.run_for(3 * HOUR)

    resolve(stage, late.run_id)

    (point,) = points(stage)
    assert (point.started_at, point.expires_at) == (START, START + VALIDITY)


def test_a_later_look_does_not_date_what_it_did_not_see(stage, late):
    """An entity was added an hour after the end: it is not said to have come while the backup ran."""
    stage.host.run_for(2 * HOUR)
    source(stage).entities["/apis/later"] = "f" * 16
    stage.host.run_for(HOUR)

    resolve(stage, late.run_id)

    (point,) = points(stage)
    ended, changed = point.warnings
    assert ended.startswith("endedAt is when the end was seen")
    assert "not known whether it changed while the backup ran" in changed
    assert point.inventory.changed_while_running is None
    assert point.ended_at >= START + 4 * HOUR


def test_a_later_look_at_an_unchanged_service_proves_that_nothing_changed(stage, late):
    """Before and long after it are the same: false, not unknown; only the end is not dated."""
    stage.host.run_for(3 * HOUR)

    resolve(stage, late.run_id)

    (point,) = points(stage)
    (ended,) = point.warnings
    assert ended.startswith("endedAt is when the end was seen")
    assert point.inventory.changed_while_running is False


def test_a_later_look_does_not_keep_the_service_longer_than_it_says(stage, late):
    """Neither the blob nor the record can be had: the service is free after 15 minutes, not 30."""
    stage.host.run_for(HOUR)
    stage.ports.backups("drprimary", "apim-backups").faults["measure"].extend([BUSY] * 99)
    stage.ports.records().faults["replace"].extend([BUSY] * 99)
    stage.ask("POST", "start_resolving", run_id=late.run_id)

    stage.host.run_for(15 * MINUTE)

    assert stage.host.get(late.instance_id).runtime_status == "Failed"
    stage.ports.records().faults["replace"].clear()
    assert stage.ports.runs.read(late.run_id)[0].resolution is None


def test_the_location_stays_in_the_record(stage, late):
    """It is asked by the look, and still there after it."""
    polls = len(stage.ports.arm.polled)
    stage.host.run_for(HOUR)

    _, run, _ = resolve(stage, late.run_id)

    assert stage.ports.arm.polled[polls][1] == run.operation.location_url == late.operation.location_url


def test_an_operation_that_still_runs_changes_nothing(stage, late):
    """Still running: no resolution, and the answer says why."""
    status, run, (code, shown) = resolve(stage, late.run_id)

    assert (status, code) == (202, 424)
    assert (run.resolution, run.last_look.said) == (None, "the operation is still running")
    assert "the operation is still running" in shown["error"]["message"]
    assert shown["error"]["run"]["lastLook"]["said"] == "the operation is still running"
    assert marks(stage) == [late.run_id]


def test_a_verdict_of_azure_is_failed_with_its_code(stage, late):
    """Azure failed the operation after the deadline: resolution Failed, with its code and message."""
    source(stage).failure = ("BackupFailed", "storage said no")
    stage.host.run_for(HOUR)

    _, run, (code, shown) = resolve(stage, late.run_id)

    assert (run.word, run.resolution.fault.code, code) == (Outcome.FAILED, "BackupFailed", 422)
    assert shown["error"]["code"] == "BackupFailed"
    assert "ended as OutcomeUnknown, and a later look found that it has failed" in shown["error"]["message"]
    assert (points(stage), marks(stage)) == ([], [])


def test_poll_denied_is_proven_once_the_right_is_there(stage, denied):
    """The missing right was given: the same Location says Succeeded, and the backup is recorded."""
    stage.ports.arm.on_poll = None

    _, run, (code, _) = resolve(stage, denied.run_id)

    assert (run.outcome, run.word, code) == (Outcome.POLL_DENIED, Outcome.SUCCEEDED, 200)
    assert [point.name for point in points(stage)] == [run.resolution.restore_point]


def test_poll_denied_is_proven_by_the_blob_without_the_right(stage, denied):
    """Still forbidden, but the service is idle and the blob is there: recorded, with a warning."""
    _, run, _ = resolve(stage, denied.run_id)

    assert run.word == Outcome.SUCCEEDED
    (point,) = points(stage)
    assert any("verdict could not be read" in warning for warning in point.warnings)


def test_a_refused_token_is_asked_for_anew(stage, late):
    """401 at the look: asked once more with a new token."""
    answers = iter([error(401, "ExpiredAuthenticationToken", "expired")])
    stage.ports.arm.on_poll = lambda _now, honest: next(answers, None) or honest()
    stage.host.run_for(HOUR)

    _, run, _ = resolve(stage, late.run_id)

    assert (run.word, stage.ports.arm.refreshes) == (Outcome.SUCCEEDED, 1)


def test_no_location_no_blob_and_an_idle_service_after_the_deadline_is_failed(stage):
    """Nobody can tell what became of the operation, but there is no backup: Failed, NoBackup."""
    source(stage).failure = ("BackupFailed", "storage said no")
    stage.ports.arm.on_poll = lambda _now, _honest: UNREADABLE
    run = stage.back_up()
    assert (run.outcome, run.fault.code) == (Outcome.OUTCOME_UNKNOWN, "ResourceNotFound")
    stage.host.run_for(HOUR)

    _, run, (code, _) = resolve(stage, run.run_id)

    assert (run.word, run.resolution.fault.code, code) == (Outcome.FAILED, "NoBackup", 422)


def test_before_the_deadline_a_missing_blob_proves_nothing(stage):
    """The same before the deadline: no resolution, for it may still appear."""
    source(stage).failure = ("BackupFailed", "storage said no")
    stage.ports.arm.on_poll = lambda _now, _honest: UNREADABLE
    run = stage.back_up()
    assert run.ended_at < START + HOUR - 20 * MINUTE

    _, run, _ = resolve(stage, run.run_id)

    assert run.resolution is None
    assert "no blob" in run.last_look.said


def test_a_service_in_transition_is_not_judged(stage):
    """The Location is gone and the service is at work: it may be this operation."""
    source(stage).duration_s["backup"] = HANGS
    stage.ports.arm.on_poll = lambda _now, _honest: UNREADABLE
    run = stage.back_up()
    stage.host.run_for(HOUR)

    _, run, _ = resolve(stage, run.run_id)

    assert run.resolution is None
    assert "in transition" in run.last_look.said


def test_success_without_a_blob_is_failed(stage, late):
    """Azure says succeeded, but there is nothing to restore."""
    backups = stage.ports.backups("drprimary", "apim-backups")
    stage.host.run_for(HOUR)
    source(stage)  # lets the operation take effect
    backups.delete(next(iter(backups.keys(""))))

    _, run, _ = resolve(stage, late.run_id)

    assert (run.word, run.resolution.fault.code) == (Outcome.FAILED, "UnusableBackup")


def test_storage_that_is_down_leaves_the_run_to_the_next_look(stage, late):
    """The blob cannot be read while the look may last: no resolution, and the service is free again."""
    stage.ports.backups("drprimary", "apim-backups").faults["measure"].extend([BUSY] * 40)
    stage.host.run_for(HOUR)

    _, run, _ = resolve(stage, late.run_id)

    assert (run.resolution, run.last_look.said) == (None, "the records: ServerBusy")
    assert stage.host.get(run.instance_id).runtime_status == "Completed"


def test_an_answer_that_was_lost_is_settled_by_the_blob(stage):
    """No Location at all: the backup that hung at its deadline is found by its blob later."""
    source(stage).duration_s["backup"] = 7200
    stage.ports.arm.on_post.append(lost_after(LOST))
    run = stage.back_up()
    assert (run.outcome, run.operation) == (Outcome.OUTCOME_UNKNOWN, None)
    stage.host.run_for(HOUR)

    _, run, _ = resolve(stage, run.run_id)

    assert run.word == Outcome.SUCCEEDED
    assert len(stage.ports.arm.posts) == 1


def test_a_run_whose_wish_is_not_on_record_gets_azures_verdict_only(stage, late):
    """A run of an older release: a verdict Failed counts, a Succeeded cannot be verified."""
    run, etag = stage.ports.runs.read(late.run_id)
    stage.ports.runs.replace(run.model_copy(update={"wish": {}}), etag)
    stage.host.run_for(HOUR)

    _, run, _ = resolve(stage, late.run_id)
    assert (run.resolution, "wish" in run.last_look.said) == (None, True)

    source(stage).failure = ("BackupFailed", "storage said no")
    _, run, _ = resolve(stage, late.run_id)
    assert run.word == Outcome.FAILED


# Restores and replications.


@pytest.fixture
def standby(make_stage):
    """The app of the standby's region, whose operations have a deadline of an hour."""
    return make_stage(region="northeurope", deadlineHours=1)


def late_restore(stage, **changes):
    """Return a restore that was still running at its deadline, and ends an hour later."""
    stage.ports.arm.service(stage.ports.first.standby.ref).duration_s["restore"] = 7200
    run = stage.restore(stage.put_point(START - HOUR), **changes)
    assert run.outcome == Outcome.OUTCOME_UNKNOWN
    return run


def test_a_restore_that_ended_after_the_deadline_is_compared(standby):
    """The target equals the point: resolution Succeeded, and the report is there."""
    run = late_restore(standby)
    standby.host.run_for(HOUR)

    _, run, (code, shown) = resolve(standby, run.run_id)

    assert (run.word, run.resolution.restore_point, code) == (Outcome.SUCCEEDED, run.restore_point, 200)
    assert shown["report"]["differences"] == []
    assert standby.ports.arm.service(standby.ports.first.standby.ref).entities == ENTITIES


def test_a_restore_that_differs_is_failed(standby):
    """Azure said succeeded, an entity is missing: resolution Failed, RestoreDiffers."""
    standby.ports.arm.service(standby.ports.first.standby.ref).loses = frozenset({"/apis/orders"})
    run = late_restore(standby)
    standby.host.run_for(HOUR)

    _, run, _ = resolve(standby, run.run_id)

    assert (run.word, run.resolution.fault.code) == (Outcome.FAILED, "RestoreDiffers")


def test_a_restore_is_not_compared_after_a_later_one(standby):
    """Another restore has changed the target since: comparing it would say nothing of the first."""
    run = late_restore(standby)
    standby.host.run_for(2 * HOUR)
    target = standby.ports.arm.service(standby.ports.first.standby.ref)
    target.duration_s["restore"] = 600
    other = standby.restore(standby.put_point(standby.ports.clock.now() - HOUR, {"/apis/new": "1"}))
    assert other.outcome == Outcome.SUCCEEDED

    _, run, _ = resolve(standby, run.run_id)

    assert (run.resolution, "later run" in run.last_look.said) == (None, True)


def test_a_replication_found_good_later_is_a_replica(standby):
    """The standby holds the point: that is recorded as the replication would have done."""
    run = late_restore(standby, kind="replicate", trigger="event")
    standby.host.run_for(HOUR)

    _, run, _ = resolve(standby, run.run_id)

    key = layout.replica_key(run.service, run.restore_point)
    replica = Replica.from_bytes(standby.ports.records().read(key)[0])
    assert (run.word, replica.run_id) == (Outcome.SUCCEEDED, run.run_id)


# Who may look, and when.


def test_a_word_that_is_proven_is_not_looked_at(stage):
    """409 for a run that Succeeded, and nothing is started."""
    run = stage.back_up()

    status, answer = stage.ask("POST", "start_resolving", run_id=run.run_id)

    assert (status, answer["error"]["code"]) == (409, "WordProven")


def test_a_run_at_work_is_not_looked_at(stage):
    """409 for a run that is driven."""
    request = stage.start_backup()
    stage.host.run_for(20 * MINUTE)
    source(stage).duration_s["backup"] = HANGS
    other = stage.start_backup()
    stage.host.run_for(20 * MINUTE)

    status, answer = stage.ask("POST", "start_resolving", run_id=other.run_id)

    assert (status, answer["error"]["code"]) == (409, "RunUnderWay")
    assert stage.run_of(request).word == Outcome.SUCCEEDED


def test_a_run_that_was_written_down_just_now_is_not_looked_at(stage):
    """409 in the moments between a record and its orchestration."""
    request = stage.start_backup()
    stage.host.terminate(request.first_record().instance_id)

    status, answer = stage.ask("POST", "start_resolving", run_id=request.run_id)

    assert (status, answer["error"]["code"]) == (409, "RunUnderWay")


@pytest.mark.parametrize(
    ("run_id", "code"), [("20261123T020000Z-backup-nobody", "RunNotFound"), ("nonsense", "NotFound")]
)
def test_an_unknown_run_is_404(stage, run_id, code):
    """An id that nobody was given, and a text that is none."""
    status, answer = stage.ask("POST", "start_resolving", run_id=run_id)

    assert (status, answer["error"]["code"]) == (404, code)


def test_a_run_is_not_looked_at_while_a_new_backup_has_the_service(stage, late):
    """409 with Retry-After by hand; the watch waits; afterwards both runs have their word."""
    stage.host.run_for(HOUR)
    source(stage).duration_s["backup"] = 1800
    other = stage.start_backup()
    stage.host.run_for(MINUTE)

    status, answer = stage.ask("POST", "start_resolving", run_id=late.run_id)
    assert (status, answer["error"]["code"]) == (409, "ServiceBusy")

    watch(stage, 20 * MINUTE)
    assert "recall_run" not in stage.activities()

    watch(stage, 2 * HOUR)
    assert stage.ports.runs.read(late.run_id)[0].word == Outcome.SUCCEEDED
    assert stage.run_of(other).word == Outcome.SUCCEEDED
    assert len(points(stage)) == 2


def test_two_calls_at_once_are_one_look(stage, late):
    """The second call is answered as the first, and one look is taken."""
    stage.host.run_for(HOUR)

    first, _ = stage.ask("POST", "start_resolving", run_id=late.run_id)
    second, _ = stage.ask("POST", "start_resolving", run_id=late.run_id)
    stage.host.run_for(20 * MINUTE)

    assert (first, second) == (202, 202)
    assert stage.activities().count("recall_run") == 1
    assert len(points(stage)) == 1


def test_a_second_look_changes_nothing(stage, late):
    """A resolution is written once: the call after it is refused, and the first resolution stays."""
    stage.host.run_for(HOUR)
    _, first, _ = resolve(stage, late.run_id)

    status, second, _ = resolve(stage, late.run_id)

    assert (status, second.resolution) == (409, first.resolution)


def test_while_a_look_is_at_work_the_run_is_202(stage, late):
    """Who follows the Location of the call waits for the look, not for the old word."""
    stage.host.run_for(HOUR)
    stage.ask("POST", "start_resolving", run_id=late.run_id)

    status, shown = stage.ask("GET", "get_run", run_id=late.run_id)

    assert (status, shown["outcome"]) == (202, "OutcomeUnknown")
    assert "look" in shown["message"]


def test_a_run_that_is_looked_at_counts_as_driven(stage, late):
    """The look runs on the service's own instance, and is of this run."""
    stage.host.run_for(HOUR)
    stage.ask("POST", "start_resolving", run_id=late.run_id)

    instance = stage.host.get(late.instance_id)

    assert (instance.name, instance.input["runId"], instance.runtime_status) == (
        "resolve_run",
        late.run_id,
        "Pending",
    )


def test_a_look_by_hand_ends_a_run_that_nothing_drives(stage):
    """Lost, and looked at before the watch comes: it ends without proof first, and is proven then."""
    request = stage.start_backup()
    stage.host.run_for(4 * MINUTE)
    lose(stage, request)
    stage.host.run_for(20 * MINUTE)

    status, run, (code, _) = resolve(stage, request.run_id)

    assert (status, code) == (202, 200)
    assert (run.outcome, run.fault.code, run.word) == (
        Outcome.OUTCOME_UNKNOWN,
        "RunAbandoned",
        Outcome.SUCCEEDED,
    )


def test_a_look_by_hand_at_a_run_that_was_never_sent_refuses_it(stage):
    """Lost before its POST: the record proves that nothing was changed."""
    source(stage).foreign_until = START + 30 * HOUR
    request = stage.start_backup()
    stage.host.run_for(MINUTE)
    lose(stage, request)
    stage.host.run_for(10 * MINUTE)

    _, run, (code, _) = resolve(stage, request.run_id)

    assert (run.outcome, run.phase, code) == (Outcome.REFUSED, RunPhase.ENDED, 409)
    assert (stage.ports.arm.posts, marks(stage)) == ([], [])


# The watch looks by itself.


def test_the_watch_finds_a_backup_that_ended_after_the_deadline(stage, late):
    """Nobody asks: within the hour after its end the backup is a restore point."""
    watch(stage, 3 * HOUR)

    run, _ = stage.ports.runs.read(late.run_id)
    assert (run.outcome, run.word) == (Outcome.OUTCOME_UNKNOWN, Outcome.SUCCEEDED)
    assert run.resolution.at <= START + 3 * HOUR + 10 * MINUTE
    assert len(points(stage)) == 1
    assert marks(stage) == []


def test_the_watch_looks_once_an_hour_and_for_a_week(make_stage, caplog):
    """An operation that never ends is looked at hourly, and given up after seven days."""
    stage = make_stage(deadlineHours=1)
    source(stage).duration_s["backup"] = HANGS
    run = stage.back_up()

    watch(stage, 5 * HOUR + LOOK)
    assert stage.activities().count("recall_run") == 5

    stage.host.run_for(dt.timedelta(days=7))
    stage.fire("watch_runs")
    stage.host.settle()
    assert marks(stage) == []
    assert stage.activities().count("recall_run") == 5
    assert "run.given_up" in caplog.text
    assert stage.ports.runs.read(run.run_id)[0].word == Outcome.OUTCOME_UNKNOWN


def test_a_run_that_was_given_up_can_still_be_looked_at_by_hand(stage, late):
    """After the week its record is as good as before."""
    stage.host.run_for(dt.timedelta(days=8))
    stage.fire("watch_runs")
    assert marks(stage) == []

    _, run, _ = resolve(stage, late.run_id)

    assert run.word == Outcome.SUCCEEDED


def test_a_look_that_was_lost_is_taken_again(stage, late):
    """The look's own orchestration is ended from outside: the next hour's look finds what it would have."""
    stage.host.run_for(HOUR)
    stage.fire("watch_runs")
    stage.host.terminate(late.instance_id)

    watch(stage, 70 * MINUTE)

    assert stage.ports.runs.read(late.run_id)[0].word == Outcome.SUCCEEDED


def test_a_resolution_that_could_not_be_written_is_found_again(stage, late):
    """The restore point is recorded, its run is not: the next look finds the same point, once."""
    stage.host.run_for(HOUR)
    stage.ports.records().faults["replace"].extend([UnavailableError("the records: ServerBusy")] * 60)
    stage.ask("POST", "start_resolving", run_id=late.run_id)
    stage.host.run_for(30 * MINUTE)
    assert stage.host.get(late.instance_id).runtime_status == "Failed"
    stage.ports.records().faults["replace"].clear()

    _, run, _ = resolve(stage, late.run_id)

    assert run.word == Outcome.SUCCEEDED
    assert len(points(stage)) == 1


def test_the_run_of_a_night_is_resolved_after_the_night(stage):
    """The night says OutcomeUnknown, as it was; the run says later that it was good."""
    source(stage).duration_s["backup"] = 7200
    record, _ = stage.fleet()
    (service,) = record.services
    assert service.outcome == Outcome.OUTCOME_UNKNOWN

    watch(stage, 3 * HOUR)

    assert stage.ports.runs.read(service.run_ids[-1])[0].word == Outcome.SUCCEEDED


def test_a_foreign_location_in_a_record_gets_no_request(stage, late):
    """Somebody who can write records cannot lead our token elsewhere: the read fails, evidence decides."""
    run, etag = stage.ports.runs.read(late.run_id)
    elsewhere = Operation(location_url="https://evil.example/operationresults/1")
    stage.ports.runs.replace(run.model_copy(update={"operation": elsewhere}), etag)
    stage.host.run_for(HOUR)
    polls = len(stage.ports.arm.polled)

    _, run, _ = resolve(stage, late.run_id)

    assert (run.word, len(stage.ports.arm.polled)) == (Outcome.SUCCEEDED, polls)
