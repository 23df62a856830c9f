"""The calls behind GET /api/services: how services stand, from records alone; Azure is not asked."""

from __future__ import annotations

import datetime as dt
from collections import deque
from typing import Any
from urllib.parse import quote

import azure.functions as func

from operate_http.holding import Holding, holding
from operate_http.regions import Regions
from shared import http, roster
from shared.core import layout, service_state
from shared.core.drills import DrillState
from shared.core.ends import Standby
from shared.core.errors import DrError, NotFoundError
from shared.core.plan import ProtectedService
from shared.core.ports import Blobs, Ports
from shared.core.preflight_facts import Unseen
from shared.core.replication import ReplicationState, standing
from shared.core.reports import NewestPoint
from shared.core.restore_points import RestorePoint
from shared.core.service_state import PausedState, PointsState, PointState, ServiceShown, StandbyState
from shared.drill_records import first_point_at, standing_in
from shared.records import read_document, readable
from shared.threads import in_thread, in_threads

SERVICES_MAX = 100
"""For one answer: some ten blob reads each, well inside the 230 s that an answer may take."""

SERVICES_AT_ONCE = 16

POINTS_MAX = 3
"""The newest by name are the newest by time; more than one, in case one cannot be used."""

POINTS_READ_MAX = 30
"""Those of a former primary may lie among them, and are passed over."""


async def list_services(req: func.HttpRequest, ports: Ports) -> func.HttpResponse:
    """Answer how services stand, by name and page by page."""
    try:
        shown = await in_thread(_page, req, ports)
    except DrError as err:
        return http.failure(err)
    return http.answer(200, shown)


async def get_service(req: func.HttpRequest, ports: Ports) -> func.HttpResponse:
    """Answer how one service stands."""
    try:
        shown = await in_thread(lambda: show(find(req, ports), Regions(ports), ports))
    except DrError as err:
        return http.failure(err)
    return http.answer(200, shown.to_json())


def find(req: func.HttpRequest, ports: Ports) -> ProtectedService:
    """Return the service that a route names. Raises NotFoundError."""
    name = req.route_params.get("name", "")
    service = roster.find(ports, name)
    if service is None:
        raise NotFoundError(
            f"neither plan nor discovery knows {name}",
            hint="GET /api/services lists the services.",
            code="ServiceNotFound",
        )
    return service


def _page(req: func.HttpRequest, ports: Ports) -> dict[str, Any]:
    after = req.params.get("after", "")
    services = sorted(roster.members(ports), key=lambda service: service.name)
    rest = [service for service in services if service.name > after]
    regions = Regions(ports)
    value = in_threads(
        lambda one: show(one, regions, ports).to_json(), rest[:SERVICES_MAX], at_once=SERVICES_AT_ONCE
    )
    if len(rest) <= SERVICES_MAX:
        return {"value": value}
    # without the rest of the query: a function key in it must not come back in an answer
    return {"value": value, "nextLink": f"{req.url.split('?', 1)[0]}?after={quote(value[-1]['service'])}"}


def show(service: ProtectedService, regions: Regions, ports: Ports) -> ServiceShown:
    """Return how one service stands; what cannot be read is said in it."""
    now = ports.clock.now()
    region = service.shelf(ports.plan.region)
    points = regions.read(region, lambda records: own_points(service, records))
    standby = _standby(service, service.standby, points, regions, now) if service.standby else None
    points_state = _points(service, region, points, standby, now)
    drills_state = _drills(service, regions, ports)
    paused = service.paused if service.is_paused(now) else None
    paused_state = PausedState(reason=paused.reason, until=paused.until) if paused else None
    word, reasons = service_state.judge(points_state, standby, drills_state, paused_state, now)
    return ServiceShown(
        service=service.name,
        resource_id=service.resource_id,
        region=service.region,
        state=word,
        reasons=reasons,
        paused=paused_state,
        restore_points=points_state,
        standby=standby,
        drills=None if isinstance(drills_state, Unseen) else drills_state,
        drills_not_read=drills_state.reason if isinstance(drills_state, Unseen) else "",
    )


