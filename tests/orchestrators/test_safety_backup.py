"""What a target holds is backed up before a restore replaces it, once, whatever is lost on the way."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from restore_http import safety
from shared import contents
from shared.core import layout, names
from shared.core.errors import UnavailableError
from shared.core.restore_points import RestorePoint
from shared.core.retention import Hold
from shared.core.runs import Outcome
from tests.fakes.arm import HANGS, PRINCIPAL, error, lost_after
from tests.fakes.clock import START
from tests.fakes.surroundings import account_id, role_assignment

MINUTE = dt.timedelta(minutes=1)
HOUR = 60 * MINUTE
LOOK = 5 * MINUTE
OLD = {"/apis/legacy": "4444444444444444"}
SAFE = "safety-of-contoso"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
SAFELY = {"safety_backup": True, "despite_traffic": True}
LOST = UnavailableError("azure resource manager could not be reached: ReadTimeout", code="ReadTimeout")


@pytest.fixture
def stage(standby_stage):
    """The app of the standby's region; the standby holds something."""
    target(standby_stage).entities = dict(OLD)
    return standby_stage


@pytest.fixture
def point(stage):
    """A restore point, one hour old."""
    return stage.put_point(START - HOUR)


def target(stage):
    """Return the standby as Azure has it."""
    return stage.ports.arm.service(stage.ports.first.standby.ref)


def posts(stage):
    """Return the POSTs that arrived, in order, in short."""
    return [(post.action, post.backup_name.partition("_")[0]) for post in stage.ports.arm.posts]


BOTH = [("backup", SAFE), ("restore", "contoso")]


def safety_run(stage, request):
    """Return the run of the safety backup."""
    return stage.ports.runs.read(safety.safety_run_id(request))[0]


