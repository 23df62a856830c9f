"""Reading Event Grid's messages: at least once, in no order, from anybody who can write the queue."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from shared.core.errors import ProtocolError, cut

BLOB_CREATED = "microsoft.storage.blobcreated"
"""Compared in lower case: the documentation has spelt event types in more than one way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobCreated:
    """A blob was committed: where, and the event's id (two deliveries of one event share it)."""

    event_id: str
    account: str
    container: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A message that is none of ours, and why."""

    reason: str


def read_event(text: str) -> BlobCreated | Ignored:
    """
    Read one queue message.

    Args:
        text: the message: one event as an object, or an array of exactly one.

    Raises:
        ProtocolError: not JSON, or not an event; the message belongs in the poison queue.
    """
    body = read_envelope(text)
    kind = str(body.get("eventType") or body.get("type") or "")
    if kind.lower() != BLOB_CREATED:
        return Ignored(reason=f"event type {cut(kind)[:80] or 'missing'}")
    return _read_blob(body)


def read_envelope(text: str) -> dict[str, Any]:
    """
    Return the event that a message holds: an object, or an array of exactly one.

    Raises:
        ProtocolError: the message holds something else.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise ProtocolError("the message is not JSON") from err
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if not isinstance(body, dict):
        raise ProtocolError("the message is not one Event Grid event")
    return body


def _read_blob(body: dict[str, Any]) -> BlobCreated:
    data = body.get("data")
    url = data.get("url") if isinstance(data, dict) else None
    if not isinstance(url, str):
        raise ProtocolError("the event names no blob")
    try:
        parts = urlsplit(url)
    except ValueError as err:
        raise ProtocolError("the event's url cannot be read") from err
    host = parts.hostname or ""
    # https://account.blob…/container/key in Azure, https://127.0.0.1:port/account/container/key in Azurite
    path = parts.path.removeprefix("/")
    if ".blob." in host:
        path = f"{host.split('.')[0]}/{path}"
    # what follows the container is the blob's name as it is: it may hold slashes, also two in a row
    account, container, key = [unquote(part) for part in [*path.split("/", 2), "", ""][:3]]
    if not account or not container or not key:
        raise ProtocolError("the event's url names no container and blob")
    event_id = cut(str(body.get("id", "")))[:100]
    return BlobCreated(event_id=event_id, account=account, container=container, key=key)
