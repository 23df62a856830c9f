"""The call that starts a restore: 202 with a Location, or every fault at once and nothing started."""

from __future__ import annotations

import datetime as dt

import pytest

from restore_http.call import start_restore
from shared.core import layout, names
from shared.core.errors import UnavailableError
from shared.core.runs import Outcome, RunPhase
from tests.fakes.clock import START
from tests.steps.conftest import body_of, put_point, request, run

GOOD = {
    "service": "contoso",
    "restorePoint": "latest",
    "target": "contoso-neu",
    "confirm": "RESTORE contoso-neu",
}


@pytest.fixture
def point(ports):
    """A restore point, one hour old."""
    return put_point(ports)


def call(ports, client, body, **more):
    """Send the call and return its answer."""
    return run(start_restore(request(body, **more), client, ports, request_id="a test"))


def test_a_good_call_is_accepted(ports, client, point):
    """202 with an absolute Location, Retry-After and the run's id; the run is on record and started."""
    answer = call(ports, client, GOOD)

    body = body_of(answer)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"https://dr.example/api/runs/{body['runId']}"
    assert int(answer.headers["Retry-After"]) >= 1
    assert (body["restorePoint"], body["target"]) == (point.name, "contoso-neu")
    assert ports.runs.read(body["runId"])[0].phase is RunPhase.REQUESTED
    assert [name for name, _, _ in client.started] == ["restore_service"]


def test_no_function_key_comes_back(ports, client, point):
    """A key in the caller's URL is in no header and no body of the answer."""
    answer = call(ports, client, GOOD, url="https://dr.example/api/restores?code=SECRET")

    assert "SECRET" not in str(dict(answer.headers)) + answer.get_body().decode()


def test_latest_is_the_newest_point(ports, client, point):
    """`latest` means the point that was started last."""
    newest = put_point(ports, START - dt.timedelta(minutes=5))

    assert body_of(call(ports, client, GOOD))["restorePoint"] == newest.name


def test_a_target_may_be_named_by_its_id(ports, client, point):
    """The ARM id of the standby works like its name, in any case."""
    target = ports.first.standby.resource_id.upper()

    assert call(ports, client, GOOD | {"target": target, "confirm": f"RESTORE {target}"}).status_code == 202


@pytest.mark.parametrize(
    ("change", "status", "codes"),
    [
        ({"service": "nobody"}, 404, {"ServiceNotFound"}),
        ({"restorePoint": "nothing"}, 404, {"RestorePointNotFound"}),
        ({"target": "other"}, 400, {"TargetNotFound", "ConfirmationMissing"}),
        ({"confirm": ""}, 400, {"ConfirmationMissing"}),
        ({"confirm": "yes"}, 400, {"ConfirmationMissing"}),
        ({"service": 1}, 400, {"RequestInvalid"}),
        ({"extra": 1}, 400, {"RequestInvalid"}),
        (
            {"restorePoint": "nothing", "target": "other", "confirm": ""},
            400,
            {"RestorePointNotFound", "TargetNotFound", "ConfirmationMissing"},
        ),
        (
            {"restorePoint": "nothing", "target": None, "confirm": ""},
            400,
            {"RestorePointNotFound", "RequestInvalid", "ConfirmationMissing"},
        ),
        (
            {"service": "nobody", "restorePoint": 3, "extra": True},
            400,
            {"ServiceNotFound", "RequestInvalid"},
        ),
    ],
)
def test_every_fault_is_named_and_nothing_is_started(ports, client, point, change, status, codes):
    """Malformed, unknown and unconfirmed: all in one answer, no run record, no orchestration."""
    answer = call(ports, client, GOOD | change)

    error = body_of(answer)["error"]
    assert answer.status_code == status
    assert {detail["code"] for detail in error["details"]} == codes
    assert error["code"] in codes
    for detail in error["details"]:
        assert detail["message"] in error["message"]
    assert client.started == []
    assert list(ports.records().keys(layout.RUNS)) == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[]", b'"x"', b"null", b"[" * 100_000, b"{}", b'{"confirm": 5}']
)
def test_a_body_of_another_shape_is_400(ports, client, content):
    """Whatever is sent, the answer is an envelope that shows a body that works."""
    answer = call(ports, client, content)

    assert answer.status_code == 400
    assert '"restorePoint"' in body_of(answer)["error"]["message"]
    assert client.started == []


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda service: setattr(service, "tier", "Premium"), "TierEqual"),
        (lambda service: setattr(service, "region", "eastus"), "RegionAsPlanned"),
    ],
)
def test_a_guard_refuses_with_409(ports, client, point, spoil, code):
    """What the target is like now is looked at before anything is started."""
    spoil(ports.arm.service(ports.first.standby.ref))

    answer = call(ports, client, GOOD)

    assert answer.status_code == 409
    assert code in {detail["code"] for detail in body_of(answer)["error"]["details"]}
    assert client.started == []
    assert list(ports.records().keys(layout.RUNS)) == []


def test_a_busy_target_is_409_with_a_time_to_come_back(ports, client, point):
    """Another run has the standby: 409 with Retry-After, and no record that would look like a run."""
    instance = names.service_instance(ports.first.standby.resource_id)
    client.put(instance, "Running", input_={"runId": "another"})

    answer = call(ports, client, GOOD)

    assert (answer.status_code, body_of(answer)["error"]["code"]) == (409, "ServiceBusy")
    assert int(answer.headers["Retry-After"]) >= 1
    assert list(ports.records().keys(layout.RUNS)) == []


def test_a_lost_race_for_the_target_leaves_nothing(ports, client, point):
    """The host refused the second start: the run that was written down is taken back."""
    instance = names.service_instance(ports.first.standby.resource_id)

    async def start_new(*_arguments):
        client.put(instance, "Running", input_={"runId": "another"})
        raise RuntimeError("an instance of that id is running")

    client.start_new = start_new

    answer = call(ports, client, GOOD)

    assert (answer.status_code, body_of(answer)["error"]["code"]) == (409, "ServiceBusy")
    assert ports.runs.newest(5, ports.clock.now()) == []
    assert ports.runs.open_ids() == []


def test_a_host_that_takes_nothing_ends_the_record(ports, client, point):
    """Durable did not take the start: 503, and the record does not look at work for ever."""
    client.on_start = RuntimeError("the host said 500")

    answer = call(ports, client, GOOD)

    (record,) = ports.runs.newest(5, ports.clock.now())
    assert (answer.status_code, body_of(answer)["error"]["code"]) == (503, "StartFailed")
    assert (record.phase, record.outcome) == (RunPhase.ENDED, Outcome.REFUSED)
    assert ports.runs.open_ids() == []
    assert "the host said 500" not in answer.get_body().decode()


def test_records_that_cannot_be_read_are_503(ports, client, point):
    """Storage is down: 503 with Retry-After, nothing started."""
    ports.records("westeurope").faults["keys"].append(UnavailableError("the records: ServerBusy"))

    answer = call(ports, client, GOOD)

    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert client.started == []


def test_a_target_that_is_gone_is_refused(ports, client, point):
    """The standby of the plan does not exist in Azure."""
    del ports.arm._services[ports.first.standby.resource_id.lower()]

    answer = call(ports, client, GOOD)

    assert (answer.status_code, body_of(answer)["error"]["code"]) == (409, "TargetExists")
    assert "does not exist in Azure" in body_of(answer)["error"]["message"]
    assert client.started == []
