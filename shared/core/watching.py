"""
What is done for a run that is on the list of open ones. Pure: its record and the time in, a word out.

Rules of the file:
1. A run that anything drives is left alone.
2. A run is taken up again only where that can cause nothing that comes as a surprise: reading how an
   operation ended always can be done late, a POST of a restore cannot.
3. A run that ended without proof is looked at again until there is proof, or nobody can expect any.
4. A part of another run is left to that one while it has no word, and is not begun after it.
"""

from __future__ import annotations

import datetime as dt
import enum

from shared.core.errors import ProtocolError
from shared.core.intervals import Intervals
from shared.core.lro import Fault
from shared.core.requests import BackupRequest, RestoreRequest
from shared.core.runs import Outcome, RunEnd, RunPhase, RunRecord

RESUMES_MAX = 3
"""So many orchestrations of one run that were lost, and a human should look."""


class Care(enum.StrEnum):
    """What is done for one open run."""

    LEAVE = "leave"
    """Nothing, until the next look."""
    NOTE = "note"
    """It is driven; that it was seen is written down."""
    RESUME = "resume"
    """Nothing drives it; its orchestration is started again."""
    END = "end"
    """Nothing drives it, and it must not go on; see end_of."""
    RESOLVE = "resolve"
    """It ended without proof; how its operation ended is looked for."""
    CLOSE = "close"
    """It has its final word, and needs no care any more."""
    GIVE_UP = "giveUp"
    """It stays without proof."""


def care_for(
    run: RunRecord,
    seen_at: dt.datetime | None,
    *,
    is_driven: bool,
    now: dt.datetime,
    intervals: Intervals,
    whole: RunRecord | None = None,
) -> Care:
    """
    Decide what is done for an open run.

    Args:
        run: as stored.
        seen_at: when it was last seen to be driven, or looked after; None if never.
        is_driven: whether an orchestration works on this very run now.
        now: aware UTC.
        intervals: how long to wait for what.
        whole: the run that this one is a part of; None if it is none, or if that one is gone.
    """
    if run.is_proven:
        return Care.CLOSE
    if is_driven:
        return Care.NOTE
    idle = now - max(run.phase_at, seen_at or run.phase_at)
    if run.phase is RunPhase.ENDED:
        return _after_its_end(run, idle, now, intervals)
    is_left_to_it = whole is not None and whole.phase is not RunPhase.ENDED
    if is_left_to_it or idle <= dt.timedelta(seconds=intervals.abandoned_s):
        return Care.LEAVE
    wish = wish_of(run)
    if wish is None:
        return Care.GIVE_UP if idle > dt.timedelta(seconds=intervals.give_up_s) else Care.LEAVE
    if run.resumes >= RESUMES_MAX:
        return Care.END
    if run.operation is not None or run.phase is RunPhase.VERIFYING:
        return Care.RESUME  # what is left to do only reads and records
    return Care.END if _is_late(run, wish, idle, now, intervals) else Care.RESUME


def wish_of(run: RunRecord) -> BackupRequest | RestoreRequest | None:
    """Return what a run was asked to do; None if an older release did not write it down."""
    kind = BackupRequest if run.kind == "backup" else RestoreRequest
    try:
        return kind.from_json(run.wish)
    except ProtocolError:
        return None


def end_of(run: RunRecord) -> RunEnd:
    """Return the end of a run that must not be taken up again."""
    outcome = Outcome.OUTCOME_UNKNOWN
    if run.resumes >= RESUMES_MAX:
        fault = Fault(
            code="LostTooOften",
            message=f"its orchestration was lost {run.resumes + 1} times; it stood at {run.phase}",
            hint="Look at the host's log for what ends orchestrations.",
        )
    elif run.is_under_way:
        fault = Fault(
            code="AnswerLost",
            message="nothing drove the run, and it is too late to send its request once more",
        )
    else:
        outcome = Outcome.REFUSED
        fault = Fault(
            code="NotStarted",
            message="nothing drove the run until it was too late to begin; nothing was sent",
            hint="Ask again if it is still wanted.",
        )
    return RunEnd(run_id=run.run_id, outcome=outcome, fault=fault)


def _after_its_end(run: RunRecord, idle: dt.timedelta, now: dt.datetime, intervals: Intervals) -> Care:
    if now - run.phase_at > dt.timedelta(seconds=intervals.give_up_s):
        return Care.GIVE_UP
    if run.last_look is not None:
        idle = min(idle, now - run.last_look.at)
    return Care.RESOLVE if idle >= dt.timedelta(seconds=intervals.resolve_every_s) else Care.LEAVE


def _is_late(
    run: RunRecord,
    wish: BackupRequest | RestoreRequest,
    idle: dt.timedelta,
    now: dt.datetime,
    intervals: Intervals,
) -> bool:
    """Tell whether a POST of this run would come too late."""
    is_stale = run.kind != "backup" and idle > dt.timedelta(seconds=intervals.stale_restore_s)
    return is_stale or run.part_of is not None or now >= wish.deadline_at
