"""A safety backup is found, shown, and restored."""

from __future__ import annotations

import asyncio
import datetime as dt
import json

import azure.functions as func
import pytest

from operate_http.calls import list_restore_points
from restore_http import safety
from shared.core import layout
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from tests.fakes.clock import START

OLD = {"/apis/legacy": "4444444444444444"}
SAFE = "safety-of-contoso"


@pytest.fixture
def secured(standby_stage):
    """A restore into a standby that held something, at its end: the stage, and the request."""
    stage = standby_stage
    stage.ports.arm.service(stage.ports.first.standby.ref).entities = dict(OLD)
    point = stage.put_point(START - dt.timedelta(hours=1))
    request = stage.start_restore(point, safety_backup=True, despite_traffic=True)
    stage.host.run_until_done(request.first_record().instance_id)
    return stage, request


def made(stage, request):
    """Return the record of the safety backup."""
    key = layout.restore_point_key(SAFE, safety.safety_backup_name(request))
    return RestorePoint.from_bytes(stage.ports.records().read(key)[0])


def listed(stage, service):
    """Return the names and holds of restore points as GET /api/restore-points gives them."""
    call = func.HttpRequest("GET", "https://dr.example/api/x", params={"service": service}, body=b"")
    answer = asyncio.run(list_restore_points(call, stage.ports))
    shown = json.loads(answer.get_body())
    return answer.status_code, [(one["name"], one["hold"]) for one in shown.get("value", [])]


def test_it_is_listed_with_its_hold_under_its_own_name(secured):
    """`?service=safety-of-contoso` lists it, and says which restore it was made for."""
    stage, request = secured

    status, ((name, hold),) = listed(stage, SAFE)

    assert (status, name) == (200, safety.safety_backup_name(request))
    assert request.run_id in hold["reason"]


def test_it_is_not_listed_among_the_points_of_the_service(secured):
    """The points of the service are those of the primary."""
    stage, request = secured

    _, found = listed(stage, "contoso")

    assert [name for name, _ in found] == [request.point.name]


def test_safety_backups_of_nobody_are_not_found(secured):
    """A service that the plan does not name has no safety backups either."""
    assert listed(secured[0], "safety-of-nobody") == (404, [])


def test_its_run_says_which_restore_it_belongs_to(secured):
    """GET /api/runs/{id}: 200, the point that it made, and the restore in partOf."""
    stage, request = secured

    status, shown = stage.ask("GET", "get_run", run_id=safety.safety_run_id(request))

    assert (status, shown["partOf"]) == (200, request.run_id)
    assert shown["restorePoint"]["name"] == safety.safety_backup_name(request)


def test_it_goes_back_into_the_target(secured):
    """Restored by its name, the target holds again what it held; its run shows the point."""
    stage, request = secured
    point = made(stage, request)

    run = stage.restore(point, service="contoso", despite_traffic=True)

    assert run.outcome is Outcome.SUCCEEDED, run.fault
    assert stage.ports.arm.service(request.target).entities == OLD
    _, shown = stage.ask("GET", "get_run", run_id=run.run_id)
    assert shown["restorePoint"]["name"] == point.name


def test_a_restore_of_it_is_secured_under_the_same_name(secured):
    """What the target holds then is again a safety backup of the service, and of nothing longer."""
    stage, request = secured
    again = request.model_copy(update={"point": made(stage, request), "service": SAFE})

    assert safety.backup_wish(again, stage.ports).service == SAFE
