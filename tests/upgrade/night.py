"""
One version of the app at work in a night of twenty, over a ground that outlives it.

Imported anew for every version (`tests.upgrade.trees.running`): all of its imports lead into one tree.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
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
from shared.core.intervals import Intervals
from shared.core.restore_points import RestorePoint
from shared.core.runs import RunPhase
from tests.fakes import FakeClock, MemoryStorage
from tests.fakes.ports import plan_json
from tests.upgrade.ground import START, Death, Ground, Stored
from tests.upgrade.troubles import TROUBLES
from tests.world.app import World, WorldPorts
from tests.world.azure import Azure, Vault
from tests.world.misfortunes import MISFORTUNES
from tests.world.truth import disagreements, tell

SERVICES = tuple(f"svc-{number:02}" for number in range(20))
FAST = SERVICES[:5]
"""Their backups take a minute, as does whatever fails; all others six."""
AT_ONCE = 10
TICK = dt.timedelta(minutes=5)
INTERVALS = Intervals(retry_failed_s=120, resolve_every_s=24 * 3600)
"""A failed backup is tried again soon. A later look may find one by its blob: that is another test's."""
DEADLY = ("begin_backup", "record_restore_point", "end_night")
"""The steps in which a version may be killed."""


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

    def __init__(self, patch: pytest.MonkeyPatch, ground: Ground, *, dies: Death | None = None) -> None:
        self.ground = ground
        self._dies = dies
        self._one_at_a_time, self._is_dead = asyncio.Lock(), False
        self._done: Counter[str] = Counter()
        clock, storage = FakeClock(ground.now()), MemoryStorage()
        _restore(storage, ground.stored, clock)
        vault = Vault(storage, clock)
        vault.written = ground.written
        ground.vault = vault
        azure = Azure(ground.simulator, vault)
        ports = WorldPorts(plan_of_twenty(), azure=azure, clock=clock, storage=storage)
        ports.intervals = INTERVALS
        super().__init__(patch, ports)
        self._send = self.ports.arm.start
        patch.setattr(self.ports.arm, "start", self._start)
        self.host.close()
        self.host = VirtualHost(
            function_app.app,
            activities={step: functools.partial(self._step, step) for step in DEADLY},
            start=ground.now(),
            state=ground.state,
            default_version=load_host_config(Path(function_app.__file__).parent).default_version,
        )
        clock.follow(self.host.clock.now)
        ground.clock = self.host.clock.now

    async def _step(self, name: str, given: Any) -> Any:
        """Do the real step, one at a time, and none any more after death."""
        async with self._one_at_a_time:
            if self._is_dead:
                await asyncio.Event().wait()
            answer = json.loads(await self.host._workers.app.run_activity(name, json.dumps(given)))
            self._die_after(name)
            return answer

    def _start(self, *given: Any) -> Any:
        """Send the real POST."""
        response = self._send(*given)
        self._die_after("POST")
        return response

    def _die_after(self, what: str) -> None:
        """Be killed if this was what was said: it is done, and nobody knows of it."""
        self._done[what] += 1
        self._is_dead = (what, self._done[what]) == self._dies
        if self._is_dead:
            raise Killed

    def run_to_death(self) -> None:
        """Let time pass until the process is killed."""
        with pytest.raises(Killed):
            self.host.run_for(dt.timedelta(hours=6))

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
        """Plant the troubles and start the night of twenty; return its id."""
        self.azure.takes("backup", seconds=360)
        for service in self.ports.plan.services:
            trouble = TROUBLES.get(service.name)
            if trouble:
                MISFORTUNES[trouble.misfortune](self.azure, service.ref)
            if service.name in FAST or (trouble and trouble.is_quick):
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
        """Let time pass until the night has its record, and its orchestration has ended."""
        instance = names.night_instance(night)
        for _ in range(int(within / TICK)):
            if self.has_record(night) and self.instances()[instance].status != "Running":
                return
            self.pass_time(TICK * 2)
        stuck = {name: one for name, one in self.instances().items() if one.status != "Completed"}
        raise AssertionError(f"no record after {within}: {stuck}")

    def has_record(self, night: str) -> bool:
        """Tell whether the night's record is written."""
        return self.ports.records().exists(layout.night_key(night))

    def phases(self) -> Counter[str]:
        """Return how many runs stand where or ended in which word, and how many services have none."""
        runs = [self.ports.runs.read(run_id)[0] for run_id in self._run_ids()]
        found = Counter(str(run.phase) for run in runs if run.phase is not RunPhase.ENDED)
        found |= Counter(str(run.outcome) for run in runs if run.phase is RunPhase.ENDED)
        found["not begun"] = len(SERVICES) - len({run.service for run in runs})
        return found

    def _run_ids(self) -> tuple[str, ...]:
        return tuple(self.ports.runs.ids_since(START, self.ports.clock.now()))

    def points(self) -> tuple[RestorePoint, ...]:
        """Return every restore point on record."""
        records = self.ports.records()
        return tuple(RestorePoint.from_bytes(records.read(key)[0]) for key in records.keys("restore-points/"))

    def words(self, night: str) -> dict[str, tuple[str, str, int]]:
        """Return what the night's record says of each service: word, code of the fault, number of runs."""
        return {
            one.service: (one.outcome.value, one.fault.code if one.fault else "", len(one.run_ids))
            for one in self.night_record(night).services
        }

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
def at_work(ground: Ground, *, dies: Death | None = None) -> Iterator[Version]:
    """Yield this tree's version at work; it leaves at the end."""
    with pytest.MonkeyPatch.context() as patch:
        version = Version(patch, ground, dies=dies)
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