def own_points(service: ProtectedService, records: Blobs, count_max: int = POINTS_MAX) -> list[RestorePoint]:
    """Return the newest restore points of a service, newest first; those of a former primary are none."""
    prefix = layout.restore_points_prefix(service.name)
    own: list[RestorePoint] = []
    for key in reversed(deque(records.keys(prefix), maxlen=POINTS_READ_MAX)):
        found = readable(records, [key], RestorePoint)
        own += [point for point in found if point.source.is_same_as(service.ref)]
        if len(own) == count_max:
            break
    return sorted(own, key=lambda point: point.started_at, reverse=True)


def replication_of(service: ProtectedService, records: Blobs) -> ReplicationState | None:
    """Return what replication said last of a service; None: nothing yet."""
    try:
        return read_document(records, layout.replication_key(service.name), ReplicationState)[0]
    except NotFoundError:
        return None


def newest_known(points: list[RestorePoint] | Unseen, seen: NewestPoint | None) -> NewestPoint | None:
    """Return the newest restore point that is known here: listed in records, or seen by replication."""
    listed = [] if isinstance(points, Unseen) else points[:1]
    known = [NewestPoint(name=point.name, started_at=point.started_at) for point in listed]
    return max(known + ([seen] if seen else []), key=lambda point: point.started_at, default=None)


def _points(
    service: ProtectedService,
    region: str,
    points: list[RestorePoint] | Unseen,
    standby: StandbyState | None,
    now: dt.datetime,
) -> PointsState:
    known = newest_known(points, standby.newest_point if standby else None)
    age_s = round((now - known.started_at).total_seconds()) if known else None
    not_read = points.reason if isinstance(points, Unseen) else ""
    rpo_kept = age_s <= service.rpo_hours * 3600 if age_s is not None else None if not_read else False
    listed = [] if isinstance(points, Unseen) else points
    return PointsState(
        region=region,
        newest=PointState.of(listed[0], now) if listed else None,
        usable_until=next((point.expires_at for point in listed if not point.is_expired(now)), None),
        age_s=age_s,
        rpo_hours=service.rpo_hours,
        rpo_kept=rpo_kept,
        not_read=not_read,
    )


def _standby(
    service: ProtectedService,
    standby: Standby,
    points: list[RestorePoint] | Unseen,
    regions: Regions,
    now: dt.datetime,
) -> StandbyState:
    head = {"target": standby.ref.name, "region": standby.region}
    held = holding(service, standby, regions)
    said = regions.read(standby.region, lambda records: replication_of(service, records))
    if isinstance(held, Unseen) or isinstance(said, Unseen):
        why = next(one.reason for one in (held, said) if isinstance(one, Unseen))
        return StandbyState(**head, not_read=why)
    return StandbyState(
        **head,
        standing=standing(
            standby, held.replica, newest_known(points, said.newest_point if said else None), now
        ),
        doubt=held.doubt,
        copies=(said.copies if said else 0) if standby.storage else None,
        **_said(said, held),
    )


def _said(said: ReplicationState | None, held: Holding) -> dict[str, Any]:
    if said is None:
        return {"run_id": held.under_way}
    return {
        "word": said.word,
        "reasons": said.reasons,
        "looked_at": said.at,
        "newest_point": said.newest_point,
        "run_id": held.under_way or said.run_id,
        "not_copied": said.not_copied,
    }


def _drills(service: ProtectedService, regions: Regions, ports: Ports) -> DrillState | Unseen | None:
    into = service.drill_into
    if into is None:
        return None

    def oldest() -> dt.datetime | None:
        shelf = service.shelf(into.region)
        found = regions.read(shelf, lambda points: first_point_at(points, service.name))
        return None if isinstance(found, Unseen) else found

    now = ports.clock.now()
    return regions.read(into.region, lambda records: standing_in(records, service, now, oldest))
