"""
The night's fleet: who is started next, who is at work, who has ended. Pure.

Rules of the file:
1. Each service is its own orchestration; the night starts them, under a cap, and looks at them. One
   service's failure, hang or refusal is therefore nothing to the others.
2. A service that is busy takes no place under the cap, and a run that takes longer than `slot_s` gives
   its place back. Whoever had no turn yet goes before whoever wants another one.
3. Only a verdict is worth another try: Failed, twice at most, each time a run and a blob of its own.
4. The state holds names and words. What a run was asked to do, and why it ended so, stands in its record:
   a night of 1,000 services carries 41 kB of JSON at its beginning, 111 kB at its end, and 196 kB if each
   of them was tried three times, as a test measures.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from shared.core.documents import Document, Utc, Value
from shared.core.intervals import Intervals, backoff_s
from shared.core.lro import Fault
from shared.core.nights import NightWish, abandoned
from shared.core.runs import Outcome

LOOKS_PER_GENERATION = 20
STARTS_PER_GENERATION = 100
"""Each start stands in the history, and the history is read anew at every step."""
RETRIES_MAX = 2
"""The service promises nothing about its backups (docs/azure-facts.md, "Backup and restore calls")."""


class ActiveRun(Value):
    """A run that was started."""

    service: str
    run_id: str
    instance_id: str
    since: Utc | None = None
    lost_since: Utc | None = None
    """Since when looks have found nothing that drives it; None while something does."""
    run_ids: tuple[str, ...] | None = None
    """Earlier runs of this service in this night."""
    kept: Outcome | None = None
    """The word that the service has already, whatever comes of this run."""


class Turn(Value):
    """A service whose next turn comes later."""

    service: str
    due_at: Utc
    tries: int | None = None
    until: Utc | None = None
    """How long it is waited for, counted from the first try that came to nothing."""
    at: Utc | None = None
    """The moment that names a run which may exist already, because the answer to its start was lost."""
    run_ids: tuple[str, ...] | None = None
    kept: Outcome | None = None


class Finished(Value):
    """A service that has its word; `fault` only where no run tells why."""

    service: str
    word: Outcome
    run_ids: tuple[str, ...] | None = None
    fault: Fault | None = None


class Start(Document):
    """The wish to start one service's backup. The same wish twice is one run."""

    night: str
    trigger: Literal["timer", "http", "event"]
    scheduled_at: Utc | None = None
    service: str
    requested_at: Utc
    look_first: bool = False
    """Whether this night may have backed it up already, unnoticed."""
    is_named: bool = False
    """Whether somebody named the service, and means it though the plan pauses it."""


class FleetState(Document):
    """What the night carries from look to look."""

    wish: NightWish
    concurrency: int
    waiting: tuple[str, ...]
    later: tuple[Turn, ...] = ()
    active: tuple[ActiveRun, ...] = ()
    ended: tuple[Finished, ...] = ()
    again_for: tuple[str, ...] = ()
    """Services that get one more backup if their configuration changes while one runs."""
    are_named: bool = False
    """Whether somebody named the services; else they are all that the app looks after."""
    warnings: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether every service has its word."""
        return not self.waiting and not self.later and not self.active

    @property
    def intervals(self) -> Intervals:
        """The waiting times."""
        return self.wish.intervals

    def to_json(self) -> dict[str, Any]:
        """Return a dict ready for JSON, without what is None: it is written at every generation."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def to_start(state: FleetState, now: dt.datetime) -> tuple[Start, ...]:
    """Return whom to start now: those whose turn it is, as far as there are places under the cap."""
    slot = dt.timedelta(seconds=state.intervals.slot_s)
    taken = sum(run.since is None or now - run.since < slot for run in state.active)
    free = max(0, state.concurrency - taken)
    due = [turn for turn in state.later if turn.due_at <= now]
    first = [turn for turn in due if not turn.run_ids]
    another = [turn for turn in due if turn.run_ids]
    fresh = [Turn(service=name, due_at=now) for name in state.waiting[:free]]
    return tuple(_start(state, turn, now) for turn in [*first, *fresh, *another][:free])


def started(
    state: FleetState, starts: Sequence[Start], answers: Sequence[Mapping[str, Any]], now: dt.datetime
) -> FleetState:
    """
    Return the state after some wishes.

    Args:
        state: before.
        starts: the wishes.
        answers: one for each: {"started": a word of shared.start.Started, "runId", "instanceId"}, or
            {"fault": Fault, "isFinal": whether another try is useless}.
        now: aware UTC.
    """
    waiting = dict.fromkeys(state.waiting)
    later = {turn.service: turn for turn in state.later}
    active, ended = list(state.active), list(state.ended)
    for start, answer in zip(starts, answers, strict=True):
        turn = later.pop(start.service, None) or Turn(service=start.service, due_at=now)
        waiting.pop(start.service, None)
        after = _after(turn, start, answer, now, state.intervals)
        if isinstance(after, ActiveRun):
            active.append(after)
        elif isinstance(after, Turn):
            later[after.service] = after
        else:
            ended.append(after)
    return state.model_copy(
        update={
            "waiting": tuple(waiting),
            "later": tuple(later.values()),
            "active": tuple(active),
            "ended": tuple(ended),
        }
    )


