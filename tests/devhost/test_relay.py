"""The relay: blobs of a real Azurite become events, at least once."""

import base64
import dataclasses
import datetime as dt
import json
import secrets

import pytest
from azure.core.exceptions import AzureError
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from devhost import blob_events, relay

BLOB = blob_events.Blob(
    account_url="https://127.0.0.1:10000/drprimary",
    container="apim-dr",
    name="restore-points/contoso/b 1.json",
    etag="0x8DE1",
    changed_at=dt.datetime(2026, 5, 1, 2, 3, 4, tzinfo=dt.UTC),
    size_bytes=321,
    content_type="application/json",
    blob_type="BlockBlob",
)


def test_the_event_has_the_schema_of_event_grid():
    """Every field of a BlobCreated event in the Event Grid schema is there with its type."""
    event = blob_events.blob_created(BLOB)

    assert (
        event["subject"] == "/blobServices/default/containers/apim-dr/blobs/restore-points/contoso/b 1.json"
    )
    assert event["eventType"] == "Microsoft.Storage.BlobCreated"
    assert event["topic"].endswith("/providers/Microsoft.Storage/storageAccounts/drprimary")
    assert event["eventTime"] == "2026-05-01T02:03:04.000000Z"
    assert (event["dataVersion"], event["metadataVersion"]) == ("", "1")
    data = event["data"]
    assert data["url"] == "https://127.0.0.1:10000/drprimary/apim-dr/restore-points/contoso/b%201.json"
    assert (data["api"], data["blobType"]) == ("PutBlob", "BlockBlob")
    assert (data["contentType"], data["contentLength"], data["eTag"]) == ("application/json", 321, "0x8DE1")
    assert set(data) == {
        *("api", "clientRequestId", "requestId", "eTag", "contentType", "contentLength", "blobType", "url"),
        *("sequencer", "storageDiagnostics"),
    }
    assert len(data["sequencer"]) == 56


def test_a_repeated_delivery_has_the_same_id_and_a_new_version_another():
    """Consumers tell duplicates by the id."""
    again = blob_events.blob_created(BLOB)
    changed = dataclasses.replace(BLOB, etag="0x8DE2")

    assert blob_events.blob_created(BLOB) == again
    assert blob_events.blob_created(changed)["id"] != again["id"]


def test_a_later_version_has_a_greater_sequencer():
    """The sequencers of one blob sort as text in the order of its versions."""
    fields = {f: getattr(BLOB, f) for f in BLOB.__slots__}
    later = blob_events.Blob(
        **{**fields, "changed_at": BLOB.changed_at + dt.timedelta(seconds=1), "etag": "0"}
    )

    first, second = (blob_events.blob_created(blob)["data"]["sequencer"] for blob in (BLOB, later))
    assert first < second


@pytest.mark.parametrize(
    ("url", "account"),
    [
        ("https://127.0.0.1:10000/drprimary", "drprimary"),
        ("https://127.0.0.1:10000/drprimary/", "drprimary"),
        ("https://drprimary.blob.core.windows.net", "drprimary"),
    ],
)
def test_the_account_is_read_from_either_kind_of_url(url, account):
    """Path-style URLs of Azurite and host-style URLs of Azure."""
    assert blob_events.account_of(url) == account


class Bench:
    """A container and a queue of their own, and relays between them."""

    def __init__(self, azurite, folder):
        name = secrets.token_hex(6)
        self.options = relay.Options(
            account_url=azurite.blob_url,
            container=f"c{name}",
            prefix="restore-points/",
            queue_connection="",
            queue=f"q{name}",
            state=folder / "relay.sqlite",
        )
        key = {"account_name": azurite.account, "account_key": azurite.key}
        self.container = ContainerClient(azurite.blob_url, self.options.container, credential=key)
        self.queue = QueueClient.from_connection_string(
            azurite.connection, self.options.queue, message_encode_policy=None, message_decode_policy=None
        )

    def relay(self, queue=None, **options):
        """Make a relay on the state file, as after a restart."""
        seen = relay.Seen(self.options.state)
        changed = dataclasses.replace(self.options, **options)
        return relay.Relay(self.container, queue or self.queue, seen, changed)

    def put(self, name, text="{}"):
        self.container.upload_blob(name, text, overwrite=True)

    def subjects(self):
        """Take every message off the queue and return the blob names."""
        taken = []
        for message in self.queue.receive_messages(messages_per_page=32):
            event = json.loads(base64.b64decode(message.content))
            taken.append(event["subject"].split("/blobs/")[1])
            self.queue.delete_message(message)
        return taken


@pytest.fixture
def bench(azurite, tmp_path):
    """A fresh bench."""
    made = Bench(azurite, tmp_path)
    yield made
    made.container.close()
    made.queue.close()


def test_a_container_that_is_not_there_yet_is_empty(bench):
    """The relay may start before the app."""
    assert bench.relay().pass_once() == 0


def test_new_and_changed_blobs_under_the_prefix_are_relayed_once(bench):
    """Each version once; other prefixes never; the queue is made if missing."""
    bench.container.create_container()
    bench.put("restore-points/a.json")
    bench.put("runs/b.json")
    running = bench.relay()

    assert (running.pass_once(), running.pass_once()) == (1, 0)
    bench.put("restore-points/a.json", '{"changed": true}')
    assert running.pass_once() == 1
    assert bench.subjects() == ["restore-points/a.json", "restore-points/a.json"]


def test_a_restarted_relay_repeats_nothing(bench):
    """The ETags are in the state file."""
    bench.container.create_container()
    bench.put("restore-points/a.json")
    bench.relay().pass_once()

    assert bench.relay().pass_once() == 0


def test_what_was_not_queued_is_tried_again(bench):
    """An ETag is remembered only after its event is on the queue."""

    class BrokenQueue:
        def send_message(self, message):
            raise AzureError("the queue is away")

    bench.container.create_container()
    bench.put("restore-points/a.json")
    with pytest.raises(AzureError):
        bench.relay(queue=BrokenQueue()).pass_once()

    assert bench.relay().pass_once() == 1


def test_duplicates_on_demand(bench):
    """--duplicate 3 puts the same event on the queue three times, as Event Grid may."""
    bench.container.create_container()
    bench.put("restore-points/a.json")
    bench.relay(copies=3).pass_once()

    assert bench.subjects() == ["restore-points/a.json"] * 3


def test_the_managed_identity_is_used_where_there_is_one(monkeypatch):
    """IDENTITY_ENDPOINT decides between the managed identity and the developer's own sign-in."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "header")
    assert isinstance(relay._credential(), ManagedIdentityCredential)
    monkeypatch.delenv("IDENTITY_ENDPOINT")
    assert isinstance(relay._credential(), DefaultAzureCredential)


def test_a_missing_connection_setting_is_named(bench, monkeypatch):
    """The relay does not start, and says which setting it needs."""
    monkeypatch.delenv("NO_SUCH", raising=False)
    with pytest.raises(relay.RelayError, match="the setting 'NO_SUCH' is missing"):
        relay.run(dataclasses.replace(bench.options, queue_connection="NO_SUCH"))
