"""
One version of the app at work in a night of twenty, over a ground that outlives it.

Imported anew for every version (`tests.upgrade.trees.running`): all of its imports lead into one tree.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import function_app
from devhost.config import load_host_config
from devhost.engine.protocol import Instance, Query
from devhost.testing import VirtualHost
from shared.core import layout, names
from shared.core.restore_points import RestorePoint
from tests.fakes import FakeClock, MemoryStorage
from tests.fakes.ports import plan_json
from tests.upgrade.ground import Ground, Stored
from tests.world.app import World, WorldPorts
from tests.world.azure import Azure, Vault
from tests.world.truth import disagreements, tell

SERVICES = tuple(f"svc-{number:02}" for number in range(20))
FAST = SERVICES[:5]
"""Their backups take a minute; all others eleven."""
AT_ONCE = 10
TICK = dt.timedelta(minutes=5)


class Killed(BaseException):
    """The process is gone: nothing of it comes back, nothing is written down any more."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An instance and what it scheduled, as the host has it."""

    name: str
    version: str | None
    status: str
    output: str
    scheduled: tuple[str, ...]
    events: int


class Version(World):
    """A version of the app, on the state that the one before left."""

    def __init__(
        self, patch: pytest.MonkeyPatch, ground: Ground, *, dies_after_posts: int | None = None
    ) -> None:
        self.ground = ground
        self._dies_after_posts = dies_after_posts
        self._one_at_a_time, self._posts, self._is_dead = asyncio.Lock(), 0, False
        clock, storage = FakeClock(ground.now()), MemoryStorage()
        _restore(storage, ground.stored, clock)
        vault = Vault(storage, clock)
        vault.written = ground.written
        ground.vault = vault
        azure = Azure(ground.simulator, vault)
        super().__init__(patch, WorldPorts(plan_of_twenty(), azure=azure, clock=clock, storage=storage))
        self._send = self.ports.arm.start
        patch.setattr(self.ports.arm, "start", self._start)
        self.host.close()
        self.host = VirtualHost(
            function_app.app,
            activities={"begin_backup": self._begin_backup},
            start=ground.now(),
            state=ground.state,
            default_version=load_host_config(Path(function_app.__file__).parent).default_version,
        )
        clock.follow(self.host.clock.now)
        ground.clock = self.host.clock.now

    async def _begin_backup(self, given: Any) -> Any:
        """Do the real step, one at a time, and none any more after death."""
        async with self._one_at_a_time:
            if self._is_dead:
                await asyncio.Event().wait()
            return json.loads(await self.host._workers.app.run_activity("begin_backup", json.dumps(given)))

    def _start(self, *given: Any) -> Any:
        """Send the real POST; die at the one that was said, accepted and with nothing known of it."""
        response = self._send(*given)
        self._posts += 1
        self._is_dead = self._posts == self._dies_after_posts
        if self._is_dead:
            raise Killed
        return response

    def run_to_death(self) -> None:
        """Let time pass until the process is killed."""
        with pytest.raises(Killed):
            self.host.run_for(dt.timedelta(hours=1))

    def leave(self) -> None:
        """Be gone, without a rest for what runs; storage and state stay on the ground."""
        at = self.host.clock.now()
        self.host._workers.app._invoker._worker._threads.shutdown(wait=True)
        self.host.close()
        self.ground.clock = lambda: at
        self.ground.stored = _stored(self.ports.storage)
        self.ground.written = self.azure.vault.written

    # The night.

    def begin_night(self) -> str:
        """Start the night of twenty, whose first five backups take a minute; return its id."""
        self.azure.takes("backup", seconds=660)
        for service in self.ports.plan.services:
            if service.name in FAST:
                self.azure.takes("backup", service=service.ref, seconds=60)
        self.fire("backup_timer")
        return names.night_id(self.ports.clock.now())

    def pass_time(self, duration: dt.timedelta) -> None:
        """Let time pass with the two timers that look after what was lost."""
        for tick in range(int(duration / TICK)):
            self.host.run_for(TICK)
            self.fire("watch_runs")
            if tick % 2:
                self.fire("catch_up_night")
        self.host.settle()

    def finish(self, night: str, within: dt.timedelta = dt.timedelta(hours=6)) -> None:
        """Let time pass until the night has its record."""
        for _ in range(int(within / TICK)):
            if self.has_record(night):
                return
            self.pass_time(TICK * 2)
        stuck = {name: one for name, one in self.instances().items() if one.status != "Completed"}
        raise AssertionError(f"no record after {within}: {stuck}")

    def has_record(self, night: str) -> bool:
        """Tell whether the night's record is written."""
        return self.ports.records().exists(layout.night_key(night))

    def phases(self) -> Counter[str]:
        """Return how many services stand where; those without a run have not begun."""
        runs = [self.ports.runs.read(run_id)[0] for run_id in self.ports.runs.open_ids()]
        found = Counter(str(run.phase) for run in runs)
        found["Ended"] += len(self.points())
        found["not begun"] = len(SERVICES) - found.total()
        return found

    def points(self) -> tuple[RestorePoint, ...]:
        """Return every restore point on record."""
        records = self.ports.records()
        return tuple(RestorePoint.from_bytes(records.read(key)[0]) for key in records.keys("restore-points/"))

    def posts(self) -> Counter[str]:
        """Return the simulator's count of POSTs, by service."""
        return Counter({one.name: self.azure.posts(one.ref) for one in self.ports.plan.services})

    def lies(self, night: str) -> list[str]:
        """Return what the app says of the night and the simulator does not."""
        refs = {service.name: service.ref for service in self.ports.plan.services}
        truths = tell(self.azure, refs)
        return disagreements(self.night_record(night), self.points(), truths, self.azure.vault.written)

    # The instances.

    def instances(self) -> dict[str, Seen]:
        """Return every instance that the host knows, by id."""
        found = self.host._runner.run(self.host._engine.find(Query()))
        return {one.instance_id: self._seen(one) for one in found}

    def _seen(self, one: Instance) -> Seen:
        history = self.host.history(one.instance_id)
        scheduled = tuple(event["Name"] for event in history if event["EventType"] in (4, 7))
        return Seen(
            name=one.name,
            version=one.version,
            status=str(one.status),
            output=one.output or "",
            scheduled=scheduled,
            events=len(history),
        )

    def of_version(self, version: str) -> dict[str, Seen]:
        """Return the instances of a version that have not ended, by id."""
        found = self.instances().items()
        return {name: one for name, one in found if one.version == version and one.status == "Running"}

    def backups(self) -> dict[str, Seen]:
        """Return the instance of each service that has one, by service."""
        seen = self.instances()
        ids = {one.name: names.service_instance(one.ref.resource_id) for one in self.ports.plan.services}
        return {name: seen[instance] for name, instance in ids.items() if instance in seen}


