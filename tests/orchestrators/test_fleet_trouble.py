"""A night in which services hang, fail, refuse, are paused or change: nobody's trouble is another one's."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter

import pytest

from backup_timer import activities
from shared.core import layout, names
from shared.core.errors import UnavailableError
from shared.core.response import Response
from shared.core.runs import Outcome
from tests.fakes.arm import HANGS
from tests.fakes.clock import START

HOUR = dt.timedelta(hours=1)


def words(record):
    """Return the word of every service."""
    return {told.service: told.outcome for told in record.services}


def told_of(record, name):
    """Return what one service got."""
    return next(told for told in record.services if told.service == name)


def posted(stage, name):
    """Return when POSTs for one service arrived, as the names of their backups tell."""
    return [post.backup_name for post in stage.ports.arm.posts if post.service == f"{name}-weu"]


def hurry(stage, **seconds):
    """Look less often than in production: hours of virtual time cost fewer replays."""
    stage.ports.intervals = stage.ports.intervals.model_copy(update={"follow_s": 120} | seconds)


def test_services_that_hang_hold_up_nobody(make_stage):
    """50 services under a cap of 5, the first ten hang: the other forty are done before a hang's deadline."""
    fleet = [f"team{number:02d}" for number in range(50)]
    stage = make_stage(*fleet, concurrency=5, deadlineHours=5)
    hurry(stage, follow_s=300)
    for service in stage.ports.plan.services[:10]:
        stage.ports.arm.service(service.ref).duration_s["backup"] = HANGS

    def patient(_now, honest):
        answer = honest()
        if answer.status != 202:
            return answer
        return Response(status=202, headers={**answer.headers, "retry-after": "600"})

    stage.ports.arm.on_poll = patient

    record, _ = stage.fleet()

    assert words(record) == {
        name: Outcome.OUTCOME_UNKNOWN if name in fleet[:10] else Outcome.SUCCEEDED for name in fleet
    }
    ends = {told.service: stage.ports.runs.read(told.run_ids[0])[0].ended_at for told in record.services}
    assert max(ends[name] for name in fleet[10:]) < START + 5 * HOUR <= min(ends[name] for name in fleet[:10])
    assert Counter(post.service for post in stage.ports.arm.posts) == {f"{name}-weu": 1 for name in fleet}


def test_a_backup_that_azure_failed_is_tried_twice_more_and_spaced(make_stage):
    """Three POSTs, each with a run and a blob of its own, half an hour after the end of the one before."""
    stage = make_stage("bad", "good")
    stage.ports.arm.service(stage.ports.first.ref).failure = ("BackupFailed", "storage said no")

    record, _ = stage.fleet()

    bad = told_of(record, "bad")
    runs = [stage.ports.runs.read(run_id)[0] for run_id in bad.run_ids]
    assert (bad.outcome, bad.fault.code, len(runs)) == (Outcome.FAILED, "BackupFailed", 3)
    assert len(posted(stage, "bad")) == len(set(posted(stage, "bad"))) == 3
    for before, after in itertools.pairwise(runs):
        assert dt.timedelta(minutes=30) <= after.requested_at - before.ended_at <= dt.timedelta(minutes=32)
    assert {run.wish["scheduledAt"] for run in runs} == {"2026-11-23T02:00:00Z"}
    assert words(record)["good"] is Outcome.SUCCEEDED


def test_a_second_try_that_succeeds_is_a_success(make_stage):
    """The point is the second run's, and the first run is a warning."""
    stage = make_stage("contoso")
    service = stage.ports.arm.service(stage.ports.first.ref)
    service.failure = ("BackupFailed", "storage said no")
    night = stage.start_night()
    stage.host.run_for(dt.timedelta(minutes=20))
    service.failure = None
    stage.host.run_until_done(names.night_instance(night))

    told = told_of(stage.night_record(night), "contoso")

    assert (told.outcome, told.restore_point) == (Outcome.SUCCEEDED, posted(stage, "contoso")[1])
    assert told.warnings[0] == f"run {told.run_ids[0]} ended as Failed: BackupFailed"
    assert told.newest_point.name == told.restore_point


def test_a_refusal_is_not_tried_again(make_stage):
    """A tier that has no backup has none in half an hour either: no POST, one run."""
    stage = make_stage("one", "two")
    stage.ports.arm.service(stage.ports.first.ref).tier = "Consumption"

    record, _ = stage.fleet()

    refused = told_of(record, "one")
    assert (refused.outcome, len(refused.run_ids), posted(stage, "one")) == (Outcome.REFUSED, 1, [])
    assert "TierHasBackup" in refused.fault.message
    assert record.ended_at - START < HOUR


def test_a_paused_service_is_left_alone(make_stage):
    """Refused with the plan's reason, without a run and without a POST."""
    stage = make_stage("one", defaults={"paused": {"reason": "moving house"}})

    record, _ = stage.fleet()

    told = told_of(record, "one")
    assert (told.outcome, told.fault.code, told.run_ids) == (Outcome.REFUSED, "Paused", ())
    assert told.fault.message == "paused: moving house"
    assert (stage.ports.arm.posts, stage.ports.runs.open_ids()) == ([], [])


