"""Which restore point a standby should be given before it takes over, and which ones are held back."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from operate_http.holding import Holding
from shared.core import layout
from shared.core.ends import Standby
from shared.core.errors import NotFoundError
from shared.core.held_back import HeldBack, why_held_back
from shared.core.ports import Blobs
from shared.core.replication import Approval, ReplicationState
from shared.core.restore_points import RestorePoint
from shared.records import read_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """`newest` is the newest usable point that is not held back, or the newest one if all have expired."""

    newest: RestorePoint | None
    held_back: tuple[HeldBack, ...] = ()


def weigh(
    points: list[RestorePoint],
    standby: Standby,
    held: Holding,
    said: ReplicationState | None,
    records: Blobs,
    now: dt.datetime,
) -> Weighed:
    """
    Weigh the points of a service.

    Args:
        points: newest first.
        standby: of the plan.
        held: what it holds. Only what is newer needs to be weighed.
        said: what replication said last.
        records: of the standby's region, for what operators have let through.
        now: aware UTC.
    """
    replica = held.replica
    waiting: list[HeldBack] = []
    for point in points:
        if point.is_expired(now):
            continue
        is_newer = replica is None or point.started_at > replica.point_started_at
        approved_at = _approved_at(point, records) if is_newer else None
        reasons = (
            why_held_back(point, standby, replica, said, now, approved_at=approved_at) if is_newer else ()
        )
        if not reasons:
            return Weighed(newest=point, held_back=tuple(waiting))
        waiting.append(HeldBack(name=point.name, started_at=point.started_at, reasons=reasons))
    return Weighed(newest=points[0] if points and not waiting else None, held_back=tuple(waiting))


def _approved_at(point: RestorePoint, records: Blobs) -> dt.datetime | None:
    try:
        key = layout.approval_key(point.service, point.name)
        return read_document(records, key, Approval)[0].approved_at
    except NotFoundError:
        return None
