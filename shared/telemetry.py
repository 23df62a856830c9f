"""
The events that this app logs, and the fields they may carry. Events, not sentences.

A line is `<event> key=value …`; alerts and workbooks search for the event names, so they are part of
the interface and listed in docs/operations.md.
"""

from __future__ import annotations

import logging
from enum import StrEnum

_LOGGER = logging.getLogger("apim_dr")

FIELDS = frozenset(
    {
        "run_id", "kind", "service", "target", "trigger", "outcome", "code", "message", "night", "services",
        "restore_point", "reason", "event_id", "posts", "polls", "setting", "instance_id",
    }
)  # fmt: skip
"""Nothing else is logged: no bodies, no headers, no URLs with queries."""


class Event(StrEnum):
    """Names of events."""

    CONFIG_INVALID = "config.invalid"
    NIGHT_STARTED = "night.started"
    NIGHT_ALREADY_STARTED = "night.already_started"
    NIGHT_ENDED = "night.ended"
    RUN_STARTED = "run.started"
    RUN_SUBMITTED = "run.submitted"
    RUN_ENDED = "run.ended"
    POINT_RECORDED = "restore_point.recorded"
    EVENT_IGNORED = "event.ignored"
    EVENT_ACCEPTED = "event.accepted"
    REPLICA_RECORDED = "replica.recorded"
    RECORD_UNREADABLE = "record.unreadable"


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
    _LOGGER.log(level, "%s %s", event.value, shown)


def _shown(value: object) -> str:
    text = str(value)
    return f'"{text}"' if " " in text else text
