"""The plan of one replication, as a generator. Only yields, pure calls and returns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from typing import Any

from shared.core.intervals import Intervals
from shared.core.runs import Outcome
from shared.core.steps import Patience, StepState, repeat

LOST_LOOKS_MAX = 3


def replicate_restore_point(context: Any) -> Generator[Any, Any, dict[str, Any]]:
    """
    Bring one restore point to the standby, and record that it is there.

    Input: {"v", "account", "container", "key", "receivedAt", "intervals"}.
    Output: {"outcome": a word, "ignored" or "refused" with the reason, "runId" if there was a run}.
    """
    wish = context.get_input()
    intervals = Intervals.model_validate(wish["intervals"])
    until = context.current_utc_datetime + dt.timedelta(seconds=intervals.deadline_s)
    patience = Patience(until=until, intervals=intervals)
    chosen = yield from repeat(context, "choose_replication", wish, patience)
    if chosen.state is StepState.END:
        return {"outcome": chosen.outcome, "fault": chosen.fault.to_json() if chosen.fault else None}
    if "ignored" in chosen.value:
        return {"outcome": None, "ignored": chosen.value["ignored"]}
    request = chosen.value["request"]
    outcome = yield from _run(context, request, intervals, until)
    if outcome == Outcome.SUCCEEDED:
        yield from repeat(context, "record_replica", request, patience)
    return {"outcome": outcome, "runId": request["runId"]}


def _run(
    context: Any, request: dict[str, Any], intervals: Intervals, until: dt.datetime
) -> Generator[Any, Any, str]:
    """Start the restore as soon as the standby is free, and wait for its word."""
    pause = dt.timedelta(seconds=intervals.follow_s)
    run: dict[str, Any] = {}
    while not run:
        answer = yield from _ask(context, "start_replication", request)
        if answer.get("started") in {"started", "running", "ended"}:
            run = {
                "service": request["service"],
                "runId": answer["runId"],
                "instanceId": answer["instanceId"],
            }
        elif context.current_utc_datetime >= until:
            return Outcome.REFUSED
        else:
            yield context.create_timer(context.current_utc_datetime + pause)
    lost = 0
    while lost < LOST_LOOKS_MAX:
        yield context.create_timer(context.current_utc_datetime + pause)
        answer = yield from _ask(context, "run_states", {"v": 1, "runs": [run]})
        look = (answer.get("runs") or [{}])[0]
        if look.get("end"):
            return str(look["end"]["outcome"])
        lost = 0 if look.get("driven", True) else lost + 1
    return Outcome.OUTCOME_UNKNOWN


def _ask(context: Any, activity: str, payload: dict[str, Any]) -> Generator[Any, Any, dict[str, Any]]:
    try:
        answer: dict[str, Any] = yield context.call_activity(activity, payload)
    except Exception:  # noqa: BLE001 - asked again later; the run goes on by itself
        return {}
    return answer
