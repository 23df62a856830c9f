"""Discovery against the simulator: the app's real client, pages, and a night over what is found."""

from __future__ import annotations

from typing import Any

from shared import roster
from shared.core.runs import Outcome
from tests.fakes.ports import IDENTITY, SUBSCRIPTION, resource_id

TAG = {"apim-dr": "nightly"}
PLAN = {
    "discover": {"subscriptions": [SUBSCRIPTION], "tag": TAG},
    "defaults": {"storage": {"account": "drprimary", "container": "apim-backups", "access": IDENTITY}},
}
NOWHERE = "3d1ff1c6-5c5c-4c3e-9d2c-8f3f4b8f6a10"


def put(
    world: Any, name: str, *, tier: str = "Standard", tags: Any = TAG, region: str = "West Europe"
) -> None:
    """Make a service, or change its tags."""
    body = {
        "location": region,
        "sku": {"name": tier, "capacity": 1},
        "identity": {"type": "SystemAssigned"},
        "tags": tags,
        "properties": {"publisherEmail": "owner@contoso.example", "publisherName": "Contoso"},
    }
    world.azure.simulator.arm("PUT", resource_id(name), body)


def names(world: Any) -> list[str]:
    """Return the names of all members."""
    return [service.name for service in roster.members(world.ports)]


def test_services_are_found_on_every_page_of_the_list(make_world):
    """And the tags decide, not the order."""
    world = make_world(**PLAN)
    world.azure.simulator.world.page_size = 7
    for number in range(30):
        put(world, f"Found-{number:02}", tags=TAG if number % 2 else {})

    refreshed = roster.refresh(world.ports)

    assert names(world) == ["contoso", *(f"found-{number:02}" for number in range(1, 30, 2))]
    assert (refreshed.not_read, refreshed.left_out, refreshed.left) == ((), (), ())


def test_a_right_that_is_lost_loses_no_service(make_world):
    """403 on the list: what was found before stays, and the subscription is named with the reason."""
    world = make_world(**PLAN)
    put(world, "adatum")
    roster.refresh(world.ports)
    world.azure.deny("read")

    refreshed = roster.refresh(world.ports)

    assert names(world) == ["contoso", "adatum"]
    assert [(unread.subscription, "403" in unread.reason) for unread in refreshed.not_read] == [
        (SUBSCRIPTION, True)
    ]


def test_a_subscription_that_fails_is_named(make_world):
    """The others are searched all the same."""
    world = make_world(**PLAN | {"discover": {"subscriptions": [NOWHERE, SUBSCRIPTION], "tag": TAG}})
    put(world, "adatum")
    world.azure.fault("GET", f"/subscriptions/{NOWHERE}/", status=503)

    refreshed = roster.refresh(world.ports)

    assert names(world) == ["contoso", "adatum"]
    assert [unread.subscription for unread in refreshed.not_read] == [NOWHERE]


def test_deleted_and_untagged_services_leave(make_world):
    """Each with its reason, and only once."""
    world = make_world(**PLAN)
    for name in ("adatum", "fabrikam", "tailspin"):
        put(world, name)
    roster.refresh(world.ports)
    world.azure.simulator.arm("DELETE", resource_id("adatum"))
    put(world, "fabrikam", tags={})

    refreshed = roster.refresh(world.ports)

    assert names(world) == ["contoso", "tailspin"]
    assert {(one.resource_id, one.reason) for one in refreshed.left} == {
        (resource_id("adatum"), "it no longer exists"),
        (resource_id("fabrikam"), "it no longer has the tags"),
    }


def test_a_night_backs_up_what_it_finds_and_refuses_what_cannot_be_backed_up(make_world):
    """The named service, a found one, and one of a tier that has no backup: three true words."""
    world = make_world(**PLAN)
    put(world, "adatum")
    put(world, "serverless", tier="Consumption")

    night, _ = world.fleet()

    words = {one.service: one.outcome for one in night.services}
    assert words == {
        "contoso": Outcome.SUCCEEDED,
        "adatum": Outcome.SUCCEEDED,
        "serverless": Outcome.REFUSED,
    }
