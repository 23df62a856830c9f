"""
Copies of restore points in the standby's region: which are missing, and making one.

A copy is made in this order: inventory and sidecar, the blob, its manifest, the record. The record is the
commit point: it is written last, and only where there is none. What an execution left that died is found
by the next one, and is used if it is what it should be.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from shared import roster, telemetry
from shared.catalog import recorded
from shared.core import layout, names
from shared.core.copies import as_recorded, copy_of, not_as_recorded, storage_of, why_no_copy, why_not_copied
from shared.core.documents import Document
from shared.core.ends import CopyStorage
from shared.core.errors import ConflictError, NotFoundError, ProtocolError, RefusedError, UnavailableError
from shared.core.plan import ProtectedService
from shared.core.ports import Blobs, Ports
from shared.core.restore_points import VALIDITY, RestorePoint
from shared.core.retention import is_ours, newest_first
from shared.core.runs import Outcome
from shared.core.steps import StepResult, StepState, attempt, done
from shared.records import read_document


class CopyWish(Document):
    """Copy this restore point of the primary's region into this app's region."""

    service: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingCopies:
    """
    What of a service's usable restore points is not copied. Everything newest first.

    `not_copied` maps names of points that cannot be copied to the reason; `copies` counts those that are
    there. Points that have expired, or that were copied and let go by retention, are not missing.
    """

    to_copy: tuple[RestorePoint, ...]
    not_copied: dict[str, str]
    copies: int


def missing_copies(service: ProtectedService, ports: Ports) -> MissingCopies:
    """
    Return which restore points of the primary's region have no copy in this app's region.

    Args:
        service: of the plan; its standby names storage, and is in this app's region.
        ports: the records of both regions.

    Raises:
        AccessError, TemporaryError, NotFoundError: one of the two regions could not be read.
    """
    theirs, own = ports.records(service.region), ports.records()
    here = recorded(own, service.name)
    taken = _no_copies(service, here, own)
    copies = len(here) - len(taken)
    # the name tells when the backup was wished for; days pass at most until it starts, and its age counts
    since = names.backup_name(service.name, ports.clock.now() - 2 * VALIDITY)
    copied = here - taken.keys()
    wanted = sorted(name for name in recorded(theirs, service.name) - copied if name >= since)
    if not wanted:
        return MissingCopies(to_copy=(), not_copied={}, copies=copies)
    let_go = _names(own, layout.pruned_prefix(service.name))
    going = _names(theirs, layout.open_prunes_prefix(service.name))
    to_copy: list[RestorePoint] = []
    not_copied: dict[str, str] = {}
    for name in reversed(wanted):
        if name in let_go:
            continue
        try:
            point, _ = read_document(theirs, layout.restore_point_key(service.name, name), RestorePoint)
        except NotFoundError:
            continue  # pruned since it was listed
        except ProtocolError as err:
            not_copied[name] = err.message
            continue
        # what the standby was backed up as, and its copies, lie under the same names where roles were swapped
        if point.is_expired(ports.clock.now()) or (name in taken and not is_ours(point, service)):
            continue
        reason = taken.get(name) or why_not_copied(point, service, ports.clock.now())
        if name in going:
            reason = _going(service)
        if reason:
            not_copied[name] = reason
        else:
            to_copy.append(point)
    return MissingCopies(to_copy=tuple(newest_first(to_copy)), not_copied=not_copied, copies=copies)


def _no_copies(service: ProtectedService, recorded_names: Iterable[str], own: Blobs) -> dict[str, str]:
    """Return the names of records in this app's region that are no copies of the service's, and why."""
    taken: dict[str, str] = {}
    for name in recorded_names:
        try:
            record, _ = read_document(own, layout.restore_point_key(service.name, name), RestorePoint)
        except NotFoundError:
            continue  # pruned since it was listed
        except ProtocolError as err:
            taken[name] = err.message
            continue
        reason = why_no_copy(record, service)
        if reason:
            taken[name] = reason
    return taken


def copy_restore_point(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Copy one restore point of the primary's region into this app's region. Idempotent.

    Args:
        wish: {"service", "name"}.
        ports: everything.

    Returns:
        StepResult; DONE carries {"copied": True, "bytes": written by this execution, 0 if the copy was
        there, "runId": of the backup} or {"copied": False, "reason"} of a point that is not to be copied.
        END carries the fault: BlobAsRecorded, CopyExists, ContainerNotFound, AccessDenied.
    """
    request = CopyWish.from_json(wish)
    answer = attempt(lambda: _copy(request, ports), unproven=Outcome.REFUSED)
    result = StepResult.from_json(answer)
    reason = result.fault.message if result.fault else result.value.get("reason")
    if reason and result.state is not StepState.RETRY:
        telemetry.log(
            telemetry.Event.POINT_NOT_COPIED,
            level=logging.ERROR if result.fault else logging.INFO,
            service=request.service,
            restore_point=request.name,
            code=result.fault.code if result.fault else None,
            reason=reason,
        )
    return answer


