"""How runs are shown. Pure: a stored run and what Durable says of it in, JSON out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.core.restore_points import RestorePoint
from shared.core.retention import UNREADABLE_HOLD, Hold
from shared.core.runs import RunPhase, RunRecord
from shared.core.watching import wish_of

ABANDONED_AFTER_S = 300
"""A run may be without a driver for moments: between its record and its start, or while a host restarts."""

_MESSAGES = {
    RunPhase.REQUESTED: "checking the service before anything is sent",
    RunPhase.SUBMITTING: "asking Azure Resource Manager",
    RunPhase.RUNNING: "Azure Resource Manager is at work; the service shows Updating, the gateway goes on",
    RunPhase.VERIFYING: "over; comparing the result",
    RunPhase.ENDED: "ended",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What Durable says of a run: whether something drives it or looks at it, and its parts' statuses."""

    is_driven: bool
    is_looked_at: bool
    step: Mapping[str, Any]
    polling: Mapping[str, Any]


def is_abandoned(run: RunRecord, live: Live | None, now: dt.datetime) -> bool:
    """
    Tell whether nothing drives a run that has no outcome, and has not for longer than a start takes.

    The watch then takes it up again, or ends it; it can do neither for one whose wish is not on record.
    """
    age = now - run.phase_at
    return live is not None and not live.is_driven and age > dt.timedelta(seconds=ABANDONED_AFTER_S)


def progress(run: RunRecord, live: Live | None, now: dt.datetime) -> dict[str, Any]:
    """
    Return a run that is at work.

    Args:
        run: as stored.
        live: what Durable says of it; None if it could not be asked.
        now: aware UTC.
    """
    polled = live.polling if live else {}
    waiting = live.step.get("waitingFor") if live else None
    message = f"waiting: {waiting}" if waiting else _MESSAGES[run.phase]
    if is_abandoned(run, live, now):
        message = "nothing drives this run at present; the watch takes it up again, or ends it"
        if wish_of(run) is None:
            message = "nothing drives this run any more; its outcome is not known"
    return {
        **_head(run),
        "outcome": None,
        "word": None,
        "elapsedS": round((now - run.requested_at).total_seconds()),
        "polls": polled.get("polls", run.polls),
        "nextPollAt": polled.get("nextPollAt") if run.phase is RunPhase.RUNNING else None,
        "message": message,
    }


def ended(run: RunRecord) -> dict[str, Any]:
    """Return a run that has ended, in short."""
    ended_at = run.ended_at or run.phase_at
    fault = run.fault.to_json() if run.fault else None
    return {
        **_head(run),
        "outcome": run.outcome,
        "word": run.word,
        "endedAt": _iso(ended_at),
        "durationS": round((ended_at - run.requested_at).total_seconds()),
        "polls": run.polls,
        "posts": run.posts,
        "fault": fault,
        "warnings": list(run.warnings),
        "resolution": run.resolution.to_json() if run.resolution else None,
        "lastLook": run.last_look.to_json() if run.last_look else None,
    }


def looked_at(run: RunRecord) -> dict[str, Any]:
    """Return a run that ended without proof while a later look is at work on it."""
    return {**ended(run), "message": "a later look is at work: how the operation ended is being found out"}


def restore_point_name(run: RunRecord) -> str | None:
    """Return the restore point that a run made or restored, also if only a later look found it good."""
    return (run.resolution.restore_point if run.resolution else None) or run.restore_point


def answer(run: RunRecord, point: RestorePoint | None, report: dict[str, Any] | None) -> dict[str, Any]:
    """Return all that is known of a run that has ended, with its restore point and its report."""
    return {**ended(run), "restorePoint": point.to_json() if point else None, "report": report}


def restore_point(
    point: RestorePoint, holds: Mapping[str, Hold | None], region: str, now: dt.datetime
) -> dict[str, Any]:
    """
    Return a restore point as it is listed.

    Args:
        point: its record.
        holds: of its service, by the point's name; None for one that cannot be read.
        region: whose records it stands in.
        now: aware UTC.
    """
    hold: dict[str, Any] | None = None
    if point.name in holds:
        held = holds[point.name]
        hold = {
            "reason": held.reason if held else UNREADABLE_HOLD,
            "heldAt": _iso(held.held_at) if held else None,
        }
    return {
        **point.to_json(),
        "region": region,
        "ageS": point.age_s(now),
        "isExpired": point.is_expired(now),
        "hold": hold,
    }


def _head(run: RunRecord) -> dict[str, Any]:
    return {
        "runId": run.run_id,
        "instanceId": run.instance_id,
        "partOf": run.part_of,
        "kind": run.kind,
        "service": run.service,
        "target": run.subject.name,
        "trigger": run.trigger,
        "phase": run.phase,
        "startedAt": _iso(run.requested_at),
        "restorePointName": restore_point_name(run),
        "resumes": run.resumes,
    }


def _iso(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
