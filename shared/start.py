"""Starting a run: its record first, then its orchestration, and only one at a time for each service."""

from __future__ import annotations

import asyncio
import enum

from shared import telemetry
from shared.core.ports import Ports
from shared.core.requests import BackupRequest, RestoreRequest
from shared.core.runs import RunPhase
from shared.instances import DurableClient, instance_state, start_exclusively


class Started(enum.StrEnum):
    """What came of the wish."""

    STARTED = "started"
    RUNNING = "running"
    """This very run is at work already."""
    ENDED = "ended"
    """This very run has ended before."""
    BUSY = "busy"
    """Another run has the service; nothing was started."""


async def start_run(ports: Ports, client: DurableClient, request: BackupRequest | RestoreRequest) -> Started:
    """
    Start a run. Idempotent: the same wish twice is one run.

    The record is written before the orchestration starts, so that whoever was told the run's id can
    ask for it at once.
    """
    record = request.first_record()
    state = await instance_state(client, record.instance_id)
    if state.is_running:
        return Started.RUNNING if state.is_of(request.run_id) else Started.BUSY
    if not await asyncio.to_thread(ports.runs.create, record):
        existing, _ = await asyncio.to_thread(ports.runs.read, request.run_id)
        if existing.phase is RunPhase.ENDED:
            return Started.ENDED
    if not await start_exclusively(client, request.function, record.instance_id, request.to_json()):
        return Started.BUSY
    telemetry.log(
        telemetry.Event.RUN_STARTED,
        run_id=record.run_id,
        kind=record.kind,
        service=record.service,
        target=record.subject.name,
        trigger=record.trigger,
    )
    return Started.STARTED
