"""The HTTP calls by which an operator stops the replication of a service, and lets it go on."""

from __future__ import annotations

import contextlib
import logging
from typing import Annotated

import azure.functions as func
from pydantic import AfterValidator, Field

from replicate_event.call import begin_or_say, find_service, one_line
from shared import body, http, roster, standby, telemetry
from shared.core import layout
from shared.core.documents import Value
from shared.core.errors import ConflictError, DrError, NotFoundError, RequestError
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.replication import ReplicationState, ReplicationStop, stopped_because
from shared.core.retention import REASON_LENGTH_MAX
from shared.findings import Finding, FindingsError
from shared.instances import DurableClient
from shared.records import read_document
from shared.threads import in_thread

STOP_HINT = 'The body looks like {"reason": "<why nothing is to be replicated>"}.'


class StopBody(Value):
    """What a caller sends."""

    reason: Annotated[str, Field(min_length=1, max_length=REASON_LENGTH_MAX), AfterValidator(one_line)]


async def stop_replication(req: func.HttpRequest, client: DurableClient, ports: Ports) -> func.HttpResponse:
    """
    Answer 200 with the stop and the id of a restore that it comes too late for; again changes nothing.

    The stop is written before runs are looked at, and each replication looks at it before its POST: what
    is not in the answer sends nothing any more.
    """
    try:
        service, stop = await in_thread(_stop, req, ports)
        under_way = await in_thread(_under_way, service, ports)
        await in_thread(_say, stop, ports)
        await _look(service, "the stop counts all the same", client, ports)
    except FindingsError as err:
        return http.refusal(err)
    except DrError as err:
        return http.failure(err)
    return http.answer(200, {**stop.to_json(), "underWay": under_way})


async def resume_replication(req: func.HttpRequest, client: DurableClient, ports: Ports) -> func.HttpResponse:
    """
    Answer 200 without a stop, and have the standby looked at; again does no harm.

    Also where the standby is in another region by now: roles are swapped between a stop and its end, and one
    that was left would count when they are swapped back.
    """
    try:
        service = await in_thread(_known, req, ports)
        if await in_thread(ports.records().delete, layout.replication_stop_key(service.name)):
            telemetry.log(telemetry.Event.REPLICATION_UNSTOPPED, level=logging.WARNING, service=service.name)
        await _look(service, "the stop is taken back", client, ports)
    except FindingsError as err:
        return http.refusal(err)
    except DrError as err:
        return http.failure(err)
    return http.answer(200, {"service": service.name, "stop": None})


def _stop(req: func.HttpRequest, ports: Ports) -> tuple[ProtectedService, ReplicationStop]:
    service = _find(req, ports)
    data, faults = body.read_object(req.get_body(), StopBody, STOP_HINT)
    if faults:
        raise RequestError("nothing was stopped", faults=faults, hint=STOP_HINT)
    stop = ReplicationStop(service=service.name, reason=data["reason"], stopped_at=ports.clock.now())
    records, key = ports.records(), layout.replication_stop_key(service.name)
    with contextlib.suppress(NotFoundError):
        former, _ = read_document(records, key, ReplicationStop)
        if former.reason == stop.reason:
            return service, former
    records.put(key, stop.to_bytes())
    telemetry.log(
        telemetry.Event.REPLICATION_STOPPED, level=logging.WARNING, service=service.name, reason=stop.reason
    )
    return service, stop


def _find(req: func.HttpRequest, ports: Ports) -> ProtectedService:
    findings: list[Finding] = []
    service = find_service(req.route_params.get("service", ""), ports, findings)
    if service is None:
        raise FindingsError("nothing was changed", findings)
    return service


def _known(req: func.HttpRequest, ports: Ports) -> ProtectedService:
    name = req.route_params.get("service", "")
    service = roster.find(ports, name)
    if service is None:
        hint = "GET /api/services lists the services."
        raise NotFoundError(f"neither plan nor discovery knows {name}", hint=hint, code="ServiceNotFound")
    return service


def _under_way(service: ProtectedService, ports: Ports) -> str | None:
    """Return the id of a replication that has begun, and may have sent its restore; None: there is none."""
    if service.standby is None:
        return None
    since = ports.clock.now() - standby.RECENTLY
    runs = standby.replications(service.name, service.standby.ref, since, ports)
    return next((run.run_id for run in reversed(runs) if run.word is None), None)


def _say(stop: ReplicationStop, ports: Ports) -> None:
    """Name the stop in what replication said last; a look that is just at work names it itself."""
    records, key = ports.records(), layout.replication_key(stop.service)
    with contextlib.suppress(NotFoundError, ConflictError):
        state, etag = read_document(records, key, ReplicationState)
        sentence = stopped_because(stop.service, stop.reason)
        if sentence not in state.reasons:
            said = state.model_copy(update={"reasons": (sentence, *state.reasons)})
            records.replace(key, said.to_bytes(), etag)


async def _look(service: ProtectedService, counts: str, client: DurableClient, ports: Ports) -> None:
    if service.standby is not None and service.standby.region == ports.plan.region:
        await begin_or_say(service.name, service.standby, counts, client, ports)
