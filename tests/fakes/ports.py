"""All ports together, and a plan to go with them."""

from __future__ import annotations

from typing import Any

from shared.adapters.runs import RunStore
from shared.core.access import Access
from shared.core.intervals import Intervals
from shared.core.inventory import Inventory
from shared.core.plan import Plan, ProtectedService
from shared.core.reports import GatewayProbe
from shared.core.services import ServiceRef
from shared.core.unfinished import UnfinishedInventory
from shared.settings import key_fault
from tests.fakes.arm import FakeArm, FakeService
from tests.fakes.blobs import MemoryBlobs, MemoryStorage
from tests.fakes.clock import FakeClock
from tests.fakes.surroundings import surround

SUBSCRIPTION = "0b1f6471-1bf0-4dda-aec3-cb9272f09590"
IDENTITY = {"type": "SystemAssignedManagedIdentity"}
ACCOUNTS = {"westeurope": "drprimary", "northeurope": "drstandby"}
ENTITIES = {
    "/apis/orders": "1111111111111111",
    "/apis/orders/operations/get": "2222222222222222",
    "/products/gold": "3333333333333333",
}


def resource_id(name: str) -> str:
    """Return the ARM id of a service of that name."""
    return (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dr/providers/Microsoft.ApiManagement/service/{name}"
    )


def plan_json(
    names: tuple[str, ...] = ("contoso",), *, region: str = "westeurope", access: Any = None, **more: Any
) -> dict[str, Any]:
    """Return a plan: services `<name>-weu`, each with the standby `<name>-neu`."""
    access = access or IDENTITY
    return {
        "v": 1,
        "region": region,
        "regions": {place: {"account": account} for place, account in ACCOUNTS.items()},
        "services": [
            {
                "name": name,
                "resourceId": resource_id(f"{name}-weu"),
                "region": "westeurope",
                "storage": {"account": "drprimary", "container": "apim-backups", "access": access},
                "standby": {
                    "resourceId": resource_id(f"{name}-neu"),
                    "region": "northeurope",
                    "access": access,
                },
            }
            for name in names
        ],
        **more,
    }


class FakePorts:
    """The port Ports; every service and standby of the plan exists."""

    def __init__(
        self,
        plan: dict[str, Any] | None = None,
        *,
        clock: FakeClock | None = None,
        intervals: Intervals | None = None,
        storage: MemoryStorage | None = None,
        arm: FakeArm | None = None,
    ) -> None:
        self.plan = Plan.model_validate(plan or plan_json())
        self.clock = clock or FakeClock()
        self.intervals = intervals or Intervals(deadline_s=self.plan.deadline_hours * 3600)
        self.storage = storage or MemoryStorage()
        self.storage_clock = self.clock
        """The clock by which storage says when a blob was written: ours, until a test says otherwise."""
        self.arm = arm or FakeArm(self.clock, self.storage)
        self.unreadable: dict[str, tuple[str, ...]] = {}
        """Lists that an inventory cannot read, by the name of the service."""
        self.gateway: list[int | None] = []
        """What a gateway answers next; None cannot be reached. Then, and if nothing is said, 200."""
        self.probed: list[str] = []
        self.inventory_pieces: list[Exception | dict[str, str]] = []
        """What comes before the rest of the next inventory: entities of a piece, or an error."""
        if arm is None:
            for service in self.plan.services:
                self.arm.add(FakeService(ref=service.ref, entities=dict(ENTITIES)))
                if service.standby is not None:
                    self.arm.add(FakeService(ref=service.standby.ref))
                if service.drill_target is not None:
                    self.arm.add(FakeService(ref=service.drill_target.ref))
                surround(self.arm, service)

    @property
    def runs(self) -> RunStore:
        """The run records, by the real rules, over memory."""
        return RunStore(self.records())

    def take_inventory(
        self, service: ServiceRef, so_far: UnfinishedInventory | None = None, *, piece_s: int | None = None
    ) -> Inventory | UnfinishedInventory:
        """List what a service holds; in more than one piece if a test says so."""
        if self.inventory_pieces:
            piece = self.inventory_pieces.pop(0)
            if isinstance(piece, Exception):
                raise piece
            state = so_far or UnfinishedInventory.begin(service, "", self.clock.now())
            return state.model_copy(update={"entities": {**state.entities, **piece}})
        found = self.arm.service(service)
        return Inventory(
            service=service,
            taken_at=self.clock.now(),
            entities={**(so_far.entities if so_far else {}), **found.entities},
            not_read=self.unreadable.get(service.name, ()),
        )

    def probe_gateway(self, url: str) -> GatewayProbe:
        """Ask the gateway at a URL."""
        self.probed.append(url)
        status = self.gateway.pop(0) if self.gateway else 200
        return GatewayProbe(url=url, status=status, said="ConnectTimeout" if status is None else "")

    def key_fault(self, access: Access) -> str:
        """Say what is wrong with the setting of an account key."""
        return key_fault(access)

    def records(self, region: str | None = None) -> MemoryBlobs:
        """Return the records container of a region."""
        place = self.plan.regions[region or self.plan.region]
        return self.backups(place.account, place.container)

    def backups(self, account: str, container: str) -> MemoryBlobs:
        """Return any container."""
        blobs = self.storage.container(account, container)
        blobs.now = self.storage_clock.now
        return blobs

    def in_region(self, region: str) -> FakePorts:
        """Return the ports of the app in another region, over the same world."""
        # what was not said must not come back as null, which takes back the defaults
        plan = self.plan.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"region": region}
        return FakePorts(plan, clock=self.clock, intervals=self.intervals, storage=self.storage, arm=self.arm)

    @property
    def first(self) -> ProtectedService:
        """The first service of the plan."""
        return self.plan.services[0]
