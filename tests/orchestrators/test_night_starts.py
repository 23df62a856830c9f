"""What begins a night, through the app's own functions: the timer, the catch-up, a call."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter

import pytest

from backup_timer import activities
from shared.core import layout, names
from shared.core.runs import Outcome
from shared.nights import open_nights
from tests.fakes.clock import START

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
TONIGHT = names.night_id(START)


def posts(stage):
    """Return how many POSTs each service got."""
    return dict(Counter(post.service.removesuffix("-weu") for post in stage.ports.arm.posts))


def nights(stage):
    """Return the nights that have a record."""
    keys = stage.ports.records().keys(layout.NIGHTS)
    return [key.removeprefix(layout.NIGHTS).removesuffix(".json") for key in keys]


def status_of(stage, night):
    """Return how a night's orchestration is."""
    found = stage.host.get(names.night_instance(night))
    return found and found.runtime_status


def back_up(stage, services, **more):
    """Ask for backups and return the night's id."""
    status, body = stage.ask("POST", "start_backups", {"services": services, **more})
    assert status == 202, body
    return body["nightId"]


def words_of(stage, night):
    """Return status and the word of every service of a night, as its route tells them."""
    status, body = stage.ask("GET", "get_night", night_id=night)
    told = body["error"]["night"] if "error" in body else body
    return status, {one["service"]: one.get("outcome") for one in told["services"]}


def test_a_firing_backs_up_everybody_and_leaves_a_record(make_stage):
    """The night is the occurrence's, and knows when it was due and when it was asked for."""
    stage = make_stage("one", "two")
    stage.host.run_for(dt.timedelta(minutes=40))

    stage.fire("backup_timer")
    stage.host.run_for(HOUR)

    record = stage.night_record(TONIGHT)
    assert (record.scheduled_at, record.requested_at) == (START, START + dt.timedelta(minutes=40))
    assert (record.trigger, record.words, record.caught_up) == ("timer", {"Succeeded": 2}, False)
    assert open_nights(stage.ports) == []
    for told in record.services:
        point = stage.ports.records().read(layout.restore_point_key(told.service, told.restore_point))[0]
        assert json.loads(point)["scheduledAt"] == "2026-11-23T02:00:00Z"


def test_a_second_firing_is_a_no_op_even_when_the_history_was_purged(make_stage):
    """While it is at work, after it has ended, and after Durable has forgotten it."""
    stage = make_stage("one")
    for _ in range(2):
        stage.fire("backup_timer")
        stage.host.run_for(dt.timedelta(minutes=5))
    stage.host.run_for(HOUR)
    stage.fire("backup_timer")
    stage.host.run_for(HOUR)
    assert stage.host.purge(names.night_instance(TONIGHT))
    stage.fire("backup_timer")
    stage.host.run_for(HOUR)

    assert posts(stage) == {"one": 1}
    assert status_of(stage, TONIGHT) is None


def test_a_late_firing_does_not_swallow_the_next_night(make_stage):
    """Fired 23 hours late, it is last night's; the next one takes place all the same."""
    stage = make_stage("one")
    stage.host.run_for(23 * HOUR)
    stage.fire("backup_timer")
    stage.host.run_for(HOUR)
    stage.fire("backup_timer")
    stage.host.run_for(HOUR)

    assert nights(stage) == [TONIGHT, names.night_id(START + DAY)]
    assert posts(stage) == {"one": 2}


def test_a_missed_night_is_caught_up_once(make_stage):
    """The timer never fired: the newest night is backed up, once, and only that one."""
    stage = make_stage("one")
    stage.fire("backup_timer")
    stage.host.run_for(3 * DAY + HOUR)
    for _ in range(6):
        stage.fire("catch_up_night")
        stage.host.run_for(dt.timedelta(minutes=10))

    newest = names.night_id(START + 3 * DAY)
    assert nights(stage) == [TONIGHT, newest]
    record = stage.night_record(newest)
    assert (record.caught_up, record.scheduled_at) == (True, START + 3 * DAY)
    assert record.requested_at == START + 3 * DAY + HOUR
    assert posts(stage) == {"one": 2}


