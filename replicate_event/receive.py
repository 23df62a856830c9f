"""Receiving an event: it says that a service has a new record, and no more."""

from __future__ import annotations

from replicate_event.start import begin
from replicate_event.surveying import why_not
from shared import roster, telemetry
from shared.core import layout
from shared.core.events import BlobCreated, Ignored, read_event
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.instances import DurableClient
from shared.threads import in_thread


async def receive(text: str, client: DurableClient, ports: Ports) -> None:
    """
    Have replication look at the service that a message tells of; which record it names decides nothing.

    Repeated, late and reordered messages do no harm: they start a look that finds nothing to do, or
    nothing at all while one is at work.

    Raises:
        ProtocolError: not an event. The host repeats the message and then moves it to the poison queue.
        DrError: the plan's services, or Durable, could not be reached; repeated as well.
    """
    event = read_event(text)
    if isinstance(event, Ignored):
        telemetry.log(telemetry.Event.EVENT_IGNORED, reason=event.reason)
        return
    service, reason = await in_thread(_service_of, event, ports)
    if service is None or service.standby is None or reason:
        telemetry.log(telemetry.Event.EVENT_IGNORED, reason=reason, event_id=event.event_id)
        return
    if not await begin(service.name, service.standby, "event", client, ports):
        reason = "the replication of its service is at work already"
        telemetry.log(telemetry.Event.EVENT_IGNORED, reason=reason, event_id=event.event_id)
        return
    telemetry.log(telemetry.Event.EVENT_ACCEPTED, event_id=event.event_id, service=service.name)


def _service_of(event: BlobCreated, ports: Ports) -> tuple[ProtectedService | None, str]:
    """Return the service of an event, or why it starts nothing. Anybody who can write the queue is heard."""
    place = (event.account, event.container)
    regions = {name for name, one in ports.plan.regions.items() if (one.account, one.container) == place}
    if not regions:
        return None, f"{event.account}/{event.container} is no records container of the plan"
    named = layout.parse_restore_point_key(event.key)
    if named is None:
        return None, "the blob is no record of a restore point"
    service = roster.find(ports, named[0])
    reason = why_not(service, named[0], ports)
    if service is not None and not reason and service.region not in regions:
        reason = f"the record is a copy: {service.name} is backed up in {service.region}"
    return service, reason
