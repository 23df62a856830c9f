"""Drills through the whole app against the whole simulator: evidence for a stranger, and targets to spare."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from shared.core import drills, layout
from shared.core.markdown import plain
from shared.core.runs import Outcome
from shared.core.services import ServiceRef
from tests.fakes.drills import drill_plan, drilled, put_drill
from tests.fakes.ports import resource_id
from tests.world.app import World

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


@pytest.fixture
def make(make_world) -> Callable[..., World]:
    """Return a function that makes a world whose first service is backed up, and drilled."""

    def made(plan: dict[str, Any] | None = None) -> World:
        world = make_world(**(plan or drill_plan()))
        assert world.back_up().outcome is Outcome.SUCCEEDED
        return world

    return made


@pytest.fixture
def world(make) -> World:
    """The app with one service."""
    return make()


def target_of(world: World) -> ServiceRef:
    """Return the drill target."""
    target = world.ports.first.drill_target
    assert target is not None
    return target.ref


def hold(world: World) -> None:
    """Fire the timer, and let its drills come to their ends."""
    world.fire("drill_timer")
    world.let_pass(3 * HOUR)


def state(world: World) -> drills.DrillState:
    """Return how the first service stands, as the app itself answers."""
    status, body = world.ask("GET", "list_drills")
    assert status == 200
    return drills.DrillState.model_validate(body["value"][0]["state"])


def test_the_evidence_of_a_drill_is_complete_without_the_app(world):
    """With nothing but a JSON reader: what was restored where, how long it took, and all that was found."""
    hold(world)
    (record,) = drilled(world.ports)
    assert (record.outcome, record.rto_kept) == (Outcome.SUCCEEDED, True), record.fault

    stored = {key: world.ports.records().read(key)[0] for key in record.evidence}
    report = json.loads(stored[f"evidence/{record.run_id}.json"])
    assert report["kind"] == "drill"
    assert report["point"]["name"] == record.point == world.newest_point().name
    assert report["point"]["sha256"] == world.azure.vault.written[-1].sha256
    assert report["target"]["resourceId"] == target_of(world).resource_id
    assert report["outcome"] == "Succeeded"
    assert (report["restoreDurationS"], report["rtoS"]) == (record.restore_duration_s, 8 * 3600)
    assert report["rtoKept"] is True
    assert report["recoveryPointAgeS"] > 0
    assert (report["differences"], report["differencesTotal"]) == ([], 0)
    guards = {guard["name"]: guard["verdict"] for guard in report["guards"]}
    assert {guards[name] for name in ("NoTraffic", "NoCustomHostName", "TargetIsNoPrimary", "TierEqual")} == {
        "ok"
    }
    assert report["gateway"]["url"].endswith("/status-0123456789abcdef")
    assert all(fix["command"] for fix in report["fixUps"] if fix["isNeeded"])
    assert sum(report["counts"].values()) == report["entities"] > 0


def test_the_evidence_of_a_drill_can_be_read_by_a_person(world):
    """The same as text: point, target, times, RTO, every guard, comparison, gateway, what is left to do."""
    hold(world)
    (record,) = drilled(world.ports)
    text = world.ports.records().read(layout.readable_report_key(record.run_id))[0].decode()
    report = json.loads(world.ports.records().read(layout.report_key(record.run_id))[0])

    assert record.point in text
    assert target_of(world).resource_id in text
    assert "a rehearsal of a restore" in text
    for heading in ("Times", "Guards", "Comparison", "Settings", "Gateway"):
        assert any(line.startswith("## ") and heading in line for line in text.splitlines()), heading
    assert [guard["name"] for guard in report["guards"] if f"`{guard['name']}`" not in text] == []
    assert [fix["what"] for fix in report["fixUps"] if plain(fix["what"]) not in text] == []
    minutes = record.restore_duration_s // 60
    assert any(f" {minutes} min" in line for line in text.splitlines() if "proof" in line)
    assert any("8 h" in line and "kept" in line for line in text.splitlines())


def test_the_primary_is_not_touched(world):
    """A drill sends one restore, to its target, and nothing but reads to the service itself."""
    before = len(world.azure.calls("POST", world.service.name))
    hold(world)

    assert world.azure.posts(target_of(world), "restore") == 1
    assert len(world.azure.calls("POST", world.service.name)) == before


def give_traffic(world: World) -> None:
    """Let somebody be served by the drill target, many times a minute."""
    put, service = world.azure.simulator.arm, target_of(world).resource_id
    put(
        "PUT",
        f"{service}/apis/other",
        {"properties": {"displayName": "x", "path": "x", "protocols": ["https"]}},
    )
    operation = {"displayName": "get", "method": "GET", "urlTemplate": "/"}
    put("PUT", f"{service}/apis/other/operations/get", {"properties": operation})
    put("PATCH", service, {"tags": {"simulator-requests-per-day": "20000"}})


def give_host_name(world: World) -> None:
    """Give the drill target a host name of its own."""
    name = {"type": "Proxy", "hostName": "api.contoso.example", "certificateSource": "Managed"}
    properties = {"properties": {"hostnameConfigurations": [name]}}
    world.azure.simulator.arm("PATCH", target_of(world).resource_id, properties)


@pytest.mark.parametrize(
    ("spoil", "guard"), [(give_traffic, "NoTraffic"), (give_host_name, "NoCustomHostName")]
)
def test_a_target_that_somebody_uses_is_refused_and_recorded(world, spoil, guard, caplog):
    """No run is made; the record names the guard and the point; the state says that the drill failed."""
    caplog.set_level(logging.INFO, logger="apim_dr")
    spoil(world)
    hold(world)

    (record,) = drilled(world.ports)
    assert record.outcome is Outcome.REFUSED
    assert guard in record.fault.message
    assert record.point == world.newest_point().name
    assert world.azure.posts(target_of(world), "restore") == 0
    assert not world.ports.records().exists(layout.run_key(record.run_id))
    assert (state(world).is_failed, state(world).last_word) == (True, Outcome.REFUSED)
    assert "drill.ended" in caplog.text


def test_a_target_that_is_a_primary_is_refused_and_recorded(make):
    """The drill target of one service is another service of the plan: nothing is sent to it."""
    plan = drill_plan("contoso", "fabrikam")
    plan["services"][0]["drillTarget"] = {
        **plan["services"][0]["drillTarget"],
        "resourceId": resource_id("fabrikam-weu"),
    }
    del plan["services"][1]["drill"]
    world = make(plan)
    hold(world)

    (record,) = drilled(world.ports)
    assert record.outcome is Outcome.REFUSED
    assert "TargetIsNoPrimary" in record.fault.message
    assert world.azure.posts(target_of(world), "restore") == 0


def test_a_refused_drill_takes_place_once_its_target_is_free(world):
    """The next morning nobody uses the target any more, and the restore is rehearsed."""
    give_traffic(world)
    hold(world)
    world.azure.simulator.arm("DELETE", f"{target_of(world).resource_id}/apis/other")
    world.let_pass(DAY)
    hold(world)

    assert [record.outcome for record in drilled(world.ports)] == [Outcome.REFUSED, Outcome.SUCCEEDED]
    assert not state(world).is_failed


def test_an_overdue_drill_shows_in_the_state(world, caplog):
    """The last good one was 40 days ago, and the target is not free: overdue, failed, and warned of."""
    caplog.set_level(logging.WARNING, logger="apim_dr")
    last = put_drill(world.ports, 40 * DAY)
    give_traffic(world)
    assert (state(world).is_overdue, state(world).is_failed) == (True, False)
    hold(world)

    assert (state(world).is_overdue, state(world).is_failed) == (True, True)
    assert state(world).last_succeeded_at == last.ended_at
    assert "drill.overdue" in caplog.text
