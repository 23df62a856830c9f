"""
The composition root: builds the adapters on first use, once per worker process.

The only module that knows both the settings and the adapters. Nothing happens at import.
"""

from __future__ import annotations

import functools
import logging

from shared import settings, telemetry
from shared.adapters.arm import ArmClient
from shared.adapters.blobs import BlobContainer
from shared.adapters.clock import SystemClock
from shared.adapters.gateway import probe_gateway
from shared.adapters.identity import Tokens, make_credential
from shared.adapters.inventory import Inventories
from shared.adapters.pace import Pace
from shared.adapters.runs import RunStore
from shared.core.access import Access
from shared.core.intervals import Intervals
from shared.core.inventory import Inventory
from shared.core.plan import Plan
from shared.core.reports import GatewayProbe
from shared.core.services import ServiceRef
from shared.core.unfinished import UnfinishedInventory


class Wiring:
    """The port Ports over the real adapters."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.plan: Plan = settings.read_plan()
        deadline_s = self.plan.deadline_hours * 3600
        self.intervals = Intervals(deadline_s=deadline_s).at_speed(settings.read_speed())
        self._make_credential = functools.partial(
            make_credential,
            self.plan.endpoints,
            has_managed_identity=settings.has_managed_identity(),
            client_id=settings.managed_identity_client_id(),
        )
        self._credential = self._make_credential()
        tokens = Tokens(self._make_credential, self.plan.endpoints.arm_scope)
        pace = Pace(speed=settings.read_speed())
        self.arm = ArmClient(self.plan.endpoints, self.plan.api_version, tokens, self.clock, pace=pace)
        self.runs = RunStore(self.records())
        self._inventories = Inventories(self.arm, self.clock)

    def take_inventory(
        self, service: ServiceRef, so_far: UnfinishedInventory | None = None, *, piece_s: int | None = None
    ) -> Inventory | UnfinishedInventory:
        """List what a service holds, for so many seconds, or for some minutes."""
        return self._inventories.take(service, so_far, piece_s=piece_s)

    def probe_gateway(self, url: str) -> GatewayProbe:
        """Ask the gateway at a URL for its status."""
        return probe_gateway(url)

    def key_fault(self, access: Access) -> str:
        """Say what is wrong with the setting of an account key, without keeping anything of it."""
        return settings.key_fault(access)

    def records(self, region: str | None = None) -> BlobContainer:
        """Return the records container of a region, of this app's own by default."""
        place = self.plan.regions[region or self.plan.region]
        return self.backups(place.account, place.container)

    @functools.cache  # noqa: B019 - one Wiring lives as long as its process
    def backups(self, account: str, container: str) -> BlobContainer:
        """Return any container, with one client each."""
        url = self.plan.endpoints.blob_url(account)
        return BlobContainer(url, account, container, self._credential)


@functools.cache
def ports() -> Wiring:
    """
    Return the adapters of this process.

    Raises:
        ConfigError: settings or plan are not usable; every call raises again until they are.
    """
    return Wiring()


def report_configuration() -> None:
    """
    Log every fault of the settings when the app starts, a line each.

    The app still starts, so that its functions do not vanish; each call names the faults again.
    """
    for error in settings.faults():
        for where, what in error.faults:
            telemetry.log(
                telemetry.Event.CONFIG_INVALID,
                level=logging.ERROR,
                code=error.code,
                message=f"{error.message}: {where} {what}",
            )
