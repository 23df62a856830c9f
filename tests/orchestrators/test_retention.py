"""Pruning after each backup, the manifest beside it, and rebuilding the catalogue, on a virtual host."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from catalog_keeping import orchestrator
from shared.core import layout
from shared.core.errors import AccessError, ConflictError, UnavailableError
from shared.core.rebuilding import RebuildWord
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome

STRICT = {"retention": {"keepLast": 2, "keepWithinDays": 0, "keepAtLeast": 1}}


@pytest.fixture
def alone(make_stage):
    """The primary's app with one service, which keeps two points and has no standby to wait for."""

    def make(*services, **more):
        stage = make_stage(*services, defaults=STRICT, **more)
        for service in stage.ports.plan.entries:
            object.__setattr__(service, "standby", None)  # the plan of these fakes always has one
        stage.ports.plan.__dict__.pop("services", None)
        return stage

    return make


def night_after(stage):
    """Let a day pass and back up; return the run."""
    stage.host.run_for(dt.timedelta(days=1))
    return stage.back_up()


def records_of(stage):
    """Return all records of restore points, byte for byte, by key."""
    records = stage.ports.records()
    return {key: records.read(key)[0] for key in records.keys(layout.RESTORE_POINTS)}


def without_rebuilt_at(records):
    """Return the content of records, but for the time of a rebuild."""
    return {key: json.loads(content) | {"rebuiltAt": None} for key, content in records.items()}


def blobs_of(stage):
    """Return the names of everything in the backups' container."""
    return list(stage.ports.backups("drprimary", "apim-backups").keys(""))


def rebuild(stage, **body):
    """Ask for a rebuild, let it run to its end, and return its answer."""
    status, answer = stage.ask("POST", "start_rebuild", body)
    assert status == 202
    rebuild_id = answer["rebuildId"]
    status, _ = stage.ask("GET", "get_rebuild", rebuild_id=rebuild_id)
    assert status == 202
    assert stage.host.run_until_done(rebuild_id).runtime_status == "Completed"
    status, answer = stage.ask("GET", "get_rebuild", rebuild_id=rebuild_id)
    assert status == 200
    return answer


def test_the_manifest_beside_a_backup_is_its_record(stage):
    """The same bytes, in the backups' own container."""
    run = stage.back_up()

    manifest, _ = stage.ports.backups("drprimary", "apim-backups").read(
        layout.manifest_key(run.restore_point)
    )
    record, _ = stage.ports.records().read(layout.restore_point_key("contoso", run.restore_point))
    assert manifest == record


def test_the_manifest_is_there_before_the_record(stage):
    """Its write comes first, and is repeated until it works: no record without a manifest."""
    backups = stage.ports.backups("drprimary", "apim-backups")
    request = stage.start_backup()
    stage.host.run_for(dt.timedelta(minutes=2))
    backups.faults["put"].extend([None, *[UnavailableError("ServerBusy")] * 3])  # the backup's own, then ours
    seen = []
    real = stage.ports.records().create

    def create(key, content, **more):
        if key.startswith(layout.RESTORE_POINTS):
            seen.append(backups.exists(layout.manifest_key(request.backup_name)))
        real(key, content, **more)

    stage.ports.records().create = create

    stage.host.run_until_done(request.first_record().instance_id)

    assert stage.run_of(request).outcome == Outcome.SUCCEEDED
    assert seen == [True]


@pytest.mark.parametrize("error", [AccessError("403 AuthorizationFailure"), ConflictError("BlobImmutable")])
def test_a_backup_is_recorded_although_its_manifest_may_not_be_written(stage, error):
    """The point is there, and record and run both say that a rebuild would not find it."""
    request = stage.start_backup()
    stage.host.run_for(dt.timedelta(minutes=2))
    stage.ports.backups("drprimary", "apim-backups").faults["put"].extend([None, error])

    stage.host.run_until_done(request.first_record().instance_id)

    run = stage.run_of(request)
    point = RestorePoint.from_bytes(next(iter(records_of(stage).values())))
    assert run.outcome == Outcome.SUCCEEDED
    assert [text for text in run.warnings if "manifest" in text]
    assert [text for text in point.warnings if "manifest" in text]


