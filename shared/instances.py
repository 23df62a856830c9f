"""Orchestration instances: one at a time for each service. Durable's client is a port here."""

from __future__ import annotations

import json
from typing import Any, Protocol

from shared.core.documents import Value

LATER_LOOK = "resolve_run"
"""The orchestrator that looks once more at a run that ended without proof."""

RUNNING = frozenset({"Pending", "Running", "Suspended", "ContinuedAsNew"})


class DurableClient(Protocol):
    """The part of DurableOrchestrationClient that is used."""

    async def start_new(
        self, orchestration_function_name: str, instance_id: str | None = None, client_input: Any = None
    ) -> str: ...
    async def get_status(
        self, instance_id: str, show_history: bool = False, show_history_output: bool = False,
        show_input: bool = False,
    ) -> Any: ...  # fmt: skip


class InstanceState(Value):
    """How one orchestration instance is; `status` is None when there is none of that id."""

    status: str | None
    name: str | None = None
    """The orchestrator's."""
    output: Any = None
    custom_status: Any = None
    input: Any = None

    def is_of(self, run_id: str) -> bool:
        """Whether the instance works on this run: each run of a service uses the same instance."""
        return isinstance(self.input, dict) and self.input.get("runId") == run_id

    @property
    def is_running(self) -> bool:
        """Whether it still works, or waits to."""
        return self.status in RUNNING

    def drives(self, run_id: str, part_of: str | None = None) -> bool:
        """
        Whether it is this run that it works on, or the one that this run is a part of.

        All runs of a service share the instance: one that works for another run does not drive this one.
        Where its input cannot be seen, it may be this one.
        """
        is_meant = self.is_of(run_id) or (part_of is not None and self.is_of(part_of))
        return self.is_running and (self.input is None or is_meant)

    def looks_at(self, run_id: str) -> bool:
        """Whether it is a later look at this run."""
        return self.is_running and self.name == LATER_LOOK and self.is_of(run_id)


async def instance_state(client: DurableClient, instance_id: str) -> InstanceState:
    """Return the state of an instance; one that was purged, or never was, has status None."""
    found = await client.get_status(instance_id, show_input=True)
    if found is None or found.runtime_status is None:
        return InstanceState(status=None)
    status = getattr(found.runtime_status, "value", found.runtime_status)
    return InstanceState(
        status=str(status),
        name=getattr(found, "name", None),
        output=found.output,
        custom_status=found.custom_status,
        input=_parsed(found.input_),
    )


async def start_exclusively(
    client: DurableClient, function: str, instance_id: str, payload: dict[str, Any]
) -> bool:
    """
    Start an instance unless one of that id is at work.

    `start_new` would silently replace a running instance on some backends, so its state is asked
    first. Two callers may still both see none; the host then refuses the second, which is the same no.

    Args:
        client: Durable's client.
        function: the orchestrator.
        instance_id: of the service.
        payload: holds `runId`.

    Returns:
        Whether it was started, or this very run is at work there already.
    """
    state = await instance_state(client, instance_id)
    if state.is_running:
        return state.is_of(payload["runId"])
    try:
        await client.start_new(function, instance_id, payload)
    except Exception:
        # the SDK raises plain exceptions; only the host can tell whether the other caller won, or
        # whether it was started and only the answer was lost
        state = await instance_state(client, instance_id)
        if not state.is_running:
            raise
        return state.is_of(payload["runId"])
    return True


def _parsed(value: Any) -> Any:
    """Return an input as it was given; the host hands it back as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