def plan_of_twenty() -> dict[str, Any]:
    """Return the plan: twenty services without standbys, ten at a time."""
    plan = plan_json(SERVICES, concurrency=AT_ONCE)
    for entry in plan["services"]:
        del entry["standby"]
    return plan


@contextlib.contextmanager
def at_work(ground: Ground, *, dies_after_posts: int | None = None) -> Iterator[Version]:
    """Yield this tree's version at work; it leaves at the end."""
    with pytest.MonkeyPatch.context() as patch:
        version = Version(patch, ground, dies_after_posts=dies_after_posts)
        try:
            yield version
        finally:
            version.leave()


def _stored(storage: MemoryStorage) -> Stored:
    return {
        place: {
            "is_there": blobs.is_there,
            "blobs": dict(blobs._blobs),
            "modified": dict(blobs._modified),
            "next": next(blobs._versions),
        }
        for place, blobs in storage._containers.items()
    }


def _restore(storage: MemoryStorage, stored: Stored, clock: FakeClock) -> None:
    for place, content in stored.items():
        blobs = storage.container(*place)
        blobs.is_there, blobs.now = content["is_there"], clock.now
        blobs._blobs, blobs._modified = dict(content["blobs"]), dict(content["modified"])
        blobs._versions = itertools.count(content["next"])
