"""A night: one round over services, whatever began it. What it was asked to do, and its word for each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal

from shared.core.documents import Document, Utc
from shared.core.intervals import Intervals
from shared.core.lro import Fault
from shared.core.reports import NewestPoint, ServiceNight
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome, RunRecord

STARTS_MAX = 2
"""A night that was cut off is started again once by itself, and not for ever."""


class NightWish(Document):
    """
    What a night is asked to do; also its mark in storage until its record is written.

    `services` None: all that this app looks after and that are not paused.
    """

    night: str
    trigger: Literal["timer", "http", "event"]
    scheduled_at: Utc | None = None
    """The occurrence of the schedule; None for a night that no schedule began."""
    requested_at: Utc
    begun_at: Utc
    """When it was started last."""
    starts: int = 1
    caught_up: bool = False
    services: tuple[str, ...] | None = None
    reason: str = ""
    intervals: Intervals = Intervals()


def abandoned() -> Fault:
    """Return why a run that nothing drives any more has no word."""
    return Fault(
        code="RunAbandoned",
        message="nothing drives its run any more",
        hint="Look at the service and at the blob; GET /api/runs/{run_id} shows how far it had come.",
    )


def cut_off() -> Fault:
    """Return why a service that a night never came to has no word."""
    return Fault(
        code="RunAbandoned",
        message="the night was cut off, and left no run of this service",
        hint="Fire the night by hand while it is the newest one, or name the service in POST /api/backups.",
    )


def tell(
    service: str, word: Outcome, fault: Fault | None, run_ids: Sequence[str], runs: Sequence[RunRecord]
) -> ServiceNight:
    """
    Return what one service got in a night, from what the night saw and from the records of its runs.

    The records are newer than what the night saw: a run that it gave up may have been taken up again.

    Args:
        service: its name.
        word: as the night saw it.
        fault: why, where no run tells it.
        run_ids: of all its runs, in order.
        runs: those of their records that could be read.
    """
    by_id = {run.run_id: run for run in runs}
    found = [by_id[run_id] for run_id in run_ids if run_id in by_id]
    good = next((run for run in reversed(found) if run.word is Outcome.SUCCEEDED), None)
    last = good or (by_id.get(run_ids[-1]) if run_ids else None)
    if last and last.word is Outcome.REFUSED:
        # that a further try was refused takes nothing back of the verdict on the one before
        last = next((run for run in reversed(found) if run.word is Outcome.FAILED), last)
    decisive = last if last and last.word else None
    others = [run_id for run_id in run_ids if decisive is None or run_id != decisive.run_id]
    warnings = [_in_short(run_id, by_id.get(run_id)) for run_id in others]
    if decisive and fault and fault != abandoned():
        warnings.append(f"no further backup was started: {fault.code}: {fault.message}")
    if decisive is None and fault is None and word is not Outcome.SUCCEEDED:
        fault = abandoned()
    return ServiceNight(
        service=service,
        outcome=(decisive.word or word) if decisive else word,
        fault=_why(decisive) if decisive else fault,
        run_ids=tuple(run_ids),
        restore_point=_point(good) if good else None,
        warnings=tuple(warnings) + (good.warnings if good else ()),
    )


def with_newest(
    told: ServiceNight, points: Sequence[RestorePoint], rpo_hours: int | None, now: dt.datetime
) -> ServiceNight:
    """
    Return the same with the newest restore point that can be used, and whether it is new enough.

    Args:
        told: what the service got.
        points: the newest restore points of the service.
        rpo_hours: how old the newest may be; None if the plan no longer knows the service.
        now: the night's end.
    """
    usable = [point for point in points if not point.is_expired(now)]
    point = max(usable, key=lambda one: (one.started_at, one.name), default=None)
    age_s = point.age_s(now) if point else None
    kept = None if rpo_hours is None else age_s is not None and age_s <= rpo_hours * 3600
    newest = NewestPoint(name=point.name, started_at=point.started_at) if point else None
    changes = {"newest_point": newest, "recovery_point_age_s": age_s, "rpo_kept": kept}
    return told.model_copy(update=changes)


def _why(run: RunRecord) -> Fault | None:
    return run.resolution.fault if run.resolution else run.fault


def _point(run: RunRecord) -> str | None:
    return (run.resolution.restore_point if run.resolution else None) or run.restore_point


def _in_short(run_id: str, run: RunRecord | None) -> str:
    if run is None:
        return f"run {run_id} has no record that can be read"
    if run.word is None:
        return f"run {run_id} has no word; nothing drives it any more"
    why = _why(run)
    return f"run {run_id} ended as {run.word}" + (f": {why.code}" if why else "")
