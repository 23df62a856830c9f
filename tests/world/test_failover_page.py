"""The commands of docs/failover.md, run in their order against the app and a simulated Azure."""

from __future__ import annotations

import datetime as dt
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from azure.functions import meta

from shared.core.runs import Outcome
from tests.world.app import World, WorldPorts
from tests.world.conftest import MakeWorld

PAGE = (Path(__file__).parents[2] / "docs" / "failover.md").read_text(encoding="utf-8")
INDEX = Path(__file__).parents[1] / "functions" / "expected_index.json"
PRIMARY, STANDBY = "westeurope", "northeurope"
HOURS = dt.timedelta(hours=2)


def lines(heading: str) -> list[str]:
    """Return the calls of one section, in their order."""
    section = re.split(r"^## ", PAGE, flags=re.M)
    found = next(part for part in section if part.startswith(f"{heading}\n"))
    return re.findall(r"^ *(curl .*)$", found, re.M)


def routes() -> list[tuple[str, str, str]]:
    """Return method, route and name of every HTTP function."""
    index = json.loads(INDEX.read_text(encoding="utf-8"))
    return [
        (method, binding["route"], name)
        for name, bindings in index.items()
        for binding in bindings
        if binding["type"] == "httpTrigger"
        for method in binding["methods"]
    ]


