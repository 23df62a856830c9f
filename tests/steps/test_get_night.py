"""Looking at nights: 202 while one is under way, and at its end the status of its worst word."""

from __future__ import annotations

import datetime as dt

import pytest

from operate_http.nights import get_night, list_nights
from shared.core import glance, layout, names
from shared.core.fleet import ActiveRun, Finished, FleetState, Turn
from shared.core.lro import Fault
from shared.core.nights import NightWish
from shared.core.reports import NightRecord, ServiceNight
from shared.core.runs import Outcome
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.steps.conftest import body_of, request, run

TONIGHT = names.night_id(START)
WISH = NightWish(
    night=TONIGHT,
    trigger="http",
    requested_at=START,
    begun_at=START,
    services=("one", "two", "three"),
    reason="before the release",
)


@pytest.fixture
def ports():
    """The ports of the app in the primary's region."""
    return FakePorts()


def begin(ports, client, night=TONIGHT, status="Running", state=None):
    """Leave a night under way."""
    ports.records().put(layout.open_night_key(night), WISH.model_copy(update={"night": night}).to_bytes())
    client.put(names.night_instance(night), status, custom_status=glance.glance(state) if state else None)


def end(ports, *services, night=TONIGHT, **more):
    """Leave the record of a night."""
    words = {"Succeeded": sum(told.outcome is Outcome.SUCCEEDED for told in services)}
    changes = {"words": words, "trigger": "timer", "requested_at": START, "scheduled_at": START}
    record = NightRecord(
        night=night, ended_at=START + dt.timedelta(hours=1), services=services, **changes | more
    )
    ports.records().put(layout.night_key(night), record.to_bytes())


def told(service, word, code="BackupFailed"):
    """Return what a service got."""
    fault = None if word is Outcome.SUCCEEDED else Fault(code=code, message="because", hint="Do this.")
    return ServiceNight(service=service, outcome=word, fault=fault)


def look(ports, client, night=TONIGHT):
    """Ask for a night."""
    url = "https://dr.example/api/nights/x?code=SECRET"
    return run(get_night(request(url=url, night_id=night), client, ports))


def test_a_night_under_way_is_202_with_its_services(ports, client):
    """Where to ask again without the caller's key, counts, and each service with its state."""
    state = FleetState(
        wish=WISH,
        concurrency=2,
        waiting=("one",),
        later=(Turn(service="two", due_at=START + dt.timedelta(minutes=30), run_ids=("r",)),),
        active=(ActiveRun(service="three", run_id="r3", instance_id="i"),),
        ended=(Finished(service="four", word=Outcome.SUCCEEDED),),
    )
    begin(ports, client, state=state)

    answer = look(ports, client)

    body = body_of(answer)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"https://dr.example/api/nights/{TONIGHT}"
    assert int(answer.headers["Retry-After"]) >= 1
    assert (body["nightId"], body["phase"], body["outcome"]) == (TONIGHT, "UnderWay", None)
    assert (body["trigger"], body["reason"]) == ("http", "before the release")
    assert body["counts"] == {"waiting": 2, "active": 1, "Succeeded": 1}
    assert {item["service"]: item["state"] for item in body["services"]} == {
        "one": "waiting",
        "two": "waiting",
        "three": "active",
        "four": "ended",
    }
    assert body["servicesNotShown"] == 0


def test_a_night_that_has_just_been_accepted_is_202(ports, client):
    """Between the answer and the first step there is nothing to tell yet."""
    begin(ports, client, status="Pending")

    body = body_of(look(ports, client))

    assert (body["services"], body["message"]) == ([], "finding out whom to back up")


def test_a_night_that_waits_for_storage_says_so(ports, client):
    """What its last step waits for is shown instead of the services."""
    begin(ports, client)
    client.put(
        names.night_instance(TONIGHT), "Running", custom_status={"step": "end_night", "waitingFor": "storage"}
    )

    assert body_of(look(ports, client))["message"] == "waiting: storage"


