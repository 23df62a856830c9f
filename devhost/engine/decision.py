"""
What goes into an episode and what comes out of it, as values: a generation, and a decision about it.

A decision is only a description; `devhost.engine.store` puts it into effect.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

from devhost.engine.events import Event
from devhost.engine.progress import Progress


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """An instance between two calls of continue_as_new, as an episode starts from it."""

    instance_id: str
    execution_id: str
    name: str
    input: str | None
    parent_instance_id: str | None
    history: Sequence[str]
    progress: Progress


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledActivity:
    """An activity to run. `input` is JSON text."""

    task_id: int
    name: str
    input: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledTimer:
    """A timer to fire."""

    task_id: int
    fire_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledChild:
    """A sub-orchestration to start."""

    task_id: int
    name: str
    input: str | None
    instance_id: str
    version: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The orchestrator returned; `output` is JSON text or None."""

    output: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The orchestrator raised, or asked for something that cannot be had."""

    error: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ContinuedAsNew:
    """The orchestrator starts over; `carried` are events that it never waited for."""

    input: str | None
    carried: tuple[Event, ...]


Outcome = Completed | Failed | ContinuedAsNew


@dataclasses.dataclass(kw_only=True)
class Decision:
    """What an episode changes; `outcome` is None while the instance goes on."""

    events: list[Event]
    progress: Progress
    activities: list[ScheduledActivity] = dataclasses.field(default_factory=list)
    timers: list[ScheduledTimer] = dataclasses.field(default_factory=list)
    children: list[ScheduledChild] = dataclasses.field(default_factory=list)
    cancelled_timers: list[int] = dataclasses.field(default_factory=list)
    custom_status: str | None = None
    outcome: Outcome | None = None
