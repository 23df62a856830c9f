"""The calls behind the routes: read what is stored, ask Durable, answer."""

from __future__ import annotations

import json
from typing import Any

import azure.functions as func

from operate_http import views
from shared import http, roster
from shared.catalog import read_holds, records_of
from shared.core import layout, names
from shared.core.errors import DrError, NotFoundError
from shared.core.inventory import DIFFERENCES_SHOWN_MAX
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome, RunPhase, RunRecord
from shared.core.watching import wish_of
from shared.instances import DurableClient, InstanceState, instance_state
from shared.records import newest, read_document
from shared.threads import in_thread, in_threads

RUNS_SHOWN_MAX = 50
POINTS_SHOWN_MAX = 200
POINTS_OF_EACH_MAX = 3
"""Where all services are asked for: an answer must be there within 230 s, for 1,000 services as well."""
SERVICES_AT_ONCE = 8


async def list_runs(client: DurableClient, ports: Ports) -> func.HttpResponse:
    """Answer the newest runs, newest first."""
    try:
        runs = await in_thread(ports.runs.newest, RUNS_SHOWN_MAX, ports.clock.now())
        shown = [await _show(run, client, ports) for run in runs]
    except DrError as err:
        return http.failure(err)
    return http.answer(200, {"value": shown})


async def get_run(req: func.HttpRequest, client: DurableClient, ports: Ports) -> func.HttpResponse:
    """Answer 202 while a run is at work, and at the end what the call would have answered at once."""
    run_id = req.route_params.get("run_id", "")
    try:
        if not names.is_run_id(run_id):
            raise NotFoundError("that is not the id of a run", hint="GET /api/runs lists the newest runs.")
        run, _ = await in_thread(ports.runs.read, run_id)
        now = ports.clock.now()
        if run.phase is not RunPhase.ENDED:
            live = await _live(run, client)
            if views.is_abandoned(run, live, now):
                run, _ = await in_thread(ports.runs.read, run_id)
            if run.phase is not RunPhase.ENDED:
                if views.is_abandoned(run, live, now) and wish_of(run) is None:
                    return _abandoned(run)  # nobody ever takes it up again
                return _at_work(req, run_id, views.progress(run, live, now))
        elif not run.is_proven:
            live = await _live(run, client)
            if live is not None and live.is_looked_at:
                return _at_work(req, run_id, views.looked_at(run))
        return await in_thread(_final, run, ports)
    except DrError as err:
        return http.failure(err)


def _at_work(req: func.HttpRequest, run_id: str, shown: dict[str, Any]) -> func.HttpResponse:
    headers = {"Location": http.run_url(req.url, run_id), "Retry-After": str(http.RETRY_AFTER_S)}
    return http.answer(202, shown, headers)


async def list_restore_points(req: func.HttpRequest, ports: Ports) -> func.HttpResponse:
    """
    Answer the restore points of one service, or the newest few of each, newest last.

    They are those that this app would restore: its copies where it keeps any. Another region that cannot
    be read hides no own points when all services are asked for; whose are missing then is said.
    """
    try:
        wanted = req.params.get("service")
        shown = await in_thread(_points, wanted, ports)
    except DrError as err:
        return http.failure(err)
    return http.answer(200, shown)


def _points(wanted: str | None, ports: Ports) -> dict[str, Any]:
    services = roster.members(ports)
    secured = names.secured_service(wanted) if wanted else None
    if wanted is not None and (secured or wanted) not in {service.name for service in services}:
        raise NotFoundError(f"the plan names no service {wanted}", code="ServiceNotFound")
    now = ports.clock.now()
    count_max = POINTS_SHOWN_MAX if wanted else POINTS_OF_EACH_MAX

    def listed(name: str, region: str) -> list[dict[str, Any]]:
        records = ports.records(region)
        points = reversed(newest(records, layout.restore_points_prefix(name), RestorePoint, count_max))
        holds = read_holds(records, name)
        return [views.restore_point(point, holds, region, now) for point in points]

    lost: dict[str, str] = {}
    not_read: list[dict[str, str]] = []

    def of_service(service: ProtectedService) -> list[dict[str, Any]]:
        region = service.shelf(ports.plan.region)
        if region not in lost:  # a region that does not answer costs a minute, and not one for each service
            try:
                return listed(service.name, region)
            except DrError as err:
                if wanted is not None or region == ports.plan.region:
                    raise
                lost[region] = err.message
        not_read.append({"service": service.name, "region": region, "reason": lost[region]})
        return []

    if wanted is not None and secured is not None:  # kept where their targets are
        return {"value": listed(wanted, ports.plan.region), "notRead": []}
    asked = [service for service in services if wanted in {None, service.name}]
    lists = in_threads(of_service, asked, at_once=SERVICES_AT_ONCE)
    shown = [point for points in lists for point in points]
    return {"value": shown, "notRead": sorted(not_read, key=lambda one: one["service"])}


