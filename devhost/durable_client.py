"""What the durable client binding and the management routes say: URLs, and an instance as JSON. Pure."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from devhost.clock import from_text
from devhost.engine.protocol import Instance

RPC_PATH = "/durabletask/"
WEBHOOK_PATH = "/runtime/webhooks/durabletask/"
CONNECTION = "Storage"


def binding_json(base_url: str, task_hub: str, code: str | None) -> str:
    """
    Write the value of a durable client input.

    Args:
        base_url: of this host, without a slash at the end.
        task_hub: its name.
        code: the key of the webhooks, or None if keys are not enforced.
    """
    urls = management_urls(base_url, task_hub, "INSTANCEID", code)
    key = f"code={quote(code)}" if code else ""
    create = f"{base_url}{WEBHOOK_PATH}orchestrators/{{functionName}}[/{{instanceId}}]"
    wait = "timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&"
    return json.dumps(
        {
            "taskHubName": task_hub,
            "creationUrls": {
                "createNewInstancePostUri": f"{create}?{key}",
                "createAndWaitOnNewInstancePostUri": f"{create}?{wait}{key}",
            },
            "managementUrls": urls,
            "baseUrl": base_url + WEBHOOK_PATH.rstrip("/"),
            "requiredQueryStringParameters": key,
            "rpcBaseUrl": base_url + RPC_PATH,
        }
    )


def management_urls(base_url: str, task_hub: str, instance_id: str, code: str | None) -> dict[str, str]:
    """Return the URLs by which anybody can look at and steer one instance."""
    one = f"{base_url}{WEBHOOK_PATH}instances/{quote(instance_id, safe='')}"
    query = f"taskHub={quote(task_hub)}&connection={CONNECTION}" + (f"&code={quote(code)}" if code else "")
    return {
        "id": instance_id,
        "statusQueryGetUri": f"{one}?{query}",
        "sendEventPostUri": f"{one}/raiseEvent/{{eventName}}?{query}",
        "terminatePostUri": f"{one}/terminate?reason={{text}}&{query}",
        "rewindPostUri": f"{one}/rewind?reason={{text}}&{query}",
        "purgeHistoryDeleteUri": f"{one}?{query}",
        "restartPostUri": f"{one}/restart?{query}",
        "suspendPostUri": f"{one}/suspend?reason={{text}}&{query}",
        "resumePostUri": f"{one}/resume?reason={{text}}&{query}",
    }


def status_json(
    instance: Instance, *, show_input: bool, history: list[str] | None = None, show_output: bool = False
) -> dict[str, Any]:
    """Write an instance as the status query does; times have whole seconds, as there."""
    return {
        "name": instance.name,
        "instanceId": instance.instance_id,
        "runtimeStatus": str(instance.status),
        "input": _value(instance.input) if show_input else None,
        "customStatus": _value(instance.custom_status),
        "output": _value(instance.output),
        "createdTime": instance.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lastUpdatedTime": instance.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "historyEvents": None if history is None else _history_json(history, show_output=show_output),
    }


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)


_NAMES = {
    0: "ExecutionStarted",
    5: "TaskCompleted",
    6: "TaskFailed",
    8: "SubOrchestrationInstanceCompleted",
    9: "SubOrchestrationInstanceFailed",
    11: "TimerFired",
    15: "EventRaised",
}
_SCHEDULED = (4, 7, 10)


def _history_json(history: list[str], *, show_output: bool) -> list[dict[str, Any]]:
    """Fold what was scheduled into what came of it, and leave out the frames of the episodes."""
    scheduled: dict[int, dict[str, Any]] = {}
    folded: list[dict[str, Any]] = []
    for event in map(json.loads, history):
        kind = event["EventType"]
        if kind in _SCHEDULED:
            scheduled[event["EventId"]] = event
        elif kind in _NAMES:
            entry = {"EventType": _NAMES[kind], "Timestamp": from_text(event["Timestamp"]).isoformat()}
            cause = scheduled.get(event.get("TaskScheduledId", event.get("TimerId", -1)), {})
            if cause:
                entry["ScheduledTime"] = cause["Timestamp"]
            name = event.get("Name") or cause.get("Name")
            if name:
                entry["FunctionName" if cause or kind == 0 else "Name"] = name
            for key in ("Reason", "FireAt"):
                if event.get(key):
                    entry[key] = event[key]
            if show_output and event.get("Result") is not None:
                entry["Result"] = _value(event["Result"])
            folded.append(entry)
    return folded
