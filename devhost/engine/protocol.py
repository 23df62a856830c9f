"""
The engine as the rest of the devhost knows it: values, errors and two Protocols.

`Engine` is what the durable client, the management routes and the tests call. `Workers` is what an engine
calls to run the app's functions. Another engine (for example one over durabletask's protocol) can take the
place of `devhost.engine.runner` by implementing the first and using the second.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Collection
from typing import Protocol


class Status(enum.StrEnum):
    """The runtime status of an instance, in the words of Durable Functions."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    COMPLETED = "Completed"
    FAILED = "Failed"
    TERMINATED = "Terminated"

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen to the instance any more."""
        return self in (Status.COMPLETED, Status.FAILED, Status.TERMINATED)


class Wish(enum.StrEnum):
    """What `Engine.set_state` can be asked for."""

    TERMINATE = "terminate"
    SUSPEND = "suspend"
    RESUME = "resume"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """
    One orchestration instance. Payloads are JSON text.

    `created_at` moves at every continue_as_new, as in Azure; `first_created_at` does not.
    """

    instance_id: str
    name: str
    status: Status
    input: str | None
    output: str | None
    custom_status: str | None
    created_at: dt.datetime
    updated_at: dt.datetime
    first_created_at: dt.datetime
    execution_id: str
    version: str | None
    parent_instance_id: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A filter over instances; None and empty mean "any"."""

    created_from: dt.datetime | None = None
    created_to: dt.datetime | None = None
    statuses: Collection[Status] = ()
    id_prefix: str | None = None


class EngineError(Exception):
    """A refused call; the text is safe to show to the caller."""


class InstanceExistsError(EngineError):
    """`start` was given the id of an instance that is pending, running or suspended."""


class InstanceNotFoundError(EngineError):
    """There is no instance with this id."""


class InstanceEndedError(EngineError):
    """The instance has ended and takes no more events or wishes."""


class InvalidIdError(EngineError):
    """An instance id has characters that Azure does not allow, or is too long."""


class UnknownFunctionError(EngineError):
    """The app has no orchestrator of this name."""


class ActivityError(Exception):
    """An activity raised; `reason` and `details` go into the history of the orchestration."""

    def __init__(self, reason: str, details: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.details = details


class Workers(Protocol):
    """The app's functions, as an engine runs them."""

    orchestrators: Collection[str]
    activities: Collection[str]

    async def run_orchestrator(self, name: str, payload: str) -> str:
        """
        Replay an orchestrator once.

        Args:
            name: one of `orchestrators`.
            payload: the JSON text that the SDK's trigger parameter takes.

        Returns:
            The JSON text of the SDK's orchestrator state.

        Raises:
            Exception: whatever the SDK raised; for a failed orchestrator its text carries the state.
        """

    async def run_activity(self, name: str, input_json: str | None) -> str:
        """
        Run an activity.

        Returns:
            Its result as JSON text.

        Raises:
            ActivityError: the function raised, or its result is no JSON.
        """


class Engine(Protocol):
    """Orchestrations: start, look, tell, stop, forget."""

    async def start(
        self, name: str, input_json: str | None, instance_id: str | None = None, version: str | None = None
    ) -> str:
        """
        Create an instance and return its id.

        An ended instance of the same id is replaced.

        Raises:
            InstanceExistsError: an instance of this id has not ended.
            UnknownFunctionError: no such orchestrator.
            InvalidIdError: Azure would not take this id.
        """

    async def get(self, instance_id: str) -> Instance | None:
        """Return an instance, or None."""

    async def find(self, query: Query) -> list[Instance]:
        """Return the instances that match, oldest first."""

    async def history(self, instance_id: str) -> list[str]:
        """Return the events of the current generation, each as JSON text."""

    async def raise_event(self, instance_id: str, name: str, payload_json: str) -> None:
        """
        Send an event to an instance.

        Raises:
            InstanceNotFoundError, InstanceEndedError: it cannot arrive.
        """

    async def set_state(self, instance_id: str, wish: Wish, reason: str) -> None:
        """
        Terminate, suspend or resume an instance.

        Raises:
            InstanceNotFoundError, InstanceEndedError: there is nothing to change.
        """

    async def purge(self, instance_id: str) -> bool:
        """Forget an ended instance and its history; False if there is none or it has not ended."""
