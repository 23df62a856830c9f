"""Starting exports and looking at them: one fleet at a time, one export of a service at a time."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from shared import roster, telemetry
from shared.core import usage
from shared.core.errors import NotFoundError
from shared.core.intervals import Intervals
from shared.core.ports import Ports
from shared.core.usage_fleet import ActiveExport, UsageRun
from shared.instances import DurableClient, instance_state, start_exclusively
from shared.threads import in_thread


async def start(client: DurableClient, ports: Ports) -> None:
    """Start the export of all services, unless the plan exports nothing or the last one is still at work."""
    said = (ports.plan.defaults, *ports.plan.entries)
    if not any(settings.usage for settings in said):
        return
    if (await instance_state(client, usage.FLEET_INSTANCE)).is_running:
        telemetry.log(telemetry.Event.USAGE_ALREADY_RUNNING, level=logging.WARNING)
        return
    wish = {
        "v": 1,
        "requestedAt": ports.clock.now().replace(microsecond=0).isoformat(),
        "intervals": ports.intervals.to_json(),
    }
    await client.start_new("export_usage", usage.FLEET_INSTANCE, wish)


async def start_usage_export(wish: dict[str, Any], client: DurableClient, ports: Ports) -> dict[str, Any]:
    """
    Start the export of one service, unless an export of it is at work. Idempotent: the same wish is one run.

    Args:
        wish: {"service", "requestedAt", "intervals"}.
        client: Durable's client.
        ports: the plan.

    Returns:
        {"started": whether this very export is at work now, "runId", "instanceId"}.
    """
    member = await in_thread(roster.find, ports, wish["service"])
    if member is None:
        raise NotFoundError(f"the plan names no service {wish['service']}", code="ServiceNotFound")
    requested_at = dt.datetime.fromisoformat(wish["requestedAt"])
    run = UsageRun(
        run_id=usage.run_id(member.name, requested_at),
        service=member.name,
        requested_at=requested_at,
        intervals=Intervals.model_validate(wish["intervals"]),
    )
    instance_id = usage.service_instance(member.resource_id)
    state = await instance_state(client, instance_id)
    is_ours = state.status is not None and state.is_of(run.run_id)
    if not is_ours:
        is_ours = await start_exclusively(client, "export_service_usage", instance_id, run.to_json())
    return {"v": 1, "started": is_ours, "runId": run.run_id, "instanceId": instance_id}


async def usage_states(question: dict[str, Any], client: DurableClient) -> dict[str, Any]:
    """
    Look at exports.

    Args:
        question: {"runs": [ActiveExport]}.
        client: Durable's client.

    Returns:
        {"runs": [{"runId", "outcome": its word or None, "driven": whether it is at work}]}.
    """
    looks = []
    for item in question["runs"]:
        run = ActiveExport.model_validate(item)
        state = await instance_state(client, run.instance_id)
        is_ours = state.input is None or state.is_of(run.run_id)
        output = state.output if isinstance(state.output, dict) and not state.is_running else {}
        outcome = output.get("outcome") if output.get("runId") == run.run_id else None
        looks.append({"runId": run.run_id, "outcome": outcome, "driven": state.is_running and is_ours})
    return {"v": 1, "runs": looks}
