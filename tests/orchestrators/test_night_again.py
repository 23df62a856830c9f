"""Nights that share a second, that are cut off, or whose plan changes: no backup twice, and no false word."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest

from backup_timer import activities
from shared.core import layout, names
from shared.core.errors import ConflictError, UnavailableError
from shared.core.plan import Plan
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from shared.nights import open_nights
from tests.fakes.arm import error
from tests.fakes.clock import START
from tests.fakes.points import make_point

HOUR = dt.timedelta(hours=1)
MINUTE = dt.timedelta(minutes=1)
TONIGHT = names.night_id(START)


def ask(stage, services="contoso"):
    """Ask for backups and return the night's id."""
    status, body = stage.ask("POST", "start_backups", {"services": services})
    assert status == 202, body
    return body["nightId"]


def cut_off(stage, night=TONIGHT):
    """End the night's orchestration and let the catch-up look."""
    stage.host.terminate(names.night_instance(night), "by hand")
    stage.fire("catch_up_night")


def posts(stage):
    """Return how many POSTs each service got."""
    return dict(Counter(post.service.removesuffix("-weu") for post in stage.ports.arm.posts))


def change_plan(stage, **settings):
    """Change the second service of the plan, as a new deployment would."""
    plan = stage.ports.plan.model_dump(mode="json", by_alias=True, exclude_unset=True)
    plan["services"][1] |= settings
    stage.ports.plan = Plan.model_validate(plan)


def test_two_nights_of_one_second_never_share_a_blob(stage, monkeypatch):
    """The second start fails, keeps its second, and comes again: it writes a blob of its own."""
    first, second = ask(stage), ask(stage)
    plain, failed = activities.start_run, []

    async def flaky(ports, client, request):
        because = names.run_id("backup", "contoso", START, because=second)
        if request.run_id == because and not failed:
            failed.append(request)
            raise UnavailableError("the records: ServerBusy")
        return await plain(ports, client, request)

    monkeypatch.setattr(activities, "start_run", flaky)
    stage.host.run_for(HOUR)
    stage.ports.arm.service(stage.ports.first.ref).entities["/apis/new"] = "4444444444444444"
    stage.host.run_for(HOUR)

    assert failed
    names_made = [stage.night_record(night).services[0].restore_point for night in (first, second)]
    assert len(set(names_made)) == 2
    for name in names_made:
        key = layout.restore_point_key("contoso", name)
        point = RestorePoint.from_bytes(stage.ports.records().read(key)[0])
        blob = stage.ports.backups(point.account, point.container).measure(name)
        assert (point.name, point.sha256) == (name, blob.sha256)


@pytest.mark.parametrize("what", ["blob", "record"])
def test_what_exists_under_the_name_of_a_backup_is_never_written_over(stage, what):
    """No POST is sent, and neither the sidecar nor the inventory of the other backup is replaced."""
    name = names.backup_name("contoso", START)
    point = make_point(stage.ports, START, name)
    if what == "blob":
        stage.ports.records().delete(layout.restore_point_key("contoso", name))
    else:
        stage.ports.backups(point.account, point.container).delete(name)
    inventory = stage.ports.records().read(layout.inventory_key("contoso", name))

    run = stage.back_up()

    assert (run.outcome, run.fault.code) == (Outcome.REFUSED, "BackupExists")
    assert stage.ports.arm.posts == []
    assert stage.ports.records().read(layout.inventory_key("contoso", name)) == inventory


@pytest.mark.parametrize("begun_by", ["timer", "call"])
def test_a_restarted_night_takes_up_a_run_that_is_under_way(make_stage, begun_by):
    """It outlasts the patience with busy services: its word and its id stand in the record."""
    stage = make_stage("contoso")
    stage.ports.arm.service(stage.ports.first.ref).duration_s["backup"] = 6 * 3600
    night = TONIGHT
    if begun_by == "timer":
        stage.fire("backup_timer")
    else:
        night = ask(stage)
    stage.host.run_for(20 * MINUTE)
    cut_off(stage, night)
    stage.host.run_for(8 * HOUR)

    record = stage.night_record(night)
    (told,) = record.services
    assert (record.starts, told.outcome, told.rpo_kept) == (2, Outcome.SUCCEEDED, True)
    assert len(told.run_ids) == len(stage.ports.arm.posts) == 1


def test_a_restarted_night_does_not_repeat_what_ended_without_proof(make_stage):
    """PollDenied may still be running: its word is taken over, and no second POST is sent."""
    stage = make_stage("denied", "busy")
    stage.ports.arm.service(stage.ports.plan.services[1].ref).foreign_until = START + 3.5 * HOUR
    stage.ports.arm.on_poll = lambda _now, _honest: error(403, "AuthorizationFailed", "no right")
    stage.fire("backup_timer")
    stage.host.run_for(3 * HOUR)
    words = {run.service: run.outcome for run in stage.ports.runs.newest(2, stage.ports.clock.now())}
    assert words == {"denied": Outcome.POLL_DENIED, "busy": None}
    stage.ports.arm.on_poll = None
    cut_off(stage)
    stage.host.run_for(3 * HOUR)

    told = {one.service: one for one in stage.night_record(TONIGHT).services}
    assert posts(stage)["denied"] == 1
    assert (told["denied"].outcome, len(told["denied"].run_ids)) == (Outcome.POLL_DENIED, 1)


