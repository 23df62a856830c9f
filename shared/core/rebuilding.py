"""
Making records anew from the manifests that lie beside the backups. Pure: what was found in, a word out.

Rules of the file:
1. A blob without a manifest was never a restore point: nobody verified it.
2. A manifest is believed only where it names this service, this place and this blob, and where size and
   SHA-256 of the blob are those that it names.
3. What was pruned does not come back.
4. A record that was made anew says so: its creation is an event, and no reason to restore anything.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from shared.core.documents import Document, Utc, Value
from shared.core.intervals import Intervals
from shared.core.lro import Fault
from shared.core.plan import ProtectedService
from shared.core.ports import BlobFacts
from shared.core.restore_points import RestorePoint


class RebuildWord(enum.StrEnum):
    """What a rebuild found of one blob."""

    RESTORED = "restored"
    """Its record was written anew."""
    ALREADY_THERE = "alreadyThere"
    """It has a record, which was left as it is."""
    NO_MANIFEST = "noManifest"
    """It is no restore point: nothing beside it says that it was verified."""
    DIFFERS = "differs"
    """Its manifest is not of this blob, or cannot be read; no record was written."""
    PRUNED_BEFORE = "prunedBefore"
    """There is a tombstone; no record was written."""
    PRUNE_BEGUN = "pruneBegun"
    """There are tombstone and mark: it was announced at least, and not finished; no record was written."""


class Rebuilt(Value):
    """One blob with its word, and why where that needs saying."""

    name: str
    word: RebuildWord
    why: str = ""


class ServiceRebuild(Document):
    """What a rebuild found for one service, newest blob first; `fault` is why it stopped early, if it did."""

    service: str
    blobs: tuple[Rebuilt, ...] = ()
    fault: Fault | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many blobs got each word."""
        return dict(Counter(blob.word.value for blob in self.blobs))


class RebuildRecord(Document):
    """One rebuild: written when it is asked for, and again with its results at its end."""

    rebuild_id: str
    requested_at: Utc
    services: tuple[str, ...]
    ended_at: Utc | None = None
    warnings: tuple[str, ...] = ()
    """Why services may be missing in it."""
    results: tuple[ServiceRebuild, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many blobs got each word, over all services."""
        return dict(Counter(blob.word.value for result in self.results for blob in result.blobs))


class RebuildState(Document):
    """What a rebuild carries from step to step."""

    rebuild_id: str
    intervals: Intervals
    waiting: tuple[str, ...]
    """Services, the one at work first."""
    after: str | None = None
    """The last blob of the service at work that has its word."""
    faults: dict[str, Fault] = Field(default_factory=dict)

    def next_service(self, fault: Fault | None = None) -> RebuildState:
        """Return the state when the service at work is over, or could not be gone on with."""
        faults = {**self.faults, self.waiting[0]: fault} if fault else self.faults
        return self.model_copy(update={"waiting": self.waiting[1:], "after": None, "faults": faults})


def why_not_of(
    point: RestorePoint, service: ProtectedService, account: str, container: str, blob: str
) -> str:
    """Return why a manifest is not of this blob of this service, or an empty string."""
    if point.service != service.name:
        return f"its manifest is of the service {point.service}"
    if not point.source.is_same_as(service.ref):
        return f"its manifest is of {point.source.resource_id}, and the plan names {service.resource_id}"
    if (point.account, point.container) != (account, container):
        return f"its manifest is of {point.account}/{point.container}"
    if point.name != blob:
        return f"its manifest is of {point.name}"
    return ""


def recreated(point: RestorePoint, blob: BlobFacts, now: dt.datetime) -> RestorePoint | str:
    """
    Return the record of a blob whose content is what its manifest says, or why there is none.

    The ETag is the blob's own of now: a blob that was copied back has another one than before.
    """
    if blob.size_bytes != point.size_bytes:
        return f"it has {blob.size_bytes} bytes, its manifest says {point.size_bytes}"
    if blob.sha256 != point.sha256:
        return "its SHA-256 is not the one in its manifest"
    return point.model_copy(update={"etag": blob.etag, "rebuilt_at": now})


def merged(former: Sequence[Rebuilt], fresh: Sequence[Rebuilt]) -> tuple[Rebuilt, ...]:
    """Return both lists as one, newest blob first; a blob keeps its first word, so that a step may repeat."""
    words = {blob.name: blob for blob in (*fresh, *former)}
    return tuple(words[name] for name in sorted(words, reverse=True))
