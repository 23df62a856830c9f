"""Starting the one orchestration that replicates a service, unless it is at work."""

from __future__ import annotations

from typing import Literal

from replicate_event.orchestrator import Replicating
from shared.core import names
from shared.core.ends import Standby
from shared.core.errors import UnavailableError
from shared.core.ports import Ports
from shared.instances import DurableClient, instance_state

FUNCTION = "replicate_service"


async def begin(
    service: str,
    standby: Standby,
    trigger: Literal["timer", "http", "event"],
    client: DurableClient,
    ports: Ports,
) -> bool:
    """
    See to it that replication looks at a service.

    Returns:
        Whether it was started; False: it is at work already, and looks once more before it ends.

    Raises:
        UnavailableError: Durable did not take it.
    """
    instance_id = names.replication_instance(standby.resource_id)
    if (await instance_state(client, instance_id)).is_running:
        return False
    wish = Replicating(service=service, trigger=trigger, intervals=ports.intervals)
    try:
        await client.start_new(FUNCTION, instance_id, wish.to_json())
    except Exception as err:  # the SDK raises nothing more precise; another start may have been faster
        if (await instance_state(client, instance_id)).is_running:
            return False
        raise UnavailableError(
            f"the replication of {service} could not be started, because Durable Functions did not take it",
            hint="Ask again; if it repeats, look at the host's log and its storage account.",
            code="StartFailed",
        ) from err
    return True
