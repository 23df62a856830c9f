"""
How a service stands, all in all: its restore points, its standby, its drills, in one word. Pure.

Rules of the file:
1. A promise of the plan that is not kept is danger; what may lead there, or waits for somebody, is attention.
2. Every word but ok has its reasons, a sentence each, the worst ones first.
3. What could not be read is attention, and said; it never counts as kept.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterator

from shared.core.documents import Utc, Value
from shared.core.drills import DrillState
from shared.core.preflight_facts import Unseen
from shared.core.replication import ReplicationWord, Standing
from shared.core.reports import NewestPoint
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome

EXPIRES_SOON = dt.timedelta(days=3)


class StateWord(enum.StrEnum):
    """All in all."""

    OK = "ok"
    ATTENTION = "attention"
    DANGER = "danger"


class PointState(Value):
    """One restore point as the state of its service shows it."""

    name: str
    started_at: Utc
    age_s: int
    expires_at: Utc
    is_usable: bool
    is_copy: bool

    @classmethod
    def of(cls, point: RestorePoint, now: dt.datetime) -> PointState:
        """Return a point as it is now."""
        return cls(
            name=point.name,
            started_at=point.started_at,
            age_s=point.age_s(now),
            expires_at=point.expires_at,
            is_usable=not point.is_expired(now),
            is_copy=point.copied is not None,
        )


class PointsState(Value):
    """
    The newest restore points that this app would restore from.

    `region` is the one whose records were read. `age_s` and `rpo_kept` are about the newest point that is
    known here, also if it is not in these records; None: nothing is known, and `not_read` says why if the
    records did not answer.
    """

    region: str
    newest: PointState | None = None
    usable_until: Utc | None = None
    """When the newest point expires that can be used; None: there is none."""
    age_s: int | None = None
    rpo_hours: int
    rpo_kept: bool | None = None
    not_read: str = ""


class StandbyState(Value):
    """
    What the standby holds, and what replication says of it, from the records of the standby's region.

    `standing` None: the records did not answer, and `not_read` says why. `word` None: replication has not
    looked yet. `doubt` says why the standby may hold something else than `standing` says.
    """

    target: str
    region: str
    standing: Standing | None = None
    doubt: str = ""
    word: ReplicationWord | None = None
    reasons: tuple[str, ...] = ()
    looked_at: Utc | None = None
    newest_point: NewestPoint | None = None
    """The primary's newest one that replication has seen."""
    run_id: str | None = None
    copies: int | None = None
    """None: the plan keeps none."""
    not_copied: tuple[str, ...] = ()
    not_read: str = ""


class PausedState(Value):
    """Why nothing is started by itself, and until when; None: until the plan says otherwise."""

    reason: str
    until: Utc | None = None


class ServiceShown(Value):
    """One service with its word."""

    service: str
    resource_id: str
    region: str
    state: StateWord
    reasons: tuple[str, ...]
    paused: PausedState | None = None
    restore_points: PointsState
    standby: StandbyState | None = None
    drills: DrillState | None = None
    drills_not_read: str = ""
    """Why nothing is known of its drills, although it has some."""


Remark = tuple[StateWord, str]


def judge(
    points: PointsState,
    standby: StandbyState | None,
    drills: DrillState | Unseen | None,
    paused: PausedState | None,
    now: dt.datetime,
) -> tuple[StateWord, tuple[str, ...]]:
    """
    Return the word of a service and the reasons for it, the worst first.

    Args:
        points: its restore points.
        standby: None if it has none.
        drills: None if it has none; Unseen if they could not be read.
        paused: None if it is not.
        now: aware UTC.
    """
    remarks = [
        *_of_points(points, now),
        *(_of_standby(standby) if standby else ()),
        *(_of_drills(drills) if drills is not None else ()),
        *(_of_pause(paused) if paused else ()),
    ]
    by_word = {
        word: tuple(sentence for found, sentence in remarks if found is word)
        for word in (StateWord.DANGER, StateWord.ATTENTION)
    }
    reasons = by_word[StateWord.DANGER] + by_word[StateWord.ATTENTION]
    return next((word for word, found in by_word.items() if found), StateWord.OK), reasons


