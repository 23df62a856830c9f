"""
A restore point: a backup that was verified and recorded. Choosing among them, and their expiry.

The record is written once. A backup blob without a record is not a restore point.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal

from shared.core.documents import Document, Utc, Value
from shared.core.fields import AccountName, ContainerName
from shared.core.services import ServiceRef

VALIDITY = dt.timedelta(days=30)
"""The service refuses older backups; see docs/azure-facts.md, "Expiry". Counted from the backup's start."""

LATEST = "latest"


class InventorySummary(Value):
    """Where the inventory lies, and what it says in short."""

    account: AccountName
    container: ContainerName
    key: str
    digest: str
    counts: dict[str, int]
    changed_while_running: bool = False


class StoredDocument(Value):
    """Where a document lies."""

    account: AccountName
    container: ContainerName
    key: str


class Covered(Value):
    """One part of a service, and where it can be found after a loss."""

    what: str
    where: Literal["backup", "sidecar", "nowhere"]


class RestorePoint(Document):
    """One record. Times are aware UTC; `sha256` is over the blob's bytes, in hex."""

    name: str
    service: str
    source: ServiceRef
    tier: str
    api_version: str
    run_id: str
    account: AccountName
    container: ContainerName
    size_bytes: int
    sha256: str
    etag: str
    scheduled_at: Utc | None = None
    """When the night was due; None for a backup on demand or after a change."""
    requested_at: Utc
    started_at: Utc
    ended_at: Utc
    verified_at: Utc
    expires_at: Utc
    polls: int
    inventory: InventorySummary | None = None
    sidecar: StoredDocument | None = None
    coverage: tuple[Covered, ...] = ()
    warnings: tuple[str, ...] = ()

    def is_expired(self, now: dt.datetime) -> bool:
        """Whether the service would refuse it; the boundary itself counts as expired."""
        return now >= self.expires_at

    def age_s(self, now: dt.datetime) -> int:
        """Seconds since the backup started: nothing changed after that is certain to be in it."""
        return round((now - self.started_at).total_seconds())


def choose(points: Sequence[RestorePoint], wanted: str) -> RestorePoint | None:
    """Return the point of that name, or the one started last for `latest`; None if there is none."""
    if wanted == LATEST:
        return max(points, key=lambda point: (point.started_at, point.name), default=None)
    return next((point for point in points if point.name == wanted), None)
