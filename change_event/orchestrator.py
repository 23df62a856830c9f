"""Waiting with one service's changes, as a generator. Only yields, pure calls and returns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from typing import Any

from shared.core.documents import Document
from shared.core.intervals import Intervals

LOOKS_PER_GENERATION = 20
SOONEST = dt.timedelta(seconds=1)


class Wait(Document):
    """Whose changes are waited with, and the number of the one who waits."""

    service: str
    number: int
    intervals: Intervals = Intervals()


def wait_for_quiet(context: Any) -> Generator[Any, Any, dict[str, Any] | None]:
    """
    Look at a service's changes until they are handed over to a night, or need none any more.

    Each look reads everything anew: changes that came meanwhile, backups that others have started, the
    plan. A look that fails is repeated for as long as it takes.

    Input: Wait. Output: {"over": why, "night": the night that was begun, if so}.
    """
    wait = Wait.from_json(context.get_input())
    for _ in range(LOOKS_PER_GENERATION):
        answer = yield from _weigh(context, wait)
        if "over" in answer:
            return answer
        now = context.current_utc_datetime
        latest = now + dt.timedelta(seconds=wait.intervals.change_look_s)
        until = max(dt.datetime.fromisoformat(answer["until"]), now + SOONEST)
        context.set_custom_status({"waitingUntil": answer["until"], "waitingFor": answer["reason"]})
        yield context.create_timer(min(until, latest))
    context.continue_as_new(wait.to_json())
    return None


def _weigh(context: Any, wait: Wait) -> Generator[Any, Any, dict[str, Any]]:
    now = context.current_utc_datetime
    wish = {"v": 1, "service": wait.service, "wait": wait.number, "at": now.isoformat()}
    try:
        answer: dict[str, Any] = yield context.call_activity("weigh_changes", wish)
    except Exception:  # noqa: BLE001 - a look that failed says nothing; the changes are on record
        pause = dt.timedelta(seconds=wait.intervals.fault_max_s)
        return {"until": (context.current_utc_datetime + pause).isoformat(), "reason": "a look that works"}
    return answer