def run(line: str, apps: dict[str, World], point: str = "") -> tuple[int, Any]:
    """Run one call: at the app of its region, with its body; what it starts has two hours."""
    words = [word.replace("$POINT", point) for word in shlex.split(line)]
    body = words[words.index("-d") + 1] if "-d" in words else None
    match = re.fullmatch(r"\$(\w+)_APP/api/([^?]*)", words[-1])
    assert match, line
    world, path = apps[match[1].lower()], match[2]
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if body else "GET"
    world.take_over()
    name, params = next(
        (name, found.groupdict())
        for known, route, name in routes()
        if known == method and (found := re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", route), path))
    )
    value = {
        "method": meta.Datum(method, "string"),
        "url": meta.Datum(f"https://dr.example/api/{path}", "string"),
        "headers": {},
        "query": {},
        "params": {key: meta.Datum(text, "string") for key, text in params.items()},
        "body": meta.Datum((body or "").encode(), "bytes"),
    }
    answer = world._invoke(name, meta.Datum(value, "http")).value
    world.let_pass(HOURS)
    return int(answer["status_code"].value), json.loads(answer["body"].value or "null")


def ended_well(world: World, started: Any) -> None:
    """Check that a run that a call has started has succeeded."""
    assert world.ports.runs.read(started["runId"])[0].word is Outcome.SUCCEEDED


def with_entry(monkeypatch: pytest.MonkeyPatch, world: World, entry: Any, region: str) -> World:
    """Give the app of a region the plan with another entry."""
    plan = world.ports.plan.model_dump(mode="json", by_alias=True, exclude_unset=True)
    document = {**plan, "region": region, "services": [entry]}
    ports = WorldPorts(document, azure=world.azure, clock=world.ports.clock, storage=world.ports.storage)
    other = World(monkeypatch, ports)
    world.others.append(other)
    return other


def let_replicate(world: World) -> None:
    """Fire the timer that finds what is not replicated, and give it its time."""
    world.take_over()
    world.fire("find_unreplicated")
    world.let_pass(HOURS)


def state(world: World) -> Any:
    """Return how the service stands for one app."""
    world.take_over()
    return world.ask("GET", "get_service", name="contoso")[1]


def begun(make_world: MakeWorld) -> dict[str, World]:
    """Return the apps of both regions after a night: the standby holds the newest point."""
    primary = make_world(copies=True)
    primary.back_up()
    standby = primary.in_region(STANDBY)
    let_replicate(standby)
    assert state(standby)["standby"]["word"] == "InSync"
    return {"westeurope": primary, "northeurope": standby}


def test_the_three_calls_that_say_how_a_service_stands(make_world: MakeWorld) -> None:
    """The list, one service, its readiness."""
    apps = begun(make_world)

    answers = [run(line, apps) for line in re.findall(r"^(curl .*)$", PAGE.partition("\n## ")[0], re.M)]

    assert [status for status, _ in answers] == [200, 200, 200]
    assert [one["service"] for one in answers[0][1]["value"]] == [answers[1][1]["service"]] == ["contoso"]
    assert answers[2][1]["isReady"] is True


def test_a_lost_region_and_the_way_back(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call of both sections in its order: nothing is lost but what was changed after the last copy."""
    apps = begun(make_world)
    primary, standby = apps["westeurope"], apps["northeurope"]
    entry = primary.ports.plan.entries[0].model_dump(mode="json", by_alias=True, exclude_unset=True)
    primary.take_over()
    primary.lose(PRIMARY)
    standby.take_over()
    _, ready = standby.ask("GET", "show_failover", name="contoso")
    assert ready["isReady"] is True

    stop, look, dry, restore, go_on, protect = lines("A lost region")
    assert run(stop, apps)[1]["underWay"] is None
    stopped = run(look, apps)[1]["standby"]
    assert stopped["word"] != "Replicating"
    assert any("failover to contoso-neu" in reason for reason in stopped["reasons"])
    point = ready["recoveryPoint"]["name"]
    assert run(dry, apps, point)[1]["dryRun"] is True
    status, started = run(restore, apps, point)
    assert status == 202
    ended_well(standby, started)

    apps["northeurope"] = serving = with_entry(monkeypatch, standby, ready["planEntry"], STANDBY)
    assert run(go_on, apps)[0] < 300
    assert run(protect, apps)[0] == 202
    assert state(serving)["resourceId"].endswith("contoso-neu")
    assert state(serving)["restorePoints"]["newest"]["isCopy"] is False

    primary.lose(PRIMARY, "up")
    serving.azure.change(serving.service)
    asked, whose, save, back_up, bring, again, stop, ask_ready, go_on, go_on_there, last = lines("Failback")
    apps["westeurope"] = primary
    assert run(asked, apps)[0] == 200
    assert run(whose, apps)[1]["resourceId"].endswith("contoso-weu")
    assert run(save, apps)[0] == 202
    assert state(primary)["restorePoints"]["newest"]["ageS"] < HOURS.total_seconds() * 2
    apps["westeurope"] = returning = with_entry(monkeypatch, primary, ready["planEntry"], PRIMARY)
    assert run(back_up, apps)[0] == 202
    let_replicate(returning)
    assert state(returning)["standby"]["word"] == "HeldBack"
    status, started = run(bring, apps)
    assert status == 202
    ended_well(returning, started)
    assert run(again, apps)[0] == 202
    assert state(returning)["standby"]["word"] == "InSync"
    assert run(stop, apps)[0] < 300
    _, way_back = run(ask_ready, apps)
    assert (way_back["isReady"], way_back["recoveryPoint"]["newer"]) == (True, None)
    assert way_back["planEntry"] == entry

    apps["westeurope"] = with_entry(monkeypatch, returning, entry, PRIMARY)
    apps["northeurope"] = with_entry(monkeypatch, serving, entry, STANDBY)
    assert run(go_on, apps)[0] < 300
    assert run(go_on_there, apps)[0] < 300
    assert run(last, apps)[0] == 202
    let_replicate(apps["northeurope"])
    assert state(apps["northeurope"])["standby"]["word"] == "InSync"


def test_a_planned_failover_loses_nothing(make_world: MakeWorld) -> None:
    """The standby holds the backup that was made last."""
    apps = begun(make_world)
    primary, standby = apps["westeurope"], apps["northeurope"]
    primary.take_over()
    primary.azure.change(primary.service)

    back_up, look = lines("A planned failover")
    assert run(back_up, apps)[0] == 202
    newest = primary.newest_point().name
    let_replicate(standby)

    _, shown = run(look, apps)
    assert shown["standby"]["word"] == "InSync"
    assert shown["standby"]["standing"]["holds"] == newest
