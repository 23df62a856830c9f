"""
The events that this app logs, and the fields they may carry. Events, not sentences.

A line is `<event> key=value …`; alerts and workbooks search for the event names, so they are part of
the interface and listed in docs/operations.md.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from enum import StrEnum

_LOGGER = logging.getLogger("apim_dr")
FIELDS = frozenset(
    {
        "run_id", "kind", "service", "target", "trigger", "outcome", "code", "message", "night", "services",
        "restore_point", "reason", "event_id", "posts", "polls", "setting", "instance_id",
        "report", "day", "days", "rows", "queue", "tries", "bytes",
    }
)  # fmt: skip
"""Nothing else is logged: no bodies, no headers, no URLs with queries."""


class Event(StrEnum):
    """Names of events."""

    CONFIG_INVALID = "config.invalid"
    NIGHT_STARTED = "night.started"
    NIGHT_ALREADY_STARTED = "night.already_started"
    NIGHT_ENDED = "night.ended"
    NIGHT_CAUGHT_UP = "night.caught_up"
    RUN_STARTED = "run.started"
    RUN_SUBMITTED = "run.submitted"
    RUN_ENDED = "run.ended"
    RUN_RESUMED = "run.resumed"
    RUN_RESOLVED = "run.resolved"
    RUN_GIVEN_UP = "run.given_up"
    WATCH_FAILED = "watch.failed"
    POINT_RECORDED = "restore_point.recorded"
    POINT_COPIED = "restore_point.copied"
    POINT_NOT_COPIED = "restore_point.not_copied"
    POINT_HELD = "restore_point.held"
    POINT_RELEASED = "restore_point.released"
    POINT_PRUNED = "restore_point.pruned"
    POINT_NOT_PRUNED = "restore_point.not_pruned"
    POINT_REBUILT = "restore_point.rebuilt"
    PRUNE_FAILED = "prune.failed"
    CATALOG_REBUILT = "catalog.rebuilt"
    EVENT_IGNORED = "event.ignored"
    EVENT_ACCEPTED = "event.accepted"
    MESSAGE_UNHANDLED = "message.unhandled"
    DRILL_STARTED = "drill.started"
    DRILL_ENDED = "drill.ended"
    DRILL_OVERDUE = "drill.overdue"
    REPLICA_RECORDED = "replica.recorded"
    REPLICATION_IN_SYNC = "replication.in_sync"
    REPLICATION_HELD_BACK = "replication.held_back"
    REPLICATION_FAILED = "replication.failed"
    REPLICATION_APPROVED = "replication.approved"
    REPLICATION_STOPPED = "replication.stopped"
    REPLICATION_UNSTOPPED = "replication.unstopped"
    REPLICATION_NOT_SEEN = "replication.not_seen"
    RECORD_UNREADABLE = "record.unreadable"
    USAGE_STARTED = "usage.started"
    USAGE_ALREADY_RUNNING = "usage.already_running"
    USAGE_DAY_KEPT = "usage.day_kept"
    USAGE_DAY_MISSING = "usage.day_missing"
    USAGE_EXPORTED = "usage.exported"
    USAGE_ENDED = "usage.ended"
    ROSTER_REFRESHED = "roster.refreshed"
    ROSTER_NOT_READ = "roster.not_read"
    ROSTER_LEFT_OUT = "roster.left_out"
    ROSTER_LEFT = "roster.left"
    CHANGE_HEARD = "change.heard"
    CHANGE_IGNORED = "change.ignored"
    CHANGES_HANDED_OVER = "changes.handed_over"
    CHANGES_OVER = "changes.over"


def log(event: Event, *, level: int = logging.INFO, **fields: object) -> None:
    """
    Log one event.

    Raises:
        ValueError: a field that is not on the list.
    """
    unknown = fields.keys() - FIELDS
    if unknown:
        raise ValueError(f"fields {sorted(unknown)} are not on the list of what may be logged")
    shown = " ".join(f"{name}={_shown(value)}" for name, value in fields.items() if value is not None)
    _say(_kept.get(), level, f"{event.value} {shown}")


class _Kept:
    """Lines of threads, until whoever waits for them takes them over; later ones go on at once."""

    def __init__(self, above: _Kept | None) -> None:
        self._above = above
        self._lines: list[tuple[int, str]] = []
        self._is_closed = False
        self._lock = threading.Lock()

    def add(self, level: int, line: str) -> None:
        """Keep a line; nobody waits any more for a thread whose task was cancelled, so log that one's."""
        with self._lock:
            if not self._is_closed:
                self._lines.append((level, line))
                return
        _say(self._above, level, line)

    def close(self) -> None:
        """Hand everything on, and keep nothing more."""
        with self._lock:
            self._is_closed = True
        for level, line in self._lines:
            _say(self._above, level, line)


_kept: ContextVar[_Kept | None] = ContextVar("kept", default=None)
"""Where the lines of a thread go; see shared/threads.py."""


@contextlib.contextmanager
def kept_back() -> Iterator[None]:
    """Keep what is logged within, also by threads that are begun there, and log it at the end."""
    kept = _Kept(_kept.get())
    outer = _kept.set(kept)
    try:
        yield
    finally:
        _kept.reset(outer)
        kept.close()


def _say(kept: _Kept | None, level: int, line: str) -> None:
    if kept is None:
        _LOGGER.log(level, "%s", line)
    else:  # in a thread, or in one within one
        kept.add(level, line)


def _shown(value: object) -> str:
    """Return a value on one line; what stands around one with blanks must not stand within."""
    text = " ".join(str(value).splitlines()).replace('"', "'")
    return f'"{text}"' if " " in text else text