def looked(state: FleetState, looks: Iterable[Mapping[str, Any]], now: dt.datetime) -> FleetState:
    """
    Return the state after a look.

    Args:
        state: before.
        looks: one for each active run: {"runId", "end": RunEnd or None, "driven": whether something
            drives it}; a run that is missing was not looked at.
        now: aware UTC.
    """
    by_id = {look["runId"]: look for look in looks}
    active: list[ActiveRun] = []
    later, ended, again_for = list(state.later), list(state.ended), list(state.again_for)
    for run in state.active:
        look = by_id.get(run.run_id, {})
        if look.get("end"):
            after = after_end(run, look["end"], run.service in again_for, now, state.intervals)
            if isinstance(after, Turn):
                later.append(after)
            else:
                ended.append(after)
            if isinstance(after, Turn) and after.kept:
                again_for.remove(run.service)
        elif look.get("driven", True):
            active.append(run.model_copy(update={"lost_since": None}) if look else run)
        elif now - (run.lost_since or now) < dt.timedelta(seconds=state.intervals.lost_patience_s):
            active.append(run.model_copy(update={"lost_since": run.lost_since or now}))
        else:
            ended.append(lost(run))
    return state.model_copy(
        update={
            "later": tuple(later),
            "active": tuple(active),
            "ended": tuple(ended),
            "again_for": tuple(again_for),
        }
    )


def words(state: FleetState) -> dict[str, int]:
    """Return how many services have each word."""
    return dict(sorted(Counter(finished.word.value for finished in state.ended).items()))


def _start(state: FleetState, turn: Turn, now: dt.datetime) -> Start:
    wish = state.wish
    return Start(
        night=wish.night,
        trigger=wish.trigger,
        scheduled_at=wish.scheduled_at,
        service=turn.service,
        requested_at=turn.at or now.replace(microsecond=0),
        look_first=not turn.run_ids and (wish.starts > 1 or bool(turn.tries)),
        is_named=state.are_named,
    )


def _after(
    turn: Turn, start: Start, answer: Mapping[str, Any], now: dt.datetime, intervals: Intervals
) -> ActiveRun | Turn | Finished:
    """Return where a service stands after the wish to start it."""
    if answer.get("started") in {"started", "running", "ended"}:
        return ActiveRun(
            service=turn.service,
            run_id=answer["runId"],
            instance_id=answer["instanceId"],
            since=now,
            run_ids=turn.run_ids,
            kept=turn.kept,
        )
    fault = Fault.model_validate(answer.get("fault") or _BUSY)
    until = turn.until or now + dt.timedelta(seconds=intervals.busy_patience_s)
    if now >= until or answer.get("isFinal"):
        # a word that a run got says more than that no further one could be started
        word = turn.kept or (Outcome.FAILED if turn.run_ids else Outcome.REFUSED)
        return Finished(service=turn.service, word=word, run_ids=turn.run_ids, fault=fault)
    tries = turn.tries or 0
    pause = dt.timedelta(seconds=backoff_s(tries, intervals.follow_s, intervals.busy_max_s))
    at = start.requested_at if answer.get("fault") else turn.at
    return turn.model_copy(update={"due_at": now + pause, "tries": tries + 1, "until": until, "at": at})


def after_end(
    run: ActiveRun, end: Mapping[str, Any], may_again: bool, now: dt.datetime, intervals: Intervals
) -> Turn | Finished:
    """Return whether a service whose run has ended has its word, or gets another turn."""
    word = Outcome(end["outcome"])
    run_ids = (*(run.run_ids or ()), run.run_id)
    if run.kept:
        return Finished(service=run.service, word=run.kept, run_ids=run_ids)
    if word is Outcome.REFUSED and run.run_ids:  # of a further try; Azure's verdict on the one before stays
        return Finished(service=run.service, word=Outcome.FAILED, run_ids=run_ids)
    if word is Outcome.SUCCEEDED and may_again and end.get("changedWhileRunning"):
        return Turn(service=run.service, due_at=now, run_ids=run_ids, kept=word)
    if word is Outcome.FAILED and len(run_ids) <= RETRIES_MAX:
        due_at = now + dt.timedelta(seconds=intervals.retry_failed_s)
        return Turn(service=run.service, due_at=due_at, run_ids=run_ids)
    return Finished(service=run.service, word=word, run_ids=run_ids)


def lost(run: ActiveRun) -> Finished:
    """Return the word of a service whose run is not waited for any longer."""
    run_ids = (*(run.run_ids or ()), run.run_id)
    word = run.kept or Outcome.OUTCOME_UNKNOWN
    return Finished(service=run.service, word=word, run_ids=run_ids, fault=abandoned())


_BUSY = {
    "code": "ServiceBusy",
    "message": "another run had the service all the time",
    "hint": "GET /api/runs shows it.",
}
