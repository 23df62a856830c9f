"""The primary's region is lost: the standby's app works with its own storage alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shared.copying import copy_restore_point
from shared.core import layout
from shared.core.reports import RestoreReport
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from tests.world.app import World
from tests.world.conftest import MakeWorld

PRIMARY, STANDBY = "westeurope", "northeurope"
DAY = dt.timedelta(days=1)
LONG = dt.timedelta(days=3)


def replicate(world: World) -> dict[str, Any]:
    """Let replication do all that is to be done, and return what it left."""
    done = world.host.run_until_done(world.replicate(), LONG)
    assert done.runtime_status == "Completed", done
    return done.output


@pytest.fixture
def standby(make_world: MakeWorld) -> World:
    """The standby's app after two nights: it holds the first point, has copies of both, and is alone."""
    primary = make_world(copies=True)
    first = primary.back_up()
    assert first.outcome is Outcome.SUCCEEDED
    world = primary.in_region(STANDBY)
    assert replicate(world)["word"] == "InSync"
    primary.take_over()
    primary.host.run_for(DAY)
    primary.azure.change(primary.service)
    assert primary.back_up().outcome is Outcome.SUCCEEDED
    world.take_over()
    copy_newest(world)
    world.lose(PRIMARY)
    return world


def copy_newest(world: World) -> None:
    """Copy what is not copied, and restore nothing: as a replication that was cut off in the middle."""
    records = world.ports.records(PRIMARY)
    for key in records.keys(layout.restore_points_prefix("contoso")):
        point = RestorePoint.from_bytes(records.read(key)[0])
        copy_restore_point({"service": "contoso", "name": point.name}, world.ports)


def assert_alone(world: World, *, asks_azure: bool) -> None:
    """Fail if anything of the primary's region was asked since it was lost, of the rest if nothing was."""
    assert world.ports.storage.asked_in_vain() == 0
    assert world.azure.calls_to(PRIMARY, [world.service]) == []
    asked = world.azure.simulator.world.journal.entries(after=world.azure._lost_after)
    assert bool(asked) is asks_azure
    assert [one["path"] for one in asked if "drprimary" in one["path"]] == []


def body_of(point: str, **more: Any) -> dict[str, Any]:
    """Return the body of a restore."""
    said = {"service": "contoso", "restorePoint": point, "target": "contoso-neu"}
    return {**said, "confirm": "RESTORE contoso-neu", **more}


def test_copies_are_listed_without_the_primarys_region(standby: World) -> None:
    """Both points, as copies."""
    status, body = standby.ask("GET", "list_restore_points")

    assert status == 200
    assert [point["copied"] is not None for point in body["value"]] == [True, True]
    assert_alone(standby, asks_azure=False)


def test_the_state_is_told_without_the_primarys_region(standby: World) -> None:
    """The newest copy, what the standby holds, and how far it lags behind."""
    status, body = standby.ask("GET", "get_service", name="contoso")

    assert status == 200
    assert body["restorePoints"]["newest"]["isCopy"] is True
    assert body["standby"]["standing"]["inSync"] is False
    assert body["standby"]["standing"]["lagS"] >= DAY.total_seconds()
    assert_alone(standby, asks_azure=False)


def test_readiness_is_told_without_the_primarys_region(standby: World) -> None:
    """The newer copy is named, and what is lost with and without it."""
    status, body = standby.ask("GET", "show_failover", name="contoso")

    assert status == 200
    assert body["notRead"] == []
    checks = {check["name"]: check["verdict"] for check in body["checks"]}
    assert (checks["Exists"], checks["TierEqual"], checks["HoldsPoint"]) == ("ok", "ok", "ok")
    assert checks["HoldsNewest"] == "warning"
    assert body["recoveryPoint"]["newer"]["isCopy"] is True
    assert body["recoveryPoint"]["restoreDurationS"] > 0
    assert_alone(standby, asks_azure=True)


def test_the_restore_that_the_steps_ask_for_works_without_the_primarys_region(standby: World) -> None:
    """Said first, then done; the report has the age of the data and the duration, and readiness sees it."""
    _, before = standby.ask("GET", "show_failover", name="contoso")
    newest = before["recoveryPoint"]["newer"]["name"]
    status, said = standby.ask("POST", "start_restore", body_of(newest, dryRun=True))
    assert (status, said.get("error")) == (200, None)

    status, started = standby.ask("POST", "start_restore", body_of(newest, safetyBackup=False))
    assert (status, started.get("error")) == (202, None)
    standby.let_pass(dt.timedelta(hours=2))

    status, run = standby.ask("GET", "get_run", run_id=started["runId"])
    assert (status, run.get("error")) == (200, None)
    stored, _ = standby.ports.records().read(layout.report_key(started["runId"]))
    report = RestoreReport.from_bytes(stored)
    assert report.differences_total == 0
    assert report.recovery_point_age_s > report.restore_duration_s > 0
    _, after = standby.ask("GET", "show_failover", name="contoso")
    assert after["recoveryPoint"]["name"] == newest
    assert after["recoveryPoint"]["newer"] is None
    assert_alone(standby, asks_azure=True)


def test_replication_itself_brings_the_newest_copy_while_the_region_is_lost(standby: World) -> None:
    """Nobody has to ask: the timer of the standby's app does."""
    replicate(standby)

    _, body = standby.ask("GET", "get_service", name="contoso")
    assert body["standby"]["standing"]["inSync"] is True
    assert body["standby"]["standing"]["holds"] == body["restorePoints"]["newest"]["name"]
