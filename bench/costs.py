"""
What is billed for a fleet: nights, replications and idle hours, with a month of restore points behind them.

The counts are in Azure's units and have no prices; docs/costs.md multiplies them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench import tally
from shared.core import layout
from tests.fakes import FakeClock, MemoryStorage
from tests.fakes.ports import plan_json
from tests.world import azure
from tests.world.app import World, WorldPorts

DAY = dt.timedelta(days=1)
A_NIGHT = dt.timedelta(hours=6)
HOURLY = {"watch_runs": 12, "catch_up_night": 6, "find_unreplicated": 6}
"""How often the timers of the app fire in an hour in which nothing is to be done."""
DAILY = ("usage_timer", "drill_timer")


def measure(services: int, *, nights: int, work: Path) -> dict[str, Any]:
    """
    Run so many nights, each with the replication of every service, and count the last of them.

    Every service changes before each night, so that every standby is restored each night; its points are
    pruned by the default rules, and copied into the standby's region.
    """
    names = tuple(f"svc{number:04}" for number in range(services))
    with _worlds(names, work) as (primary, standby, counted):
        report: dict[str, Any] = {}
        for night in range(nights):
            report = _one_day(primary, standby, counted)
            outcomes = report.pop("outcomes")
            print(f"{services} services, night {night + 1} of {nights}: {outcomes}", flush=True)
            if outcomes != {"backups": services, "replicas": services}:
                raise SystemExit(f"bench: not every service came through night {night + 1}: {outcomes}")
        points = len(list(_points(primary))) // services
        return {"services": services, "nights": nights, "restorePointsOfEach": points, **report}


PARTS = (
    "night",
    "dailyTimers",
    "idleHour",
    "dailyTimersOfTheStandby",
    "replication",
    "idleHourOfTheStandby",
)


def rows(part: dict[str, Any]) -> dict[str, int]:
    """
    Return what is billed of one part, by the name that docs/costs.md has for it.

    `hostCalls` is computed: with Durable's storage provider each activity is a message and its answer, both
    written, read and deleted; each replay reads the history, and writes it and the instance; each timer is
    a message.
    """
    executions, storage = part["executions"], part["storage"]
    activities, replays = executions.get("activityTrigger", 0), executions.get("orchestrationTrigger", 0)
    return {
        "executions": sum(executions.values()),
        "armCalls": part["armCalls"],
        "writes": storage.get("writes", 0),
        "lists": storage.get("lists", 0),
        "reads": storage.get("reads", 0) + storage.get("others", 0),
        "hostCalls": 6 * activities + 3 * replays + 3 * part["durableTimers"],
        "bytesWritten": part["bytesWritten"],
        "logLines": part["logLines"],
    }


def table(sizes: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table: a row for each measure of each part, a column for each size."""
    titles = [f"{size['services']} services" for size in sizes]
    lines = ["| Count | " + " | ".join(titles) + " |", "|---|" + "---:|" * len(sizes)]
    for name in PARTS:
        columns = [rows(size[name]) for size in sizes]
        for row in columns[0]:
            cells = [f"{column[row]:,}" for column in columns]
            lines.append(f"| `{name}.{row}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _one_day(primary: World, standby: World, counted: tally.Tally) -> dict[str, Any]:
    """Let a day of both regions pass and return what each part of it took."""
    primary.take_over()
    _until_two(primary)
    newest = set(_points(primary))
    for service in primary.ports.plan.services:
        day = primary.ports.clock.now().isoformat()
        body = {"properties": {"displayName": f"changed {day}"}}
        primary.azure.simulator.arm("PUT", f"{service.resource_id}/tags/blue", body)
    parts: dict[str, Any] = {}
    with _part(parts, "night", primary, counted):
        primary.fire("backup_timer")
        primary.host.run_for(A_NIGHT)
    with _part(parts, "idleHour", primary, counted):
        _idle_hour(primary)
    with _part(parts, "dailyTimers", primary, counted):
        _fire(primary, *DAILY)
    standby.take_over()
    with _part(parts, "dailyTimersOfTheStandby", standby, counted):
        _fire(standby, "backup_timer", *DAILY)
    with _part(parts, "replication", standby, counted):
        standby.fire("find_unreplicated")
        standby.host.run_for(A_NIGHT)
    with _part(parts, "idleHourOfTheStandby", standby, counted):
        _idle_hour(standby)
    fresh = set(_points(primary)) - newest
    parts["outcomes"] = {"backups": len(fresh), "replicas": _replicated(standby, fresh)}
    return parts


def _fire(world: World, *timers: str) -> None:
    for name in timers:
        world.fire(name)
    world.host.run_for(dt.timedelta(hours=1))


def _idle_hour(world: World) -> None:
    for minute in range(60):
        for name, times in HOURLY.items():
            if minute % (60 // times) == 0:
                world.fire(name)
        world.host.run_for(dt.timedelta(minutes=1))


def _until_two(world: World) -> None:
    """Let time pass until the next two o'clock, when the night's timer fires."""
    now = world.ports.clock.now()
    at = now.replace(hour=2, minute=0, second=0, microsecond=0)
    world.host.run_for((at if at >= now else at + DAY) - now)


@contextlib.contextmanager
def _part(parts: dict[str, Any], name: str, world: World, counted: tally.Tally) -> Iterator[None]:
    before, calls = counted.copy(), _arm_calls(world)
    yield
    parts[name] = {**counted.since(before), "armCalls": _arm_calls(world) - calls}


def _arm_calls(world: World) -> int:
    counts = world.azure.simulator.world.journal.counts().values()
    return sum(count for count in counts if isinstance(count, int))


def _points(world: World) -> Iterator[str]:
    """Yield the keys of the restore points, without counting the calls as the app's."""
    for service in world.ports.plan.services:
        prefix = layout.restore_points_prefix(service.name)
        yield from (key for key in world.ports.records("westeurope")._blobs if key.startswith(prefix))


def _replicated(standby: World, keys: set[str]) -> int:
    """Return how many of these points the standbys hold, by the app's own records of replicas."""
    names = {key.rsplit("/", 1)[-1].removesuffix(".json") for key in keys}
    written = standby.ports.records()._blobs
    return sum(any(key.startswith("replicas/") and name in key for key in written) for name in names)


@contextlib.contextmanager
def _worlds(names: tuple[str, ...], work: Path) -> Iterator[tuple[World, World, tally.Tally]]:
    clock, storage = FakeClock(), MemoryStorage()
    with (
        pytest.MonkeyPatch.context() as patch,
        tally.counting() as counted,
        azure.running(clock, storage, work / "ca", patch.setenv) as cloud,
    ):
        plan = plan_json(names, concurrency=50, defaults={"retention": {}})
        for entry in plan["services"]:
            entry["standby"]["storage"] = {"account": "drstandby", "container": "apim-copies"}
        primary = World(patch, WorldPorts(plan, azure=cloud, clock=clock, storage=storage))
        standby = primary.in_region("northeurope")
        try:
            yield primary, standby, counted
        finally:
            primary.host.close()
            standby.host.close()
