"""The watch: what is done, from outside of any orchestration, for runs that have no final word."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from run_control.activities import write_end
from shared import telemetry
from shared.core.errors import ConflictError, DrError, NotFoundError
from shared.core.ports import Ports
from shared.core.runs import OpenMark, RunRecord
from shared.core.watching import Care, care_for, end_of, wish_of
from shared.instances import DurableClient, InstanceState, instance_state, start_exclusively
from shared.start import start_look
from shared.threads import in_thread

AT_ONCE = 8
"""Runs cared for side by side: a look is a few small reads."""


async def watch(client: DurableClient, ports: Ports) -> None:
    """Look after every open run once. Idempotent; one that cannot be looked after hides no other."""
    try:
        run_ids = await in_thread(ports.runs.open_ids)
    except DrError as err:
        telemetry.log(telemetry.Event.WATCH_FAILED, level=logging.ERROR, code=err.code, message=err.message)
        return
    for first in range(0, len(run_ids), AT_ONCE):
        await asyncio.gather(*(_try(run_id, client, ports) for run_id in run_ids[first : first + AT_ONCE]))


async def _try(run_id: str, client: DurableClient, ports: Ports) -> None:
    try:
        await _care(run_id, client, ports)
    except Exception as err:  # noqa: BLE001 - Durable's client raises nothing more precise
        telemetry.log(
            telemetry.Event.WATCH_FAILED,
            level=logging.ERROR,
            run_id=run_id,
            code=err.code if isinstance(err, DrError) else type(err).__name__,
            message=err.message if isinstance(err, DrError) else None,
        )


async def _care(run_id: str, client: DurableClient, ports: Ports) -> None:
    found = await in_thread(ports.runs.mark, run_id)
    if found is None:
        return  # closed since it was listed
    mark, mark_etag = found
    try:
        instance_id = (await in_thread(ports.runs.read, run_id))[0].instance_id
    except NotFoundError:
        await in_thread(_clear, run_id, mark, mark_etag, ports)
        return
    # in this order: a run that ends between the two looks is seen as driven or as ended, never as lost
    state = await instance_state(client, instance_id)
    run, etag = await in_thread(ports.runs.read, run_id)
    care = care_for(
        run,
        mark.seen_at,
        is_driven=state.drives(run_id, run.part_of),
        whole=await in_thread(_whole_of, run, ports),
        now=ports.clock.now(),
        intervals=ports.intervals,
    )
    if care in {Care.RESUME, Care.RESOLVE}:
        start = _resume if care is Care.RESUME else _look
        if not await start(run, etag, state, client, ports):
            return  # another run has the service; the next look finds it as it is now
    elif care is Care.END:
        await in_thread(write_end, run, etag, end_of(run), ports)
    elif care in {Care.CLOSE, Care.GIVE_UP}:
        await in_thread(_close, run, care, ports)
    if care in {Care.NOTE, Care.RESUME, Care.RESOLVE}:
        await in_thread(ports.runs.note, run_id, ports.clock.now(), mark_etag)


def _whole_of(run: RunRecord, ports: Ports) -> RunRecord | None:
    """Return the run that this one is a part of; None if it is none, or if that one is gone."""
    if run.part_of is None:
        return None
    try:
        return ports.runs.read(run.part_of)[0]
    except NotFoundError:
        return None


async def _resume(
    run: RunRecord, etag: str, state: InstanceState, client: DurableClient, ports: Ports
) -> bool:
    """Start the run's orchestration again; its steps find in the record how far it came."""
    wish = wish_of(run)
    if state.is_running or wish is None:
        return False
    again = run.model_copy(update={"resumes": run.resumes + 1})
    try:
        # before the start: what is started is followed by an instance with this number in its name
        counted = await in_thread(ports.runs.replace, again, etag)
    except ConflictError:
        return False  # somebody moves it after all
    try:
        was_started = await start_exclusively(client, wish.function, run.instance_id, run.wish)
    except Exception:
        await _uncount(run, counted, client, ports)
        raise
    if not was_started:
        await _uncount(run, counted, client, ports)
        return False
    telemetry.log(
        telemetry.Event.RUN_RESUMED,
        level=logging.WARNING,
        run_id=run.run_id,
        kind=run.kind,
        service=run.service,
        reason=run.phase,
    )
    return True


async def _uncount(run: RunRecord, counted: str, client: DurableClient, ports: Ports) -> None:
    """Take back that a run was taken up; where the host cannot say that it was not, the count stays."""
    with contextlib.suppress(Exception):  # the next look begins from what is on record, whatever failed here
        state = await instance_state(client, run.instance_id)
        if not state.drives(run.run_id, run.part_of):
            await in_thread(ports.runs.replace, run, counted)


async def _look(
    run: RunRecord, _etag: str, state: InstanceState, client: DurableClient, ports: Ports
) -> bool:
    return not state.is_running and await start_look(ports, client, run)


def _close(run: RunRecord, care: Care, ports: Ports) -> None:
    if care is Care.GIVE_UP:
        telemetry.log(
            telemetry.Event.RUN_GIVEN_UP,
            level=logging.ERROR,
            run_id=run.run_id,
            kind=run.kind,
            service=run.service,
            outcome=run.outcome,
        )
    ports.runs.close(run.run_id)


def _clear(run_id: str, mark: OpenMark, etag: str, ports: Ports) -> None:
    """Take away a mark without a run, once it is certain that nobody is just writing the run down."""
    now = ports.clock.now()
    if mark.seen_at is None:
        ports.runs.note(run_id, now, etag)
    elif (now - mark.seen_at).total_seconds() > ports.intervals.abandoned_s:
        ports.runs.close(run_id, etag)
