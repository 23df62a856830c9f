"""
One long-running operation as a state machine, without any contact.

An operation is Running until it is ended once, as Succeeded or Failed; then it stays so, and every poll gets
the same answer. What ends it is its progression: the first poll, the poll after n polls, or the clock.
`runner` does the contact with clock and storage.
"""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from simulator import regions
from simulator.backup_request import BackupRequest
from simulator.entities import Snapshot
from simulator.services import Service

BACKUP_S = 660
"""Recorded: a backup of an empty Developer service took 11 min 3 s."""

RESTORE_S = 1140
"""Recorded: the restore of it took 19 min 6 s."""

RETRY_AFTER_S = 60
"""Recorded on every 202."""


class Kind(Enum):
    """The two operations; the values are what stands in paths and operation ids."""

    BACKUP = "Backup"
    RESTORE = "Restore"


class State(Enum):
    """Where an operation is."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progression:
    """
    What ends an operation: `seconds` of simulated time, or the poll after `polls` polls; 0 polls means the
    first. With neither it runs for ever.

    `retry_after` is sent as it is; None sends no such header.
    """

    seconds: float | None = None
    polls: int | None = None
    retry_after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How an operation ended badly: the code and message that the poll answers with status 400."""

    code: str
    message: str


@dataclass(slots=True, kw_only=True)
class Operation:
    """One backup or restore."""

    id: str
    kind: Kind
    service: Service
    request: BackupRequest
    progression: Progression
    started_at: dt.datetime
    captured: tuple[Snapshot, ...] = ()
    """Backup only: the entities as they were at the start."""
    captured_tier: str = ""
    polls: int = 0
    state: State = State.RUNNING
    ended_at: dt.datetime | None = None
    failure: Failure | None = None
    resource: dict[str, Any] | None = None
    """The service as it was at the end; what every poll of a succeeded operation answers."""
    blob_bytes: int | None = field(default=None)
    """The size of what was written or read; None before that, and if nothing was."""
    result_id: str = ""
    """What stands behind operationresults/ now; the id, until it is rotated."""

    def __post_init__(self) -> None:
        self.result_id = self.id

    def count_poll(self) -> bool:
        """Count one poll and tell whether it is the one that ends the operation."""
        self.polls += 1
        ends_after = self.progression.polls
        return self.state is State.RUNNING and ends_after is not None and self.polls > ends_after

    def succeed(self, resource: dict[str, Any], *, now: dt.datetime) -> None:
        """End well."""
        self._end(State.SUCCEEDED, now)
        self.resource = resource

    def fail(self, failure: Failure, *, now: dt.datetime) -> None:
        """End badly."""
        self._end(State.FAILED, now)
        self.failure = failure

    def _end(self, state: State, now: dt.datetime) -> None:
        if self.state is not State.RUNNING:
            raise ValueError(f"operation {self.id} has ended as {self.state.value} already")
        self.state = state
        self.ended_at = now


def new_operation_id(kind: Kind, service: Service) -> str:
    """Return what stands behind operationresults/: Base64 with its padding, opaque to every client."""
    text = f"{regions.region_key(service.location)}:{service.id.name}_{kind.value}_{secrets.token_hex(4)}"
    return base64.b64encode(text.encode()).decode()


class Progressions:
    """How the operations to come will progress: per kind, per kind and service, or as recorded."""

    def __init__(self, *, speed: float) -> None:
        self._speed = speed
        self._set: dict[tuple[Kind, str], Progression] = {}

    def default(self, kind: Kind) -> Progression:
        """Return the recorded durations; Retry-After shrinks with the speed, to 1 at least."""
        return Progression(
            seconds=BACKUP_S if kind is Kind.BACKUP else RESTORE_S,
            retry_after=str(max(1, round(RETRY_AFTER_S / self._speed))),
        )

    def set(self, kind: Kind, service_key: str, progression: Progression) -> None:
        """Choose for a kind; `service_key` is "" for every service."""
        self._set[(kind, service_key)] = progression

    def of(self, kind: Kind, service_key: str) -> Progression:
        """Return the choice for one service, else for the kind, else the recorded one."""
        return self._set.get((kind, service_key)) or self._set.get((kind, "")) or self.default(kind)
