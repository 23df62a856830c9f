"""One night over one simulated fleet, measured. Runs in a process of its own for each size."""

from __future__ import annotations

import contextlib
import functools
import gc
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import memory
from bench.metering import CpuMeter, MeteredPace, Replays, bucket_report
from devhost import replay
from shared.core.inventory import COLLECTIONS
from tests.fakes import FakeClock, MemoryStorage
from tests.fakes.ports import SUBSCRIPTION, plan_json
from tests.world import azure
from tests.world.app import World, WorldPorts

CONCURRENCY = 50
"""Services at once. With the plan's default of 10 a night of a thousand services would take 20 hours."""

CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
"""Storage Blob Data Contributor."""

_LISTS = {one.name.lower() for collection in COLLECTIONS for one in (collection, *collection.children)}


def measure(services: int, *, traces_memory: bool, work: Path) -> dict[str, Any]:
    """
    Run a night and return what it took.

    Args:
        services: how many there are, all in one subscription.
        traces_memory: measure memory by function instead of CPU: each slows the other down.
        work: a folder for certificates.
    """
    names = tuple(f"svc{number:04}" for number in range(services))
    replays = Replays()
    with _world(names, work, replays) as (world, pace):
        meter = memory.MemoryMeter()
        gc.collect()
        if traces_memory:
            memory.attach(meter)
        cpu = CpuMeter()
        counted = Counter(_counts(world))
        began_at = world.ports.clock.now()
        night, _ = world.fleet()
        spent = cpu.read()
        calls = Counter(_counts(world)) - counted
        outcomes = Counter(str(one.outcome) for one in night.services)
        report: dict[str, Any] = {
            "services": services,
            "outcomes": dict(outcomes),
            "nightHours": round((night.ended_at - began_at).total_seconds() / 3600, 2),
            "callsPerService": {name: count / services for name, count in sorted(calls.items())},
            "bucket": bucket_report(pace.sent_at_s),
            "replayedBytesPerService": {name: count / services for name, count in replays.bytes_read.items()},
            "longestWaitForAToken_s": round(pace.metronome.waited_s_max, 2),
        }
        if traces_memory:
            report["peakBytesByFunction"] = dict(sorted(meter.peak_bytes.items()))
        else:
            report["cpuSecondsPerService"] = {who: s / services for who, s in spent.items()}
            report["keptObjects"] = memory.kept_objects()
            report["rssPeakBytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return report


@contextlib.contextmanager
def _world(names: tuple[str, ...], work: Path, replays: Replays) -> Iterator[tuple[World, MeteredPace]]:
    clock, storage = FakeClock(), MemoryStorage()
    began = clock.now()
    pace = MeteredPace(lambda: (clock.now() - began).total_seconds())
    with (
        pytest.MonkeyPatch.context() as patch,
        azure.running(clock, storage, work / "ca", patch.setenv) as cloud,
    ):
        # what it keeps for the determinism check is no memory of the app, and takes time
        patch.setattr(replay.Recorder, "run", replays.run)
        plan = plan_json(names, concurrency=CONCURRENCY)
        for entry in plan["services"]:
            del entry["standby"]
        world = World(patch, WorldPorts(plan, azure=cloud, clock=clock, storage=storage, pace=pace))
        _furnish(world)
        try:
            yield world, pace
        finally:
            world.host.close()


def _furnish(world: World) -> None:
    """Put up the storage account, and a role on it for each service, so that preflight asks all it can."""
    arm = world.azure.simulator.arm
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dr"
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/drprimary"
    body = {"location": "northeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}}
    arm("PUT", account, body)
    for service in world.ports.plan.services:
        properties = {
            "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{CONTRIBUTOR}",
            "principalId": arm("GET", service.resource_id)["identity"]["principalId"],
        }
        path = f"{account}/providers/Microsoft.Authorization/roleAssignments/{service.name}"
        arm("PUT", path, {"properties": properties})


def _counts(world: World) -> dict[str, int]:
    """Return the simulator's counts: POST, polls, reads of the service, lists of an inventory, the rest."""
    found: Counter[str] = Counter()
    for label, count in world.azure.simulator.world.journal.counts().items():
        if isinstance(count, int):
            found[_kind_of(label)] += count
    return dict(found)


@functools.cache
def _kind_of(label: str) -> str:
    method, _, noun = label.partition(" ")
    if label == "POST backup":
        return "POST"
    if label == "GET operationresults":
        return "polls"
    if label == "GET service":
        return "reads of the service"
    if method == "GET" and noun.split("/")[-1].lower() in _LISTS:
        return "lists of inventories"
    return f"preflight and sidecar: {noun}" if method == "GET" else label
