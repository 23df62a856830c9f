"""The calls behind the routes: what would be pruned, holds, and rebuilding the catalogue."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any, TypeVar

import azure.functions as func
from pydantic import AfterValidator, Field

from catalog_keeping.pruning import DELETIONS_MAX, fence
from shared import body, http, roster, telemetry
from shared.catalog import read_catalog, records_of
from shared.core import layout, names
from shared.core.documents import Value
from shared.core.errors import (
    ConflictError,
    DrError,
    NotFoundError,
    ProtocolError,
    RefusedError,
    RequestError,
    ServiceBusyError,
    UnavailableError,
)
from shared.core.plan import ProtectedService
from shared.core.ports import Blobs, Ports
from shared.core.rebuilding import RebuildRecord, RebuildState
from shared.core.retention import REASON_LENGTH_MAX, Hold, plan_prune
from shared.instances import DurableClient, instance_state
from shared.records import read_document
from shared.threads import in_thread

_B = TypeVar("_B", bound=Value)

HOLD_HINT = 'The body looks like {"reason": "why it must be kept"}.'
REBUILD_HINT = 'The body looks like {"service": "<name in the plan>"}, or {} for all services of this region.'


def _one_line(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise ValueError("is not one line of readable text")
    return text


class HoldBody(Value):
    """What a caller sends with a hold."""

    reason: Annotated[str, Field(min_length=1, max_length=REASON_LENGTH_MAX), AfterValidator(_one_line)]


class RebuildBody(Value):
    """What a caller sends to rebuild."""

    service: str | None = Field(default=None, min_length=1, max_length=100)


async def show_prune_plan(req: func.HttpRequest, ports: Ports) -> func.HttpResponse:
    """Answer what would become of every restore point of a service, and why. Nothing is changed."""
    try:
        shown = await in_thread(_prune_plan, req.params.get("service"), ports)
    except DrError as err:
        return http.failure(err)
    return http.answer(200, shown)


async def hold_restore_point(req: func.HttpRequest, ports: Ports) -> func.HttpResponse:
    """Hold a restore point, and answer the hold; the same hold again changes nothing."""
    try:
        hold = await in_thread(_hold, req, ports)
    except DrError as err:
        return http.failure(err)
    return http.answer(200, hold.to_json())


async def release_restore_point(req: func.HttpRequest, ports: Ports) -> func.HttpResponse:
    """Take a hold back; again changes nothing."""
    try:
        await in_thread(_release, req, ports)
    except DrError as err:
        return http.failure(err)
    return http.answer(200, {"hold": None})


async def start_rebuild(
    req: func.HttpRequest, client: DurableClient, ports: Ports, request_id: str | None = None
) -> func.HttpResponse:
    """
    Answer 202 with the Location of a rebuild.

    Args:
        req: the call.
        client: Durable's client.
        ports: everything.
        request_id: for tests; a new one by default.
    """
    try:
        record = await in_thread(_new_rebuild, req, request_id or uuid.uuid4().hex, ports)
        state = RebuildState(rebuild_id=record.rebuild_id, intervals=ports.intervals, waiting=record.services)
        try:
            await client.start_new("rebuild_catalog", record.rebuild_id, state.to_json())
        except Exception as err:  # Durable's client raises nothing more precise
            raise UnavailableError(
                "the rebuild could not be started, because Durable Functions did not take it",
                hint="Ask again; if it repeats, look at the host's log and its storage account.",
                code="StartFailed",
            ) from err
    except DrError as err:
        return http.failure(err)
    headers = _follow(req, record.rebuild_id)
    shown = {key: record.to_json()[key] for key in ("rebuildId", "services", "warnings")}
    return http.answer(202, shown, headers)


async def get_rebuild(req: func.HttpRequest, client: DurableClient, ports: Ports) -> func.HttpResponse:
    """Answer 202 while a rebuild is at work, and at the end what became of every blob."""
    rebuild_id = req.route_params.get("rebuild_id", "")
    try:
        record = await in_thread(_rebuild, rebuild_id, ports)
        if record.ended_at is None:
            state = await instance_state(client, rebuild_id)
            record = await in_thread(_rebuild, rebuild_id, ports)
            age = ports.clock.now() - record.requested_at
            grace = dt.timedelta(seconds=ports.intervals.abandoned_s)
            if record.ended_at is None and not state.is_running and age > grace:
                message = f"nothing drives {rebuild_id} any more; what it wrote stays. Ask for another one"
                return http.answer(424, http.envelope(code="RebuildAbandoned", message=message))
        if record.ended_at is None:
            seen = await in_thread(_seen, rebuild_id, ports)
            progress = {"rebuildId": rebuild_id, "services": len(record.services), "servicesSeen": seen}
            return http.answer(202, progress, _follow(req, rebuild_id))
    except DrError as err:
        return http.failure(err)
    return http.answer(200, {**record.to_json(), "counts": record.counts})


def _prune_plan(name: str | None, ports: Ports) -> dict[str, Any]:
    if not name:
        known = ", ".join(service.name for service in roster.members(ports)[:20])
        raise RequestError(
            "the service is not named",
            faults=[("service", "is missing in the query")],
            hint=f"Ask with ?service=<name>; the plan names: {known}.",
        )
    service = _known(name, ports)
    catalog = read_catalog(service, ports).catalog
    plan = plan_prune(service, catalog, ports.clock.now())
    return {
        **plan.to_json(),
        "dying": len(plan.dying),
        "deletionsPerRunMax": DELETIONS_MAX,
        "doubts": list(catalog.doubts),
    }


def _hold(req: func.HttpRequest, ports: Ports) -> Hold:
    reason = _body(req, HoldBody, HOLD_HINT).reason
    service, name, records = _point_of(req, ports)
    if not records.exists(layout.restore_point_key(service.name, name)):
        raise _unknown_point(service.name, name)
    key = layout.hold_key(service.name, name)
    hold = _held(records, key)
    if hold is None or hold.reason != reason:
        hold = Hold(service=service.name, name=name, reason=reason, held_at=ports.clock.now())
        records.put(key, hold.to_bytes())
        telemetry.log(telemetry.Event.POINT_HELD, service=service.name, restore_point=name)
    if not _is_safe(service.name, name, records):
        records.delete(key)
        raise _unknown_point(service.name, name)
    return hold


def _is_safe(service: str, name: str, records: Blobs) -> bool:
    """
    Tell whether a point that was held a moment ago is there, and stays; False: it is gone.

    A run that prunes writes its mark first and looks for holds then, so one of us sees the other. If we
    see its mark, it may have looked before we wrote: with the record fenced it cannot delete it any more.
    """
    key = layout.restore_point_key(service, name)
    if not records.exists(layout.open_prune_key(service, name)):
        return records.exists(key)
    try:
        return fence(records, key)
    except ConflictError as err:
        raise ServiceBusyError(
            f"{name} is being pruned at this moment; the hold is written, but may have come too late",
            hint="Ask again: the answer is 200 when it came in time, and 404 when the point is gone.",
            code="PruneUnderWay",
            retry_after_s=60,
        ) from err


def _release(req: func.HttpRequest, ports: Ports) -> None:
    service, name, records = _point_of(req, ports)
    if records.delete(layout.hold_key(service.name, name)):
        telemetry.log(telemetry.Event.POINT_RELEASED, service=service.name, restore_point=name)
    elif not records.exists(layout.restore_point_key(service.name, name)):
        raise _unknown_point(service.name, name)


def _held(records: Blobs, key: str) -> Hold | None:
    try:
        return read_document(records, key, Hold)[0]
    except (NotFoundError, ProtocolError):
        return None  # one that cannot be read is written anew


def _point_of(req: func.HttpRequest, ports: Ports) -> tuple[ProtectedService, str, Blobs]:
    """Return service, name and records of the point that a route names; a foreign name is not looked for."""
    service = _own(_known(req.route_params.get("service", ""), ports), ports)
    name = req.route_params.get("name", "")
    if not names.is_backup_of(name, service.name):
        raise _unknown_point(service.name, name)
    return service, name, records_of(service, ports)


def _new_rebuild(req: func.HttpRequest, request_id: str, ports: Ports) -> RebuildRecord:
    wanted = _body(req, RebuildBody, REBUILD_HINT, may_be_empty=True).service
    warnings = _search(ports)
    if wanted is None:
        services = tuple(one for one in roster.members(ports) if _is_kept_here(one, ports))
    else:
        services = (_own(_known(wanted, ports), ports),)
    now = ports.clock.now().replace(microsecond=0)
    record = RebuildRecord(
        rebuild_id=names.rebuild_id(now, because=request_id),
        requested_at=now,
        services=tuple(service.name for service in services),
        warnings=warnings,
    )
    ports.records().create(layout.rebuild_key(record.rebuild_id), record.to_bytes())
    return record


def _search(ports: Ports) -> tuple[str, ...]:
    """Let discovery find its services anew, since the roster lay among what was lost; return warnings."""
    missing = "services that only discovery knows may be missing in this rebuild"
    try:
        found = roster.refresh(ports)
    except DrError as err:
        return (f"{missing}: {err.message}",)
    return tuple(f"{missing}: {one.subscription} was not read: {one.reason}" for one in found.not_read)


def _rebuild(rebuild_id: str, ports: Ports) -> RebuildRecord:
    unknown = NotFoundError(
        f"rebuild {rebuild_id[:60]} is not known here",
        hint="POST /api/catalog/rebuild answers with the Location of a new one.",
        code="RebuildNotFound",
    )
    if not names.is_rebuild_id(rebuild_id):
        raise unknown
    try:
        return read_document(ports.records(), layout.rebuild_key(rebuild_id), RebuildRecord)[0]
    except NotFoundError as err:
        raise unknown from err


def _seen(rebuild_id: str, ports: Ports) -> int:
    return sum(1 for _ in ports.records().keys(layout.rebuild_parts_prefix(rebuild_id)))


def _known(name: str, ports: Ports) -> ProtectedService:
    service = roster.find(ports, name)
    if service is None:
        known = ", ".join(service.name for service in roster.members(ports)[:20])
        raise NotFoundError(
            f"the plan names no service {name[:100]}", hint=f"It names: {known}.", code="ServiceNotFound"
        )
    return service


def _is_kept_here(service: ProtectedService, ports: Ports) -> bool:
    return service.shelf(ports.plan.region) == ports.plan.region


def _own(service: ProtectedService, ports: Ports) -> ProtectedService:
    """Return the service if its records are this app's to write: of its restore points, or of its copies."""
    if not _is_kept_here(service, ports):
        raise RefusedError(
            f"the records of {service.name} are written by the app of {service.region}, "
            f"and this is {ports.plan.region}'s",
            hint="Send the same call there.",
            code="OtherRegion",
        )
    return service


def _unknown_point(service: str, name: str) -> NotFoundError:
    return NotFoundError(
        f"{name[:100]} is not a restore point of {service}",
        hint=f"GET /api/restore-points?service={service} lists them.",
        code="RestorePointNotFound",
    )


def _body(req: func.HttpRequest, kind: type[_B], hint: str, *, may_be_empty: bool = False) -> _B:
    data, faults = body.read_object(req.get_body(), kind, hint, may_be_empty=may_be_empty)
    if faults:
        raise RequestError("the body is not usable", faults=faults, hint=hint)
    return kind.model_validate(data)


def _follow(req: func.HttpRequest, rebuild_id: str) -> dict[str, str]:
    location = http.rebuild_url(req.url, rebuild_id)
    return {"Location": location, "Retry-After": str(http.RETRY_AFTER_S)}
