"""The call that backs up now: 202 with a night to follow, or every fault at once and nothing started."""

from __future__ import annotations

import datetime as dt

import pytest

from backup_http.call import start_backups
from backup_timer import night
from shared.core import layout, names, schedule
from shared.core.errors import UnavailableError
from shared.core.nights import NightWish
from shared.nights import open_nights
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.ports import plan_json
from tests.steps.conftest import body_of, request, run

FLEET = ("one", "two", "three")


@pytest.fixture
def ports():
    """The ports of an app with three services here and one elsewhere; the third one is paused."""
    data = plan_json((*FLEET, "far"))
    data["services"][2]["paused"] = {"reason": "moving house"}
    far = data["services"][3]
    far["region"], far["standby"]["region"] = "northeurope", "westeurope"
    return FakePorts(data)


def call(ports, client, body, url="https://dr.example/api/backups?code=SECRET", request_id="a test"):
    """Send the call and return its answer."""
    return run(start_backups(request(body, url=url), client, ports, request_id=request_id))


def wish_of(client):
    """Return the wish of the night that was started."""
    ((function, instance_id, payload),) = client.started
    wish = NightWish.from_json(payload)
    assert (function, instance_id) == ("back_up_fleet", names.night_instance(wish.night))
    return wish


@pytest.mark.parametrize(
    ("services", "chosen", "wished"),
    [
        pytest.param("one", ["one"], ("one",), id="one"),
        pytest.param(["two", "one"], ["two", "one"], ("two", "one"), id="several"),
        pytest.param("all", ["one", "two"], None, id="all"),
        pytest.param("three", ["three"], ("three",), id="a paused one that is named"),
    ],
)
def test_a_good_call_is_accepted(ports, client, services, chosen, wished):
    """202 with an absolute Location without the caller's key, Retry-After, and who is backed up."""
    answer = call(ports, client, {"services": services, "reason": "before the release"})

    body = body_of(answer)
    assert (answer.status_code, body["services"]) == (202, chosen)
    assert answer.headers["Location"] == f"https://dr.example/api/nights/{body['nightId']}"
    assert int(answer.headers["Retry-After"]) >= 1
    wish = wish_of(client)
    assert (wish.night, wish.trigger, wish.services) == (body["nightId"], "http", wished)
    assert (wish.reason, wish.scheduled_at, wish.requested_at) == ("before the release", None, START)
    assert open_nights(ports) == [body["nightId"]]


def test_a_service_that_is_called_all_is_named_in_a_list(client):
    """The word alone means all of them."""
    ports = FakePorts(plan_json(("all", "one")))

    assert body_of(call(ports, client, {"services": ["all"]}))["services"] == ["all"]


def test_two_calls_in_a_second_are_two_nights(ports, client):
    """Each has a night of its own to follow."""
    answers = [
        body_of(call(ports, client, {"services": "one"}, request_id=which))["nightId"] for which in "ab"
    ]

    assert len(set(answers)) == len(client.started) == 2


