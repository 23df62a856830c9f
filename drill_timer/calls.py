"""The HTTP calls of drills: asking for one, and reading what they came to."""

from __future__ import annotations

import uuid
from typing import Any

import azure.functions as func

from drill_timer.planning import drilled_here
from drill_timer.request import Asked, read_request
from shared import drill_records, http, roster
from shared.core import drills, layout, names
from shared.core.drills import DrillQueue
from shared.core.errors import DrError, NotFoundError, UnavailableError
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.reports import DrillRecord
from shared.core.runs import RunRecord
from shared.findings import FindingsError
from shared.instances import DurableClient, InstanceState, instance_state
from shared.records import newest, read_document
from shared.threads import in_thread

OF_EACH_MAX = 3
"""Where all services are asked for."""


async def start_drill(
    req: func.HttpRequest, client: DurableClient, ports: Ports, request_id: str | None = None
) -> func.HttpResponse:
    """
    Answer 202 with the drill's Location, or an error that names every fault; then nothing was started.

    Args:
        req: the call.
        client: Durable's client.
        ports: everything.
        request_id: for tests; a new one by default.
    """
    try:
        asked = await in_thread(read_request, req.get_body(), request_id or uuid.uuid4().hex, ports)
        await _begin(asked, client, ports)
    except FindingsError as err:
        return http.refusal(err)
    except DrError as err:
        return http.failure(err)
    wish = asked.wish
    body = {
        "drillId": wish.run_id,
        "service": wish.service,
        "target": wish.target.name,
        "restorePoint": asked.point.name,
    }
    headers = {"Location": http.drill_url(req.url, wish.run_id), "Retry-After": str(http.RETRY_AFTER_S)}
    return http.answer(202, body, headers)


async def _begin(asked: Asked, client: DurableClient, ports: Ports) -> None:
    queue = DrillQueue(waiting=(asked.wish,), intervals=ports.intervals)
    instance_id = drills.drill_instance(asked.wish.run_id)
    try:
        await client.start_new("drill_services", instance_id, queue.to_json())
    except Exception as err:  # the SDK raises nothing more precise; it may have been started all the same
        if (await instance_state(client, instance_id)).status is None:
            raise UnavailableError(
                "the drill could not be started, because Durable Functions did not take it",
                hint="Ask again; if it repeats, look at the host's log and its storage account.",
                code="StartFailed",
            ) from err


async def list_drills(req: func.HttpRequest, ports: Ports) -> func.HttpResponse:
    """Answer how services stand with their drills, and the drills, newest first: of one, or of all here."""
    try:
        shown = await in_thread(_list, req.params.get("service"), ports)
    except DrError as err:
        return http.failure(err)
    return http.answer(200, {"value": shown})


def _list(wanted: str | None, ports: Ports) -> list[dict[str, Any]]:
    if wanted is None:
        return [_show(service, OF_EACH_MAX, ports) for service in drilled_here(ports)]
    service = roster.find(ports, wanted)
    if service is None:
        raise NotFoundError(f"the plan names no service {wanted}", code="ServiceNotFound")
    return [_show(service, drills.READ_MAX, ports)]


def _show(service: ProtectedService, count_max: int, ports: Ports) -> dict[str, Any]:
    records = ports.records(service.drill_into.region if service.drill_into else None)
    standing = drill_records.standing(service, ports)
    held = newest(records, layout.drills_prefix(service.name), DrillRecord, count_max)
    return {
        "service": service.name,
        "state": standing.to_json() if standing else None,
        "drills": [record.to_json() for record in held],
    }


async def get_drill(req: func.HttpRequest, client: DurableClient, ports: Ports) -> func.HttpResponse:
    """Answer 202 while a drill is under way, and at its end its record, with the status of its word."""
    drill_id = req.route_params.get("drill_id", "")
    try:
        if not names.is_run_id(drill_id) or "-drill-" not in drill_id:
            raise NotFoundError("that is not the id of a drill", hint=_HINT)
        record = await in_thread(_record, drill_id, ports)
        if record is not None:
            return _final(record)
        waiting = await instance_state(client, drills.drill_instance(drill_id))
        run = await in_thread(_run, drill_id, ports)
        if run is None and not waiting.is_running:
            raise NotFoundError(f"drill {drill_id} is not known here", hint=_HINT, code="DrillNotFound")
    except DrError as err:
        return http.failure(err)
    headers = {"Location": http.drill_url(req.url, drill_id), "Retry-After": str(http.RETRY_AFTER_S)}
    return http.answer(202, _under_way(drill_id, run, waiting), headers)


_HINT = "GET /api/drills lists the newest drills."


def _record(drill_id: str, ports: Ports) -> DrillRecord | None:
    """Return the record of a drill; its id ends with the service's name, and perhaps a tail of its own."""
    rest = drill_id.partition("-drill-")[2]
    for service in (rest, rest.rpartition("-")[0]):
        try:
            return read_document(ports.records(), layout.drill_key(service, drill_id), DrillRecord)[0]
        except NotFoundError:
            continue
    return None


def _run(drill_id: str, ports: Ports) -> RunRecord | None:
    try:
        return ports.runs.read(drill_id)[0]
    except NotFoundError:
        return None


def _under_way(drill_id: str, run: RunRecord | None, waiting: InstanceState) -> dict[str, Any]:
    status = waiting.custom_status if isinstance(waiting.custom_status, dict) else {}
    waits_for = status.get("waitingFor") or "another run may have its target"
    message = f"its restore is at work; GET /api/runs/{drill_id} shows it" if run else f"waiting: {waits_for}"
    return {
        "drillId": drill_id,
        "outcome": None,
        "phase": run.phase if run else None,
        "target": run.subject.name if run else None,
        "message": message,
    }


def _final(record: DrillRecord) -> func.HttpResponse:
    body = record.to_json()
    status = http.STATUS_OF_OUTCOME[record.outcome]
    if status == 200:
        return http.answer(200, body)
    fault = record.fault
    code, why = (fault.code, fault.message or fault.code) if fault else (record.outcome.value, "")
    message = f"drill {record.run_id} ended as {record.outcome}" + (f": {why}" if why else "")
    message += f". {fault.hint}" if fault and fault.hint else ""
    detail = {
        "code": record.outcome.value,
        "target": record.target.name,
        "message": f"the word of the drill is {record.outcome}",
    }
    return http.answer(status, http.envelope(code, message, [detail], drill=body))
