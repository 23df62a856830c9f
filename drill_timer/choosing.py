"""Choosing the restore point of a drill, and asking what speaks against it."""

from __future__ import annotations

import datetime as dt

from shared import clearance
from shared.core import drills, layout, names
from shared.core.drills import DrillWish
from shared.core.errors import NotFoundError
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.preflight_facts import Check, Verdict
from shared.core.requests import RestoreRequest
from shared.core.restore_guards import IN_TRANSITION
from shared.core.restore_points import RestorePoint
from shared.records import newest, read_document
from shared.standby import held

POINTS_READ_MAX = 100
"""Of so many points, the newest, one is drawn."""


def choose_point(wish: DrillWish, service: ProtectedService, ports: Ports) -> RestorePoint | None:
    """
    Return the point that a drill takes; None if there is none of that name, or none that can be used.

    A point is usable if it has not expired and its blob is there. One that somebody names is returned as it
    is: what speaks against it, the guards say. Into a standby goes what it holds, whatever there is besides:
    what it is to hold is decided by replication, which may be holding a newer point back.

    Args:
        wish: the drill; the same one draws the same point.
        service: whose points.
        ports: records of the region that keeps points, or copies, for this app.
    """
    wanted = wish.point
    if wish.into_standby and wanted == drills.NEWEST:
        replica = held(service.name, wish.target, ports)
        if replica is None:
            return None
        wanted = replica.name
    records = ports.records(service.shelf(ports.plan.region))
    if wanted not in {drills.NEWEST, drills.RANDOM}:
        if not names.is_own_backup(wanted):
            return None
        try:
            return read_document(records, layout.restore_point_key(service.name, wanted), RestorePoint)[0]
        except NotFoundError:
            return None
    points = newest(records, layout.restore_points_prefix(service.name), RestorePoint, POINTS_READ_MAX)
    now = ports.clock.now()
    fresh = (point for point in points if not point.is_expired(now))
    in_order = drills.in_preference(fresh, wanted, wish.run_id)
    return next((point for point in in_order if _has_blob(point, ports)), None)


def why_no_point(wish: DrillWish, service: ProtectedService) -> str:
    """Return in a sentence that there is no restore point for a drill."""
    if wish.point not in {drills.NEWEST, drills.RANDOM}:
        return f"{wish.point} is not a restore point of {service.name}"
    if wish.into_standby:
        return f"the standby {wish.target.name} holds no restore point that is on record"
    return f"there is no usable restore point of {service.name}"


def request_for(
    wish: DrillWish, service: ProtectedService, point: RestorePoint, ports: Ports
) -> RestoreRequest:
    """
    Return the restore that a drill is. Its duration counts from now: waiting for the target is none of it.

    Raises:
        ValueError: the service has no drills.
    """
    if service.drill_into is None:
        raise ValueError(f"{service.name} has no drills")
    now = ports.clock.now().replace(microsecond=0)
    return RestoreRequest(
        run_id=wish.run_id,
        kind="drill",
        service=service.name,
        target=wish.target,
        access=service.drill_into.access,
        point=point,
        rto_s=wish.rto_s,
        trigger=wish.trigger,
        requested_at=now,
        deadline_at=now + dt.timedelta(seconds=ports.intervals.deadline_s),
        intervals=ports.intervals,
    )


def refusals(request: RestoreRequest, wish: DrillWish, ports: Ports) -> tuple[Check, ...]:
    """
    Return every guard that says no to a drill; a target in transition is waited for by its run.

    Raises:
        TemporaryError, AccessError: the target, or the records, could not be read.
    """
    found = clearance.refusals(clearance.checks(request, ports))
    lasting = (check for check in found if check.name != IN_TRANSITION)
    return (*lasting, *_standby_refusals(request, wish, ports))


def _standby_refusals(request: RestoreRequest, wish: DrillWish, ports: Ports) -> tuple[Check, ...]:
    """Return that a standby would hold another point after the drill than before, if so."""
    if not wish.into_standby:
        return ()
    replica = held(request.service, wish.target, ports)
    if replica is not None and replica.name == request.point.name:
        return ()
    holds = f"holds {replica.name}" if replica else "holds nothing"
    cause = f"the standby {holds}, and a drill leaves it with what it has; {request.point.name} is another"
    command = "leave out the point; POST /api/restores restores another one"
    return (Check(name="StandbyKeepsItsPoint", verdict=Verdict.REFUSAL, cause=cause, command=command),)


def _has_blob(point: RestorePoint, ports: Ports) -> bool:
    return ports.backups(point.account, point.container).exists(point.name)
