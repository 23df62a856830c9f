"""Reading what the drills of a service came to, and how it stands with them: one rule for all who ask."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable

from shared.core import drills, layout
from shared.core.drills import DrillState
from shared.core.errors import DrError
from shared.core.plan import ProtectedService
from shared.core.ports import Blobs, Ports
from shared.core.reports import DrillRecord
from shared.core.restore_points import RestorePoint
from shared.core.services import ServiceRef
from shared.records import readable


def standing(service: ProtectedService, ports: Ports) -> DrillState | None:
    """
    Return how the drills of a service stand; None: it has none.

    Raises:
        DrError: the records of the drills' region could not be read. Restore points that cannot be read
            count as none: their region may be lost.
    """
    into = service.drill_into
    if into is None:
        return None
    points = ports.records(service.shelf(into.region))

    def oldest() -> dt.datetime | None:
        try:
            return first_point_at(points, service.name)
        except DrError:
            return None

    return standing_in(ports.records(into.region), service, ports.clock.now(), oldest)


def standing_in(
    records: Blobs, service: ProtectedService, now: dt.datetime, oldest: Callable[[], dt.datetime | None]
) -> DrillState | None:
    """
    Return the same from records that are at hand.

    Args:
        records: of the region that drills.
        service: of the plan.
        now: aware UTC.
        oldest: tells when the oldest restore point was started; asked only if no drill was good.
    """
    into = service.drill_into
    if into is None:
        return None
    found = recent_drills(records, service.name, into.ref)
    is_proven = any(map(drills.is_good, found))
    return drills.state(service, found, now, first_point_at=None if is_proven else oldest())


def recent_drills(records: Blobs, service: str, target: ServiceRef) -> list[DrillRecord]:
    """
    Return the newest drills of a service into a target, newest first, back to the last good one.

    That is all that drills.state needs, and mostly one read: older ones change nothing.
    """
    found: list[DrillRecord] = []
    for key in reversed(deque(records.keys(layout.drills_prefix(service)), maxlen=drills.READ_MAX)):
        found += (one for one in readable(records, [key], DrillRecord) if one.target.is_same_as(target))
        if found and drills.is_good(found[-1]):
            break
    return found


def first_point_at(records: Blobs, service: str) -> dt.datetime | None:
    """Return when the oldest restore point of a service was started; None: there is none."""
    key = next(iter(records.keys(layout.restore_points_prefix(service))), None)
    first = readable(records, [key], RestorePoint) if key else []
    return first[0].started_at if first else None
