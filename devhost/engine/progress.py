"""What the engine remembers of a generation between two episodes, besides its history."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Self

from devhost.engine.actions import Action, Known


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A call with retry options: the action to repeat, and how often it was tried."""

    action: Action
    interval_ms: int
    attempts: int
    attempts_max: int

    @classmethod
    def first(cls, action: Action) -> Self:
        """Read the options of an action about to be tried for the first time."""
        options = action["retryOptions"]
        return cls(
            action=action,
            interval_ms=options["firstRetryIntervalInMilliseconds"],
            attempts=1,
            attempts_max=options["maxNumberOfAttempts"],
        )


@dataclasses.dataclass(kw_only=True)
class Progress:
    """
    The bookkeeping of one generation.

    `actions` are those already acted upon, `next_id` the next task id, `retries` and `retry_timers` the open
    retried tasks by the id of their current attempt or of the timer before the next one.
    """

    next_id: int = 0
    actions: list[Known] = dataclasses.field(default_factory=list)
    retries: dict[int, Retry] = dataclasses.field(default_factory=dict)
    retry_timers: dict[int, Retry] = dataclasses.field(default_factory=dict)

    @property
    def has_open_retries(self) -> bool:
        """Whether messages must be fed one at a time."""
        return bool(self.retries or self.retry_timers)

    def take_id(self) -> int:
        """Return the next task id and count on."""
        self.next_id += 1
        return self.next_id - 1

    def copy(self) -> Progress:
        """Return a copy whose lists can be changed."""
        return Progress(
            next_id=self.next_id,
            actions=list(self.actions),
            retries=dict(self.retries),
            retry_timers=dict(self.retry_timers),
        )

    def to_json(self) -> str:
        """Write as JSON text."""
        return json.dumps(
            {
                "nextId": self.next_id,
                "actions": self.actions,
                "retries": {key: dataclasses.asdict(retry) for key, retry in self.retries.items()},
                "retryTimers": {key: dataclasses.asdict(retry) for key, retry in self.retry_timers.items()},
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Progress:
        """Read what `to_json` wrote."""
        data: dict[str, Any] = json.loads(text)
        return cls(
            next_id=data["nextId"],
            actions=[(kind, name, task_id) for kind, name, task_id in data["actions"]],
            retries={int(key): Retry(**retry) for key, retry in data["retries"].items()},
            retry_timers={int(key): Retry(**retry) for key, retry in data["retryTimers"].items()},
        )
