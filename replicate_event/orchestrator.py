"""The plan of one replication, as a generator. Only yields, pure calls and returns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from typing import Any

from shared.core.documents import Document, Utc
from shared.core.fleet import LOOKS_PER_GENERATION, ActiveRun
from shared.core.intervals import Intervals, backoff_s
from shared.core.requests import RestoreRequest
from shared.core.runs import Outcome
from shared.core.steps import Patience, StepState, repeat
from shared.operation import insist


class ReplicationState(Document):
    """What a replication carries from generation to generation; the event gives the first five."""

    account: str
    container: str
    key: str
    received_at: Utc
    intervals: Intervals
    until: Utc | None = None
    """When to stop waiting for a busy standby; None before the first step."""
    tries: int = 0
    request: RestoreRequest | None = None
    run: ActiveRun | None = None
    """The restore, once it was started."""

    def wish(self) -> dict[str, Any]:
        """Return what the event asked for."""
        return self.model_dump(
            mode="json",
            by_alias=True,
            include={"v", "account", "container", "key", "received_at", "intervals"},
        )


def replicate_restore_point(context: Any) -> Generator[Any, Any, dict[str, Any] | None]:
    """
    Bring one restore point to the standby, and record that it is there.

    Input: {"v", "account", "container", "key", "receivedAt", "intervals"} at first, ReplicationState
    in later generations.
    Output: {"outcome": a word, "ignored" or "fault" with the reason, "runId" if there was a run}.
    """
    state = ReplicationState.from_json(context.get_input())
    if state.until is None:
        until = context.current_utc_datetime + dt.timedelta(seconds=state.intervals.deadline_s)
        state = state.model_copy(update={"until": until})
    for _ in range(LOOKS_PER_GENERATION):
        step = _start if state.run is None else _look
        result = yield from step(context, state)
        if isinstance(result, dict):
            return result
        state = result
    context.continue_as_new(state.to_json())
    return None


Step = Generator[Any, Any, ReplicationState | dict[str, Any]]


def _start(context: Any, state: ReplicationState) -> Step:
    """Choose, and start the restore; a busy standby is waited for."""
    until = state.until or context.current_utc_datetime
    # chosen anew before each try: while the standby was busy it may have got a newer point
    chosen = yield from repeat(
        context, "choose_replication", state.wish(), Patience(until=until, intervals=state.intervals)
    )
    if chosen.state is StepState.END:
        return {"outcome": chosen.outcome, "fault": chosen.fault.to_json() if chosen.fault else None}
    if "ignored" in chosen.value:
        return {"outcome": None, "ignored": chosen.value["ignored"]}
    request = RestoreRequest.from_json(chosen.value["request"])
    answer = yield from _ask(context, "start_replication", chosen.value["request"])
    if answer.get("started") in {"started", "running", "ended"}:
        run = ActiveRun(service=request.service, run_id=answer["runId"], instance_id=answer["instanceId"])
        return state.model_copy(update={"request": request, "run": run})
    if context.current_utc_datetime >= until:
        return {"outcome": Outcome.REFUSED, "runId": request.run_id}
    pause = backoff_s(state.tries, state.intervals.follow_s, state.intervals.busy_max_s)
    at = context.current_utc_datetime + dt.timedelta(seconds=pause)
    yield context.create_timer(min(at, until))
    return state.model_copy(update={"tries": state.tries + 1})


def _look(context: Any, state: ReplicationState) -> Step:
    """Look at the restore after a while; when it has succeeded, record the replica."""
    run, request = state.run, state.request
    if run is None or request is None:
        raise ValueError("a replication looks only at a restore that was started")
    pause = dt.timedelta(seconds=state.intervals.follow_s)
    yield context.create_timer(context.current_utc_datetime + pause)
    answer = yield from _ask(context, "run_states", {"v": 1, "runs": [run.to_json()]})
    look = (answer.get("runs") or [{}])[0]
    if not look.get("end"):
        now = context.current_utc_datetime
        lost_since = None if look.get("driven", True) else run.lost_since or now
        # until then the watch may have taken it up again
        if lost_since and now - lost_since >= dt.timedelta(seconds=state.intervals.lost_patience_s):
            return {"outcome": Outcome.OUTCOME_UNKNOWN, "runId": run.run_id}
        return state.model_copy(update={"run": run.model_copy(update={"lost_since": lost_since})})
    outcome = look["end"]["outcome"]
    if outcome == Outcome.SUCCEEDED:
        # the restore may have used up all patience, and the standby does hold the point
        insisting = insist(context, state.intervals)
        recorded = yield from repeat(context, "record_replica", request.to_json(), insisting)
        if recorded.state is StepState.END:
            raise RuntimeError(f"run {run.run_id} succeeded, but its replica could not be recorded")
    return {"outcome": outcome, "runId": run.run_id}


def _ask(context: Any, activity: str, payload: dict[str, Any]) -> Generator[Any, Any, dict[str, Any]]:
    try:
        answer: dict[str, Any] = yield context.call_activity(activity, payload)
    except Exception:  # noqa: BLE001 - asked again later; the run goes on by itself
        return {}
    return answer
