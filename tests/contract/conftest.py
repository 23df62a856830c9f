"""The ports twice: over memory, and over the real adapters with simulator and Azurite behind them."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from azure.identity import ManagedIdentityCredential

from shared.adapters.arm import ArmClient
from shared.adapters.blobs import BlobContainer
from shared.adapters.clock import SystemClock
from shared.adapters.identity import Tokens
from shared.adapters.inventory import take_inventory
from shared.core.access import BackupStorage, SystemAssignedAccess
from shared.core.clouds import Cloud
from shared.core.inventory import Inventory
from shared.core.ports import Arm, Blobs
from shared.core.services import ServiceRef
from shared.core.unfinished import UnfinishedInventory
from tests import azurite as processes
from tests.azurite import Azurite, StorageToken
from tests.fakes import FakeArm, FakeClock, FakeService, MemoryBlobs, MemoryStorage
from tests.fakes.ports import SUBSCRIPTION

_numbers = itertools.count(1)
STORAGE = BackupStorage(
    account="drprimary",
    container="apim-backups",
    access=SystemAssignedAccess(type="SystemAssignedManagedIdentity"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmWorld:
    """An Arm with one service in it, and the ways of a test to move it on."""

    arm: Arm
    service: ServiceRef
    missing: ServiceRef
    end_operations: Callable[[], None]
    take_inventory: Callable[[ServiceRef], Inventory]
    blobs: Blobs


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azurite, trusted by this process."""
    ca_dir = processes.make_certificates(tmp_path_factory.mktemp("ca"))
    with (
        processes.azurite(ca_dir, tmp_path_factory.mktemp("azurite")) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("REQUESTS_CA_BUNDLE", str(running.ca))
        yield running


@pytest.fixture(scope="session")
def simulator(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The simulator over that Azurite."""
    folder = tmp_path_factory.mktemp("simulator")
    with processes.simulator(azurite.ca.parent, folder, azurite.endpoint) as ready:
        yield ready


def ref(name: str) -> ServiceRef:
    """Return a service of the simulator's subscription."""
    return ServiceRef(
        resource_id=f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dr"
        f"/providers/Microsoft.ApiManagement/service/{name}",
        region="westeurope",
    )


def whole(taken: Inventory | UnfinishedInventory) -> Inventory:
    """Return an inventory that a single piece was enough for."""
    assert isinstance(taken, Inventory)
    return taken


def fake_world() -> ArmWorld:
    """Return the world in memory."""
    clock, storage = FakeClock(), MemoryStorage()
    arm = FakeArm(clock, storage)
    service = arm.add(FakeService(ref=ref(f"contract{next(_numbers)}")))
    service.entities = {"/tags/blue": "1111111111111111"}

    def inventory(of: ServiceRef) -> Inventory:
        return Inventory(service=of, taken_at=clock.now(), entities=dict(arm.service(of).entities))

    return ArmWorld(
        arm=arm,
        service=service.ref,
        missing=ref("nobody"),
        end_operations=lambda: clock.advance(3600),
        take_inventory=inventory,
        blobs=storage.container(STORAGE.account, STORAGE.container),
    )


def real_world(simulator: dict[str, Any], azurite: Azurite, patch: pytest.MonkeyPatch) -> ArmWorld:
    """Return the real client at the simulator, with a service of its own."""
    origin = simulator["https"]
    # read at every token, so they stay for the whole test
    patch.setenv("IDENTITY_ENDPOINT", simulator["identityEndpoint"])
    patch.setenv("IDENTITY_HEADER", simulator["identityHeader"])
    credential = ManagedIdentityCredential()
    cloud = Cloud(resource_manager=origin, audience=origin, authority=origin, blob_endpoint=azurite.endpoint)
    tokens = Tokens(lambda: credential, cloud.arm_scope)
    arm = ArmClient(cloud, "2024-05-01", tokens, SystemClock())
    service = ref(f"contract{os.getpid()}x{next(_numbers)}")
    body = {
        "location": "West Europe",
        "sku": {"name": "Standard", "capacity": 1},
        "identity": {"type": "SystemAssigned"},
        "properties": {"publisherEmail": "owner@contoso.example", "publisherName": "Contoso"},
    }
    _put(origin + service.resource_id, body, tokens)
    _put(f"{origin}{service.resource_id}/tags/blue", {"properties": {"displayName": "blue"}}, tokens)

    def control(name: str, content: dict[str, Any]) -> None:
        requests.post(f"{simulator['http']}/_sim/{name}", json=content, timeout=30).raise_for_status()

    for operation in ("backup", "restore"):
        control("progression", {"operation": operation, "seconds": 3000, "service": service.resource_id})
    return ArmWorld(
        arm=arm,
        service=service,
        missing=ref("nobody"),
        end_operations=lambda: control("clock", {"advanceSeconds": 3600}),
        take_inventory=lambda of: whole(take_inventory(arm, of, clock=SystemClock())),
        blobs=BlobContainer(azurite.url(STORAGE.account), STORAGE.account, STORAGE.container, StorageToken()),
    )


def _put(url: str, body: dict[str, Any], tokens: Tokens) -> None:
    answer = requests.put(
        f"{url}?api-version=2024-05-01",
        data=json.dumps(body),
        headers={"Authorization": tokens.bearer(), "Content-Type": "application/json"},
        timeout=30,
    )
    answer.raise_for_status()


@pytest.fixture(params=["fake", "real"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ArmWorld:
    """The port Arm, over memory and over the simulator."""
    if request.param == "fake":
        return fake_world()
    simulator = request.getfixturevalue("simulator")
    return real_world(simulator, request.getfixturevalue("azurite"), monkeypatch)


@pytest.fixture(params=["fake", "real"])
def blobs(request: pytest.FixtureRequest) -> Blobs:
    """The port Blobs, over memory and over Azurite: an empty container."""
    if request.param == "fake":
        return MemoryBlobs()
    azurite: Azurite = request.getfixturevalue("azurite")
    name = f"contract{next(_numbers)}"
    azurite.service("drprimary").create_container(name)
    return BlobContainer(azurite.url("drprimary"), "drprimary", name, StorageToken())


@pytest.fixture(params=["fake", "real"])
def missing_blobs(request: pytest.FixtureRequest) -> Blobs:
    """The port Blobs of a container that is not there."""
    if request.param == "fake":
        blobs = MemoryBlobs()
        blobs.is_there = False
        return blobs
    azurite: Azurite = request.getfixturevalue("azurite")
    return BlobContainer(azurite.url("drprimary"), "drprimary", "missing", StorageToken())
