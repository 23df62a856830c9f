"""
One episode of an orchestration: what to hand to the SDK, and what its answer means. Pure.

An episode appends the messages that arrived to the history, lets the SDK replay the orchestrator, and turns
the actions beyond those already known into work: activities, timers, children, the next generation, the end.
Nothing here reads a clock, a database or the network.

The protocol is the JSON one of azure-functions-durable 1.x. Its rules, as this module needs them:

- the action list of a generation only grows, so the tail beyond what is known is new;
- task ids are sequence numbers in order of first appearance. Waiting for an event takes none;
- a retried task takes ids while the SDK *processes* an event (one for its timer, one for the next attempt),
  before the orchestrator's own code goes on. So while a retry is open, one message is fed per episode;
- a cancelled timer is only a changed flag on an action already known;
- results are JSON text inside JSON.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from devhost import clock
from devhost.engine import actions
from devhost.engine.actions import Action, ActionType
from devhost.engine.decision import (
    Completed,
    ContinuedAsNew,
    Decision,
    Failed,
    Generation,
    Outcome,
    ScheduledActivity,
    ScheduledChild,
    ScheduledTimer,
)
from devhost.engine.events import Event, EventType
from devhost.engine.progress import Retry

FAILURE_LABEL = "\n\n$OutOfProcData$:"


@dataclasses.dataclass(kw_only=True)
class Episode:
    """A prepared episode: the payload for the SDK, and what the messages alone already changed."""

    generation: Generation
    now: dt.datetime
    payload: str
    decision: Decision


def prepare(generation: Generation, messages: Sequence[Event], *, now: dt.datetime) -> Episode:
    """
    Build the payload of an episode.

    Args:
        generation: what is stored.
        messages: what arrived, in order; at least one.
        now: aware UTC; becomes `context.current_utc_datetime`.
    """
    progress = generation.progress.copy()
    decision = Decision(events=[_event(EventType.ORCHESTRATOR_STARTED, now)], progress=progress)
    for message in messages:
        decision.events.append(message)
        _follow_retry(decision, message, generation, now)
    payload = {
        "instanceId": generation.instance_id,
        "isReplaying": bool(generation.history),
        "parentInstanceId": generation.parent_instance_id,
        "input": generation.input,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
        "maximumShortTimerDuration": "6.00:00:00",
        "longRunningTimerIntervalDuration": "3.00:00:00",
    }
    # The stored events are JSON text already; splicing them in saves parsing the whole history each time.
    arrived = [event for event in decision.events if event["EventType"] not in _SCHEDULED]
    history = [*generation.history, *(json.dumps(event) for event in arrived)]
    text = json.dumps(payload)[:-1] + ', "history": [' + ", ".join(history) + "]}"
    return Episode(generation=generation, now=now, payload=text, decision=decision)


def decide(episode: Episode, state: dict[str, Any], *, functions: actions.Functions) -> Decision:
    """
    Turn the orchestrator's answer into work.

    Args:
        episode: as prepared.
        state: the SDK's orchestrator state.
        functions: the names that may be called.
    """
    decision = episode.decision
    _take_custom_status(decision, state)
    flat = actions.flatten(state["actions"])
    known = decision.progress.actions
    fault = actions.find_drift(known, flat) or actions.find_fault(flat[len(known) :], functions)
    if fault:
        decision.outcome = Failed(error=fault)
    else:
        for action in flat[len(known) :]:
            _schedule(decision, action, episode)
        _cancel_timers(decision, flat)
        decision.outcome = _outcome(episode, state, flat)
    decision.events.append(_event(EventType.ORCHESTRATOR_COMPLETED, episode.now))
    return decision


def decide_failure(episode: Episode, error: str) -> Decision:
    """
    Turn an exception of the SDK's orchestrator handle into a failed instance.

    Args:
        error: the text of the exception; the SDK appends its state as JSON after a label.
    """
    decision = episode.decision
    message, label, state_json = error.partition(FAILURE_LABEL)
    if label:
        state = json.loads(state_json)
        _take_custom_status(decision, state)
        message = state.get("error") or message
    decision.outcome = Failed(
        error=f"Orchestrator function '{episode.generation.name}' failed: {message}",
    )
    decision.events.append(_event(EventType.ORCHESTRATOR_COMPLETED, episode.now))
    return decision


_SCHEDULED = (EventType.TASK_SCHEDULED, EventType.SUB_ORCHESTRATION_CREATED, EventType.TIMER_CREATED)


def _event(event_type: EventType, now: dt.datetime, event_id: int = -1, **fields: object) -> Event:
    return {
        "EventType": int(event_type),
        "EventId": event_id,
        "IsPlayed": False,
        "Timestamp": clock.to_text(now),
        **fields,
    }


def _take_custom_status(decision: Decision, state: dict[str, Any]) -> None:
    """Keep the last status that was sent: the SDK leaves out falsy ones, and Azure then keeps the old one."""
    if state.get("customStatus") is not None:
        decision.custom_status = json.dumps(state["customStatus"])


def _follow_retry(decision: Decision, message: Event, generation: Generation, now: dt.datetime) -> None:
    """Deal the ids that the SDK deals to retried tasks while it processes this message."""
    progress = decision.progress
    kind = message["EventType"]
    if kind in (EventType.TASK_FAILED, EventType.SUB_ORCHESTRATION_FAILED):
        retry = progress.retries.pop(message["TaskScheduledId"], None)
        if retry is not None:
            timer_id = progress.take_id()
            progress.retry_timers[timer_id] = retry
            _add_timer(decision, timer_id, now + dt.timedelta(milliseconds=retry.interval_ms), now)
    elif kind in (EventType.TASK_COMPLETED, EventType.SUB_ORCHESTRATION_COMPLETED):
        progress.retries.pop(message["TaskScheduledId"], None)
    elif kind == EventType.TIMER_FIRED:
        retry = progress.retry_timers.pop(message["TimerId"], None)
        if retry is not None and retry.attempts < retry.attempts_max:
            task_id = progress.take_id()
            progress.retries[task_id] = dataclasses.replace(retry, attempts=retry.attempts + 1)
            _add_call(decision, task_id, retry.action, generation, now)


def _schedule(decision: Decision, action: Action, episode: Episode) -> None:
    """Give a new action its id and its work."""
    kind = ActionType(action["actionType"])
    progress = decision.progress
    task_id: int | None = None
    if kind is not ActionType.WAIT_FOR_EXTERNAL_EVENT:
        task_id = progress.take_id()
    progress.actions.append((int(kind), actions.name_of(action), task_id))
    if task_id is None or kind is ActionType.CONTINUE_AS_NEW:
        return
    if kind is ActionType.CREATE_TIMER:
        if not action["isCanceled"]:
            _add_timer(decision, task_id, clock.from_text(action["fireAt"]), episode.now)
        return
    if kind in (ActionType.CALL_ACTIVITY_WITH_RETRY, ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY):
        progress.retries[task_id] = Retry.first(action)
    _add_call(decision, task_id, action, episode.generation, episode.now)


def _add_timer(decision: Decision, task_id: int, fire_at: dt.datetime, now: dt.datetime) -> None:
    decision.timers.append(ScheduledTimer(task_id=task_id, fire_at=fire_at))
    text = clock.to_text(fire_at)
    decision.events.append(_event(EventType.TIMER_CREATED, now, task_id, FireAt=text))


def _add_call(
    decision: Decision, task_id: int, action: Action, generation: Generation, now: dt.datetime
) -> None:
    name, payload = action["functionName"], action.get("input")
    if action["actionType"] in (ActionType.CALL_ACTIVITY, ActionType.CALL_ACTIVITY_WITH_RETRY):
        decision.activities.append(ScheduledActivity(task_id=task_id, name=name, input=payload))
        decision.events.append(_event(EventType.TASK_SCHEDULED, now, task_id, Name=name, Input=payload))
        return
    instance_id = action.get("instanceId") or f"{generation.execution_id}:{task_id:x}"
    child = ScheduledChild(
        task_id=task_id, name=name, input=payload, instance_id=instance_id, version=action.get("version")
    )
    decision.children.append(child)
    decision.events.append(
        _event(
            EventType.SUB_ORCHESTRATION_CREATED,
            now,
            task_id,
            Name=name,
            Input=payload,
            InstanceId=instance_id,
        )
    )


def _cancel_timers(decision: Decision, flat: Sequence[Action]) -> None:
    """Collect every timer whose flag says cancelled; one that fired already is no longer there to delete."""
    for action, (kind, _, task_id) in zip(flat, decision.progress.actions, strict=True):
        if kind == ActionType.CREATE_TIMER and action["isCanceled"] and task_id is not None:
            decision.cancelled_timers.append(task_id)


def _outcome(episode: Episode, state: dict[str, Any], flat: Sequence[Action]) -> Outcome | None:
    if not state["isDone"]:
        return None
    if flat and flat[-1]["actionType"] == ActionType.CONTINUE_AS_NEW:
        return ContinuedAsNew(input=flat[-1].get("input"), carried=_unconsumed_events(episode, flat))
    output = state.get("output")
    return Completed(output=None if output is None else json.dumps(output))


def _unconsumed_events(episode: Episode, flat: Sequence[Action]) -> tuple[Event, ...]:
    """Find the raised events that no wait has taken: the first waits took the first events of their name."""
    waits: dict[str, int] = {}
    for action in flat:
        if action["actionType"] == ActionType.WAIT_FOR_EXTERNAL_EVENT:
            name = action["externalEventName"]
            waits[name] = waits.get(name, 0) + 1
    raised = [event for event in map(json.loads, episode.generation.history) if _is_raised(event)]
    raised += [event for event in episode.decision.events if _is_raised(event)]
    carried = []
    for event in raised:
        if waits.get(event["Name"], 0) > 0:
            waits[event["Name"]] -= 1
        else:
            carried.append(event)
    return tuple(carried)


def _is_raised(event: Event) -> bool:
    return bool(event["EventType"] == EventType.EVENT_RAISED)