def test_a_fresh_deployment_catches_nothing_up(make_stage):
    """There was no night before: the first one comes when it is due."""
    stage = make_stage("one")
    stage.host.run_for(5 * HOUR)
    stage.fire("catch_up_night")
    stage.host.run_for(HOUR)

    assert posts(stage) == {}


def test_a_night_that_was_ended_by_hand_goes_on_where_it_stopped(make_stage):
    """Started again by itself, it backs up whoever it had not, and nobody twice."""
    stage = make_stage("one", "two", "three", concurrency=1)
    stage.fire("backup_timer")
    stage.host.run_for(dt.timedelta(minutes=16))  # the first is done, the second is at work
    stage.host.terminate(names.night_instance(TONIGHT), "by hand")
    stage.fire("catch_up_night")
    stage.host.run_for(2 * HOUR)
    stage.fire("catch_up_night")
    stage.host.run_for(HOUR)

    record = stage.night_record(TONIGHT)
    assert (record.words, record.starts, record.caught_up) == ({"Succeeded": 3}, 2, False)
    assert posts(stage) == {"one": 1, "two": 1, "three": 1}
    points = {told.service: told.restore_point for told in record.services}
    assert set(points.values()) == {post.backup_name for post in stage.ports.arm.posts}


def test_a_night_that_cannot_be_planned_fails_and_is_tried_again_once(make_stage):
    """It fails, so that alerts see it; one more start by itself, and then it needs a hand."""
    left = [100]

    def broken(wish):
        if left[0]:
            left[0] -= 1
            raise ValueError("a fault in the plan")
        return activities.plan_night(wish, stage.ports)

    stage = make_stage("one", stand_ins={"plan_night": broken})
    stage.fire("backup_timer")
    stage.host.run_for(dt.timedelta(minutes=13))
    assert status_of(stage, TONIGHT) == "Failed"
    assert stage.ask("GET", "get_night", night_id=TONIGHT)[0] == 424
    for _ in range(4):
        stage.fire("catch_up_night")
        stage.host.run_for(dt.timedelta(minutes=10))
    assert len([name for name in stage.activities() if name == "plan_night"]) == 2 * 3
    left[0] = 0
    stage.fire("backup_timer")
    stage.host.run_for(HOUR)

    assert words_of(stage, TONIGHT) == (200, {"one": "Succeeded"})


def test_a_night_whose_storage_is_down_waits_with_its_plan(make_stage):
    """Planning is repeated: an outage of minutes costs no night."""
    stage = make_stage("one", stand_ins={"plan_night": lambda wish: flaky(wish)})
    failures = [3]

    def flaky(wish):
        if failures[0]:
            failures[0] -= 1
            fault = {"code": "ServerBusy", "message": "the records"}
            return {"v": 1, "state": "retry", "outcome": "OutcomeUnknown", "fault": fault}
        return activities.plan_night(wish, stage.ports)

    stage.fire("backup_timer")
    stage.host.run_for(HOUR)

    assert stage.night_record(TONIGHT).words == {"Succeeded": 1}


@pytest.mark.parametrize(
    ("services", "backed_up"),
    [
        pytest.param("two", {"two"}, id="one"),
        pytest.param(["three", "one"], {"one", "three"}, id="several"),
        pytest.param("all", {"one", "two", "three"}, id="all"),
    ],
)
def test_a_call_backs_up_whom_it_names(make_stage, services, backed_up):
    """202 with a night to follow; 202 while it is at work, 200 with every word at its end."""
    stage = make_stage("one", "two", "three")
    stage.host.run_for(5 * HOUR)

    night = back_up(stage, services, reason="before the release")
    first = stage.ask("GET", "get_night", night_id=night)
    stage.host.run_for(dt.timedelta(minutes=5))
    second = stage.ask("GET", "get_night", night_id=night)
    stage.host.run_for(HOUR)

    assert (first[0], first[1]["message"]) == (202, "finding out whom to back up")
    assert second[0] == 202
    assert {one["service"]: one["state"] for one in second[1]["services"]} == dict.fromkeys(
        backed_up, "active"
    )
    assert words_of(stage, night) == (200, dict.fromkeys(backed_up, "Succeeded"))
    assert posts(stage) == dict.fromkeys(backed_up, 1)
    record = stage.night_record(night)
    assert (record.trigger, record.reason, record.scheduled_at) == ("http", "before the release", None)
    run = stage.ports.runs.read(record.services[0].run_ids[0])[0]
    assert (run.trigger, run.wish["scheduledAt"]) == ("http", None)


