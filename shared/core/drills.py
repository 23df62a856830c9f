"""
Drills: which are due, which restore point each takes, how a service stands with them. Pure.

Rules of the file:
1. Days are UTC days, so that the hour at which a drill began does not make the next one a day late.
2. A drill that was Refused has rehearsed nothing. It is tried again the next day, and the time of the last
   real one goes on counting.
3. A drill is good if it Succeeded within the RTO. Only a good one keeps a service from being overdue.
4. A drill into another target than the one that the plan names now says nothing of that one.
5. What is drawn is drawn by the drill's id: the same drill takes the same point, however often it is asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Literal

from shared.core import names
from shared.core.documents import Document, Utc, Value
from shared.core.fleet import ActiveRun
from shared.core.intervals import Intervals
from shared.core.lro import Fault
from shared.core.plan import ProtectedService
from shared.core.reports import DrillRecord
from shared.core.requests import RestoreRequest
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from shared.core.services import ServiceRef

READ_MAX = 100
"""So many drills of one service are read, the newest."""

NEWEST = "newest"
RANDOM = "random"

_ONE_DAY = dt.timedelta(days=1)


class DrillState(Value):
    """
    How the drills of one service stand; the first four fields tell of its plan, the others of what was.

    `due_at` None: it is due, because there was none. `is_overdue`: there has been no good drill for longer
    than the plan's days and a quarter of them. `is_failed`: the last drill did not succeed, or it missed
    the RTO.
    """

    into: str
    """The target's name."""
    region: str
    """Whose app drills."""
    every_days: int
    rto_s: int
    due_at: Utc | None = None
    is_overdue: bool = False
    is_failed: bool = False
    last_run_id: str | None = None
    last_word: Outcome | None = None
    last_ended_at: Utc | None = None
    last_fault: Fault | None = None
    last_restore_duration_s: int | None = None
    last_rto_kept: bool | None = None
    last_succeeded_at: Utc | None = None


class DrillWish(Document):
    """One drill as it was wished for: by the timer, or by a call."""

    run_id: str
    """The drill's id, and that of its run if it comes to one."""
    service: str
    target: ServiceRef
    into_standby: bool = False
    """Whether the target is the service's standby, and not one that exists for drills."""
    rto_s: int
    point: str
    """`newest`, `random`, or the name of a restore point."""
    trigger: Literal["timer", "http"]
    wished_at: Utc


class DrillQueue(Document):
    """Drills that are held one after the other, as the orchestration carries them along."""

    waiting: tuple[DrillWish, ...]
    """The first one is at work."""
    intervals: Intervals
    until: Utc | None = None
    """How long the first one waits for its target; None before its turn."""
    tries: int = 0
    request: RestoreRequest | None = None
    """What was chosen for it last."""
    run: ActiveRun | None = None
    """Its restore, once it was started."""

    def after_first(self) -> DrillQueue:
        """Return what is left when the first drill is over."""
        return DrillQueue(waiting=self.waiting[1:], intervals=self.intervals)


def is_good(record: DrillRecord) -> bool:
    """Tell whether a drill has proven what it should: the restore, and that it is fast enough."""
    return record.outcome is Outcome.SUCCEEDED and record.rto_kept is True


def state(
    service: ProtectedService,
    records: Sequence[DrillRecord],
    now: dt.datetime,
    *,
    first_point_at: dt.datetime | None,
) -> DrillState | None:
    """
    Return how the drills of a service stand; None: it has none.

    Args:
        service: of the plan.
        records: of its drills, in any order; those into another target than the plan's are left out.
        now: aware UTC.
        first_point_at: when its oldest restore point was started, if there is one: what was never drilled
            is overdue counted from then, or from the first drill that came to nothing.
    """
    into = service.drill_into
    if service.drill is None or into is None:
        return None
    own = (record for record in records if record.target.is_same_as(into.ref))
    found = sorted(own, key=lambda record: (record.requested_at, record.run_id))
    last = found[-1] if found else None
    succeeded = [record.ended_at for record in found if record.outcome is Outcome.SUCCEEDED]
    good = [record.ended_at for record in found if is_good(record)]
    known_since = [one for one in (first_point_at, found[0].requested_at if found else None) if one]
    since = max(good) if good else min(known_since, default=None)
    every = dt.timedelta(days=service.drill.every_days)
    return DrillState(
        into=into.ref.name,
        region=into.region,
        every_days=service.drill.every_days,
        rto_s=service.drill.rto_hours * 3600,
        due_at=_due_at(found, every),
        is_overdue=since is not None and now - since > every * 1.25,
        is_failed=last is not None and not is_good(last),
        last_run_id=last.run_id if last else None,
        last_word=last.outcome if last else None,
        last_ended_at=last.ended_at if last else None,
        last_fault=last.fault if last else None,
        last_restore_duration_s=last.restore_duration_s if last else None,
        last_rto_kept=last.rto_kept if last else None,
        last_succeeded_at=max(succeeded, default=None),
    )


def is_due(standing: DrillState, now: dt.datetime) -> bool:
    """Tell whether a drill is due."""
    return standing.due_at is None or now >= standing.due_at


def in_preference(points: Iterable[RestorePoint], wanted: str, drill_id: str) -> list[RestorePoint]:
    """
    Return the points that a drill may take, the one to try first in front.

    Args:
        points: of the service.
        wanted: `newest` or `random`.
        drill_id: draws for `random`.
    """
    if wanted == RANDOM:
        return sorted(points, key=lambda point: names.digest(f"{drill_id}/{point.name}"))
    return sorted(points, key=lambda point: (point.started_at, point.name), reverse=True)


def queues(wishes: Sequence[DrillWish], count_max: int, intervals: Intervals) -> list[DrillQueue]:
    """
    Return the drills in queues that can be worked off side by side: all of one target are in one queue.

    Args:
        wishes: in the order of their turns.
        count_max: how many targets are restored into at once.
        intervals: the waiting times.
    """
    by_target: dict[str, list[DrillWish]] = {}
    for wish in wishes:
        by_target.setdefault(wish.target.resource_id.lower(), []).append(wish)
    found: list[list[DrillWish]] = [[] for _ in range(min(count_max, len(by_target)))]
    for of_one in by_target.values():
        min(found, key=len).extend(of_one)
    return [DrillQueue(waiting=tuple(wishes), intervals=intervals) for wishes in found]


def fleet_instance(due_at: dt.datetime) -> str:
    """Return the orchestration instance of one occurrence of the schedule: a second firing finds it."""
    return f"drills-{names.stamp(due_at)}"


def drill_instance(run_id: str) -> str:
    """Return the orchestration instance of one drill that a call asked for."""
    return f"drill-{run_id}"


def _due_at(records: Sequence[DrillRecord], every: dt.timedelta) -> dt.datetime | None:
    """Return the day of the next drill: `every` after the last real one, a day after one that was not."""
    real = [record.requested_at for record in records if record.outcome is not Outcome.REFUSED]
    days = [_day_of(max(real)) + every] if real else []
    if records:
        days.append(_day_of(records[-1].requested_at) + _ONE_DAY)
    return max(days, default=None)


def _day_of(at: dt.datetime) -> dt.datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