@pytest.mark.parametrize(
    ("body", "status", "codes"),
    [
        ({"services": "nobody"}, 404, ["ServiceNotFound"]),
        ({"services": ["one", "nobody", "none"]}, 404, ["ServiceNotFound"] * 2),
        ({"services": "far"}, 409, ["OtherRegion"]),
        ({"services": ["far", "nobody"]}, 404, ["OtherRegion", "ServiceNotFound"]),
        ({"services": []}, 400, ["RequestInvalid"]),
        ({"services": ["one", "one"]}, 400, ["RequestInvalid"]),
        ({"services": [1, None]}, 400, ["RequestInvalid"] * 2),
        ({"services": None}, 400, ["RequestInvalid"]),
        ({"services": {"name": "one"}}, 400, ["RequestInvalid"]),
        ({"services": ["x"] * 5001}, 400, ["RequestInvalid"]),
        ({}, 400, ["RequestInvalid"]),
        ({"service": "one"}, 400, ["RequestInvalid"] * 2),
        ({"services": "one", "reason": 3}, 400, ["RequestInvalid"]),
        ({"services": "one", "reason": "x" * 201}, 400, ["RequestInvalid"]),
        (
            {"services": ["far", "nobody", "one", "one"], "reason": 3, "extra": True},
            400,
            ["RequestInvalid"] * 3 + ["OtherRegion", "ServiceNotFound"],
        ),
    ],
)
def test_every_fault_is_named_and_nothing_is_started(ports, client, body, status, codes):
    """Malformed, unknown and elsewhere: all in one answer, with its place; no mark, no orchestration."""
    answer = call(ports, client, body)

    error = body_of(answer)["error"]
    assert answer.status_code == status
    assert sorted(detail["code"] for detail in error["details"]) == sorted(codes)
    for detail in error["details"]:
        assert detail["message"] in error["message"]
        assert detail["target"].startswith("$")
    assert (client.started, open_nights(ports)) == ([], [])


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'"all"', b"null", b"[" * 100_000])
def test_a_body_of_another_shape_is_400(ports, client, content):
    """Whatever is sent, the answer is an envelope that shows a body that works."""
    answer = call(ports, client, content)

    assert answer.status_code == 400
    assert '{"services": "all"}' in body_of(answer)["error"]["message"]
    assert client.started == []


def test_an_app_that_looks_after_nothing_says_so(ports, client):
    """A standby's app has no night of its own to begin."""
    nobody = FakePorts(plan_json()).in_region("northeurope")

    answer = call(nobody, client, {"services": "all"})

    assert (answer.status_code, body_of(answer)["error"]["code"]) == (404, "ServiceNotFound")


def test_what_durable_did_not_take_does_not_begin_later(ports, client):
    """The caller was told that nothing was started, so the catch-up starts nothing either."""
    client.on_start = RuntimeError("the host said 500")

    answer = call(ports, client, {"services": "one"})
    client.on_start = None
    ports.clock.advance(3600)
    run(night.catch_up(client, ports, schedule.parse("0 0 2 * * *")))

    assert (answer.status_code, body_of(answer)["error"]["code"]) == (503, "StartFailed")
    assert int(answer.headers["Retry-After"]) >= 1
    assert client.started == []


def test_a_storage_that_is_down_starts_nothing(ports, client):
    """Without a mark nobody would find the night again."""
    ports.records().faults["create"].append(UnavailableError("the records: ServerBusy"))

    assert call(ports, client, {"services": "one"}).status_code == 503
    assert client.started == []


def test_a_reason_is_kept_on_one_line(ports, client):
    """It is shown in terminals and logs of others."""
    call(ports, client, {"services": "one", "reason": "line one\nline\ttwo\x1b[31m"})

    assert wish_of(client).reason == "line one line two [31m"


def test_a_call_after_the_nights_hour_is_no_night_of_the_timer(ports, client):
    """Tonight's night is another one, and takes place all the same."""
    call(ports, client, {"services": "all"})
    run(night.start(client, ports, schedule.parse("0 0 2 * * *")))

    assert len(client.started) == 2
    assert {dt.datetime.fromisoformat(payload["requestedAt"]) for _, _, payload in client.started} == {START}


def test_a_mark_that_cannot_be_taken_back_is_told(ports, client):
    """Neither started nor taken back: it may begin by itself, and the caller is told so."""
    client.on_start = RuntimeError("the host said 500")
    ports.records().faults["delete"].append(UnavailableError("the records: ServerBusy"))

    answer = call(ports, client, {"services": "one"})

    error = body_of(answer)["error"]
    (night_id,) = open_nights(ports)
    assert (answer.status_code, error["code"]) == (503, "MayStartLater")
    assert f"GET /api/nights/{night_id}" in error["message"]


def test_a_night_of_the_same_id_that_is_not_this_calls_is_a_conflict(ports, client):
    """The mark of another wish is left alone, and nothing is started."""
    night_id = names.night_id(START, because="a test")
    other = NightWish(night=night_id, trigger="http", requested_at=START, begun_at=START, reason="other")
    ports.records().put(layout.open_night_key(night_id), other.to_bytes())

    answer = call(ports, client, {"services": "one"})

    assert (answer.status_code, client.started) == (409, [])