def watch(stage, duration):
    """Let time pass with the watch at work."""
    for _ in range(duration // LOOK):
        stage.host.run_for(LOOK)
        stage.fire("watch_runs")
    stage.host.settle()


def test_the_target_is_backed_up_before_the_restore(stage, point):
    """First the backup of what the target holds, then the restore; both succeed, and nothing is open."""
    request = stage.start_restore(point, **SAFELY)
    stage.host.run_until_done(request.first_record().instance_id)

    assert posts(stage) == BOTH
    run = safety_run(stage, request)
    assert (stage.run_of(request).word, run.word) == (Outcome.SUCCEEDED, Outcome.SUCCEEDED)
    assert (run.service, run.kind, run.part_of) == (SAFE, "backup", request.run_id)
    assert stage.ports.runs.open_ids() == []


def test_the_safety_backup_is_recorded_and_held_in_the_targets_region(stage, point):
    """Record and hold lie in the own region, the blob beside the point, and it holds what was there."""
    request = stage.start_restore(point, **SAFELY)
    stage.host.run_until_done(request.first_record().instance_id)

    name = safety.safety_backup_name(request)
    records = stage.ports.records("northeurope")
    made = RestorePoint.from_bytes(records.read(layout.restore_point_key(SAFE, name))[0])
    hold = Hold.from_bytes(records.read(layout.hold_key(SAFE, name))[0])
    assert (made.source.name, made.account, made.container) == ("contoso-neu", "drprimary", "apim-backups")
    assert request.run_id in hold.reason
    assert json.loads(stage.ports.backups("drprimary", "apim-backups").read(name)[0]) == OLD


def test_the_points_of_the_service_are_left_alone(stage, point):
    """The safety backup is no restore point of the service: `latest` stays what it was."""
    stage.restore(point, **SAFELY)

    prefix = layout.restore_points_prefix("contoso")
    assert list(stage.ports.records("westeurope").keys(prefix)) == [f"{prefix}{point.name}.json"]
    assert list(stage.ports.records("northeurope").keys(prefix)) == []


def test_verification_is_told_the_name(stage, point):
    """The step that writes the report gets the name of the safety backup."""
    request = stage.start_restore(point, **SAFELY)
    stage.host.run_until_done(request.first_record().instance_id)

    (told,) = [given for name, given in stage.host.calls if name == "verify_restore"]
    assert told["safetyBackup"] == safety.safety_backup_name(request)


def test_without_the_wish_nothing_is_backed_up(stage, point):
    """A request that refuses the safety backup restores at once."""
    stage.restore(point, despite_traffic=True)

    assert posts(stage) == BOTH[1:]


def test_a_target_as_new_is_not_backed_up(stage, point):
    """A target that holds nothing is restored into at once."""
    own_id = stage.ports.first.standby.resource_id
    for name in contents.LISTS:
        stage.ports.arm.resources[f"{own_id}/{name}".lower()] = []

    run = stage.restore(point, **SAFELY)

    assert (run.outcome, posts(stage)) == (Outcome.SUCCEEDED, BOTH[1:])


def test_a_safety_backup_that_fails_ends_the_restore_as_refused(stage, point):
    """Azure fails the backup: nothing is restored, and the fault says why and what to say instead."""
    target(stage).failure = ("BackupFailed", "the disk is full")

    run = stage.restore(point, **SAFELY)

    assert (run.outcome, run.fault.code) == (Outcome.REFUSED, "SafetyBackupFailed")
    assert "ended as Failed: BackupFailed: the disk is full" in run.fault.message
    assert '"safetyBackup": false' in run.fault.hint
    assert posts(stage) == BOTH[:1]
    assert target(stage).entities == OLD


def test_an_identity_that_may_only_read_is_a_refusal_with_what_mends_it(stage, point):
    """The target reaches the account to read only: Refused, with the line that gives it the right."""
    subscription = stage.ports.first.resource_id.split("/")[2]
    account = account_id(subscription, "drprimary")
    reads = role_assignment(account, PRINCIPAL, BLOB_READER)
    stage.ports.arm.resources[f"{account}/providers/Microsoft.Authorization/roleAssignments".lower()] = [
        reads
    ]

    run = stage.restore(point, **SAFELY)

    assert (run.outcome, run.fault.code) == (Outcome.REFUSED, "SafetyBackupFailed")
    assert "IdentityMayWrite" in run.fault.message
    assert "az role assignment create" in run.fault.hint
    assert posts(stage) == []


def test_a_safety_backup_without_proof_ends_the_restore_as_refused(stage, point):
    """Nobody may read how the backup ended: not proven is not made."""
    stage.ports.arm.on_poll = lambda _now, _honest: error(403, "AuthorizationFailed", "no")

    request = stage.start_restore(point, **SAFELY)
    stage.host.run_until_done(request.first_record().instance_id)

    assert safety_run(stage, request).word is Outcome.POLL_DENIED
    assert stage.run_of(request).fault.code == "SafetyBackupFailed"
    assert posts(stage) == BOTH[:1]


def test_a_restore_after_a_long_backup_has_all_of_its_time(stage, point):
    """Seven hours of backup leave the restore its own eight."""
    target(stage).duration_s |= {"backup": 7 * 3600, "restore": 5 * 3600}

    run = stage.restore(point, **SAFELY)

    assert run.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("child", ["alive", "lost as well"])
@pytest.mark.parametrize("after", [1, 6, 11, 12, 15, 29])
def test_a_restore_that_is_lost_anywhere_makes_no_second_safety_backup(stage, point, after, child):
    """Whatever goes on without its restore: in the end one backup, one restore, both with their word."""
    request = stage.start_restore(point, **SAFELY)
    stage.host.run_for(after * MINUTE)
    stage.host.terminate(request.first_record().instance_id)
    if child == "lost as well":
        part = names.part_instance(safety.safety_run_id(request))
        for instance in (part, names.follow_instance(safety.safety_run_id(request))):
            found = stage.host.get(instance)
            if found is not None and found.runtime_status == "Running":
                stage.host.terminate(instance)
    stage.host.settle()

    watch(stage, 3 * HOUR)

    assert posts(stage) == BOTH
    assert (stage.run_of(request).word, safety_run(stage, request).word) == ("Succeeded", "Succeeded")
    assert stage.ports.runs.open_ids() == []


@pytest.mark.parametrize("step", ["prepare_safety", "keep_safety"])
def test_a_worker_that_dies_after_its_step_changes_nothing(make_stage, step):
    """The step had done its work when its worker died; done again it finds that."""
    deaths = [1]

    def dies_once(wish):
        answer = getattr(safety, step)(wish, stage.ports)
        if deaths:
            deaths.pop()
            raise RuntimeError("the worker is gone")
        return answer

    stage = make_stage(region="northeurope", stand_ins={step: dies_once})
    target(stage).entities = dict(OLD)

    run = stage.restore(stage.put_point(START - HOUR), **SAFELY)

    assert (run.outcome, posts(stage)) == (Outcome.SUCCEEDED, BOTH)


def test_a_lost_answer_to_the_backup_is_one_backup(stage, point):
    """The POST of the safety backup took effect unheard: it is found by its blob."""
    stage.ports.arm.on_post.append(lost_after(LOST))

    run = stage.restore(point, **SAFELY)

    assert (run.outcome, posts(stage)) == (Outcome.SUCCEEDED, BOTH)


def test_while_the_restore_drives_it_the_safety_backup_is_not_abandoned(stage, point):
    """The watch starts nothing, and whoever asks for either run is told that it is at work."""
    target(stage).duration_s["backup"] = 2 * 3600
    request = stage.start_restore(point, **SAFELY)

    watch(stage, HOUR)

    status, shown = stage.ask("GET", "get_run", run_id=safety.safety_run_id(request))
    assert (status, shown["phase"], shown["resumes"]) == (202, "Running", 0)
    assert "nothing drives" not in shown["message"]
    status, shown = stage.ask("GET", "get_run", run_id=request.run_id)
    assert (status, shown["phase"]) == (202, "Requested")
    assert safety.safety_run_id(request) in shown["message"]


def test_what_was_accepted_is_recorded_after_the_restore_was_given_up(stage, point):
    """Nobody took the restore up for hours: it is not sent, and the backup that runs is followed."""
    target(stage).duration_s["backup"] = HANGS
    request = stage.start_restore(point, **SAFELY)
    stage.host.run_for(5 * MINUTE)
    for instance in (request.first_record().instance_id, names.part_instance(safety.safety_run_id(request))):
        stage.host.terminate(instance)
    target(stage).duration_s["backup"] = 60.0
    stage.ports.arm._operations[0].ends_at = START + HOUR
    stage.host.run_for(2 * HOUR)

    watch(stage, HOUR)

    assert stage.run_of(request).fault.code == "NotStarted"
    assert safety_run(stage, request).word is Outcome.SUCCEEDED
    assert posts(stage) == BOTH[:1]


def test_what_was_not_sent_is_not_backed_up_after_the_restore_was_given_up(stage, point):
    """Without its restore nobody wants the safety backup any more."""
    target(stage).foreign_until = START + 12 * HOUR
    request = stage.start_restore(point, **SAFELY)
    stage.host.run_for(5 * MINUTE)
    for instance in (request.first_record().instance_id, names.part_instance(safety.safety_run_id(request))):
        if stage.host.get(instance) is not None:
            stage.host.terminate(instance)
    stage.host.run_for(2 * HOUR)

    watch(stage, HOUR)

    assert posts(stage) == []
    assert stage.ports.runs.open_ids() == []


def test_the_service_itself_as_the_target_keeps_its_own_storage(stage, point):
    """Restored in place, what the primary holds goes where its backups go."""
    primary = stage.ports.first.ref
    request = stage.start_restore(point, **SAFELY)
    other = point.model_copy(update={"account": "drstandby", "container": "copies"})

    beside = safety.backup_wish(request.model_copy(update={"point": other}), stage.ports)
    inside = safety.backup_wish(request.model_copy(update={"point": other, "target": primary}), stage.ports)

    assert (beside.storage.account, beside.storage.container) == ("drstandby", "copies")
    assert inside.storage == stage.ports.first.storage
