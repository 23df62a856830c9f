"""
A blob as the Event Grid event that Azure Storage would have raised for it. Pure.

Schema: https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage (Event Grid event schema).
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import json
import uuid
from typing import Any
from urllib.parse import quote, urlsplit

_NAMESPACE = uuid.UUID("0c9f1d0e-6a52-4f6e-9d0b-3f5f7c2f4a11")  # of this module: ids made from an ETag


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """What a listing says about a blob; `etag` without quotes."""

    account_url: str
    container: str
    name: str
    etag: str
    changed_at: dt.datetime
    size_bytes: int
    content_type: str
    blob_type: str


def account_of(account_url: str) -> str:
    """Return the account's name: the last part of a path-style URL, else the first label of the host."""
    parts = urlsplit(account_url)
    return parts.path.strip("/").split("/")[-1] or (parts.hostname or "").split(".")[0]


def blob_created(blob: Blob) -> dict[str, Any]:
    """
    Build the event.

    The id is made of URL and ETag, so that a repeated delivery has the same id, as in Azure.
    """
    url = f"{blob.account_url.rstrip('/')}/{blob.container}/{quote(blob.name)}"
    identity = uuid.uuid5(_NAMESPACE, f"{url} {blob.etag}")
    account = account_of(blob.account_url)
    is_large = blob.size_bytes > 256 * 1024 * 1024
    return {
        "id": str(identity),
        "topic": (
            "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/devhost"
            f"/providers/Microsoft.Storage/storageAccounts/{account}"
        ),
        "subject": f"/blobServices/default/containers/{blob.container}/blobs/{blob.name}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": blob.changed_at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "dataVersion": "",
        "metadataVersion": "1",
        "data": {
            "api": "PutBlockList" if is_large else "PutBlob",
            "clientRequestId": str(uuid.uuid5(identity, "client request")),
            "requestId": str(uuid.uuid5(identity, "request")),
            "eTag": blob.etag,
            "contentType": blob.content_type,
            "contentLength": blob.size_bytes,
            "blobType": blob.blob_type,
            "url": url,
            "sequencer": _sequencer(blob),
            "storageDiagnostics": {"batchId": str(uuid.uuid5(identity, "batch"))},
        },
    }


def _sequencer(blob: Blob) -> str:
    """Return text that sorts by time for one blob; the ETag's hash tells apart writes of one second."""
    ticks = int(blob.changed_at.timestamp() * 1000)
    return f"{ticks:032x}{hashlib.sha256(blob.etag.encode()).hexdigest()[:24]}"


def to_message(event: dict[str, Any]) -> str:
    """Write an event as Event Grid puts it on a storage queue: one JSON object, base64."""
    return base64.b64encode(json.dumps(event).encode()).decode()
