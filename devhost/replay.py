"""
The determinism check: replay a finished history from scratch and expect the very same actions.

The SDK itself does not notice an orchestrator that decides differently when it is replayed. Here the last
episode of every generation is remembered; later its history is fed once more, all of it as the past, and the
actions must be equal to the last detail: names, inputs, times, order.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from devhost.engine import actions
from devhost.engine.episode import FAILURE_LABEL
from devhost.engine.events import EventType

RunOrchestrator = Callable[[str, str], Awaitable[str]]


class DeterminismError(AssertionError):
    """A replay decided otherwise; the text shows the first difference."""


class Recorder:
    """Remembers the last episode of every generation of every instance."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[str, dict[str, Any], dict[str, Any]]] = {}

    async def run(self, run: RunOrchestrator, name: str, payload: str) -> str:
        """Run an orchestrator and remember payload and answer."""
        given = json.loads(payload)
        key = (given["instanceId"], _execution_id(given))
        try:
            text = await run(name, payload)
        except Exception as err:
            self._last[key] = (name, given, _failed_state(err))
            raise
        self._last[key] = (name, given, json.loads(text))
        return text

    async def check(self, run: RunOrchestrator, instance_id: str) -> int:
        """
        Replay every generation of an instance.

        Returns:
            How many generations were compared.

        Raises:
            DeterminismError: one of them differs.
            LookupError: nothing was recorded for this instance.
        """
        found = [episode for (recorded, _), episode in self._last.items() if recorded == instance_id]
        if not found:
            raise LookupError(f"the instance '{instance_id}' never ran here")
        for generation, (name, given, before) in enumerate(found):
            after = await _replay(run, name, given)
            difference = _difference(before, after)
            if difference:
                raise DeterminismError(
                    f"{name}, instance '{instance_id}', generation {generation}: {difference}"
                )
        return len(found)


def _execution_id(given: dict[str, Any]) -> str:
    for event in given["history"]:
        if event["EventType"] == EventType.EXECUTION_STARTED:
            return str(event["OrchestrationInstance"]["ExecutionId"])
    raise LookupError("a history without its start")


async def find_drift(
    run: RunOrchestrator, name: str, given: dict[str, Any], before: dict[str, Any]
) -> str | None:
    """
    Replay a history that was kept, and say where today's code would leave the recorded order of actions.

    Only what a host holds against a replay counts: kinds, names and order, and where it ends. Inputs, outputs
    and times may be others than those on record.

    Args:
        run: runs an orchestrator of today.
        name: of the orchestrator.
        given: the payload of a generation's last episode.
        before: the answer that was given to it.
    """
    after = await _replay(run, name, given)
    old, new = actions.flatten(before["actions"]), actions.flatten(after["actions"])
    known: list[actions.Known] = [(action["actionType"], actions.name_of(action), None) for action in old]
    drift = actions.find_drift(known, new)
    if drift is None and len(new) > len(old):
        drift = (
            f"after the {len(old)} actions on record a replay scheduled '{actions.name_of(new[len(old)])}'"
        )
    if drift is None and (_ended(before) != _ended(after)):
        drift = f"it {_ended(before)}, and in a replay it {_ended(after)}: {after.get('error') or 'no error'}"
    return drift


def _ended(state: dict[str, Any]) -> str:
    if state.get("error"):
        return "failed"
    return "came to its end" if state["isDone"] else "waited"


async def _replay(run: RunOrchestrator, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Feed a history as the past alone: what is new to the SDK begins at the last orchestrator start."""
    last = given["history"][-1]
    frame = {"EventId": -1, "IsPlayed": True, "Timestamp": last["Timestamp"]}
    history = [{**event, "IsPlayed": True} for event in given["history"]]
    history.append({**frame, "EventType": int(EventType.ORCHESTRATOR_COMPLETED)})
    history.append({**frame, "EventType": int(EventType.ORCHESTRATOR_STARTED)})
    payload = json.dumps({**given, "isReplaying": True, "history": history})
    try:
        state: dict[str, Any] = json.loads(await run(name, payload))
    except Exception as err:  # noqa: BLE001 - a failed orchestrator is a result to compare like any other
        state = _failed_state(err)
    return state


def _failed_state(err: BaseException) -> dict[str, Any]:
    _, label, text = str(err).partition(FAILURE_LABEL)
    if label:
        state: dict[str, Any] = json.loads(text)
        return state
    return {"isDone": False, "actions": [[]], "error": str(err)}


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    old, new = actions.flatten(before["actions"]), actions.flatten(after["actions"])
    for index, (left, right) in enumerate(zip(old, new, strict=False)):
        if left != right:
            return f"action {index} was {json.dumps(left)}, is {json.dumps(right)} in a replay"
    if len(old) != len(new):
        return f"there were {len(old)} actions, a replay has {len(new)}"
    for key in ("isDone", "output", "error", "customStatus"):
        if before.get(key) != after.get(key):
            return f"{key} was {before.get(key)!r}, is {after.get(key)!r} in a replay"
    return None