def test_a_night_in_which_all_succeeded_is_200(ports, client):
    """With its whole record; what is paused on purpose does not count."""
    end(ports, told("one", Outcome.SUCCEEDED), told("two", Outcome.REFUSED, "Paused"))

    answer = look(ports, client)

    body = body_of(answer)
    assert (answer.status_code, body["phase"], body["outcome"]) == (200, "Ended", "Succeeded")
    assert (body["durationS"], body["scheduledAt"]) == (3600, "2026-11-23T02:00:00Z")
    assert [item["service"] for item in body["services"]] == ["one", "two"]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        (Outcome.FAILED, 422),
        (Outcome.REFUSED, 409),
        (Outcome.POLL_DENIED, 424),
        (Outcome.OUTCOME_UNKNOWN, 424),
    ],
)
def test_a_night_has_the_status_of_its_worst_word(ports, client, word, status):
    """As a run would; each service that did not succeed is a detail, the record stands beside it."""
    end(ports, told("good", Outcome.SUCCEEDED), told("bad", word))

    answer = look(ports, client)

    error = body_of(answer)["error"]
    assert (answer.status_code, error["code"]) == (status, "NotAllSucceeded")
    assert error["details"] == [{"code": word, "target": "bad", "message": "BackupFailed: because. Do this."}]
    assert error["night"]["outcome"] == word
    assert len(error["night"]["services"]) == 2


def test_the_details_of_a_bad_night_are_bounded(ports, client):
    """The first fifty; all of them stand in the record."""
    end(ports, *(told(f"s{number:03d}", Outcome.FAILED) for number in range(120)))

    error = body_of(look(ports, client))["error"]

    assert (len(error["details"]), len(error["night"]["services"])) == (50, 120)


def test_a_record_outlives_the_history(ports, client):
    """Durable has forgotten the night, storage has not."""
    end(ports, told("one", Outcome.SUCCEEDED))

    assert look(ports, client).status_code == 200


@pytest.mark.parametrize("status", ["Failed", "Terminated"])
def test_a_night_that_was_cut_off_is_424(ports, client, status):
    """No 202 for ever for what nothing drives."""
    begin(ports, client, status=status)

    answer = look(ports, client)

    error = body_of(answer)["error"]
    assert (answer.status_code, error["code"], error["night"]["phase"]) == (424, "NightCutOff", "CutOff")
    assert "started again by itself once" in error["message"]


def test_a_night_that_was_cut_off_twice_promises_nothing(ports, client):
    """It is not started again for ever."""
    begin(ports, client, status="Failed")
    again = WISH.model_copy(update={"starts": 2})
    ports.records().put(layout.open_night_key(TONIGHT), again.to_bytes())

    assert "look at the host's log" in body_of(look(ports, client))["error"]["message"]


@pytest.mark.parametrize(
    ("night", "code"),
    [("20261123T020000Z", "NightNotFound"), ("2026-11-23", "NotFound"), ("../x", "NotFound")],
)
def test_a_night_that_is_unknown_is_404(ports, client, night, code):
    """A text that is no id is not looked for in storage."""
    answer = look(ports, client, night)

    assert (answer.status_code, body_of(answer)["error"]["code"]) == (404, code)


def test_a_host_that_cannot_be_asked_does_not_hide_a_night(ports, client):
    """Durable's client fails: a record is shown, and so is a mark."""
    begin(ports, client)
    client.on_status = RuntimeError("the host said 500")
    under_way = look(ports, client).status_code
    end(ports, told("one", Outcome.SUCCEEDED))

    assert (under_way, look(ports, client).status_code) == (202, 200)


def test_the_list_shows_the_newest_first_and_those_under_way(ports, client):
    """In short: no services; one night whose mark cannot be read hides no other."""
    ids = [names.night_id(START + dt.timedelta(hours=hour)) for hour in range(4)]
    end(ports, told("one", Outcome.FAILED), night=ids[0], rpo_missed=("one",))
    begin(ports, client, ids[1])
    ports.records().put(layout.open_night_key(ids[2]), b"{")
    end(ports, told("one", Outcome.SUCCEEDED), night=ids[3])

    answer = run(list_nights(client, ports))

    shown = body_of(answer)["value"]
    assert answer.status_code == 200
    assert [(night["nightId"], night["phase"], night["outcome"]) for night in shown] == [
        (ids[3], "Ended", "Succeeded"),
        (ids[1], "UnderWay", None),
        (ids[0], "Ended", "Failed"),
    ]
    assert shown[2]["rpoMissed"] == ["one"]
    assert [night for night in shown if "services" in night] == []


def test_the_list_is_bounded(ports, client):
    """The newest fifty."""
    for hour in range(60):
        end(ports, night=names.night_id(START + dt.timedelta(hours=hour)))

    shown = body_of(run(list_nights(client, ports)))["value"]

    assert len(shown) == 50
    assert shown[0]["nightId"] == names.night_id(START + dt.timedelta(hours=59))
