"""The steps of a rebuild: records are made anew from manifests, and nothing is deleted or overwritten."""

from __future__ import annotations

import itertools
from typing import Any

from shared import roster, telemetry
from shared.catalog import backups_of, recorded, records_of
from shared.core import layout, names
from shared.core.documents import Document
from shared.core.errors import ConflictError, NotFoundError, ProtocolError, TemporaryError
from shared.core.lro import Fault
from shared.core.plan import ProtectedService
from shared.core.ports import Blobs, Ports
from shared.core.rebuilding import (
    RebuildRecord,
    RebuildWord,
    Rebuilt,
    ServiceRebuild,
    merged,
    recreated,
    why_not_of,
)
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from shared.core.steps import StepResult, attempt, done
from shared.records import read_document

BLOBS_PER_STEP = 20
"""Each may have to be read through, and a function has minutes, not hours."""


class RebuildWish(Document):
    """Rebuild the records of a service, from the blob after `after` on."""

    rebuild_id: str
    service: str
    after: str | None = None


def rebuild_service(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Make the records of some of a service's blobs anew, newest first.

    Each record that is created is an event for replication, which ignores those that were made anew.

    Args:
        wish: {"rebuildId", "service", "after": name of the last blob that has its word, or None}.
        ports: everything.

    Returns:
        StepResult; DONE carries {"after": where to go on, None when all blobs have their word}.
    """
    request = RebuildWish.from_json(wish)
    return attempt(lambda: _rebuild(request, ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _rebuild(wish: RebuildWish, ports: Ports) -> StepResult:
    service = roster.find(ports, wish.service)
    if service is None:
        raise NotFoundError(f"the plan names no service {wish.service}", code="ServiceNotFound")
    backups = backups_of(service, ports)
    blobs = [
        key
        for key in backups.keys(names.backups_prefix(service.name))
        if names.is_backup_of(key, service.name)
    ]
    rest = sorted((blob for blob in blobs if wish.after is None or blob < wish.after), reverse=True)
    step = list(itertools.islice(rest, BLOBS_PER_STEP))
    # looked for before any tombstone is: a record that was pruned meanwhile has left one
    there = recorded(records_of(service, ports), service.name)
    fresh = [_rebuild_one(blob, blob in there, service, backups, ports) for blob in step]
    key = layout.rebuild_part_key(wish.rebuild_id, service.name)
    former = _part(key, service.name, ports)
    part = former.model_copy(update={"blobs": merged(former.blobs, fresh)})
    ports.records().put(key, part.to_bytes())
    return done(after=step[-1] if len(rest) > len(step) else None)


def _rebuild_one(
    blob: str, is_there: bool, service: ProtectedService, backups: Blobs, ports: Ports
) -> Rebuilt:
    """Give one blob its word, and its record if it deserves one."""
    records = records_of(service, ports)
    if is_there:
        return Rebuilt(name=blob, word=RebuildWord.ALREADY_THERE)
    if records.exists(layout.pruned_key(service.name, blob)):
        mark = layout.open_prune_key(service.name, blob)
        if not records.exists(mark):
            return Rebuilt(name=blob, word=RebuildWord.PRUNED_BEFORE)
        why = f"{mark} is there: the next pruning finishes it; delete mark and tombstone to keep the backup"
        return Rebuilt(name=blob, word=RebuildWord.PRUNE_BEGUN, why=why)
    try:
        manifest, _ = read_document(backups, layout.manifest_key(blob), RestorePoint)
    except NotFoundError:
        return Rebuilt(name=blob, word=RebuildWord.NO_MANIFEST)
    except ProtocolError as err:
        return Rebuilt(name=blob, word=RebuildWord.DIFFERS, why=err.message)
    why = why_not_of(manifest, service, backups.account, backups.container, blob)
    if why:
        return Rebuilt(name=blob, word=RebuildWord.DIFFERS, why=why)
    try:
        point = recreated(manifest, backups.measure(blob), ports.clock.now())
    except (NotFoundError, ConflictError):
        return Rebuilt(
            name=blob, word=RebuildWord.DIFFERS, why="it was deleted or replaced while it was read"
        )
    if isinstance(point, str):
        return Rebuilt(name=blob, word=RebuildWord.DIFFERS, why=point)
    try:
        records.create(layout.restore_point_key(service.name, blob), point.to_bytes())
    except ConflictError:
        return Rebuilt(name=blob, word=RebuildWord.ALREADY_THERE)
    telemetry.log(telemetry.Event.POINT_REBUILT, service=service.name, restore_point=blob)
    return Rebuilt(name=blob, word=RebuildWord.RESTORED)


def end_rebuild(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Write what the whole rebuild came to. Idempotent: the first end stays.

    Args:
        wish: {"rebuildId", "faults": {service: Fault} of those that could not be gone on with}.
        ports: the records.

    Returns:
        StepResult; DONE carries {"counts": how many blobs got each word, "faults": how many services}.
    """
    faults = {name: Fault.model_validate(fault) for name, fault in wish["faults"].items()}
    return attempt(lambda: _end(wish["rebuildId"], faults, ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _end(rebuild_id: str, faults: dict[str, Fault], ports: Ports) -> StepResult:
    key = layout.rebuild_key(rebuild_id)
    record, etag = read_document(ports.records(), key, RebuildRecord)
    if record.ended_at is None:
        results = [
            _part(layout.rebuild_part_key(rebuild_id, name), name, ports).model_copy(
                update={"fault": faults.get(name)}
            )
            for name in record.services
        ]
        record = record.model_copy(update={"ended_at": ports.clock.now(), "results": tuple(results)})
        try:
            ports.records().replace(key, record.to_bytes(), etag)
        except ConflictError as err:  # perhaps our own write, whose answer was lost: look again
            raise TemporaryError(f"{key} was changed meanwhile", code="Conflict") from err
        shown = ", ".join(f"{count} {word}" for word, count in sorted(record.counts.items()))
        telemetry.log(
            telemetry.Event.CATALOG_REBUILT,
            services=len(results),
            outcome=shown or "no blobs",
            message=f"{len(faults)} services stopped early" if faults else None,
        )
    return done(counts=record.counts, faults=len(faults))


def _part(key: str, service: str, ports: Ports) -> ServiceRebuild:
    try:
        return read_document(ports.records(), key, ServiceRebuild)[0]
    except NotFoundError:
        return ServiceRebuild(service=service)