def test_a_restarted_night_counts_the_tries_it_has_had(make_stage):
    """Two retries are all that a service gets in a night, however often the night is started."""
    stage = make_stage("bad", "slow")
    stage.ports.arm.service(stage.ports.first.ref).failure = ("BackupFailed", "storage said no")
    stage.ports.arm.service(stage.ports.plan.services[1].ref).duration_s["backup"] = 4 * 3600
    stage.fire("backup_timer")
    stage.host.run_for(2.5 * HOUR)
    assert posts(stage) == {"bad": 3, "slow": 1}
    cut_off(stage)
    stage.host.run_for(6 * HOUR)

    told = {one.service: one for one in stage.night_record(TONIGHT).services}
    assert posts(stage) == {"bad": 3, "slow": 1}
    assert (told["bad"].outcome, len(told["bad"].run_ids)) == (Outcome.FAILED, 3)
    assert told["slow"].outcome is Outcome.SUCCEEDED


def test_a_lost_answer_to_the_mark_doubles_no_wish(stage, monkeypatch):
    """Storage clients repeat a write whose answer was lost and find it written: it is our own."""
    records = stage.ports.records()
    plain, lost = records.create, []

    def create(key, content, **more):
        etag = plain(key, content, **more)
        if key.startswith(layout.OPEN_NIGHTS) and not lost:
            lost.append(key)
            raise ConflictError("BlobAlreadyExists")
        return etag

    monkeypatch.setattr(records, "create", create)
    night = ask(stage)
    for _ in range(3):
        stage.host.run_for(10 * MINUTE)
        stage.fire("catch_up_night")
    stage.host.run_for(HOUR)

    assert lost
    assert stage.night_record(night).words == {"Succeeded": 1}
    assert len(stage.ports.arm.posts) == 1


def test_a_night_that_was_cut_off_twice_gets_its_record(make_stage):
    """What its runs came to, and no proof for those who had none; its mark goes."""
    stage = make_stage("one", "two", "three", concurrency=1)
    stage.fire("backup_timer")
    stage.host.run_for(16 * MINUTE)
    cut_off(stage)
    stage.host.terminate(names.night_instance(TONIGHT), "by hand")
    for _ in range(3):
        stage.fire("catch_up_night")
        stage.host.run_for(10 * MINUTE)

    record = stage.night_record(TONIGHT)
    told = {one.service: (one.outcome.value, one.fault and one.fault.code) for one in record.services}
    assert told == {
        "one": ("Succeeded", None),
        "two": ("Succeeded", None),
        "three": ("OutcomeUnknown", "RunAbandoned"),
    }
    assert (record.starts, open_nights(stage.ports)) == (2, [])
    assert posts(stage) == {"one": 1, "two": 1}


def test_a_night_that_was_given_up_can_be_fired_by_hand(make_stage):
    """It backs up whom it had not, and its record is written anew."""
    stage = make_stage("one", "two", concurrency=1)
    stage.fire("backup_timer")
    stage.host.run_for(MINUTE)
    cut_off(stage)
    stage.host.terminate(names.night_instance(TONIGHT), "by hand")
    for _ in range(3):
        stage.fire("catch_up_night")
        stage.host.run_for(10 * MINUTE)
    assert stage.night_record(TONIGHT).words == {"Succeeded": 1, "OutcomeUnknown": 1}

    stage.fire("backup_timer")
    stage.host.run_for(MINUTE)
    assert stage.ask("GET", "get_night", night_id=TONIGHT)[0] == 202
    stage.host.run_for(HOUR)

    assert stage.night_record(TONIGHT).words == {"Succeeded": 2}
    assert posts(stage) == {"one": 1, "two": 1}


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"paused": {"reason": "migration"}}, "Paused"),
        ({"region": "northeurope", "standby": None}, "OtherRegion"),
    ],
    ids=["paused", "moved"],
)
def test_a_plan_that_changes_while_the_night_is_at_work_counts(make_stage, settings, code):
    """Whoever is paused, or handed to the other app, before its turn came is not backed up."""
    stage = make_stage("one", "two", concurrency=1)
    stage.fire("backup_timer")
    stage.host.run_for(5 * MINUTE)
    change_plan(stage, **settings)
    stage.host.run_for(HOUR)

    told = {one.service: one for one in stage.night_record(TONIGHT).services}
    assert (told["two"].outcome, told["two"].fault.code) == (Outcome.REFUSED, code)
    assert posts(stage) == {"one": 1}


def test_who_was_named_is_backed_up_though_it_is_paused_meanwhile(make_stage):
    """A name means what it says."""
    stage = make_stage("one", "two", concurrency=1)
    night = ask(stage, ["one", "two"])
    stage.host.run_for(5 * MINUTE)
    change_plan(stage, paused={"reason": "migration"})
    stage.host.run_for(HOUR)

    assert stage.night_record(night).words == {"Succeeded": 2}
