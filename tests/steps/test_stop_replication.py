"""The calls that stop replication and let it go on: what they leave, and what they refuse."""

from __future__ import annotations

import pytest

from replicate_event.stopping import resume_replication, stop_replication
from shared.core import layout
from shared.core.replication import ReplicationState, ReplicationStop
from tests.fakes.clock import START
from tests.steps.conftest import body_of, request, run

URL = "https://dr.example/api/services/contoso/replication-stop"
KEY = layout.replication_stop_key("contoso")


def stop(ports, client, body, service="contoso"):
    """Send the call, and return status and body."""
    answer = run(stop_replication(request(body, url=URL, service=service), client, ports))
    return answer.status_code, body_of(answer)


def test_a_stop_is_kept_with_its_reason_and_said_at_once(ports, client, caplog):
    """The document, the state's reasons, a look, and an event."""
    state = ReplicationState(service="contoso", target=ports.first.standby.ref, at=START, word="InSync")
    ports.records().put(layout.replication_key("contoso"), state.to_bytes())

    status, body = stop(ports, client, {"reason": "failover"})
    again = stop(ports, client, {"reason": "failover"})

    kept = ReplicationStop.from_bytes(ports.records().read(KEY)[0])
    said = ReplicationState.from_bytes(ports.records().read(layout.replication_key("contoso"))[0])
    assert (status, body["reason"], body["underWay"]) == (200, "failover", None)
    assert (again[0], kept.reason, kept.stopped_at) == (200, "failover", START)
    assert len(said.reasons) == 1
    assert "stopped by hand: failover" in said.reasons[0]
    assert len(client.started) == 1
    assert caplog.text.count("replication.stopped") == 1


def test_a_stop_is_taken_back(ports, client, caplog):
    """The document is deleted and a look begins; a second time does no harm."""
    stop(ports, client, {"reason": "failover"})

    for _ in range(2):
        answer = run(resume_replication(request(b"", url=URL, service="contoso"), client, ports))
        assert (answer.status_code, body_of(answer)) == (200, {"service": "contoso", "stop": None})

    assert not ports.records().exists(KEY)
    assert caplog.text.count("replication.unstopped") == 1


@pytest.mark.parametrize("body", [b"", {}, {"reason": ""}, {"reason": "two\nlines"}, {"reason": "x", "y": 1}])
def test_a_stop_without_a_reason_is_refused(ports, client, body):
    """Nothing is stored, and the message shows what to send."""
    status, answer = stop(ports, client, body)

    assert (status, answer["error"]["code"]) == (400, "RequestInvalid")
    assert not ports.records().exists(KEY)


def test_only_the_app_of_the_standbys_region_takes_a_stop(ports, client):
    """The other one replicates nothing of the service."""
    status, answer = stop(ports.in_region("westeurope"), client, {"reason": "x"})

    assert (status, answer["error"]["code"]) == (409, "OtherRegion")
    assert stop(ports, client, {"reason": "x"}, service="nobody")[0] == 404


def test_a_stop_counts_although_durable_did_not_take_the_look(ports, client):
    """503 says so: whoever fails over must know."""
    client.on_start = RuntimeError("503")

    status, answer = stop(ports, client, {"reason": "failover"})

    assert (status, answer["error"]["code"]) == (503, "StartFailed")
    assert "the stop counts all the same" in answer["error"]["message"]
    assert ports.records().exists(KEY)