@pytest.mark.parametrize(("wanted", "posts"), [(True, 2), (False, 1)], ids=["wanted", "not wanted"])
def test_a_change_during_the_backup_is_backed_up_once_more_at_most(make_stage, wanted, posts):
    """Where the plan says so; and a configuration that never holds still is not chased."""
    stage = make_stage("contoso", defaults={"againIfChanged": wanted})
    service = stage.ports.arm.service(stage.ports.first.ref)

    def busy_team(now, honest):
        service.entities[f"/apis/{now:%H%M}"] = "4444444444444444"
        return honest()

    stage.ports.arm.on_poll = busy_team

    record, _ = stage.fleet()

    told = told_of(record, "contoso")
    assert (told.outcome, len(told.run_ids)) == (Outcome.SUCCEEDED, posts)
    assert len(set(posted(stage, "contoso"))) == posts
    assert told.restore_point == posted(stage, "contoso")[-1]


def test_a_start_that_fails_costs_only_its_own_service(make_stage):
    """Records of one service cannot be written: it is refused when patience ends, the others are done."""
    stage = make_stage("one", "two", "three", concurrency=2)
    hurry(stage, busy_patience_s=3600)
    create = stage.ports.records().create

    def broken(key, content, **more):
        if key.startswith(layout.RUNS) and key.endswith("-two.json"):
            raise UnavailableError("the records: ServerBusy", code="ServerBusy")
        create(key, content, **more)

    stage.ports.records().create = broken

    record, _ = stage.fleet()

    assert words(record) == {"one": "Succeeded", "two": "Refused", "three": "Succeeded"}
    assert told_of(record, "two").fault.code == "ServerBusy"
    assert posted(stage, "two") == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_dies_with_a_start_in_its_hands_loses_nobody(make_stage, monkeypatch, when):
    """Before the run began, or after it had: every service of that wave is asked again, and posted once."""
    stage = make_stage("one", "two", "three")
    start, deaths = activities.start_backup, []

    async def dies(wish, client, ports):
        answer = await start(wish, client, ports) if when == "after" else None
        if wish["service"] == "two" and len(deaths) < 2:
            deaths.append(wish["requestedAt"])
            raise ConnectionResetError("the worker is gone")
        return answer or await start(wish, client, ports)

    monkeypatch.setattr(activities, "start_backup", dies)

    record, _ = stage.fleet()

    assert set(words(record).values()) == {Outcome.SUCCEEDED}
    assert Counter(post.service for post in stage.ports.arm.posts) == {
        "one-weu": 1,
        "two-weu": 1,
        "three-weu": 1,
    }
    assert len(deaths) == 2
    assert len(set(deaths)) == 1


def test_busy_services_take_no_place(make_stage):
    """Two services are being restored for hours; under a cap of one the third is done long before."""
    stage = make_stage("one", "two", "three", concurrency=1)
    hurry(stage)
    for service in stage.ports.plan.services[:2]:
        other = activities.request_for(service, START - HOUR, stage.ports)
        stage.ports.runs.create(other.first_record())
        stage.ports.arm.service(service.ref).duration_s["backup"] = 2 * 3600
        stage.host.start("back_up_service", other.to_json(), other.first_record().instance_id)
    stage.host.run_for(dt.timedelta(minutes=1))
    for service in stage.ports.plan.services[:2]:
        stage.ports.arm.service(service.ref).duration_s["backup"] = 660

    record, _ = stage.fleet()

    assert set(words(record).values()) == {Outcome.SUCCEEDED}
    ends = {told.service: stage.ports.runs.read(told.run_ids[0])[0].ended_at for told in record.services}
    assert ends["three"] < START + HOUR < START + 2 * HOUR < min(ends["one"], ends["two"])


def test_a_busy_service_is_refused_when_patience_ends(make_stage):
    """The run that has it takes too long: nothing was changed, and the night ends."""
    stage = make_stage("one", "two")
    hurry(stage, busy_patience_s=3600)
    other = activities.request_for(stage.ports.first, START - HOUR, stage.ports)
    stage.ports.arm.service(stage.ports.first.ref).duration_s["backup"] = 4 * 3600
    stage.ports.runs.create(other.first_record())
    stage.host.start("back_up_service", other.to_json(), other.first_record().instance_id)
    stage.host.run_for(dt.timedelta(minutes=1))

    record, _ = stage.fleet()

    told = told_of(record, "one")
    assert (told.outcome, told.fault.code, told.run_ids) == (Outcome.REFUSED, "ServiceBusy", ())
    assert words(record)["two"] is Outcome.SUCCEEDED
    assert len(posted(stage, "one")) == 1


def test_the_state_of_a_night_is_shown_while_it_goes_on(make_stage):
    """Counts and services, as GET /api/nights/{id} reads them."""
    stage = make_stage("one", "two", "three", concurrency=2)
    stage.ports.arm.service(stage.ports.first.ref).duration_s["backup"] = 3 * 3600
    night = stage.start_night()
    stage.host.run_for(dt.timedelta(minutes=14))

    status = stage.host.get(names.night_instance(night)).custom_status

    assert status["counts"] == {"waiting": 0, "active": 2, "Succeeded": 1}
    assert sorted(status["active"]) == ["one", "three"]
    assert status["ended"] == {"two": "Succeeded"}


def test_many_starts_make_no_long_history(make_stage):
    """60 services that all end at once under a cap of 100: no generation holds more than its share."""
    fleet = [f"team{number:03d}" for number in range(60)]
    stage = make_stage(*fleet, concurrency=100)
    for service in stage.ports.plan.services:
        stage.ports.arm.service(service.ref).tier = "Consumption"

    record, _ = stage.fleet()

    lengths = [
        len(payload["history"]) for name, payload, _ in stage.recorder.values() if name == "back_up_fleet"
    ]
    assert set(words(record).values()) == {Outcome.REFUSED}
    assert max(lengths) < 350
