"""Receiving an event: it names a service that is looked at, and starts nothing for anything else."""

from __future__ import annotations

import json

import pytest

from replicate_event.receive import receive
from shared.core import names
from shared.core.errors import ProtocolError, UnavailableError
from tests.steps.conftest import run

KEY = "restore-points/contoso/contoso_20261123T010000Z.apimbackup.json"
URL = f"https://drprimary.blob.core.windows.net/apim-dr/{KEY}"


def event(url=URL, kind="Microsoft.Storage.BlobCreated"):
    """Return an event as Event Grid puts it into the queue."""
    return json.dumps({"id": "1", "eventType": kind, "subject": "", "data": {"url": url}})


def test_a_new_record_starts_the_replication_of_its_service(ports, client):
    """One instance for each standby, whichever record the event names."""
    run(receive(event(), client, ports))

    ((name, instance, wish),) = client.started
    assert name == "replicate_service"
    assert instance == names.replication_instance(ports.first.standby.resource_id)
    assert (wish["service"], wish["trigger"]) == ("contoso", "event")


def test_an_event_while_the_replication_is_at_work_starts_nothing(ports, client, caplog):
    """A burst, and every repetition in it, is one orchestration."""
    caplog.set_level("INFO")
    for url in (URL, URL, URL.replace("T01", "T02")):
        run(receive(event(url), client, ports))

    assert len(client.started) == 1
    assert caplog.text.count("event.ignored") == 2


@pytest.mark.parametrize("status", ["Completed", "Failed", "Terminated"])
def test_an_event_after_the_replication_ended_starts_it_again(ports, client, status):
    """However the last one ended, something new may have come since."""
    run(receive(event(), client, ports))
    client.put(client.started[0][1], status)

    run(receive(event(), client, ports))

    assert len(client.started) == 2


def test_a_start_that_another_message_won_is_no_failure(ports, client, monkeypatch):
    """Two messages are handled side by side: the host refuses the second start, and that is all."""

    async def too_late(_name, instance_id=None, _input=None):
        client.put(instance_id, "Running")
        raise RuntimeError("there is one of that id")

    monkeypatch.setattr(client, "start_new", too_late)

    run(receive(event(), client, ports))

    assert client.started == []


def test_a_message_that_could_not_be_handled_is_repeated(ports, client):
    """Durable did not take it: the message is not lost."""
    client.on_start = RuntimeError("503")

    with pytest.raises(UnavailableError):
        run(receive(event(), client, ports))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (event(kind="Microsoft.Storage.BlobDeleted"), "event type"),
        (event(URL.replace("drprimary", "stranger")), "no records container"),
        (event(URL.replace("/apim-dr/", "/other/")), "no records container"),
        (event("https://drprimary.blob.core.windows.net/apim-dr/runs/1.json"), "no record of"),
        (event(f"{URL.removesuffix('.json')}/b.json"), "no record of"),
        (event(URL.replace("contoso", "nobody")), "neither plan nor discovery knows nobody"),
        (event(URL.replace("drprimary", "drstandby")), "the record is a copy"),
    ],
)
def test_what_is_no_new_point_for_this_region_starts_nothing(ports, client, caplog, text, reason):
    """Anybody who can write the queue is heard, and not obeyed; why is in the log."""
    caplog.set_level("INFO")

    run(receive(text, client, ports))

    assert client.started == []
    assert reason in caplog.text


def test_a_service_whose_standby_is_elsewhere_starts_nothing(ports, client, caplog):
    """The primary's app hears of its own records if somebody subscribes it to them."""
    caplog.set_level("INFO")

    run(receive(event(), client, ports.in_region("westeurope")))

    assert client.started == []
    assert "no standby of contoso is in westeurope" in caplog.text


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[{}, {}]", event(url=None)])
def test_what_is_no_event_goes_to_the_poison_queue(ports, client, text):
    """The host repeats a message that raises, and then sets it aside."""
    with pytest.raises(ProtocolError):
        run(receive(text, client, ports))
