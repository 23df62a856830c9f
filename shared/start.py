"""Starting a run: its record first, then its orchestration, and only one at a time for each service."""

from __future__ import annotations

import enum

from shared import telemetry
from shared.core.errors import ConflictError, NotFoundError
from shared.core.ports import Ports
from shared.core.requests import BackupRequest, RestoreRequest
from shared.core.runs import RunPhase, RunRecord
from shared.instances import LATER_LOOK, DurableClient, instance_state, start_exclusively
from shared.threads import in_thread


class Started(enum.StrEnum):
    """What came of the wish."""

    STARTED = "started"
    RUNNING = "running"
    """This very run is at work already."""
    ENDED = "ended"
    """This very run has ended before."""
    BUSY = "busy"
    """Another run has the service; nothing was started, and nothing was left behind."""


async def start_run(ports: Ports, client: DurableClient, request: BackupRequest | RestoreRequest) -> Started:
    """
    Start a run. Idempotent: the same wish twice is one run, also at the same time.

    The record is written before the orchestration starts, so that whoever was told the run's id can
    ask for it at once. Where the service turns out to be busy after that, the record is taken back.

    Raises:
        DrError: the record could not be written; nothing was started. ConflictError if another execution
            of the same wish is writing it.
        Exception: of Durable's client; whether it was started is not known, and its record stays.
    """
    record = _as_of_now(request.first_record(), ports)
    state = await instance_state(client, record.instance_id)
    if state.is_running:
        return Started.RUNNING if state.is_of(request.run_id) else Started.BUSY
    created = await in_thread(ports.runs.create, record)
    if created is None and await in_thread(_has_ended, record, ports):
        return Started.ENDED
    if not await start_exclusively(client, request.function, record.instance_id, request.to_json()):
        if created is not None:
            await in_thread(ports.runs.discard, record.run_id, created)
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


async def start_look(ports: Ports, client: DurableClient, run: RunRecord) -> bool:
    """
    Start a later look at a run without proof, on the instance that all runs of its service share.

    Returns:
        Whether the look is at work; False: another run has the service.
    """
    wish = {"v": 1, "runId": run.run_id, "intervals": ports.intervals.to_json()}
    return await start_exclusively(client, LATER_LOOK, run.instance_id, wish)


def _as_of_now(record: RunRecord, ports: Ports) -> RunRecord:
    """Date a record: its wish may be hours old, and how long nothing drives it counts from now."""
    return record.model_copy(update={"phase_at": ports.clock.now()})


def _has_ended(record: RunRecord, ports: Ports) -> bool:
    """
    Tell whether a run that is on record has ended; if not, write it once more before it is started.

    The execution of the same wish that wrote it first may find the service busy. It takes the record
    back only if nobody wrote it since, so never from somebody who may start the run.
    """
    try:
        run, etag = ports.runs.read(record.run_id)
        if run.phase is RunPhase.ENDED:
            return True
        again = run.phase is not RunPhase.REQUESTED
        run = run.model_copy(update={"wish": record.wish, "resumes": run.resumes + again})
        ports.runs.replace(run, etag)
    except (ConflictError, NotFoundError) as err:
        raise ConflictError(f"run {record.run_id} is just being started or taken back elsewhere") from err
    return False
