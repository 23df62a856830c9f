"""The calls behind the routes: read what is stored, ask Durable, answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import azure.functions as func

from operate_http import views
from shared import http
from shared.core import layout, names
from shared.core.errors import DrError, NotFoundError
from shared.core.ports import Ports
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome, RunPhase, RunRecord
from shared.instances import DurableClient, InstanceState, instance_state
from shared.records import newest, read_document

RUNS_SHOWN_MAX = 50
POINTS_SHOWN_MAX = 200


async def list_runs(client: DurableClient, ports: Ports) -> func.HttpResponse:
    """Answer the newest runs, newest first."""
    try:
        runs = await asyncio.to_thread(ports.runs.newest, RUNS_SHOWN_MAX)
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
        run, _ = await asyncio.to_thread(ports.runs.read, run_id)
        if run.phase is not RunPhase.ENDED:
            live = await _live(run, client)
            if views.is_abandoned(run, live, ports.clock.now()):
                run, _ = await asyncio.to_thread(ports.runs.read, run_id)
                if run.phase is not RunPhase.ENDED:
                    return _abandoned(run)
                return await asyncio.to_thread(_final, run, ports)
            shown = views.progress(run, live, ports.clock.now())
            location = http.run_url(req.url, run_id)
            headers = {"Location": location, "Retry-After": str(http.RETRY_AFTER_S)}
            return http.answer(202, shown, headers)
        return await asyncio.to_thread(_final, run, ports)
    except DrError as err:
        return http.failure(err)


async def list_restore_points(req: func.HttpRequest, ports: Ports) -> func.HttpResponse:
    """Answer the restore points of the plan's services, or of one, newest last."""
    try:
        wanted = req.params.get("service")
        shown = await asyncio.to_thread(_points, wanted, ports)
    except DrError as err:
        return http.failure(err)
    return http.answer(200, {"value": shown})


def _points(wanted: str | None, ports: Ports) -> list[dict[str, Any]]:
    if wanted is not None and ports.plan.service(wanted) is None:
        raise NotFoundError(f"the plan names no service {wanted}", code="ServiceNotFound")
    now = ports.clock.now()
    shown: list[dict[str, Any]] = []
    for service in ports.plan.services:
        if wanted in {None, service.name}:
            records = ports.records(service.region)
            prefix = layout.restore_points_prefix(service.name)
            points = reversed(newest(records, prefix, RestorePoint, POINTS_SHOWN_MAX))
            shown += [
                {**point.to_json(), "ageS": point.age_s(now), "isExpired": point.is_expired(now)}
                for point in points
            ]
    return shown


async def _show(run: RunRecord, client: DurableClient, ports: Ports) -> dict[str, Any]:
    if run.phase is RunPhase.ENDED:
        return views.ended(run)
    return views.progress(run, await _live(run, client), ports.clock.now())


async def _live(run: RunRecord, client: DurableClient) -> views.Live | None:
    """Ask Durable about a run; None while it cannot be asked, and then the record alone is shown."""
    try:
        driver = await instance_state(client, run.instance_id)
        is_driven = driver.is_running and driver.is_of(run.run_id)
        polling: InstanceState | None = None
        if run.phase in {RunPhase.RUNNING, RunPhase.VERIFYING}:
            polling = await instance_state(client, names.follow_instance(run.run_id))
    except Exception:  # noqa: BLE001 - Durable's client raises nothing more precise
        return None
    return views.Live(is_driven=is_driven, step=_custom(driver), polling=_custom(polling))


def _custom(state: InstanceState | None) -> dict[str, Any]:
    return state.custom_status if state and isinstance(state.custom_status, dict) else {}


def _abandoned(run: RunRecord) -> func.HttpResponse:
    message = (
        f"nothing drives run {run.run_id} any more, and it has no outcome: its orchestration was ended from "
        f"outside, or failed. It stood at {run.phase}; look at {run.subject.name} and at the blob"
    )
    return http.answer(424, http.envelope("RunAbandoned", message))


def _final(run: RunRecord, ports: Ports) -> func.HttpResponse:
    point = _stored_point(run, ports) if run.outcome is Outcome.SUCCEEDED and run.restore_point else None
    body = views.answer(run, point, _stored_report(run, ports))
    outcome = run.outcome or Outcome.OUTCOME_UNKNOWN
    status = views.STATUS_OF_OUTCOME[outcome]
    if status == 200:
        return http.answer(200, body)
    code = run.fault.code if run.fault else outcome.value
    message = f"run {run.run_id} ended as {outcome}"
    if run.fault:
        message += f": {run.fault.message or run.fault.code}" + (
            f" {run.fault.hint}" if run.fault.hint else ""
        )
    detail = {
        "code": outcome.value,
        "target": run.subject.name,
        "message": f"the word of the run is {outcome}",
    }
    return http.answer(status, http.envelope(code, message, [detail], run=body))


def _stored_point(run: RunRecord, ports: Ports) -> RestorePoint | None:
    service = ports.plan.service(run.service)
    if service is None or run.restore_point is None:
        return None
    try:
        key = layout.restore_point_key(run.service, run.restore_point)
        return read_document(ports.records(service.region), key, RestorePoint)[0]
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
    return report
