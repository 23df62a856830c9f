"""Receiving an event: reading it, and starting one replication for one record."""

from __future__ import annotations

from shared import telemetry
from shared.core import layout, names
from shared.core.events import BlobCreated, Ignored, read_event
from shared.core.ports import Ports
from shared.instances import DurableClient, instance_state


async def receive(text: str, client: DurableClient, ports: Ports) -> None:
    """
    Start the replication that a message asks for; a message that was handled before starts nothing.

    Raises:
        ProtocolError: not an event. The host repeats the message and then moves it to the poison queue.
    """
    event = read_event(text)
    reason = _why_not(event, ports)
    if reason or isinstance(event, Ignored):
        telemetry.log(telemetry.Event.EVENT_IGNORED, reason=reason)
        return
    instance_id = names.replication_instance(event.account, event.key)
    found = await instance_state(client, instance_id)
    if found.status is not None:
        telemetry.log(telemetry.Event.EVENT_IGNORED, reason="was received before", event_id=event.event_id)
        return
    received_at = ports.clock.now().replace(microsecond=0)
    wish = {
        "v": 1,
        "account": event.account,
        "container": event.container,
        "key": event.key,
        "receivedAt": received_at.isoformat(),
        "intervals": ports.intervals.to_json(),
    }
    await client.start_new("replicate_restore_point", instance_id, wish)
    telemetry.log(telemetry.Event.EVENT_ACCEPTED, event_id=event.event_id, instance_id=instance_id)


def _why_not(event: BlobCreated | Ignored, ports: Ports) -> str:
    """Return why an event starts nothing, or an empty string. Anybody who can write the queue is heard."""
    if isinstance(event, Ignored):
        return event.reason
    places = {(place.account, place.container) for place in ports.plan.regions.values()}
    if (event.account, event.container) not in places:
        return f"{event.account}/{event.container} is no records container of the plan"
    if layout.parse_restore_point_key(event.key) is None:
        return "the blob is no record of a restore point"
    return ""
