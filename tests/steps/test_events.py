"""Receiving an event: one replication for one record, and nothing for anything else."""

from __future__ import annotations

import json

import pytest

from replicate_event.receive import receive
from shared.core.errors import ProtocolError
from tests.steps.conftest import run

KEY = "restore-points/contoso/contoso_20261123T010000Z.apimbackup.json"
URL = f"https://drprimary.blob.core.windows.net/apim-dr/{KEY}"


def event(url=URL, kind="Microsoft.Storage.BlobCreated"):
    """Return an event as Event Grid puts it into the queue."""
    return json.dumps({"id": "1", "eventType": kind, "subject": "", "data": {"url": url}})


def test_a_new_record_starts_a_replication(ports, client):
    """Account, container and key reach the orchestration."""
    run(receive(event(), client, ports))

    ((name, _, wish),) = client.started
    assert name == "replicate_restore_point"
    assert (wish["account"], wish["container"], wish["key"]) == ("drprimary", "apim-dr", KEY)


@pytest.mark.parametrize("status", ["Running", "Completed", "Failed"])
def test_the_same_event_again_starts_nothing(ports, client, status):
    """Events come at least once: the second one finds the first one's instance, however it ended."""
    run(receive(event(), client, ports))
    ((_, instance, _),) = client.started
    client.put(instance, status)

    run(receive(event(), client, ports))

    assert len(client.started) == 1


@pytest.mark.parametrize(
    "text",
    [
        event(kind="Microsoft.Storage.BlobDeleted"),
        event(url="https://stranger.blob.core.windows.net/apim-dr/" + KEY),
        event(url="https://drprimary.blob.core.windows.net/other/" + KEY),
        event(url="https://drprimary.blob.core.windows.net/apim-dr/runs/1.json"),
        event(url="https://drprimary.blob.core.windows.net/apim-dr/restore-points/contoso/a/b.json"),
    ],
)
def test_what_is_no_record_of_ours_starts_nothing(ports, client, text):
    """Anybody who can write the queue is heard, and not obeyed."""
    run(receive(text, client, ports))

    assert client.started == []


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[{}, {}]", event(url=None)])
def test_what_is_no_event_goes_to_the_poison_queue(ports, client, text):
    """The host repeats a message that raises, and then sets it aside."""
    with pytest.raises(ProtocolError):
        run(receive(text, client, ports))
