"""The look of a replication: what there is in both regions, read and nothing else."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Iterator
from typing import Any

from shared import copying, roster, standby, telemetry
from shared.catalog import recorded
from shared.contents import has_content
from shared.core import layout, names
from shared.core.errors import DrError, NotFoundError, ProtocolError
from shared.core.plan import ProtectedService
from shared.core.ports import Blobs, Ports
from shared.core.replication import Approval, ReplicationState
from shared.core.replication_survey import Attempt, Candidate, Survey
from shared.core.reports import NewestPoint, Replica
from shared.core.requests import RestoreRequest
from shared.core.restore_points import RestorePoint
from shared.core.retention import is_ours, newest_first
from shared.core.runs import Outcome
from shared.core.steps import StepResult, attempt, done
from shared.records import read_document

POINTS_READ_MAX = 10
"""The newest by name; those that are approved besides. Of more points one of the newest is waited for."""


def survey_replication(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Look at what the primary has and what the standby holds.

    Args:
        wish: {"service"}.
        ports: everything.

    Returns:
        StepResult; DONE carries {"survey": Survey} or {"ignored": why}.
    """
    answer = attempt(lambda: _survey(str(wish["service"]), ports), unproven=Outcome.REFUSED)
    fault = StepResult.from_json(answer).fault
    if fault is not None:
        telemetry.log(
            telemetry.Event.REPLICATION_NOT_SEEN,
            level=logging.ERROR,
            service=wish["service"],
            code=fault.code,
            message=fault.message,
        )
    return answer


def why_not(service: ProtectedService | None, name: str, ports: Ports) -> str:
    """Return why this app brings no points of a service anywhere, or an empty string."""
    if service is None:
        return f"neither plan nor discovery knows {name}"
    if service.standby is None or service.standby.region != ports.plan.region:
        return f"no standby of {name} is in {ports.plan.region}"
    return ""


def last_state(service: str, ports: Ports) -> ReplicationState | None:
    """Return what replication said last of a service; one that cannot be read counts as nothing."""
    try:
        return read_document(ports.records(), layout.replication_key(service), ReplicationState)[0]
    except NotFoundError:
        return None
    except ProtocolError as err:
        telemetry.log(telemetry.Event.RECORD_UNREADABLE, level=logging.ERROR, message=err.message)
        return None


def _survey(name: str, ports: Ports) -> StepResult:
    service = roster.find(ports, name)
    reason = why_not(service, name, ports)
    if service is None or service.standby is None or reason:
        return done(ignored=reason)
    target, former = service.standby.ref, last_state(name, ports)
    seen, fault = _newest_record(service, former, ports)
    copies, fault = _copies(service, fault, ports)
    is_blind = bool(fault) and service.standby.storage is None
    replica = standby.held(service.name, target, ports)
    points, unreadable = ([], []) if is_blind else _newer(service, replica, ports)
    to_copy = [point for point in copies.to_copy if _is_newer(point, replica)] if copies else []
    recently = ports.clock.now() - standby.RECENTLY
    since = min([recently, *(point.started_at for point in (*points, *to_copy))])
    brought = standby.brought(service.name, target, since, ports)
    points = [point for point in points if _is_newer(point, brought.newest)]
    unreadable = [one for one in unreadable if brought.newest is None or one[0] > brought.newest.name]
    unreadable += _uncopied_newest(service, copies, brought.newest, ports)
    has_own_content = bool(points) and brought.touched_at is None and has_content(ports.arm, target)
    survey = Survey(
        service=service.name,
        target=target,
        at=ports.clock.now(),
        shrink_percent_max=service.standby.shrink_percent_max,
        held=brought.held,
        brought=_as_newest(brought.newest),
        has_own_content=has_own_content,
        safety_backup=has_own_content or brought.was_primary_since,
        seen=seen,
        newest=_newest([*points, *to_copy], unreadable, brought.newest, former if fault else None),
        candidates=tuple(_candidate(point, ports) for point in points),
        attempts=_attempts(brought, replica),
        unreadable=tuple(said for _, said in unreadable),
        to_copy=tuple(point.name for point in copies.to_copy) if copies else (),
        uncopied=tuple(
            _candidate(point, ports)
            for point in to_copy[:POINTS_READ_MAX]
            if _is_newer(point, brought.newest)
        ),
        not_copied=copies.not_copied if copies else {},
        copies=copies.copies if copies else _copies_here(service, ports),
        primary_fault=fault,
        is_blind=is_blind,
        paused=service.paused.reason if service.paused and service.is_paused(ports.clock.now()) else "",
        stopped=standby.stop_reason(service.name, ports),
        former=former,
    )
    return done(survey=survey.to_json())


def own_name(key: str) -> tuple[str, str] | None:
    """Return (service, name) of a record that a backup of this app may have left, or None: it is none."""
    named = layout.parse_restore_point_key(key)
    return named if named and names.is_backup_of(named[1], named[0]) else None


def _newest_record(
    service: ProtectedService, former: ReplicationState | None, ports: Ports
) -> tuple[str | None, str]:
    """Return the name of the primary's newest record, and why it could not be told."""
    try:
        found = _names(service, ports.records(service.region))
    except DrError as err:
        return former.seen if former else None, cannot_read(service.region, err)
    return (found[-1] if found else None), ""


def _names(service: ProtectedService, records: Blobs) -> list[str]:
    """Return the names of a service's records, in order."""
    found = map(own_name, records.keys(layout.restore_points_prefix(service.name)))
    return [named[1] for named in found if named]


