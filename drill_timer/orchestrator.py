"""The plans of one occurrence's drills and of drills in turn, as generators. Only yields and pure calls."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from typing import Any

from shared.core.drills import DrillQueue
from shared.core.fleet import LOOKS_PER_GENERATION, ActiveRun
from shared.core.intervals import Intervals, backoff_s
from shared.core.lro import Fault
from shared.core.nights import abandoned
from shared.core.requests import RestoreRequest
from shared.core.runs import Outcome
from shared.core.steps import Patience, StepState, repeat
from shared.operation import insist

_BUSY = Fault(
    code="TargetBusy",
    message="another run had the target all the time",
    hint="GET /api/runs shows it. The drill is tried again the next day.",
)

Step = Generator[Any, Any, DrillQueue]


def drill_fleet(context: Any) -> Generator[Any, Any, dict[str, Any]]:
    """
    Hold the drills that are due, those into one target one after the other.

    Input: {"v", "dueAt", "intervals"}. Output: {"v", "drills": how many}.
    """
    data = context.get_input()
    patience = insist(context, Intervals.model_validate(data["intervals"]))
    planned = yield from repeat(context, "plan_drills", data, patience)
    if planned.state is StepState.END:
        why = planned.fault.message if planned.fault else "see the log of plan_drills"
        raise RuntimeError(f"the drills of {data['dueAt']} could not be planned: {why}")
    queues = planned.value["queues"]
    if queues:
        yield context.task_all([context.call_sub_orchestrator("drill_services", queue) for queue in queues])
    return {"v": 1, "drills": sum(len(queue["waiting"]) for queue in queues)}


def drill_services(context: Any) -> Generator[Any, Any, dict[str, Any] | None]:
    """
    Hold drills one after the other: choose a point, start its restore, follow it, write the record.

    Input: DrillQueue. Output: {"v"}.
    """
    queue = DrillQueue.from_json(context.get_input())
    for _ in range(LOOKS_PER_GENERATION):
        if not queue.waiting:
            return {"v": 1}
        queue = yield from (_start if queue.run is None else _look)(context, queue)
    context.continue_as_new(queue.to_json())
    return None


def _start(context: Any, queue: DrillQueue) -> Step:
    """Choose, and start the restore; a busy target is waited for."""
    now = context.current_utc_datetime
    until = queue.until or now + dt.timedelta(seconds=queue.intervals.busy_patience_s)
    # chosen anew before each try: while the target was busy there may have come a newer point
    wish = queue.waiting[0].to_json()
    chosen = yield from repeat(
        context, "choose_drill", wish, Patience(until=until, intervals=queue.intervals)
    )
    if chosen.state is StepState.END:
        return (yield from _end(context, queue, chosen.outcome or Outcome.REFUSED, chosen.fault))
    if chosen.value.get("isOver"):
        return queue.after_first()
    request = RestoreRequest.from_json(chosen.value["request"])
    queue = queue.model_copy(update={"until": until, "request": request})
    if chosen.value.get("refused"):
        fault = Fault.model_validate(chosen.value["refused"])
        return (yield from _end(context, queue, Outcome.REFUSED, fault))
    answer = yield from _ask(context, "start_drill_run", chosen.value["request"])
    if answer.get("started") in {"started", "running", "ended"}:
        run = ActiveRun(service=request.service, run_id=request.run_id, instance_id=answer["instanceId"])
        return queue.model_copy(update={"run": run})
    if context.current_utc_datetime >= until:
        return (yield from _end(context, queue, Outcome.REFUSED, _BUSY))
    pause = backoff_s(queue.tries, queue.intervals.follow_s, queue.intervals.busy_max_s)
    at = context.current_utc_datetime + dt.timedelta(seconds=pause)
    yield context.create_timer(min(at, until))
    return queue.model_copy(update={"tries": queue.tries + 1})


def _look(context: Any, queue: DrillQueue) -> Step:
    """Look at the restore after a while; when it has ended, so has the drill."""
    run = queue.run
    if run is None:
        raise ValueError("a drill looks only at a restore that was started")
    pause = dt.timedelta(seconds=queue.intervals.follow_s)
    yield context.create_timer(context.current_utc_datetime + pause)
    answer = yield from _ask(context, "run_states", {"v": 1, "runs": [run.to_json()]})
    look = (answer.get("runs") or [{}])[0]
    if look.get("end"):
        fault = look["end"].get("fault")
        word = Outcome(look["end"]["outcome"])
        return (yield from _end(context, queue, word, Fault.model_validate(fault) if fault else None))
    now = context.current_utc_datetime
    lost_since = None if look.get("driven", True) else run.lost_since or now
    # until then the watch may have taken it up again
    if lost_since and now - lost_since >= dt.timedelta(seconds=queue.intervals.lost_patience_s):
        return (yield from _end(context, queue, Outcome.OUTCOME_UNKNOWN, abandoned()))
    return queue.model_copy(update={"run": run.model_copy(update={"lost_since": lost_since})})


def _end(context: Any, queue: DrillQueue, outcome: Outcome, fault: Fault | None) -> Step:
    """Write the record of the first drill, and go on to the next."""
    wish = queue.waiting[0]
    insisting = insist(context, queue.intervals)
    if wish.into_standby and outcome is Outcome.SUCCEEDED:
        # as replication does: before the record, because a drill without one is looked after again
        held = yield from repeat(context, "record_replica", {"v": 1, "runId": wish.run_id}, insisting)
        if held.state is StepState.END:
            raise RuntimeError(f"drill {wish.run_id} succeeded, but its replica could not be recorded")
    ended = {
        "v": 1,
        "wish": wish.to_json(),
        "request": queue.request.to_json() if queue.request else None,
        "outcome": outcome.value,
        "fault": fault.to_json() if fault else None,
    }
    recorded = yield from repeat(context, "record_drill", ended, insisting)
    if recorded.state is StepState.END:
        raise RuntimeError(f"drill {wish.run_id} ended as {outcome}, and could not be recorded")
    return queue.after_first()


def _ask(context: Any, activity: str, payload: dict[str, Any]) -> Generator[Any, Any, dict[str, Any]]:
    try:
        answer: dict[str, Any] = yield context.call_activity(activity, payload)
    except Exception:  # noqa: BLE001 - asked again later; the run goes on by itself
        return {}
    return answer
