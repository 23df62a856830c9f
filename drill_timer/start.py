"""Starting the drills of one occurrence of the schedule, once; and the restore of one drill."""

from __future__ import annotations

from typing import Any

from shared import telemetry
from shared.core import drills
from shared.core.ports import Ports
from shared.core.requests import RestoreRequest
from shared.core.schedule import EARLY, Schedule
from shared.instances import DurableClient, instance_state
from shared.start import Started, start_run

_MAY_BEGIN = frozenset({None, "Failed", "Terminated", "Canceled"})
"""States of an occurrence's orchestration that let it begin: there was none, or it was cut off."""


async def start(client: DurableClient, ports: Ports, schedule: Schedule) -> None:
    """Start the drills that are due, unless the plan has none; a second firing finds the first."""
    plan = ports.plan
    if plan.defaults.drill is None and all(entry.drill is None for entry in plan.entries):
        return
    now = ports.clock.now()
    due_at = schedule.newest(now + EARLY) or now.replace(microsecond=0)
    instance_id = drills.fleet_instance(due_at)
    if (await instance_state(client, instance_id)).status not in _MAY_BEGIN:
        return
    wish = {"v": 1, "dueAt": due_at.isoformat(), "intervals": ports.intervals.to_json()}
    await client.start_new("drill_fleet", instance_id, wish)


async def start_drill_run(wish: dict[str, Any], client: DurableClient, ports: Ports) -> dict[str, Any]:
    """
    Start the restore of a drill. Idempotent: the same wish is one run.

    Args:
        wish: RestoreRequest.
        client: Durable's client.
        ports: the run records.

    Returns:
        {"started": a word of shared.start.Started, "runId", "instanceId"}.
    """
    request = RestoreRequest.from_json(wish)
    word = await start_run(ports, client, request)
    if word is Started.STARTED:
        telemetry.log(
            telemetry.Event.DRILL_STARTED,
            run_id=request.run_id,
            service=request.service,
            target=request.target.name,
            restore_point=request.point.name,
            trigger=request.trigger,
        )
    return {
        "v": 1,
        "started": word.value,
        "runId": request.run_id,
        "instanceId": request.first_record().instance_id,
    }
