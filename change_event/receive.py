"""Receiving an event: writing down a change, and making sure that somebody waits with it."""

from __future__ import annotations

import datetime as dt
import logging

from change_event.activities import unwanted
from change_event.orchestrator import Wait
from shared import roster, telemetry
from shared.core import layout, names
from shared.core.change_events import Change, read_change
from shared.core.changes import Changes, heard
from shared.core.errors import ConflictError, NotFoundError, ProtocolError, UnavailableError
from shared.core.events import Ignored
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.instances import DurableClient, instance_state
from shared.threads import in_thread

FUNCTION = "wait_for_quiet"
TRIES_MAX = 10
"""A deployment changes a hundred things at a time, and their events are handled side by side."""


async def receive(text: str, client: DurableClient, ports: Ports) -> None:
    """
    Write down the change that a message tells of. Repeated, late and reordered messages do no harm.

    Raises:
        ProtocolError: not an event. The host repeats the message and then moves it to the poison queue.
        DrError: the change could not be written down, or nobody found to wait with it; repeated as well.
    """
    change = read_change(text)
    if isinstance(change, Ignored):
        telemetry.log(telemetry.Event.CHANGE_IGNORED, reason=change.reason)
        return
    service = await in_thread(roster.find_resource, ports, change.resource_id)
    reason = unwanted(service, ports)
    if service is None or reason:
        telemetry.log(telemetry.Event.CHANGE_IGNORED, reason=reason, event_id=change.event_id)
        return
    own_run = await _own_run(service, change, client, ports)
    if own_run:
        reason = f"run {own_run} of ours has the service"
        telemetry.log(telemetry.Event.CHANGE_IGNORED, reason=reason, event_id=change.event_id)
        return
    changes = await in_thread(_write_down, service.name, change, ports)
    if changes.is_waiting:
        await _make_sure(service, changes, client, ports)


async def _own_run(
    service: ProtectedService, change: Change, client: DurableClient, ports: Ports
) -> str | None:
    """
    Return the restore of ours that a change belongs to: it changes everything that its target holds.

    All runs on one service share one instance, so the last one is known without a search.
    """
    found = await instance_state(client, names.service_instance(service.resource_id))
    last = found.input if isinstance(found.input, dict) else {}
    if last.get("kind") not in {"restore", "replicate", "drill"}:
        return None
    try:
        run, _ = await in_thread(ports.runs.read, str(last.get("runId")))
    except (NotFoundError, ProtocolError):
        return None
    posted_at = run.first_posted_at or run.posted_at
    at = min(change.at or ports.clock.now(), ports.clock.now())
    if posted_at is None or at < posted_at:
        return None
    echo = dt.timedelta(seconds=ports.intervals.own_echo_s)
    return run.run_id if run.ended_at is None or at <= run.ended_at + echo else None


def _write_down(service: str, change: Change, ports: Ports) -> Changes:
    """Return what is known of a service's changes, with this one."""
    key, now = layout.changes_key(service), ports.clock.now()
    for _ in range(TRIES_MAX):
        former, etag = _former(service, now, ports)
        changes = heard(former, change, now)
        if changes is former:
            telemetry.log(
                telemetry.Event.CHANGE_IGNORED, reason="was received before", event_id=change.event_id
            )
            return changes
        try:
            if etag is None:
                ports.records().create(key, changes.to_bytes())
            else:
                ports.records().replace(key, changes.to_bytes(), etag)
        except ConflictError:
            continue
        telemetry.log(
            telemetry.Event.CHANGE_HEARD, service=service, kind=change.kind, event_id=change.event_id
        )
        return changes
    raise ConflictError(f"{key} was changed all the time")


def _former(service: str, now: dt.datetime, ports: Ports) -> tuple[Changes, str | None]:
    try:
        content, etag = ports.records().read(layout.changes_key(service))
    except NotFoundError:
        return Changes(service=service), None
    try:
        return Changes.from_bytes(content), etag
    except ProtocolError as err:
        telemetry.log(telemetry.Event.RECORD_UNREADABLE, level=logging.ERROR, message=err.message)
        # numbers of former watches are lost with it, and must not come again
        return Changes(service=service, wait=int(now.timestamp())), etag


async def _make_sure(
    service: ProtectedService, changes: Changes, client: DurableClient, ports: Ports
) -> None:
    """Start the orchestration that waits with the changes, unless it is there."""
    instance_id = names.changes_instance(service.resource_id, changes.wait)
    if (await instance_state(client, instance_id)).is_running:
        return
    wait = Wait(service=service.name, number=changes.wait, intervals=ports.intervals)
    try:
        await client.start_new(FUNCTION, instance_id, wait.to_json())
    except Exception as err:  # the SDK raises nothing more precise; another message may have been faster
        if not (await instance_state(client, instance_id)).is_running:
            raise UnavailableError(
                "nobody waits with the changes, because Durable Functions did not take it", code="StartFailed"
            ) from err
