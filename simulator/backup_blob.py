"""
The content of a backup blob, and nothing else: no contact with storage.

Gzipped JSON in a format of the simulator's own; the production service's format is not public. It holds what
the real one is said to hold (configuration, users, subscriptions, secrets of named values) and leaves out
what the real one leaves out (host names, certificates, network, identity, diagnostics): those are no
entities, or `entity_kinds` says so.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.entities import Snapshot

FORMAT = "apim-dr-simulator/1"

EXPIRES_AFTER = dt.timedelta(days=30)
"""Documented: a backup can be restored for 30 days, counted here from the start of the backup."""


class UnreadableBackupError(Exception):
    """The blob is not a backup; the message says why and is safe to send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What a backup blob says. `created_at` is the start of the backup, aware and UTC."""

    created_at: dt.datetime
    tier: str
    service_id: str
    entities: tuple[Snapshot, ...]


def encode(backup: Backup) -> bytes:
    """Return the blob of a backup; the same backup gives the same bytes."""
    document = {
        "format": FORMAT,
        "createdAt": backup.created_at.isoformat(),
        "sku": backup.tier,
        "serviceId": backup.service_id,
        "entities": [{"path": "/".join(one.path), "properties": one.properties} for one in backup.entities],
    }
    return gzip.compress(json.dumps(document, separators=(",", ":")).encode(), mtime=0)


def decode(blob: bytes) -> Backup:
    """
    Read a blob.

    Raises:
        UnreadableBackupError: not gzip, not JSON, another format, or fields missing.
    """
    try:
        document = json.loads(gzip.decompress(blob))
        if document["format"] != FORMAT:
            raise UnreadableBackupError(f"the backup has the unknown format {document['format']!r}")
        return Backup(
            created_at=dt.datetime.fromisoformat(document["createdAt"]),
            tier=document["sku"],
            service_id=document["serviceId"],
            entities=_entities(document["entities"]),
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError) as err:
        raise UnreadableBackupError("the blob is not a readable backup") from err


def why_not_restorable(backup: Backup, *, tier: str, now: dt.datetime) -> str | None:
    """
    Return the service's reason to refuse a backup, None if it can be restored onto a service of that tier.
    """
    if now - backup.created_at > EXPIRES_AFTER:
        return "Cannot restore: backup expired"
    if backup.tier != tier:
        return f"Cannot restore: current SKU is '{tier}', backup SKU is '{backup.tier}'"
    return None


def _entities(found: Sequence[dict[str, object]]) -> tuple[Snapshot, ...]:
    return tuple(
        Snapshot(path=tuple(str(one["path"]).split("/")), properties=dict(one["properties"]))  # type: ignore[call-overload]  # checked by decode's except
        for one in found
    )