def test_nights_leave_as_many_points_as_the_rules_keep(alone):
    """Five nights, keepLast 2: two points, with two blobs and two manifests, and three tombstones."""
    stage = alone()

    runs = [night_after(stage) for _ in range(5)]

    names = [run.restore_point for run in runs]
    assert list(records_of(stage)) == [layout.restore_point_key("contoso", name) for name in names[3:]]
    assert blobs_of(stage) == sorted([*names[3:], *(layout.manifest_key(name) for name in names[3:])])
    pruned = [key for key in stage.ports.records().keys(layout.PRUNED)]
    assert pruned == [layout.pruned_key("contoso", name) for name in names[:3]]
    assert [run.warnings for run in runs] == [()] * 5


def test_a_backup_without_rules_prunes_nothing(stage):
    """No retention in the plan: all points stay."""
    for _ in range(3):
        night_after(stage)

    assert len(records_of(stage)) == 3


def test_a_backup_that_failed_prunes_nothing(alone):
    """Only a run that has recorded a point may let others go."""
    stage = alone()
    for _ in range(2):
        night_after(stage)
    before = records_of(stage)
    stage.ports.arm.service(stage.ports.first.ref).failure = ("BackupFailed", "no")

    run = night_after(stage)

    assert run.outcome == Outcome.FAILED
    assert records_of(stage) == before
    assert stage.activities().count("prune_restore_points") == 2


def test_pruning_that_fails_is_a_warning_of_the_run(alone):
    """The backup has succeeded, and its word says so."""
    stage = alone()
    for _ in range(2):
        night_after(stage)
    stage.ports.records().put(
        layout.restore_point_key("contoso", "contoso_20200101T000000Z.apimbackup"), b"{"
    )

    run = night_after(stage)

    assert run.outcome == Outcome.SUCCEEDED
    assert [text for text in run.warnings if text.startswith("pruning failed: ")]
    assert len(records_of(stage)) == 4


def test_pruning_that_crashes_is_a_warning_of_the_run(make_stage):
    """Whatever dies there, the backup is recorded and the run ends with its word."""

    def crash(_wish):
        raise RuntimeError("a bug")

    stage = make_stage(stand_ins={"prune_restore_points": crash})

    run = stage.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert [text for text in run.warnings if text.startswith("pruning failed: prune_restore_points failed")]


def test_pruning_waits_a_quarter_of_an_hour_for_storage_and_no_longer(make_stage):
    """The word of a run does not wait for hours until old points can be deleted."""
    busy = {
        "v": 1, "state": "retry", "value": {}, "outcome": "OutcomeUnknown",
        "fault": {"code": "Unavailable", "message": "records: ServerBusy"},
    }  # fmt: skip
    stage = make_stage(stand_ins={"prune_restore_points": lambda _wish: busy})
    started_at = stage.host.clock.now()

    run = stage.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert "pruning failed: records: ServerBusy" in run.warnings
    assert run.ended_at - started_at < dt.timedelta(minutes=11 + 20)


def test_pruning_that_meets_a_fault_is_repeated_and_ends_well(alone):
    """Storage does not answer for a moment: no warning, and the old point is gone."""
    stage = alone()
    for _ in range(2):
        night_after(stage)
    request = stage.start_backup()
    stage.host.run_for(dt.timedelta(minutes=2))
    stage.ports.records().faults["delete"].append(UnavailableError("ServerBusy"))

    stage.host.run_until_done(request.first_record().instance_id)

    assert stage.run_of(request).warnings == ()
    assert stage.activities().count("prune_restore_points") == 4
    assert len(records_of(stage)) == 2