async def _show(run: RunRecord, client: DurableClient, ports: Ports) -> dict[str, Any]:
    if run.phase is RunPhase.ENDED:
        return views.ended(run)
    return views.progress(run, await _live(run, client), ports.clock.now())


async def _live(run: RunRecord, client: DurableClient) -> views.Live | None:
    """Ask Durable about a run; None while it cannot be asked, and then the record alone is shown."""
    try:
        driver = await instance_state(client, run.instance_id)
        is_driven = driver.drives(run.run_id, run.part_of)
        step = driver
        if run.part_of is not None and driver.is_of(run.part_of):
            step = await instance_state(client, names.part_instance(run.run_id, run.resumes))
        polling: InstanceState | None = None
        if run.phase in {RunPhase.RUNNING, RunPhase.VERIFYING}:
            instance_id = names.follow_instance(run.run_id, run.resumes)
            polling = await instance_state(client, instance_id)
    except Exception:  # noqa: BLE001 - Durable's client raises nothing more precise
        return None
    is_looked_at = driver.looks_at(run.run_id)
    return views.Live(
        is_driven=is_driven, is_looked_at=is_looked_at, step=_custom(step), polling=_custom(polling)
    )


def _custom(state: InstanceState | None) -> dict[str, Any]:
    return state.custom_status if state and isinstance(state.custom_status, dict) else {}


def _abandoned(run: RunRecord) -> func.HttpResponse:
    message = (
        f"nothing drives run {run.run_id} any more, and it has no outcome: its orchestration was ended from "
        f"outside, or failed. It stood at {run.phase}; look at {run.subject.name} and at the blob"
    )
    return http.answer(424, http.envelope("RunAbandoned", message))


def _final(run: RunRecord, ports: Ports) -> func.HttpResponse:
    is_good = run.word is Outcome.SUCCEEDED and views.restore_point_name(run)
    point = _stored_point(run, ports) if is_good else None
    body = views.answer(run, point, _stored_report(run, ports))
    word = run.word or Outcome.OUTCOME_UNKNOWN
    status = http.STATUS_OF_OUTCOME[word]
    if status == 200:
        return http.answer(200, body)
    fault = run.resolution.fault if run.resolution else run.fault
    message = f"run {run.run_id} ended as {run.outcome}"
    if run.resolution:
        message += f", and a later look found that it has {word.value.lower()}"
    if fault:
        message += f": {fault.message or fault.code}" + (f". {fault.hint}" if fault.hint else "")
    if run.last_look and not run.resolution:
        looked_at = f"Looked at again at {run.last_look.at:%Y-%m-%d %H:%M} UTC"
        message = f"{message.removesuffix('.')}. {looked_at}: {run.last_look.said}."
    detail = {
        "code": word.value,
        "target": run.subject.name,
        "message": f"the word of the run is {word}",
    }
    code = fault.code if fault else word.value
    return http.answer(status, http.envelope(code, message, [detail], run=body))


def _stored_point(run: RunRecord, ports: Ports) -> RestorePoint | None:
    """Return the point that a run made or restored; either may be a safety backup, kept in this region."""
    name = views.restore_point_name(run)
    kept_under = run.service if name is None else names.service_of_backup(name) or run.service
    service = roster.find(ports, kept_under)
    if name is None or (service is None and names.secured_service(kept_under) is None):
        return None
    try:
        records = records_of(service, ports) if service else ports.records()
        return read_document(records, layout.restore_point_key(kept_under, name), RestorePoint)[0]
    except NotFoundError:
        return None


def _stored_report(run: RunRecord, ports: Ports) -> dict[str, Any] | None:
    if run.kind == "backup":
        return None
    try:
        content, _ = ports.records().read(layout.report_key(run.run_id))
    except NotFoundError:
        return None
    report: dict[str, Any] = json.loads(content)
    return {
        name: value[:DIFFERENCES_SHOWN_MAX] if isinstance(value, list) else value
        for name, value in report.items()
    }
