"""The reads of the port Arm against a real service. Off unless APIM_DR_LIVE holds its ARM id."""

from __future__ import annotations

import os

import pytest
from azure.identity import DefaultAzureCredential

from shared.adapters.arm import ArmClient
from shared.adapters.clock import SystemClock
from shared.adapters.identity import Tokens
from shared.adapters.inventory import take_inventory
from shared.core.clouds import CLOUDS
from shared.core.services import ServiceRef, check_resource_id

LIVE = os.environ.get("APIM_DR_LIVE", "")

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not LIVE, reason="set APIM_DR_LIVE to the ARM id of a service that may be read"),
]


@pytest.fixture
def client():
    """The real client with the sign-in of whoever runs the tests."""
    cloud = CLOUDS["public"]
    return ArmClient(cloud, "2024-05-01", Tokens(DefaultAzureCredential, cloud.arm_scope), SystemClock())


@pytest.fixture
def service():
    """The service that was named."""
    return ServiceRef(resource_id=check_resource_id(LIVE), region="unknown")


def test_a_real_service_is_read(client, service):
    """Tier and state are where the simulator says they are."""
    state = client.service_state(service)

    assert state.resource_id.lower() == service.resource_id.lower()


def test_two_inventories_of_a_real_service_are_equal(client, service):
    """Nothing unstable is in a digest; a difference here names the entities that show it."""
    first, second = (take_inventory(client, service, clock=SystemClock()) for _ in range(2))

    assert first.entities == second.entities
