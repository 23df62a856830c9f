"""The way back: the plan that readiness proposes is a plan, and it carries the configuration both ways."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shared.core import layout, names
from shared.core.inventory import InventoryPair
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from shared.core.services import ServiceRef
from tests.world.app import World, WorldPorts
from tests.world.conftest import MakeWorld

PRIMARY, STANDBY = "westeurope", "northeurope"
LONG = dt.timedelta(days=3)
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)


def replicate(world: World) -> Any:
    """Let replication do all that is to be done, and return what it left."""
    done = world.host.run_until_done(world.replicate(), LONG)
    assert done.runtime_status == "Completed", done
    return done.output


def configured(monkeypatch: pytest.MonkeyPatch, world: World, entry: dict[str, Any], region: str) -> World:
    """Give the app of a region a plan with another entry, as an operator does, and let it be at work."""
    plan = world.ports.plan.model_dump(mode="json", by_alias=True, exclude_unset=True)
    document = {**plan, "region": region, "services": [entry]}
    ports = WorldPorts(document, azure=world.azure, clock=world.ports.clock, storage=world.ports.storage)
    other = World(monkeypatch, ports)
    world.others.append(other)
    return other


def back_up(world: World) -> RestorePoint:
    """Back up the service that the plan calls the primary."""
    run = world.back_up()
    assert run.outcome is Outcome.SUCCEEDED, run.fault
    return world.newest_point()


def tags_of(world: World, service: ServiceRef) -> list[str]:
    """Return what stands in the configuration of a service, as far as these tests change it."""
    found = world.azure.simulator.arm("GET", f"{service.resource_id}/tags")
    return sorted(tag["name"] for tag in found["value"])


def change_last(world: World) -> None:
    """Change the old primary once more, before it is lost, and after its last backup."""
    body = {"properties": {"displayName": "last"}}
    world.azure.simulator.arm("PUT", f"{world.service.resource_id}/tags/last", body)


def bring(world: World) -> None:
    """Restore the newest backup of what serves into the old primary, as the runbook says."""
    body = {"service": "contoso", "restorePoint": "latest", "target": "contoso-weu"}
    status, started = world.ask("POST", "start_restore", {**body, "confirm": "RESTORE contoso-weu"})
    assert status == 202, started
    world.let_pass(3 * HOUR)
    run, _ = world.ports.runs.read(started["runId"])
    assert run.word is Outcome.SUCCEEDED, run.fault


def saved(world: World, service: str) -> str:
    """Return what the inventories of a service's restore points name, all of them, in the app's region."""
    records = world.ports.records()
    found = [
        RestorePoint.from_bytes(records.read(key)[0])
        for key in records.keys(layout.restore_points_prefix(service))
    ]
    pairs = [
        InventoryPair.from_bytes(records.read(layout.inventory_key(service, point.name))[0])
        for point in found
        if point.source.name == "contoso-weu"
    ]
    return " ".join(entity for pair in pairs for entity in pair.before.entities)


def test_the_roles_are_swapped_and_swapped_back_without_losing_a_change(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was changed while the standby served is in the old primary before it takes back, compared."""
    primary = make_world(copies=True)
    before = primary.ports.plan.entries[0].model_dump(mode="json", by_alias=True, exclude_unset=True)
    weu = primary.service
    back_up(primary)
    standby = primary.in_region(STANDBY)
    assert replicate(standby)["word"] == "InSync"
    change_last(primary)
    _, asked = standby.ask("GET", "show_failover", name="contoso")

    # the standby serves, is backed up by its own region's app, and is changed
    serving = configured(monkeypatch, primary, asked["planEntry"], STANDBY)
    neu = serving.service
    assert neu.name == "contoso-neu"
    serving.host.run_for(DAY)
    serving.azure.change(neu)
    point = back_up(serving)
    assert (point.source.name, point.account) == ("contoso-neu", "drstandby")
    _, shown = serving.ask("GET", "get_service", name="contoso")
    assert shown["restorePoints"]["newest"]["name"] == point.name

    # the old primary's app has the same plan: it copies, and overwrites nothing that it has not brought
    returning = configured(monkeypatch, primary, asked["planEntry"], PRIMARY)
    returning.host.run_for(DAY)
    assert replicate(returning)["word"] == "HeldBack"
    assert "last" in tags_of(returning, weu)

    # it is asked for, and what the old primary held is in a safety backup
    bring(returning)
    assert replicate(returning)["word"] == "InSync"
    assert tags_of(returning, weu) == tags_of(returning, neu)
    assert "green" in tags_of(returning, weu)
    assert "/tags/last" in saved(returning, names.safety_service("contoso"))
    _, ready = returning.ask("GET", "show_failover", name="contoso")
    assert (ready["from"], ready["to"], ready["isReady"]) == ("contoso-neu", "contoso-weu", True)
    assert ready["recoveryPoint"]["name"] == point.name
    assert ready["planEntry"] == before

    # the roles are swapped back, and the first backup makes the old order whole again
    again = configured(monkeypatch, primary, ready["planEntry"], PRIMARY)
    again.host.run_for(DAY)
    newest = back_up(again)
    assert newest.source.is_same_as(weu)
    last = configured(monkeypatch, primary, ready["planEntry"], STANDBY)
    last.host.run_for(DAY)
    assert replicate(last)["word"] == "InSync"
    _, shown = last.ask("GET", "get_service", name="contoso")
    assert shown["standby"]["standing"]["holds"] == newest.name
    assert shown["state"] != "danger"


def test_the_way_back_is_told_with_both_regions_at_hand(make_world: MakeWorld) -> None:
    """Before the roles are swapped: the old primary is compared with what serves."""
    primary = make_world(copies=True)
    back_up(primary)

    status, body = primary.ask("GET", "show_failback", name="contoso")

    assert status == 200
    assert (body["from"], body["to"], body["notRead"]) == ("contoso-neu", "contoso-weu", [])
    checks = {check["name"]: check["verdict"] for check in body["checks"]}
    assert (checks["Exists"], checks["TierEqual"], checks["GatewayAnswers"]) == ("ok", "ok", "ok")


def test_a_backup_of_the_old_primary_under_the_old_plan_does_no_harm(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its app came back before it had the swapped plan: what it backed up is newer, and is not restored."""
    primary = make_world(copies=True)
    back_up(primary)
    standby = primary.in_region(STANDBY)
    replicate(standby)
    _, asked = standby.ask("GET", "show_failover", name="contoso")
    serving = configured(monkeypatch, primary, asked["planEntry"], STANDBY)
    serving.host.run_for(DAY)
    point = back_up(serving)
    primary.take_over()
    primary.host.run_for(DAY)
    change_last(primary)
    stale = back_up(primary)
    assert stale.started_at > point.started_at

    returning = configured(monkeypatch, primary, asked["planEntry"], PRIMARY)
    returning.host.run_for(DAY)
    assert replicate(returning)["word"] == "HeldBack"
    bring(returning)
    assert "/tags/last" in saved(returning, "contoso")

    _, shown = returning.ask("GET", "get_service", name="contoso")
    assert shown["restorePoints"]["newest"]["name"] == point.name
    assert shown["standby"]["standing"]["holds"] == point.name
    body = {"service": "contoso", "target": "contoso-weu", "confirm": "RESTORE contoso-weu"}
    status, refused = returning.ask("POST", "start_restore", {**body, "restorePoint": stale.name})
    assert status == 409
    assert "TargetIsNotSource" in [detail["code"] for detail in refused["error"]["details"]]
