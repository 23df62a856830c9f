"""What Azure would put on a bill, counted while the real app runs in virtual time."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from azure.functions.meta import Datum

from devhost import replay
from devhost.app import Function
from devhost.engine.actions import ActionType, flatten
from devhost.invoke import Invoker
from tests.fakes import MemoryBlobs

CLASS_OF_CALL = {
    "create": "writes",
    "put": "writes",
    "replace": "writes",
    "create_from": "writes",
    "create_container": "lists",
    "container_exists": "lists",
    "keys": "lists",
    "read": "reads",
    "measure": "reads",
    "chunks": "reads",
    "exists": "others",
    "look": "others",
    "delete": "deletions",
}
"""
The class in which Azure bills what `shared/adapters/blobs.py` does for each method of the port. One call each
for a document below 4 MB; a backup that is copied or read takes one for every 4 MB of it.
"""


@dataclass(slots=True)
class Tally:
    """Counts so far; `since` gives those of a part."""

    executions: Counter[str] = field(default_factory=Counter)
    """By the type of the trigger, such as `activityTrigger`; an orchestrator counts at each replay."""
    storage: Counter[str] = field(default_factory=Counter)
    """Calls of blob storage by the app itself, by the class in which Azure bills them."""
    bytes_written: int = 0
    log_lines: int = 0
    log_bytes: int = 0
    timers: int = 0
    """Durable timers that orchestrators have set."""

    def copy(self) -> Tally:
        """Return the counts of this moment."""
        return Tally(
            Counter(self.executions),
            Counter(self.storage),
            self.bytes_written,
            self.log_lines,
            self.log_bytes,
            self.timers,
        )

    def since(self, before: Tally) -> dict[str, Any]:
        """Return what was counted since an earlier moment, as plain numbers."""
        return {
            "executions": dict(sorted((self.executions - before.executions).items())),
            "storage": dict(sorted((self.storage - before.storage).items())),
            "bytesWritten": self.bytes_written - before.bytes_written,
            "logLines": self.log_lines - before.log_lines,
            "logBytes": self.log_bytes - before.log_bytes,
            "durableTimers": self.timers - before.timers,
        }


class _Lines(logging.Handler):
    """Counts the lines of the app's own log."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(logging.INFO)
        self._tally = tally

    def emit(self, record: logging.LogRecord) -> None:
        """Count one line and its length."""
        self._tally.log_lines += 1
        self._tally.log_bytes += len(record.getMessage().encode())


@contextlib.contextmanager
def counting() -> Iterator[Tally]:
    """Count in this process, from the beginning of the `with` block to its end."""
    tally = Tally()
    lines = _Lines(tally)
    logger = logging.getLogger("apim_dr")
    level = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        with pytest.MonkeyPatch.context() as patch:
            _attach(tally, patch)
            yield tally
    finally:
        logger.removeHandler(lines)
        logger.setLevel(level)


def _attach(tally: Tally, patch: pytest.MonkeyPatch) -> None:
    lock = threading.Lock()  # activities write from several threads
    invoke = Invoker.invoke
    fault: Callable[[MemoryBlobs, str], None] = MemoryBlobs._fault
    store: Callable[[MemoryBlobs, str, bytes], str] = MemoryBlobs._store

    async def counted_invoke(self: Invoker, function: Function, *args: Any, **kwargs: Any) -> Datum | None:
        tally.executions[function.trigger.type] += 1
        return await invoke(self, function, *args, **kwargs)

    async def counted_replay(_: replay.Recorder, run: replay.RunOrchestrator, name: str, given: str) -> str:
        text = await run(name, given)
        tally.timers += _timers_at_the_end(json.loads(text))
        return text

    def counted_call(self: MemoryBlobs, method: str) -> None:
        with lock:
            tally.storage[CLASS_OF_CALL[method]] += 1
        fault(self, method)

    def counted_write(self: MemoryBlobs, key: str, content: bytes) -> str:
        with lock:
            tally.bytes_written += len(content)
        return store(self, key, content)

    patch.setattr(Invoker, "invoke", counted_invoke)
    patch.setattr(replay.Recorder, "run", counted_replay)
    patch.setattr(MemoryBlobs, "_fault", counted_call)
    patch.setattr(MemoryBlobs, "_store", counted_write)


def _timers_at_the_end(answer: dict[str, Any]) -> int:
    """Return the timers of a generation with its last answer, which has all of its actions; else none."""
    actions = flatten(answer["actions"])
    is_last = answer["isDone"] or any(one["actionType"] == ActionType.CONTINUE_AS_NEW for one in actions)
    return sum(one["actionType"] == ActionType.CREATE_TIMER for one in actions) if is_last else 0
