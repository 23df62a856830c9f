"""Event Grid's messages in the queue."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.errors import ProtocolError
from shared.core.events import BlobCreated, Ignored, read_event

KEY = "restore-points/contoso/contoso_20261123T020000Z.apimbackup.json"
AZURE = f"https://drprimary.blob.core.windows.net/apim-dr/{KEY}"


def _event(url: object = AZURE, kind: str = "Microsoft.Storage.BlobCreated", **more: Any) -> dict[str, Any]:
    return {"id": "e1", "eventType": kind, "subject": "s", "data": {"url": url, "api": "PutBlob"}, **more}


def _cloud_event() -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "e1",
        "type": "Microsoft.Storage.BlobCreated",
        "source": "/subscriptions/x",
        "data": {"url": AZURE},
    }


FORMS = {
    "Event Grid's schema": _event(),
    "CloudEvents": _cloud_event(),
    "an array of one": [_event()],
    "a type in other case": _event(kind="microsoft.storage.blobCREATED"),
}


@pytest.mark.parametrize("message", FORMS.values(), ids=FORMS)
def test_every_form_of_the_event_is_read(message: object) -> None:
    """Both schemas, alone or in an array."""
    expected = BlobCreated(event_id="e1", account="drprimary", container="apim-dr", key=KEY)

    assert read_event(json.dumps(message)) == expected


URLS = {
    "Azure": (AZURE, ("drprimary", "apim-dr", KEY)),
    "US Government": ("https://acc.blob.core.usgovcloudapi.net/c/k", ("acc", "c", "k")),
    "a DNS zone endpoint": ("https://acc.z12.blob.storage.azure.net/c/k", ("acc", "c", "k")),
    "Azurite": ("https://127.0.0.1:10000/drprimary/apim-dr/a/b.json", ("drprimary", "apim-dr", "a/b.json")),
    "Azurite by name": ("http://localhost:10000/acc/c/k", ("acc", "c", "k")),
    "escapes": ("https://acc.blob.core.windows.net/c/a%20b%2Fc", ("acc", "c", "a b/c")),
    "slashes in a row": ("https://acc.blob.core.windows.net/c/a//b", ("acc", "c", "a//b")),
    "a query": ("https://acc.blob.core.windows.net/c/k?versionid=1", ("acc", "c", "k")),
}


@pytest.mark.parametrize(("url", "expected"), URLS.values(), ids=URLS)
def test_a_blobs_url_is_read_in_every_cloud(url: str, expected: tuple[str, str, str]) -> None:
    """The account stands in the host in Azure and in the path in Azurite; the key stays as it is."""
    event = read_event(json.dumps(_event(url)))

    assert isinstance(event, BlobCreated)
    assert (event.account, event.container, event.key) == expected


@pytest.mark.parametrize(
    "kind", ["Microsoft.Storage.BlobDeleted", "Microsoft.Storage.BlobCreatedX", "", "x" * 500]
)
def test_an_event_of_another_type_is_ignored(kind: str) -> None:
    """The reason names the type, cut."""
    event = read_event(json.dumps(_event(kind=kind)))

    assert isinstance(event, Ignored)
    assert len(event.reason) < 100


def test_the_reason_is_safe_to_log() -> None:
    """Anybody who can write the queue can choose the type."""
    event = read_event(json.dumps(_event(kind="a\nb\x1b[31m")))

    assert event == Ignored(reason="event type a b [31m")


JUNK = {
    "empty": "",
    "text": "hello",
    "bad JSON": "{",
    "nested too deeply": "[" * 200_000,
    "null": "null",
    "a number": "5",
    "an empty array": "[]",
    "two events": json.dumps([_event(), _event()]),
    "an array of arrays": "[[]]",
    "no data": json.dumps({"eventType": "Microsoft.Storage.BlobCreated"}),
    "data is a text": json.dumps(_event() | {"data": AZURE}),
    "no url": json.dumps(_event() | {"data": {}}),
    "url is a number": json.dumps(_event(5)),
    "url without blob": json.dumps(_event("https://acc.blob.core.windows.net/c")),
    "url of a container": json.dumps(_event("https://acc.blob.core.windows.net/c/")),
    "url without path": json.dumps(_event("https://acc.blob.core.windows.net")),
    "url of Azurite without blob": json.dumps(_event("https://127.0.0.1:10000/acc/c")),
    "url that cannot be read": json.dumps(_event("https://[::1/acc/c/k")),
    "empty url": json.dumps(_event("")),
}


@pytest.mark.parametrize("text", JUNK.values(), ids=JUNK)
def test_junk_belongs_in_the_poison_queue(text: str) -> None:
    """What is no event, or names no blob, is a ProtocolError."""
    with pytest.raises(ProtocolError):
        read_event(text)


@given(text=st.text(max_size=30) | st.text(max_size=20).map(lambda url: json.dumps(_event("https://" + url))))
def test_no_message_raises_anything_else(text: str) -> None:
    """A reader of a queue that anybody may write knows every failure."""
    try:
        event = read_event(text)
    except ProtocolError:
        return

    assert isinstance(event, Ignored) or (event.account and event.container and event.key)