def hours(duration_s: float) -> str:
    """Return a duration as an operator reads it: 50 seconds, 25 minutes, 31 hours, 4 days."""
    if duration_s < 2 * 60:
        return f"{round(duration_s)} seconds"
    if duration_s < 2 * 3600:
        return f"{round(duration_s / 60)} minutes"
    if duration_s < 72 * 3600:
        return f"{round(duration_s / 3600)} hours"
    return f"{round(duration_s / 86_400)} days"


def _of_points(points: PointsState, now: dt.datetime) -> Iterator[Remark]:
    if points.not_read:
        yield StateWord.ATTENTION, f"the records of {points.region} could not be read: {points.not_read}"
        return
    if points.newest is None:
        yield StateWord.DANGER, f"there is no restore point of it in the records of {points.region}"
        return
    if points.usable_until is None:
        yield StateWord.DANGER, f"every restore point in the records of {points.region} has expired"
    elif points.usable_until - now < EXPIRES_SOON:
        at = f"{points.usable_until:%Y-%m-%d %H:%M} UTC"
        yield StateWord.ATTENTION, f"the newest restore point that can be used expires at {at}"
    if points.rpo_kept is False:
        age = hours(points.age_s or 0)
        yield StateWord.DANGER, f"the newest restore point is {age} old, and rpoHours is {points.rpo_hours}"


def _of_standby(standby: StandbyState) -> Iterator[Remark]:
    if standby.not_read:
        yield StateWord.ATTENTION, f"the records of {standby.region} could not be read: {standby.not_read}"
        return
    standing = standby.standing
    if standing is not None and standing.holds is None:
        yield StateWord.DANGER, f"the standby {standby.target} holds no restore point"
    elif standing is not None and not standing.rpo_kept:
        age = hours(standing.recovery_point_age_s or 0)
        yield (
            StateWord.DANGER,
            f"what the standby {standby.target} holds is {age} old, and its rpoHours is {standing.rpo_hours}",
        )
    if standby.doubt:
        yield StateWord.DANGER, standby.doubt
    why = "; ".join(standby.reasons)
    if standby.word is ReplicationWord.FAILED:
        yield StateWord.DANGER, f"replication has failed: {why or standby.run_id or 'no reason is known'}"
    elif standby.word in {ReplicationWord.HELD_BACK, ReplicationWord.WAITING}:
        said = "is held back" if standby.word is ReplicationWord.HELD_BACK else "waits"
        yield StateWord.ATTENTION, f"replication {said}: {why or 'no reason is known'}"
    elif why:
        yield StateWord.ATTENTION, f"replication: {why}"
    if standby.not_copied:
        many = (
            f"{len(standby.not_copied)} restore points" if len(standby.not_copied) > 1 else "1 restore point"
        )
        yield StateWord.ATTENTION, f"there is no copy of {many} in {standby.region}: {standby.not_copied[0]}"


def _of_drills(drills: DrillState | Unseen) -> Iterator[Remark]:
    if isinstance(drills, Unseen):
        yield StateWord.ATTENTION, f"what its drills came to could not be read: {drills.reason}"
        return
    if drills.is_failed and drills.last_word is Outcome.SUCCEEDED:
        took, rto = hours(drills.last_restore_duration_s or 0), hours(drills.rto_s)
        yield StateWord.DANGER, f"the last drill, {drills.last_run_id}, took {took}, and its RTO is {rto}"
    elif drills.is_failed:
        fault = drills.last_fault
        why = fault.message or fault.code if fault else "no reason is known"
        # one that was refused has proven nothing, neither against the backups
        word = StateWord.ATTENTION if drills.last_word is Outcome.REFUSED else StateWord.DANGER
        yield word, f"the last drill, {drills.last_run_id}, ended as {drills.last_word}: {why}"
    if drills.is_overdue:
        last = f"{drills.last_succeeded_at:%Y-%m-%d}" if drills.last_succeeded_at else "never"
        yield (
            StateWord.ATTENTION,
            f"a drill is overdue: everyDays is {drills.every_days}, and the last that succeeded was {last}",
        )


def _of_pause(paused: PausedState) -> Iterator[Remark]:
    until = f", until {paused.until:%Y-%m-%d %H:%M} UTC" if paused.until else ""
    yield StateWord.ATTENTION, f"the plan has paused it{until}: {paused.reason}"
