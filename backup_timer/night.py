"""Starting a night, once."""

from __future__ import annotations

import logging

from shared import telemetry
from shared.core import names
from shared.core.ports import Ports
from shared.instances import DurableClient, instance_state


async def start(client: DurableClient, ports: Ports) -> None:
    """Start tonight's fleet; a second firing of one night (UTC date) finds the first and does nothing."""
    now = ports.clock.now().replace(microsecond=0)
    instance_id = names.night_instance(now.date())
    found = await instance_state(client, instance_id)
    if found.is_running or found.status == "Completed":
        telemetry.log(
            telemetry.Event.NIGHT_ALREADY_STARTED,
            level=logging.WARNING,
            night=now.date().isoformat(),
            reason=found.status,
        )
        return
    await client.start_new("back_up_fleet", instance_id, {"v": 1, "requestedAt": now.isoformat()})
