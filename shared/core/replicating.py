"""
What replication does next for one standby. Pure: what was found in, one decision out.

Rules of the file:
1. What is under way is followed, and what has succeeded is recorded, before anything else is begun.
2. Only points that are newer than every one that was ever brought are candidates, and the newest good one
   is brought. Where it is not copied yet, it alone is copied first; the other copies come when nothing
   is to be restored, whatever became of that: the loss of the primary's region takes nothing with it.
3. A point that nobody should take for granted is held back until an operator approves it. It hides no
   other one, nor does one that has failed, or that a guard of points refuses: the next good one is brought.
4. What is not good in itself costs no restore: a point is tried so many times, with growing pauses.
5. A standby that holds an equal configuration is looked at, and not restored.
6. Where an operator has stopped replication, or the plan has paused the service, copies go on, and no more.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Collection, Mapping

from shared.core.breaker import lets_through, objections
from shared.core.documents import Utc, Value
from shared.core.intervals import Intervals, backoff_s
from shared.core.replication import ReplicationState, ReplicationWord, stopped_because
from shared.core.replication_survey import Attempt, Candidate, Survey
from shared.core.runs import Outcome

TRIES_MAX = 3
"""So many restores of one point, and an operator should look."""

COPIES_PER_LOOK = 10
"""Then it is looked anew, so that a point that comes meanwhile need not wait for all old ones."""

PAUSE_S_MAX = 4 * 3600

_NOT_BROUGHT = frozenset({Outcome.FAILED, Outcome.OUTCOME_UNKNOWN, Outcome.POLL_DENIED})
"""Words of runs that may have changed the standby; one that was Refused has not."""

Refused = Mapping[str, tuple[str, ...]]
"""Names of points that a guard has refused a moment ago, with what it said."""


class Move(enum.StrEnum):
    """What is done next."""

    COPY = "copy"
    RECORD = "record"
    """A run has succeeded, and its replica is not recorded yet."""
    FOLLOW = "follow"
    """A run is under way that was to bring a candidate."""
    CONFIRM = "confirm"
    """The standby should hold an equal configuration; it is asked."""
    RESTORE = "restore"
    REST = "rest"
    """Nothing, until something new comes, or until `again_at`."""


class Decision(Value):
    """What is done next, and what replication says meanwhile."""

    move: Move
    word: ReplicationWord = ReplicationWord.REPLICATING
    reasons: tuple[str, ...] = ()
    point: str | None = None
    copies: tuple[str, ...] = ()
    attempt: Attempt | None = None
    again_at: Utc | None = None


class _Wait(Value):
    """Why a point is not tried now; `again_at` None: not by itself. `blocks`: older ones wait as well."""

    reasons: tuple[str, ...]
    again_at: Utc | None = None
    blocks: bool = False


def decide(
    survey: Survey,
    intervals: Intervals,
    *,
    copies_tried: Collection[str] = (),
    copies_rest: bool = False,
    unlike: str | None = None,
    refused: Refused | None = None,
) -> Decision:
    """
    Decide what is done next for a standby.

    Args:
        survey: what was found.
        intervals: how long to wait for what.
        copies_tried: points that could not be copied a moment ago.
        copies_rest: whether no more copies are tried for now, because the other region did not answer.
        unlike: the point that the standby was asked for a moment ago, and does not equal.
        refused: points that a guard of points has refused a moment ago.
    """
    under_way = [one for one in survey.attempts if one.word is None]
    if under_way:
        return Decision(move=Move.FOLLOW, attempt=under_way[-1])
    succeeded = [one for one in survey.attempts if one.word is Outcome.SUCCEEDED]
    if succeeded:
        return Decision(move=Move.RECORD, attempt=max(succeeded, key=lambda one: one.point_started_at))
    if survey.is_blind:
        return _unseen(survey)
    decision = _judge(survey, intervals, unlike, refused or {})
    untried = to_copy_now(survey, copies_tried, copies_rest=copies_rest)
    first = _first_copy(survey, untried, decision)
    if first is not None:
        return Decision(move=Move.COPY, copies=(first,))
    if decision.move is not Move.REST:
        return decision
    if untried:
        return Decision(move=Move.COPY, copies=untried)
    if decision.again_at is None and survey.to_copy:
        return decision.model_copy(update={"again_at": _later(survey, intervals)})
    return decision


def to_copy_now(survey: Survey, copies_tried: Collection[str], *, copies_rest: bool) -> tuple[str, ...]:
    """Return the points that are copied next when nothing is to be restored, newest first."""
    former = survey.former
    if copies_rest or (former and former.copy_again_at and survey.at < former.copy_again_at):
        return ()
    return tuple(name for name in survey.to_copy if name not in copies_tried)[:COPIES_PER_LOOK]


def state_of(
    survey: Survey,
    decision: Decision,
    copy_faults: Mapping[str, str],
    run_id: str | None = None,
    copy_again_at: dt.datetime | None = None,
) -> ReplicationState:
    """Return how the replication of a service stands, as it is stored."""
    former = survey.former
    faults = {**survey.not_copied, **copy_faults}
    is_under_way = decision.word is ReplicationWord.REPLICATING
    not_copied = tuple(f"{name}: {faults[name]}" for name in sorted(faults, reverse=True))
    if survey.primary_fault and former is not None:  # which copies are missing is not known any better
        not_copied = former.not_copied
    if copy_again_at is None and former and former.copy_again_at and survey.at < former.copy_again_at:
        copy_again_at = former.copy_again_at
    return ReplicationState(
        service=survey.service,
        target=survey.target,
        at=survey.at,
        word=decision.word,
        newest_point=survey.newest,
        reasons=decision.reasons,
        run_id=run_id or (former.run_id if former else None),
        copies=survey.copies,
        not_copied=not_copied,
        copy_again_at=copy_again_at,
        seen=survey.seen,
        # what is under way is due at once, should its orchestration be lost
        again_at=decision.again_at or (survey.at if is_under_way else None),
        primary_fault=survey.primary_fault,
    )


def _first_copy(survey: Survey, untried: tuple[str, ...], decision: Decision) -> str | None:
    """Return the one point that is copied before anything is restored, if there is a better one to copy."""
    ranks = {point.name: point.rank for point in survey.candidates}
    than = ranks.get(decision.point or "")
    for point in survey.uncopied:
        is_better = than is None or point.rank > than
        if point.name in untried and is_better and not any(objections(point, survey)):
            return point.name
    return None


def _judge(survey: Survey, intervals: Intervals, unlike: str | None, refused: Refused) -> Decision:
    """Decide what becomes of the points that are newer than what was ever brought."""
    still = _standstill(survey) if survey.candidates else _stop_reason(survey)
    fault = (survey.primary_fault,) if survey.primary_fault else ()
    reasons = (*still, *fault, *survey.unreadable)
    if still and survey.candidates:
        word, again_at = ReplicationWord.WAITING, _later(survey, intervals)
        return Decision(move=Move.REST, word=word, reasons=reasons, again_at=again_at)
    is_held_back, failed, again = bool(survey.unreadable), False, []
    if survey.unreadable or any(point.name in refused for point in survey.candidates):
        again.append(_later(survey, intervals))  # an approval, and a newer point, have a look of their own
    for point in sorted(survey.candidates, key=lambda one: one.rank, reverse=True):
        said = refused.get(point.name) or tuple(objections(point, survey))
        if said:
            is_held_back = True
            reasons += said
            continue
        wait = _wait(point, survey, intervals)
        if wait is None:
            return _bring(point, survey, reasons, is_unlike=point.name == unlike)
        reasons += wait.reasons
        if wait.blocks:
            word = ReplicationWord.WAITING
            return Decision(move=Move.REST, word=word, reasons=reasons, again_at=wait.again_at)
        failed = failed or wait.again_at is None
        again += [wait.again_at] if wait.again_at else []
    if failed or is_held_back or again:
        word = ReplicationWord.HELD_BACK if is_held_back else ReplicationWord.WAITING
        word = ReplicationWord.FAILED if failed else word
        return Decision(move=Move.REST, word=word, reasons=reasons, again_at=min(again, default=None))
    return _rest(survey, reasons, intervals)


def _standstill(survey: Survey) -> tuple[str, ...]:
    """Say why nothing is restored whatever there is; nothing: it may be."""
    paused = (f"the plan has paused the service: {survey.paused}",) if survey.paused else ()
    return (*_stop_reason(survey), *paused)


def _stop_reason(survey: Survey) -> tuple[str, ...]:
    return (stopped_because(survey.service, survey.stopped),) if survey.stopped else ()


def _bring(point: Candidate, survey: Survey, reasons: tuple[str, ...], *, is_unlike: bool) -> Decision:
    """Decide how a point comes to the standby."""
    is_equal = survey.held is not None and survey.held.inventory_digest == point.digest
    move = Move.CONFIRM if is_equal and not is_unlike else Move.RESTORE
    return Decision(move=move, reasons=reasons, point=point.name)


def _wait(point: Candidate, survey: Survey, intervals: Intervals) -> _Wait | None:
    """Return why a point is not tried now after the tries that it had; None: its time has come."""
    tries = [one for one in survey.attempts if one.point == point.name]
    if point.approved_at:  # whoever approves a point has it tried anew
        tries = [one for one in tries if one.requested_at > point.approved_at]
    if not tries:
        return None
    last = tries[-1]
    reasons: tuple[str, ...] = (
        f"{last.point} was not brought: run {last.run_id} ended as {last.word}: {last.said}",
    )
    brought_not = sum(one.word in _NOT_BROUGHT for one in tries)
    if brought_not >= TRIES_MAX:
        reasons += (f"after {brought_not} tries it is not tried again by itself",)
        return _Wait(reasons=(*reasons, lets_through(survey.service, last.point)))
    pause = backoff_s(len(tries) - 1, intervals.replicate_retry_s, PAUSE_S_MAX)
    again_at = (last.ended_at or survey.at) + dt.timedelta(seconds=pause)
    if survey.at >= again_at:
        return None
    reasons += (f"it is tried again after {again_at:%Y-%m-%d %H:%M} UTC",)
    return _Wait(reasons=reasons, again_at=again_at, blocks=len(tries) < TRIES_MAX)


def _rest(survey: Survey, reasons: tuple[str, ...], intervals: Intervals) -> Decision:
    """Decide what is said when there is no point to bring."""
    held, brought, newest = survey.held, survey.brought, survey.newest
    if newest is not None and (brought is None or newest.started_at > brought.started_at):
        missing = f"no copy of {newest.name} is here yet"
        word, again_at = ReplicationWord.WAITING, _later(survey, intervals)
        return Decision(move=Move.REST, word=word, reasons=(*reasons, missing), again_at=again_at)
    if held is not None and brought is not None and held.point_started_at < brought.started_at:
        older = (
            f"the standby holds {held.name}, which run {held.run_id} has restored; it stays until there is a "
            f"point newer than {brought.name}, which was brought before"
        )
        return Decision(move=Move.REST, word=ReplicationWord.HELD_BACK, reasons=(*reasons, older))
    word = ReplicationWord.NOTHING if brought is None else ReplicationWord.IN_SYNC
    return Decision(move=Move.REST, word=word, reasons=reasons)


def _unseen(survey: Survey) -> Decision:
    """Decide what is said when no restore points can be seen: what was said before stays."""
    former = survey.former
    if former is None:
        return Decision(move=Move.REST, word=ReplicationWord.WAITING, reasons=(survey.primary_fault,))
    reasons = tuple(one for one in former.reasons if one != former.primary_fault)
    word = ReplicationWord.WAITING if former.word is ReplicationWord.REPLICATING else former.word
    return Decision(move=Move.REST, word=word, reasons=(survey.primary_fault, *reasons))


def _later(survey: Survey, intervals: Intervals) -> dt.datetime:
    return survey.at + dt.timedelta(seconds=intervals.replicate_again_s)
