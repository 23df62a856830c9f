"""The HTTP call that has a run without proof looked at again, now."""

from __future__ import annotations

import datetime as dt

import azure.functions as func

from shared import http
from shared.core import names
from shared.core.errors import DrError, NotFoundError, RefusedError, ServiceBusyError, UnavailableError
from shared.core.ports import Ports
from shared.core.runs import RunPhase, RunRecord
from shared.instances import DurableClient, InstanceState, instance_state
from shared.start import start_look
from shared.threads import in_thread


async def start_resolving(req: func.HttpRequest, client: DurableClient, ports: Ports) -> func.HttpResponse:
    """
    Answer 202 with the run's Location, or an error; then nothing was started.

    A call while a look at this very run is at work starts no second one, and is answered as the first.
    """
    run_id = req.route_params.get("run_id", "")
    try:
        if not names.is_run_id(run_id):
            raise NotFoundError("that is not the id of a run", hint="GET /api/runs lists the newest runs.")
        run, _ = await in_thread(ports.runs.read, run_id)
        if run.is_proven:
            raise RefusedError(
                f"run {run_id} has {run.word} for its word, which is proven and does not change",
                hint=f"GET /api/runs/{run_id} shows it.",
                code="WordProven",
            )
        if not await _start(run, client, ports):
            raise ServiceBusyError(
                f"another run is at work on {run.subject.name}; nothing was started",
                hint="GET /api/runs shows it. Ask again when it has ended.",
                retry_after_s=60,
            )
    except DrError as err:
        return http.failure(err)
    headers = {"Location": http.run_url(req.url, run_id), "Retry-After": str(http.RETRY_AFTER_S)}
    return http.answer(202, {"runId": run_id, "outcome": run.outcome}, headers)


async def _start(run: RunRecord, client: DurableClient, ports: Ports) -> bool:
    """
    Start a look unless another run has the service; one that is at work already counts as started.

    Raises:
        RefusedError: the run has no word yet, and is driven or was written down just now.
        UnavailableError: Durable did not take it.
    """
    try:
        state = await instance_state(client, run.instance_id)
        if state.looks_at(run.run_id) or not _is_at_work(run, state, ports):
            return await start_look(ports, client, run)
    except Exception as err:
        raise UnavailableError(  # Durable's client raises nothing more precise
            "the look could not be started, because Durable Functions did not take it",
            hint="Ask again; if it repeats, look at the host's log and its storage account.",
            code="StartFailed",
        ) from err
    raise RefusedError(
        f"run {run.run_id} is at work and has no word yet",
        hint=f"Follow GET /api/runs/{run.run_id}.",
        code="RunUnderWay",
    )


def _is_at_work(run: RunRecord, state: InstanceState, ports: Ports) -> bool:
    """Tell whether the run's own orchestration is at work, or was about to begin just now."""
    if state.drives(run.run_id, run.part_of):
        return True
    idle = ports.clock.now() - run.phase_at
    is_new = idle <= dt.timedelta(seconds=ports.intervals.abandoned_s)
    return is_new and run.phase is not RunPhase.ENDED and not state.is_running