def _copy(wish: CopyWish, ports: Ports) -> StepResult:
    service = roster.find(ports, wish.service)
    storage = storage_of(service, ports.plan.region) if service else None
    if service is None or storage is None:
        return _skip(f"the plan keeps no copies of {wish.service} in {ports.plan.region}")
    key = layout.restore_point_key(service.name, wish.name)
    try:
        there, _ = read_document(ports.records(), key, RestorePoint)
        reason = why_no_copy(there, service)
        return _skip(reason) if reason else done(copied=True, bytes=0, runId=there.run_id)
    except NotFoundError:
        pass
    try:
        point, _ = read_document(ports.records(service.region), key, RestorePoint)
    except NotFoundError:
        return _skip(f"{service.region} has no record of it any more")
    reason = _why_not(point, service, ports) or _why_gone(point, ports)
    if reason:
        return _skip(reason)
    blobs = _container(storage, ports)
    without = _copy_documents(point, ports)
    written, etag = _copy_blob(point, blobs, ports)
    reason = _why_gone(point, ports)
    if reason:  # while this execution stood still another one has copied it, and retention let it go
        if written:
            blobs.delete(point.name, etag=etag)
        return _skip(reason)
    copy = copy_of(point, blobs, etag, ports.records(), without, ports.clock.now())
    copy = _with_manifest(copy, blobs)
    try:
        ports.records().create(key, copy.to_bytes())
    except ConflictError:  # another execution was faster
        return done(copied=True, bytes=written, runId=point.run_id)
    telemetry.log(
        telemetry.Event.POINT_COPIED, service=copy.service, restore_point=copy.name, bytes=copy.size_bytes
    )
    return done(copied=True, bytes=written, runId=point.run_id)


def _with_manifest(copy: RestorePoint, blobs: Blobs) -> RestorePoint:
    """
    Write the manifest of a copy, and return what it says.

    One that an execution has left that died says the same but for its time, and is taken: where a policy
    makes the container's blobs immutable it could not be written again.
    """
    key = layout.manifest_key(copy.name)
    try:
        blobs.create(key, copy.to_bytes())
    except (ConflictError, ProtocolError):  # Azure may name the policy instead of what is there
        with contextlib.suppress(NotFoundError, ProtocolError):
            there, _ = read_document(blobs, key, RestorePoint)
            if there.copied and there.model_copy(update={"copied": copy.copied}) == copy:
                return there
        blobs.put(key, copy.to_bytes())
    return copy


def _why_not(point: RestorePoint, service: ProtectedService, ports: Ports) -> str:
    reason = why_not_copied(point, service, ports.clock.now())
    if not reason and ports.records(service.region).exists(layout.open_prune_key(service.name, point.name)):
        return _going(service)
    return reason


def _going(service: ProtectedService) -> str:
    return f"it is being pruned in {service.region}"


def _why_gone(point: RestorePoint, ports: Ports) -> str:
    """Return that a copy of the point was here and does not come back, or an empty string."""
    is_gone = ports.records().exists(layout.pruned_key(point.service, point.name))
    return "a copy of it was here, and retention has let it go" if is_gone else ""


def _container(storage: CopyStorage, ports: Ports) -> Blobs:
    """Return the container of the copies; it is made where the plan says so."""
    blobs = ports.backups(storage.account, storage.container)
    if blobs.container_exists():
        return blobs
    if not storage.create_container:
        raise NotFoundError(
            f"there is no container {storage.container} in {storage.account}, where copies are to lie",
            hint="Create it, private, or say createContainer in the standby's storage.",
            code="ContainerNotFound",
        )
    blobs.create_container()
    return blobs


def _copy_documents(point: RestorePoint, ports: Ports) -> tuple[str, ...]:
    """Copy what lies in the records besides; return what is not there, where its record says that it is."""
    lost = []
    for what, place, key in (
        ("inventory", point.inventory, layout.inventory_key(point.service, point.name)),
        ("sidecar", point.sidecar, layout.sidecar_key(point.service, point.name)),
    ):
        if place is None:
            continue
        try:
            content, _ = ports.backups(place.account, place.container).read(place.key)
        except NotFoundError:
            lost.append(what)
            continue
        with contextlib.suppress(ConflictError):  # an earlier execution has copied it
            ports.records().create(key, content)
    return tuple(lost)


def _copy_blob(point: RestorePoint, blobs: Blobs, ports: Ports) -> tuple[int, str]:
    """
    Write the copy's blob unless it is there, and read it back.

    Returns:
        How many bytes were written, and the blob's ETag without quotation marks.

    Raises:
        UnusableBackupError: BlobAsRecorded; nothing was written.
        RefusedError: CopyExists; there is another blob of that name, which is left alone.
        UnavailableError: it was not stored as it was sent, and is deleted; or it changed meanwhile.
    """
    written = ""
    if blobs.look(point.name) is None:
        # a conflict: another execution was faster, or it was our own write, and its answer was lost
        with contextlib.suppress(ConflictError):
            written = blobs.create_from(point.name, _pieces(point, ports)).strip('"')
    try:
        found = blobs.measure(point.name)
    except (NotFoundError, ConflictError) as err:
        raise UnavailableError(f"the copy of {point.name} was changed while it was read back") from err
    is_ours = found.etag == written
    if (found.size_bytes, found.sha256) == (point.size_bytes, point.sha256):
        return point.size_bytes if is_ours else 0, found.etag
    if is_ours:
        blobs.delete(point.name, etag=written)
        raise UnavailableError(f"the copy of {point.name} was not stored as it was sent")
    raise RefusedError(
        f"{point.name} in {blobs.account}/{blobs.container} is another blob than the backup of that name",
        hint="Find out whose it is, and move it away; it is not overwritten.",
        code="CopyExists",
    )


def _pieces(point: RestorePoint, ports: Ports) -> Iterator[bytes]:
    """Yield the backup; its own conflicts are not taken for those of the blob that is written."""
    try:
        yield from as_recorded(ports.backups(point.account, point.container).chunks(point.name), point)
    except NotFoundError as err:
        raise not_as_recorded(point, "it is not there any more") from err
    except ConflictError as err:
        raise not_as_recorded(point, "it was replaced while it was read") from err


def _skip(reason: str) -> StepResult:
    return done(copied=False, reason=reason)


def _names(records: Blobs, prefix: str) -> set[str]:
    return {key.removeprefix(prefix).removesuffix(".json") for key in records.keys(prefix)}
