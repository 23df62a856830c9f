"""The harness of world tests: two regions, one of them lost."""

from __future__ import annotations

import datetime as dt

import pytest

from shared.core.errors import TemporaryError
from tests.world.conftest import MakeWorld

PRIMARY, STANDBY = "westeurope", "northeurope"


def test_lost_region_is_out_of_reach_and_comes_back(make_world: MakeWorld) -> None:
    """Services and records of it fail as temporary errors, which are counted; those elsewhere answer."""
    world = make_world(copies=True).in_region(STANDBY)
    service, standby = world.ports.first.ref, world.ports.first.standby
    assert standby is not None
    world.lose(PRIMARY)

    with pytest.raises(TemporaryError):
        world.ports.arm.service_state(service)
    with pytest.raises(TemporaryError):
        world.ports.records(PRIMARY).exists("roster.json")
    assert world.ports.arm.service_state(standby.ref).tier == "Standard"
    assert not world.ports.records(STANDBY).exists("roster.json")
    assert len(world.azure.calls_to(PRIMARY, [service, standby.ref])) == 1
    assert world.ports.storage.asked_in_vain() == 1

    world.lose(PRIMARY, "up")
    assert world.ports.arm.service_state(service).tier == "Standard"
    assert not world.ports.records(PRIMARY).exists("roster.json")


def test_apps_of_two_regions_work_one_after_the_other(make_world: MakeWorld) -> None:
    """The standby's app sees the primary's records; then the primary's goes on when it left off."""
    primary = make_world(copies=True)
    primary.back_up()
    standby = primary.in_region(STANDBY)
    found = list(standby.ports.records(PRIMARY).keys("restore-points/contoso/"))
    standby.host.run_for(dt.timedelta(hours=1))
    at = standby.ports.clock.now()
    primary.take_over()
    second = primary.back_up()

    assert len(found) == 1
    assert second.requested_at == at