def test_a_held_point_outlives_the_nights(alone):
    """Held over the route, it stays until it is released over the route."""
    stage = alone()
    first = night_after(stage).restore_point
    route = {"service": "contoso", "name": first}
    assert stage.ask("PUT", "hold_restore_point", {"reason": "audit"}, **route)[0] == 200
    for _ in range(3):
        night_after(stage)
    assert layout.restore_point_key("contoso", first) in records_of(stage)

    assert stage.ask("DELETE", "release_restore_point", **route)[0] == 200
    night_after(stage)

    assert layout.restore_point_key("contoso", first) not in records_of(stage)


def test_a_point_that_its_standby_does_not_hold_yet_stays(make_stage):
    """No replica was ever recorded: keepLast alone would let two go, the standby keeps them all."""
    stage = make_stage(defaults=STRICT)

    for _ in range(4):
        night_after(stage)

    assert len(records_of(stage)) == 4


def test_the_whole_catalogue_is_deleted_and_comes_back_equal(alone):
    """Every record of every service is lost; the rebuild writes them again, and when it did."""
    stage = alone("contoso", "fabrikam")
    for _ in range(3):
        stage.host.run_for(dt.timedelta(days=1))
        stage.fleet()
    before = records_of(stage)
    assert len(before) == 4
    for key in list(stage.ports.records().keys("")):
        stage.ports.records().delete(key)

    answer = rebuild(stage)

    assert without_rebuilt_at(records_of(stage)) == without_rebuilt_at(before)
    assert all(json.loads(content)["rebuiltAt"] for content in records_of(stage).values())
    assert answer["counts"] == {"restored": 4}
    assert [one["service"] for one in answer["results"]] == ["contoso", "fabrikam"]


def test_a_second_rebuild_changes_nothing(alone):
    """Everything is there already."""
    stage = alone()
    night_after(stage)
    before = records_of(stage)

    assert rebuild(stage, service="contoso")["counts"] == {"alreadyThere": 1}
    assert records_of(stage) == before


def test_a_rebuild_of_one_service_leaves_the_others(alone):
    """The other service's records stay lost."""
    stage = alone("contoso", "fabrikam")
    stage.fleet()
    for key in list(records_of(stage)):
        stage.ports.records().delete(key)

    rebuild(stage, service="fabrikam")

    assert [key.split("/")[1] for key in records_of(stage)] == ["fabrikam"]


def test_a_service_that_cannot_be_rebuilt_holds_up_no_other(alone, monkeypatch):
    """Its storage may not be read: its result says why, and the others come back."""
    stage = alone("contoso", "fabrikam")
    stage.fleet()
    before = records_of(stage)
    for key in list(before):
        stage.ports.records().delete(key)
    stage.ports.backups("drprimary", "apim-backups").faults["keys"].append(AccessError("403"))

    answer = rebuild(stage)

    assert [key.split("/")[1] for key in records_of(stage)] == ["fabrikam"]
    assert [bool(one["fault"]) for one in answer["results"]] == [True, False]


def test_a_rebuild_of_many_steps_begins_anew_now_and_then(alone, monkeypatch):
    """Generations: the history of a rebuild does not grow with the fleet."""
    monkeypatch.setattr(orchestrator, "STEPS_PER_GENERATION", 2)
    names = [f"service{number}" for number in range(5)]
    stage = alone(*names)
    stage.fleet()
    before = records_of(stage)
    for key in list(before):
        stage.ports.records().delete(key)

    answer = rebuild(stage)

    assert without_rebuilt_at(records_of(stage)) == without_rebuilt_at(before)
    assert [one["blobs"][0]["word"] for one in answer["results"]] == [RebuildWord.RESTORED] * 5


def test_a_stray_backup_is_named_and_gets_no_record(alone):
    """A blob that Azure wrote and nobody verified."""
    stage = alone()
    stray = "contoso_20200101T000000Z.apimbackup"
    stage.ports.backups("drprimary", "apim-backups").put(stray, b"stray")

    answer = rebuild(stage)

    assert answer["results"][0]["blobs"] == [{"name": stray, "word": "noManifest", "why": ""}]
    assert records_of(stage) == {}
