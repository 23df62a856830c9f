"""The HTTP call that starts a restore, or shows what one would do: read, check, start, answer."""

from __future__ import annotations

import uuid

import azure.functions as func

from restore_http import dry_run
from restore_http.request import Asked, read_request
from shared import http
from shared.core.errors import DrError, ServiceBusyError, UnavailableError
from shared.core.lro import Fault
from shared.core.ports import Ports
from shared.core.preflight_facts import Verdict
from shared.core.requests import RestoreRequest
from shared.core.runs import Outcome, RunPhase, advance
from shared.findings import FindingsError
from shared.instances import DurableClient
from shared.start import Started, start_run
from shared.threads import in_thread


async def start_restore(
    req: func.HttpRequest, client: DurableClient, ports: Ports, request_id: str | None = None
) -> func.HttpResponse:
    """
    Answer 202 with the run's Location, or an error that names every fault; then nothing was started.

    A dry run is answered with 200 and what the restore would do, whatever the guards say.

    Args:
        req: the call.
        client: Durable's client.
        ports: everything.
        request_id: for tests; a new one by default.
    """
    try:
        asked = await in_thread(read_request, req.get_body(), request_id or uuid.uuid4().hex, ports)
        if asked.is_dry_run:
            return http.answer(200, await in_thread(dry_run.plan_of, asked, ports))
        request = asked.request
        word = await _start(request, client, ports)
        if word is Started.BUSY:
            raise ServiceBusyError(
                f"another run is at work on {request.target.name}; nothing was started",
                hint="GET /api/runs shows it. Ask again when it has ended.",
                retry_after_s=60,
            )
    except FindingsError as err:
        return http.refusal(err)
    except DrError as err:
        return http.failure(err)
    location = http.run_url(req.url, request.run_id)
    body = {
        "runId": request.run_id,
        "restorePoint": request.point.name,
        "target": request.target.name,
        "warnings": _warnings(asked),
    }
    return http.answer(202, body, {"Location": location, "Retry-After": str(http.RETRY_AFTER_S)})


def _warnings(asked: Asked) -> list[str]:
    """Return what the guards let pass with a doubt."""
    doubtful = {Verdict.WARNING, Verdict.NOT_CHECKED}
    return [f"{check.name}: {check.cause}" for check in asked.checks if check.verdict in doubtful]


async def _start(request: RestoreRequest, client: DurableClient, ports: Ports) -> Started:
    """Start the run; one that cannot be started must not look for ever as if it were at work."""
    try:
        return await start_run(ports, client, request)
    except Exception as err:
        await in_thread(_close, request, ports)
        if isinstance(err, DrError):
            raise
        raise UnavailableError(  # Durable's client raises nothing more precise
            "the restore could not be started, because Durable Functions did not take it",
            hint="Ask again; if it repeats, look at the host's log and its storage account.",
            code="StartFailed",
        ) from err


def _close(request: RestoreRequest, ports: Ports) -> None:
    """End the record of a run that Durable did not take; should it begin all the same, it finds its end."""
    try:
        run, etag = ports.runs.read(request.run_id)
        if run.phase is not RunPhase.REQUESTED:
            return  # it was started after all
        now = ports.clock.now()
        fault = Fault(code="NotStarted", message="the orchestration could not be started")
        ended = advance(run, RunPhase.ENDED, now, outcome=Outcome.REFUSED, fault=fault, ended_at=now)
        ports.runs.replace(ended, etag)
        ports.runs.close(request.run_id)
    except DrError:
        return
