"""The app for a test: its real functions on a virtual host, and its real client at a simulated Azure."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shared import wiring
from shared.adapters.arm import ArmClient
from shared.adapters.gateway import probe_gateway
from shared.adapters.identity import Tokens
from shared.adapters.inventory import take_inventory
from shared.adapters.pace import Pace
from shared.core import layout
from shared.core.clouds import Cloud
from shared.core.inventory import Inventory
from shared.core.reports import GatewayProbe
from shared.core.restore_points import RestorePoint
from shared.core.runs import RunRecord
from shared.core.services import ServiceRef
from shared.core.unfinished import UnfinishedInventory
from tests.fakes import FakeClock, MemoryStorage
from tests.fakes.ports import FakePorts
from tests.orchestrators.conftest import Stage
from tests.world.azure import Azure

WATCH_EVERY = dt.timedelta(minutes=5)


class Unhurried(Pace):
    """A pace that holds nobody back: the virtual clock stands still while activities work."""

    def wait(self, method: str, url: str) -> None:
        """Return at once."""


class WorldPorts(FakePorts):
    """The ports: records and backups in memory, everything about Azure Resource Manager for real."""

    arm: ArmClient

    def __init__(
        self,
        plan: dict[str, Any],
        *,
        azure: Azure,
        clock: FakeClock,
        storage: MemoryStorage,
        pace: Pace | None = None,
    ) -> None:
        cloud = Cloud(
            resource_manager=azure.url,
            audience=azure.url,
            authority=azure.url,
            blob_endpoint="https://127.0.0.1:1/{account}",
        )
        tokens = Tokens(azure.credentials, cloud.arm_scope)
        arm = ArmClient(cloud, "2024-05-01", tokens, clock, pace=pace or Unhurried())
        super().__init__(plan, clock=clock, storage=storage, arm=arm)
        self.azure = azure

    def in_region(self, region: str) -> WorldPorts:
        """Return the ports of the app in another region, over the same world."""
        # what was not said must not come back as null, which takes back the defaults
        plan = self.plan.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"region": region}
        return WorldPorts(plan, azure=self.azure, clock=self.clock, storage=self.storage)

    def take_inventory(
        self, service: ServiceRef, so_far: UnfinishedInventory | None = None, *, piece_s: int | None = None
    ) -> Inventory | UnfinishedInventory:
        """List what a service holds, through the real client."""
        return take_inventory(self.arm, service, so_far, clock=self.clock)

    def probe_gateway(self, url: str) -> GatewayProbe:
        """Ask the gateway at a URL, for real."""
        self.probed.append(url)
        return probe_gateway(url)


class World(Stage):
    """One app and its Azure."""

    ports: WorldPorts

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, ports: WorldPorts, stand_ins: dict[str, Any] | None = None
    ) -> None:
        super().__init__(monkeypatch, ports, stand_ins)
        self._monkeypatch = monkeypatch
        self.azure = ports.azure
        self.others: list[World] = []
        """Apps of other regions, or with other plans, that were made of this one."""
        for service in ports.plan.services:
            ends = [end for end in (service.standby, service.drill_target) if end is not None]
            for ref, entities in [(service.ref, None), *((end.ref, {}) for end in ends)]:
                if not self.azure.has(ref):
                    self.azure.add(ref, entities=entities)

    def in_region(self, region: str) -> World:
        """Make the app of another region, over the same world; it is at work from now on, this one is not."""
        other = World(self._monkeypatch, self.ports.in_region(region))
        self.others.append(other)
        return other

    def with_descent(self) -> list[World]:
        """Return this app, those that were made of it, and those that were made of these."""
        return [self, *(one for other in self.others for one in other.with_descent())]

    def take_over(self) -> None:
        """Be at work again, after the app of another region was; the time since then passes at once."""
        self._monkeypatch.setattr(wiring, "ports", lambda: self.ports)
        self.host.run_for(self.ports.clock.now() - self.host.clock.now())
        self.ports.clock.follow(self.host.clock.now)

    def lose(self, region: str, state: str = "unreachable") -> None:
        """Take a region's services and accounts away; "up" brings them back. See `Azure.lose`."""
        self.azure.lose(region, state)

    @property
    def service(self) -> ServiceRef:
        """The first service of the plan."""
        return self.ports.first.ref

    def newest_point(self) -> RestorePoint:
        """Return the newest restore point of the first service."""
        records = self.ports.records()
        *_, key = records.keys(layout.restore_points_prefix(self.ports.first.name))
        return RestorePoint.from_bytes(records.read(key)[0])

    def let_pass(self, duration: dt.timedelta) -> None:
        """Let virtual time go by, with the watch over runs every five minutes as in production."""
        for _ in range(int(duration / WATCH_EVERY)):
            self.host.run_for(WATCH_EVERY)
            self.fire("watch_runs")
        self.host.settle()

    def resolve(self, run: RunRecord) -> RunRecord:
        """Ask for a later look at a run, as an operator does, and return its record afterwards."""
        status, _ = self.ask("POST", "start_resolving", run_id=run.run_id)
        assert status == 202, status
        self.host.run_for(dt.timedelta(minutes=10))
        return self.again(run)

    def again(self, run: RunRecord) -> RunRecord:
        """Return a run's record as it is now."""
        return self.ports.runs.read(run.run_id)[0]
