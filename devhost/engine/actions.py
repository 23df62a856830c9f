"""The actions in an orchestrator's answer: their numbers, their order, and what is wrong with them. Pure."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Collection, Iterable, Sequence
from typing import Any

Action = dict[str, Any]

# (action type, function name or "", task id or None): what is remembered of an action already acted upon.
Known = tuple[int, str, int | None]


class ActionType(enum.IntEnum):
    """The numbers of the SDK's actions."""

    CALL_ACTIVITY = 0
    CALL_ACTIVITY_WITH_RETRY = 1
    CALL_SUB_ORCHESTRATOR = 2
    CALL_SUB_ORCHESTRATOR_WITH_RETRY = 3
    CONTINUE_AS_NEW = 4
    CREATE_TIMER = 5
    WAIT_FOR_EXTERNAL_EVENT = 6
    CALL_ENTITY = 7
    CALL_HTTP = 8
    SIGNAL_ENTITY = 9
    WHEN_ANY = 11
    WHEN_ALL = 12


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Functions:
    """The names that an orchestrator may call."""

    orchestrators: Collection[str]
    activities: Collection[str]


_ACTIVITY_CALLS = (ActionType.CALL_ACTIVITY, ActionType.CALL_ACTIVITY_WITH_RETRY)
_CHILD_CALLS = (ActionType.CALL_SUB_ORCHESTRATOR, ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY)
_COMPOUNDS = (ActionType.WHEN_ANY, ActionType.WHEN_ALL)
_MISSING = {
    ActionType.CALL_ENTITY: "the devhost does not run entities (call_entity)",
    ActionType.SIGNAL_ENTITY: "the devhost does not run entities (signal_entity)",
    ActionType.CALL_HTTP: "the devhost does not run call_http; call an activity that makes the request",
}


def flatten(groups: Sequence[Sequence[Action]]) -> list[Action]:
    """Return the single actions in the order in which the SDK gives them their task ids."""
    return [single for group in groups for action in group for single in _singles(action)]


def _singles(action: Action) -> Iterable[Action]:
    if action["actionType"] in _COMPOUNDS:
        for inner in action["compoundActions"]:
            yield from _singles(inner)
    else:
        yield action


def name_of(action: Action) -> str:
    """Return what tells two actions of one type apart: the function, or the event waited for."""
    return str(action.get("functionName") or action.get("externalEventName") or "")


def find_drift(known: Sequence[Known], flat: Sequence[Action]) -> str | None:
    """Return what is wrong if a replay does not begin with the actions of the replay before."""
    for index, (kind, name, _) in enumerate(known):
        before = f"{ActionType(kind).name.lower()} {name}".strip()
        if index >= len(flat):
            return (
                "Non-Deterministic workflow detected: an earlier execution scheduled"
                f" '{before}' as action {index}, this replay stopped before it"
            )
        action = flat[index]
        if (action["actionType"], name_of(action)) != (kind, name):
            after = f"{ActionType(action['actionType']).name.lower()} {name_of(action)}".strip()
            return (
                "Non-Deterministic workflow detected: an earlier execution scheduled"
                f" '{before}' as action {index}, this replay scheduled '{after}'"
            )
    return None


def find_fault(new: Sequence[Action], functions: Functions) -> str | None:
    """Return why an action cannot be done, or None."""
    for action in new:
        kind, name = ActionType(action["actionType"]), name_of(action)
        if kind in _MISSING:
            return _MISSING[kind]
        if kind in _ACTIVITY_CALLS and name not in functions.activities:
            return f"The function '{name}' doesn't exist, is disabled, or is not an activity function."
        if kind in _CHILD_CALLS and name not in functions.orchestrators:
            return f"The function '{name}' doesn't exist, is disabled, or is not an orchestrator function."
    return None
