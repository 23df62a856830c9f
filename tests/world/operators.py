"""What the tests of the runbooks share: a shell to sit down at, and nights that pass."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from shared.core.runs import Outcome
from shared.core.services import ServiceRef
from tests.world.app import World
from tests.world.runbooks import Operator

AtShell = Callable[..., Operator]
"""Takes the apps, what azure-cli says besides, and the gateways that answer."""

HOST = "api.contoso.example"
"""The host name that callers use."""

DAY = dt.timedelta(days=1)


def nightly(world: World) -> None:
    """Let time pass until it is two, and back up."""
    world.take_over()
    now = world.ports.clock.now()
    world.host.run_for((now.replace(hour=2, minute=0, second=0, microsecond=0) - now) % DAY)
    assert world.back_up().outcome is Outcome.SUCCEEDED


def replicate(world: World) -> None:
    """Fire the timer that finds what is not replicated, and give it its time."""
    world.take_over()
    world.fire("find_unreplicated")
    world.let_pass(dt.timedelta(hours=2))


def give_host_name(world: World, service: ServiceRef) -> None:
    """Give a service the host name that callers use."""
    name = {"type": "Proxy", "hostName": HOST, "certificateSource": "Managed"}
    properties = {"properties": {"hostnameConfigurations": [name]}}
    world.azure.simulator.arm("PATCH", service.resource_id, properties)
