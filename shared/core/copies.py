"""
Copies of restore points in the standby's region. Pure: which point may be copied, and what its copy says.

A copy has the layout of an original, in the records and the container of another region: its record tells
where it lies itself, and `copied` where it was made from.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator

from shared.core import layout
from shared.core.ends import CopyStorage
from shared.core.errors import UnusableBackupError
from shared.core.plan import ProtectedService
from shared.core.ports import Blobs
from shared.core.restore_points import Copied, InventorySummary, RestorePoint, StoredDocument
from shared.core.retention import is_ours


def storage_of(service: ProtectedService, region: str) -> CopyStorage | None:
    """Return where the app of a region keeps copies of a service's restore points; None: it keeps none."""
    standby = service.standby
    return standby.storage if standby is not None and standby.region == region else None


def why_not_copied(point: RestorePoint, service: ProtectedService, now: dt.datetime) -> str:
    """Return why there is to be no copy of a point, as far as its record says, or an empty string."""
    if not is_ours(point, service):
        return "its record is not of the service that the plan names"
    if point.is_expired(now):
        return f"it expired on {point.expires_at:%Y-%m-%d %H:%M} UTC"
    return ""


def why_no_copy(record: RestorePoint, service: ProtectedService) -> str:
    """
    Return why a record of the standby's region is no copy of a service's restore point, or an empty string.

    Names tell service and second only: where roles were swapped, both ends may have been backed up as one.
    """
    if record.copied is not None and is_ours(record, service):
        return ""
    made = "copied there" if record.copied else "made there"
    return (
        f"a record of this name lies where its copy would, and is of {record.source.name}, {made}: it is "
        "left alone, and the next backup has another name"
    )


def as_recorded(chunks: Iterable[bytes], point: RestorePoint) -> Iterator[bytes]:
    """
    Yield the content of a blob, and raise after its last piece if it is not what was recorded.

    Whoever writes it from these pieces, as a whole or not at all, never writes a wrong one.

    Raises:
        UnusableBackupError: BlobAsRecorded.
    """
    digest, size_bytes = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size_bytes += len(chunk)
        if size_bytes > point.size_bytes:
            break
        yield chunk
    if (size_bytes, digest.hexdigest()) != (point.size_bytes, point.sha256):
        raise not_as_recorded(point, "its content is not the one that was recorded")


def not_as_recorded(point: RestorePoint, why: str) -> UnusableBackupError:
    """Return the error of a point whose backup is no good: it is not copied."""
    return UnusableBackupError(
        f"{point.name} in {point.account}/{point.container} is not copied: {why}",
        hint="The standby's region keeps the copies that it has; the next backup makes another point.",
        code="BlobAsRecorded",
    )


def copy_of(
    point: RestorePoint, blobs: Blobs, etag: str, records: Blobs, without: tuple[str, ...], now: dt.datetime
) -> RestorePoint:
    """
    Return the record of a copy.

    Args:
        point: the original's record.
        blobs: the container that the copy lies in.
        etag: of the copy's blob.
        records: where the copy's documents lie.
        without: documents that were not there to be copied, by name; the copy says so.
        now: aware UTC.
    """
    inventory, sidecar = point.inventory, point.sidecar
    here = {"account": records.account, "container": records.container}
    if inventory is not None:
        inventory = InventorySummary.model_validate(
            {**dict(inventory), **here, "key": layout.inventory_key(point.service, point.name)}, by_name=True
        )
    if sidecar is not None:
        sidecar = StoredDocument(**here, key=layout.sidecar_key(point.service, point.name))
    lost = tuple(f"its {what} was not there to be copied" for what in without)
    return point.model_copy(
        update={
            "account": blobs.account,
            "container": blobs.container,
            "etag": etag,
            "inventory": inventory,
            "sidecar": None if "sidecar" in without else sidecar,
            "warnings": (*point.warnings, *lost),
            "copied": Copied(account=point.account, container=point.container, at=now),
        }
    )
