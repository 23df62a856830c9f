"""
What is known of a service's changes, and when they lead to a backup.

Rules of the file:
1. A change is covered by a backup that succeeded and was started after it, whatever started that one.
2. What is not covered leads to one backup, when it has been quiet for a while and the start of the backup
   before is long enough ago.
3. Events come more than once, late and in no order: only the latest time counts, and it never moves back.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from shared.core.change_events import Change
from shared.core.documents import Document, Utc
from shared.core.intervals import Intervals
from shared.core.plan import AfterChanges

EVENT_IDS_MAX = 20
"""So many are remembered, so that an event that comes twice counts once. Nothing else hangs on it."""


class Changes(Document):
    """One service's changes, as `changes/<service>.json` keeps them."""

    service: str
    count: int = 0
    """Since a backup was last started for them."""
    first_at: Utc | None = None
    last_at: Utc | None = None
    last_kind: str = ""
    event_ids: tuple[str, ...] = ()
    wait: int = 0
    """Which orchestration waits with them: a number of its own for each."""
    is_waiting: bool = False
    night: str | None = None
    """The night that was begun last because of changes, and when."""
    night_at: Utc | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """What is known of the service's backups, whatever started them."""

    succeeded_at: dt.datetime | None = None
    """When the newest one that succeeded was started."""
    started_at: dt.datetime | None = None
    """When the newest one was started at all."""
    is_open: bool = False
    """Whether one is under way, or waits for its turn."""


class Next(enum.StrEnum):
    """What follows."""

    REST = "rest"
    WAIT = "wait"
    BACK_UP = "back up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows, when to look again (aware UTC), and why."""

    next: Next
    at: dt.datetime
    reason: str


def heard(former: Changes, change: Change, now: dt.datetime) -> Changes:
    """Return what is known after one more event; the same value if it was heard before."""
    if change.event_id and change.event_id in former.event_ids:
        return former
    at = min(change.at or now, now)
    ids = (*former.event_ids, change.event_id) if change.event_id else former.event_ids
    return former.model_copy(
        update={
            "count": former.count + 1,
            "first_at": min(former.first_at or at, at),
            "last_at": max(former.last_at or at, at),
            "last_kind": change.kind,
            "event_ids": ids[-EVENT_IDS_MAX:],
            "wait": former.wait + (not former.is_waiting),
            "is_waiting": True,
        }
    )


def at_rest(changes: Changes) -> Changes:
    """Return the same with nobody waiting and nothing to wait for."""
    return changes.model_copy(update={"count": 0, "first_at": None, "is_waiting": False})


def handed_over(changes: Changes, weighed: Changes, night: str, at: dt.datetime) -> Changes:
    """
    Return what is left when a night was begun.

    Args:
        changes: as they are now.
        weighed: as they were when it was decided; what came since is left for another backup.
        night: the id of the night.
        at: when it was begun.
    """
    begun = changes.model_copy(update={"night": night, "night_at": at})
    if changes.count <= weighed.count:
        return at_rest(begun)
    return begun.model_copy(update={"count": changes.count - weighed.count, "first_at": changes.last_at})


def weigh(
    changes: Changes, rule: AfterChanges, backups: Backups, now: dt.datetime, intervals: Intervals
) -> Decision:
    """Return what follows for a service whose changes somebody waits with."""
    skew = dt.timedelta(seconds=intervals.change_skew_s)
    last_at = changes.last_at
    if last_at is None or (backups.succeeded_at is not None and last_at + skew <= backups.succeeded_at):
        return Decision(next=Next.REST, at=now, reason="a backup was started after the last change")
    quiet_at = last_at + rule.quiet_minutes * dt.timedelta(seconds=intervals.minute_s)
    interval = rule.min_interval_hours * 60 * dt.timedelta(seconds=intervals.minute_s)
    starts = [at for at in (backups.started_at, backups.succeeded_at, changes.night_at) if at is not None]
    free_at = max(starts) + interval if starts else now
    if now < max(quiet_at, free_at):
        why = (
            "it has not been quiet for long enough" if quiet_at >= free_at else "the last backup is too young"
        )
        return Decision(next=Next.WAIT, at=max(quiet_at, free_at), reason=why)
    if backups.is_open:
        at = now + dt.timedelta(seconds=intervals.fault_max_s)
        return Decision(next=Next.WAIT, at=at, reason="a backup is under way")
    return Decision(
        next=Next.BACK_UP, at=now, reason=f"{changes.count} changes, the last at {last_at:%Y-%m-%dT%H:%M:%SZ}"
    )