def _copies_here(service: ProtectedService, ports: Ports) -> int:
    """Count the copies by the own records, where they cannot be compared with the primary's."""
    has_copies = service.standby is not None and service.standby.storage is not None
    return len(recorded(ports.records(), service.name)) if has_copies else 0


def cannot_read(region: str, err: DrError) -> str:
    """Return in a sentence that the records of a region cannot be read, the same for the same error."""
    return f"the records of {region} cannot be read: {err.message}"


def _copies(service: ProtectedService, fault: str, ports: Ports) -> tuple[copying.MissingCopies | None, str]:
    """Return which copies are missing, if there are to be any; and why that could not be told."""
    if fault or service.standby is None or service.standby.storage is None:
        return None, fault
    try:
        return copying.missing_copies(service, ports), ""
    except DrError as err:
        return None, cannot_read(service.region, err)


Unreadable = tuple[str, str]
"""Name of a record, and why it cannot be used."""


def _newer(
    service: ProtectedService, held: Replica | None, ports: Ports
) -> tuple[list[RestorePoint], list[Unreadable]]:
    """Return the points that may be candidates, newest first, and the records that cannot be read."""
    records = ports.records(service.shelf(ports.plan.region))
    approved = _names_below(layout.approvals_prefix(service.name), ports.records())
    found = _names(service, records)
    wanted = {*found[-POINTS_READ_MAX:], *(approved & set(found))}
    points: list[RestorePoint] = []
    unreadable: list[Unreadable] = []
    for name in sorted(wanted, reverse=True):
        try:
            point, _ = read_document(records, layout.restore_point_key(service.name, name), RestorePoint)
        except NotFoundError:
            continue  # pruned since it was listed
        except ProtocolError as err:
            if held is None or name > held.name:
                unreadable.append((name, f"{err.message}. {err.hint}".rstrip(". ")))
            continue
        # points of another service than the plan names, such as a former primary, are none of ours
        if is_ours(point, service) and _is_newer(point, held):
            points.append(point)
    return newest_first(points), unreadable


def _uncopied_newest(
    service: ProtectedService, copies: copying.MissingCopies | None, than: Replica | None, ports: Ports
) -> Iterator[Unreadable]:
    """Yield the points of the primary that are newer than what was brought, and can never be copied."""
    newer = sorted(name for name in (copies.not_copied if copies else {}) if than is None or name > than.name)
    for name in reversed(newer[-POINTS_READ_MAX:]):
        key = layout.restore_point_key(service.name, name)
        try:
            point, _ = read_document(ports.records(service.region), key, RestorePoint)
        except NotFoundError:
            continue
        except ProtocolError as err:
            yield name, f"{name} cannot be copied: {err.message}"
            continue
        if copies and is_ours(point, service) and _is_newer(point, than):
            yield name, f"{name} cannot be copied: {copies.not_copied[name]}"


def _is_newer(point: RestorePoint, than: Replica | None) -> bool:
    return than is None or point.started_at > than.point_started_at


def _names_below(prefix: str, records: Blobs) -> set[str]:
    return {key.removeprefix(prefix).removesuffix(".json") for key in records.keys(prefix)}


def _as_newest(replica: Replica | None) -> NewestPoint | None:
    return NewestPoint(name=replica.name, started_at=replica.point_started_at) if replica else None


def _newest(
    points: Iterable[RestorePoint],
    unreadable: Iterable[Unreadable],
    brought: Replica | None,
    former: ReplicationState | None,
) -> NewestPoint | None:
    """Return the newest point that is known; when one began that cannot be read, its name tells about."""
    known = [NewestPoint(name=point.name, started_at=point.started_at) for point in points]
    for name, _ in unreadable:
        wished_at = names.wished_at(name)
        known += [NewestPoint(name=name, started_at=wished_at)] if wished_at else []
    known += [one for one in (_as_newest(brought), former.newest_point if former else None) if one]
    return max(known, key=lambda one: (one.started_at, one.name), default=None)


def _candidate(point: RestorePoint, ports: Ports) -> Candidate:
    inventory = point.inventory
    return Candidate(
        name=point.name,
        started_at=point.started_at,
        digest=inventory.digest if inventory else None,
        counts=inventory.counts if inventory else {},
        is_rebuilt=point.rebuilt_at is not None,
        approved_at=_approved_at(point, ports.records()),
    )


def _approved_at(point: RestorePoint, records: Blobs) -> dt.datetime | None:
    try:
        approval, _ = read_document(records, layout.approval_key(point.service, point.name), Approval)
    except NotFoundError:
        return None
    except ProtocolError as err:
        telemetry.log(telemetry.Event.RECORD_UNREADABLE, level=logging.ERROR, message=err.message)
        return None
    return approval.approved_at


def _attempts(brought: standby.Brought, replica: Replica | None) -> tuple[Attempt, ...]:
    """Return the replications of points newer than what was brought, and successes without a replica."""
    found = []
    for run in brought.runs:
        if run.kind != "replicate":
            continue
        try:
            point = RestoreRequest.from_json(run.wish).point
        except ProtocolError:
            continue  # of an older release, which did not write down what was wished for
        than = replica if run.word is Outcome.SUCCEEDED else brought.newest
        if not _is_newer(point, than):
            continue
        fault = run.resolution.fault if run.resolution else run.fault
        found.append(
            Attempt(
                run_id=run.run_id,
                instance_id=run.instance_id,
                point=point.name,
                point_started_at=point.started_at,
                requested_at=run.requested_at,
                ended_at=run.ended_at,
                word=run.word,
                said=fault.message if fault else "",
            )
        )
    return tuple(found)
