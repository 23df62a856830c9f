"""The timer's part: finding services with something to replicate, whether an event told of it or not."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from replicate_event.start import begin
from replicate_event.surveying import cannot_read, last_state, own_name, why_not
from shared import roster, telemetry
from shared.core import layout
from shared.core.errors import ConflictError, DrError
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.replication import Approval, ReplicationState, needs_look
from shared.instances import DurableClient
from shared.records import read_document, readable
from shared.threads import in_thread, in_threads

AT_ONCE = 16
"""Services looked after side by side: each costs one small read, unless something is to do."""

Newest = dict[str, str]
"""Name of the newest record by service."""


async def find_unreplicated(client: DurableClient, ports: Ports) -> None:
    """
    Start a replication wherever there may be something to do. Idempotent; no service hides another one.

    Costs one list of each primary's region for every 5,000 records there, one of the approvals, and one
    read for each service.
    """
    try:
        services, newest, approvals = await in_thread(_read, ports)
    except DrError as err:
        _log(None, err)
        return
    for first in range(0, len(services), AT_ONCE):
        some = services[first : first + AT_ONCE]
        await asyncio.gather(*(_try(one, newest[one.region], approvals, client, ports) for one in some))


def _read(ports: Ports) -> tuple[list[ProtectedService], dict[str, Newest | str], list[Approval]]:
    """Return the services with a standby here, what each of their regions has or why not, and approvals."""
    services = [one for one in roster.members(ports) if not why_not(one, one.name, ports)]
    regions = sorted({service.region for service in services})
    listed = in_threads(lambda region: _newest_of(region, ports), regions, at_once=AT_ONCE)
    return services, dict(zip(regions, listed, strict=True)), _approvals(ports)


def _newest_of(region: str, ports: Ports) -> Newest | str:
    """Return the newest record of every service of a region, or why they cannot be listed."""
    found: Newest = {}
    try:
        for key in ports.records(region).keys(layout.RESTORE_POINTS):
            named = own_name(key)
            if named is not None:
                found[named[0]] = named[1]  # the last one by name is the newest
    except DrError as err:
        telemetry.log(
            telemetry.Event.REPLICATION_NOT_SEEN, level=logging.ERROR, code=err.code, message=err.message
        )
        return cannot_read(region, err)
    return found


def _approvals(ports: Ports) -> list[Approval]:
    """Return what operators have approved and no standby holds yet: few at any time."""
    records = ports.records()
    return readable(records, records.keys(layout.APPROVALS), Approval)


async def _try(
    service: ProtectedService,
    newest: Newest | str,
    approvals: list[Approval],
    client: DurableClient,
    ports: Ports,
) -> None:
    try:
        await _look_after(service, newest, approvals, client, ports)
    except Exception as err:  # noqa: BLE001 - Durable's client raises nothing more precise
        _log(service.name, err)


async def _look_after(
    service: ProtectedService,
    newest: Newest | str,
    approvals: list[Approval],
    client: DurableClient,
    ports: Ports,
) -> None:
    if service.standby is None:
        return
    state = await in_thread(last_state, service.name, ports)
    now = ports.clock.now()
    if isinstance(newest, str):
        # what hangs on this region's own copies, or on the standby, goes on without the primary's
        is_due = state is not None and state.again_at is not None and state.again_at <= now
        if state is not None and not state.primary_fault and not is_due:
            await in_thread(_note, service.name, newest, ports)
    else:
        is_due = needs_look(state, newest.get(service.name), now)
    is_approved = any(
        one.service == service.name and (state is None or one.approved_at > state.at) for one in approvals
    )
    if is_due or is_approved:
        await begin(service.name, service.standby, "timer", client, ports)


def _note(service: str, fault: str, ports: Ports) -> None:
    """Add to what replication said last that a region cannot be read, unless it says something just now."""
    records, key = ports.records(), layout.replication_key(service)
    state, etag = read_document(records, key, ReplicationState)
    with contextlib.suppress(ConflictError):
        records.replace(key, state.cannot_see(fault).to_bytes(), etag)


def _log(service: str | None, err: Exception) -> None:
    telemetry.log(
        telemetry.Event.REPLICATION_NOT_SEEN,
        level=logging.ERROR,
        service=service,
        code=err.code if isinstance(err, DrError) else type(err).__name__,
        message=err.message if isinstance(err, DrError) else None,
    )