def test_two_calls_of_one_second_for_one_service_are_two_backups(make_stage):
    """The second one waits for the first, and writes a blob of its own."""
    stage = make_stage("one")

    both = [back_up(stage, "one") for _ in range(2)]
    stage.host.run_for(2 * HOUR)

    assert [words_of(stage, night) for night in both] == [(200, {"one": "Succeeded"})] * 2
    names_written = [post.backup_name for post in stage.ports.arm.posts]
    assert len(names_written) == len(set(names_written)) == 2


def test_a_call_while_the_night_is_at_work_waits_for_it(make_stage):
    """The service is not worked on twice at the same time, and both nights end well."""
    stage = make_stage("one", "two")
    stage.fire("backup_timer")
    stage.host.run_for(dt.timedelta(minutes=3))

    asked = back_up(stage, ["one"])
    stage.host.run_for(2 * HOUR)

    assert words_of(stage, asked) == (200, {"one": "Succeeded"})
    assert stage.night_record(TONIGHT).words == {"Succeeded": 2}
    assert posts(stage) == {"one": 2, "two": 1}


@pytest.mark.parametrize(
    ("services", "word"), [("all", None), (["one"], Outcome.SUCCEEDED)], ids=["all", "named"]
)
def test_a_paused_service_is_backed_up_only_if_it_is_named(make_stage, services, word):
    """All means all that are not paused; a name means what it says."""
    stage = make_stage("one", defaults={"paused": {"reason": "moving house"}})

    night = back_up(stage, services)
    stage.host.run_for(HOUR)

    assert words_of(stage, night) == (200, {"one": word or Outcome.REFUSED})
    assert posts(stage) == ({"one": 1} if word else {})


def test_a_call_whose_night_was_ended_by_hand_goes_on_where_it_stopped(make_stage):
    """As the timer's night does, though it has no occurrence to know its points by."""
    stage = make_stage("one", "two", concurrency=1)
    night = back_up(stage, "all")
    stage.host.run_for(dt.timedelta(minutes=16))
    stage.host.terminate(names.night_instance(night), "by hand")
    assert stage.ask("GET", "get_night", night_id=night)[1]["error"]["code"] == "NightCutOff"
    stage.fire("catch_up_night")
    stage.host.run_for(2 * HOUR)

    assert words_of(stage, night) == (200, {"one": "Succeeded", "two": "Succeeded"})
    assert posts(stage) == {"one": 1, "two": 1}


def test_a_failure_on_demand_is_tried_again_and_told(make_stage):
    """422 as a run would, with Azure's code and what to do; the other service's word stands beside it."""
    stage = make_stage("bad", "good")
    stage.ports.arm.service(stage.ports.first.ref).failure = ("BackupFailed", "storage said no")

    night = back_up(stage, "all")
    stage.host.run_for(4 * HOUR)

    status, body = stage.ask("GET", "get_night", night_id=night)
    assert (status, body["error"]["code"]) == (422, "NotAllSucceeded")
    assert [detail["target"] for detail in body["error"]["details"]] == ["bad"]
    assert body["error"]["night"]["words"] == {"Succeeded": 1, "Failed": 1}
    assert posts(stage) == {"bad": 3, "good": 1}


def test_the_list_of_nights_shows_both_kinds(make_stage):
    """The timer's and the call's, the newest first."""
    stage = make_stage("one")
    stage.fire("backup_timer")
    stage.host.run_for(HOUR)
    asked = back_up(stage, "one")
    stage.host.run_for(dt.timedelta(minutes=2))

    status, body = stage.ask("GET", "list_nights")

    assert status == 200
    assert [(night["nightId"], night["phase"]) for night in body["value"]] == [
        (asked, "UnderWay"),
        (TONIGHT, "Ended"),
    ]
