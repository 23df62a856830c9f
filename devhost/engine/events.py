"""The events of a history, as the SDK reads them: their numbers, and builders for those that arrive."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Any

from devhost import clock

Event = dict[str, Any]


class EventType(enum.IntEnum):
    """The numbers of Durable Task's history events, as far as the devhost writes them."""

    EXECUTION_STARTED = 0
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    SUB_ORCHESTRATION_CREATED = 7
    SUB_ORCHESTRATION_COMPLETED = 8
    SUB_ORCHESTRATION_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    ORCHESTRATOR_STARTED = 12
    ORCHESTRATOR_COMPLETED = 13
    EVENT_RAISED = 15


def execution_started(
    now: dt.datetime, *, name: str, input_json: str | None, version: str | None, instance: tuple[str, str]
) -> Event:
    """Build the first message of a generation; `instance` is (instance id, execution id)."""
    identity = {"InstanceId": instance[0], "ExecutionId": instance[1]}
    # The SDK reads Version without a default: the key must be there even when there is no version.
    fields = {"Name": name, "Input": input_json, "Version": version, "OrchestrationInstance": identity}
    return _arrived(EventType.EXECUTION_STARTED, now, **fields)


def task_completed(now: dt.datetime, task_id: int, result: str) -> Event:
    """Build the message that an activity returned; `result` is JSON text."""
    return _arrived(EventType.TASK_COMPLETED, now, TaskScheduledId=task_id, Result=result)


def task_failed(now: dt.datetime, task_id: int, reason: str, details: str) -> Event:
    """Build the message that an activity raised."""
    return _arrived(EventType.TASK_FAILED, now, TaskScheduledId=task_id, Reason=reason, Details=details)


def child_completed(now: dt.datetime, task_id: int, result: str | None) -> Event:
    """Build the message that a sub-orchestration returned; `result` is JSON text."""
    return _arrived(EventType.SUB_ORCHESTRATION_COMPLETED, now, TaskScheduledId=task_id, Result=result)


def child_failed(now: dt.datetime, task_id: int, reason: str) -> Event:
    """Build the message that a sub-orchestration failed, was terminated, or could not be started."""
    fields = {"TaskScheduledId": task_id, "Reason": reason, "Details": reason}
    return _arrived(EventType.SUB_ORCHESTRATION_FAILED, now, **fields)


def timer_fired(now: dt.datetime, task_id: int, fire_at: dt.datetime) -> Event:
    """Build the message that a timer is due."""
    return _arrived(EventType.TIMER_FIRED, now, TimerId=task_id, FireAt=clock.to_text(fire_at))


def event_raised(now: dt.datetime, name: str, payload_json: str) -> Event:
    """Build the message of an external event."""
    return _arrived(EventType.EVENT_RAISED, now, Name=name, Input=payload_json)


def _arrived(event_type: EventType, now: dt.datetime, **fields: object) -> Event:
    return {
        "EventType": int(event_type),
        "EventId": -1,
        "IsPlayed": False,
        "Timestamp": clock.to_text(now),
        **fields,
    }
