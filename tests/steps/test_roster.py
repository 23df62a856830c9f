"""Discovery: what subscriptions answer, who is on the roster afterwards, and what each of the calls costs."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from shared import roster
from shared.core import layout
from shared.core.errors import AccessError, ConflictError, NotFoundError, ProtocolError, UnavailableError
from shared.core.roster import Roster
from tests.fakes import FakePorts
from tests.fakes.ports import IDENTITY, SUBSCRIPTION, plan_json, resource_id

OTHER = "7f0e2a3b-0d4c-4f6e-8a52-6c1d9b3e5f70"
TAG = {"apim-dr": "nightly"}
STORAGE = {"account": "drprimary", "container": "apim-backups", "access": IDENTITY}


def make_ports(*services: str, subscriptions: tuple[str, ...] = (SUBSCRIPTION,), **plan: Any) -> FakePorts:
    """Return ports with a plan that discovers, besides these services."""
    more = {
        "discover": {"subscriptions": list(subscriptions), "tag": TAG},
        "defaults": {"storage": STORAGE},
        **plan,
    }
    return FakePorts(plan_json(services, **more))


def resource(name: str, **changes: Any) -> dict[str, Any]:
    """Return a service as the list of its subscription shows it."""
    return {
        "id": resource_id(name),
        "name": name,
        "location": "West Europe",
        "sku": {"name": "Standard", "capacity": 1},
        "tags": TAG,
        **changes,
    }


def answer(ports: FakePorts, *resources: Any, subscription: str = SUBSCRIPTION, fault: Any = None) -> None:
    """Set what the list of a subscription answers; what it shows can also be read by itself."""
    path = f"/subscriptions/{subscription}/providers/microsoft.apimanagement/service"
    ports.arm.resources[path] = fault or list(resources)
    for one in resources:
        if isinstance(one, dict) and "id" in one:
            ports.arm.resources[one["id"].lower()] = one


def names_of(ports: FakePorts) -> list[str]:
    """Return the names of all members."""
    return [service.name for service in roster.members(ports)]


def test_a_plan_without_discover_asks_nobody_and_writes_nothing() -> None:
    """Its services are those that it names."""
    ports = FakePorts()

    refreshed = roster.refresh(ports)

    assert (refreshed.services, names_of(ports)) == ((), ["contoso"])
    assert ports.arm.reads == []
    assert not ports.records().exists(layout.ROSTER)


def test_services_with_the_tag_join_those_that_the_plan_names() -> None:
    """Named ones come first, with their own settings; found ones are settled from the defaults."""
    ports = make_ports("contoso", defaults={"storage": STORAGE, "rpoHours": 12})
    answer(ports, resource("Tailspin"), resource("adatum"))

    roster.refresh(ports)

    assert names_of(ports) == ["contoso", "adatum", "tailspin"]
    found = roster.find(ports, "tailspin")
    assert found is not None
    assert (found.resource_id, found.region, found.rpo_hours, found.storage.account) == (
        resource_id("Tailspin"),
        "westeurope",
        12,
        "drprimary",
    )


def test_before_the_first_refresh_there_are_the_named_ones() -> None:
    """No roster is an empty one."""
    assert names_of(make_ports("contoso")) == ["contoso"]


TAGGED = {
    "all tags": ({"apim-dr": "nightly", "team": "a"}, True),
    "the name in another case": ({"APIM-DR": "nightly", "Team": "a"}, True),
    "the value in another case": ({"apim-dr": "Nightly", "team": "a"}, False),
    "one of two": ({"apim-dr": "nightly"}, False),
    "none": ({}, False),
    "null": (None, False),
    "more than asked": ({"apim-dr": "nightly", "team": "a", "cost": "1"}, True),
}


@pytest.mark.parametrize(("tags", "is_member"), TAGGED.values(), ids=TAGGED)
def test_all_tags_count_names_without_case_and_values_exactly(tags: Any, is_member: bool) -> None:
    """As Azure compares them."""
    ports = make_ports(
        discover={"subscriptions": [SUBSCRIPTION], "tag": {"apim-dr": "nightly", "team": "a"}}, services=[]
    )
    answer(ports, resource("adatum", tags=tags))

    roster.refresh(ports)

    assert names_of(ports) == (["adatum"] if is_member else [])


LEFT_OUT = {
    "a region without an entry": (resource("adatum", location="France Central"), "francecentral"),
    "a name of the plan": (resource("contoso"), "the name contoso"),
    "a standby": (resource("contoso-neu", location="North Europe"), "standby"),
    "an id that is none": (resource("adatum", id="adatum"), "no id or location"),
    "no location": (resource("adatum", location=None), "no id or location"),
}


@pytest.mark.parametrize(("listed", "reason"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_the_plan_cannot_hold_is_left_out_by_name(listed: dict[str, Any], reason: str) -> None:
    """Nothing that has the tag is dropped in silence."""
    ports = make_ports("contoso")
    answer(ports, listed)

    refreshed = roster.refresh(ports)

    assert names_of(ports) == ["contoso"]
    (outsider,) = refreshed.left_out
    assert (outsider.resource_id, reason in outsider.reason) == (listed["id"], True)


def test_a_service_without_a_place_for_its_backups_is_left_out() -> None:
    """The own region has a storage, the service's region has none, and there is no default."""
    regions = {"westeurope": {"account": "drprimary", "storage": STORAGE}}
    ports = make_ports(services=[], defaults={}, regions={**regions, "northeurope": {"account": "drstandby"}})
    answer(ports, resource("near"), resource("far", location="North Europe"))

    refreshed = roster.refresh(ports)

    assert names_of(ports) == ["near"]
    assert "northeurope" in refreshed.left_out[0].reason


def test_a_service_that_the_plan_names_is_not_found_a_second_time() -> None:
    """Ids are compared without case; nothing is said about it, since nothing is wrong."""
    ports = make_ports("contoso")
    answer(ports, resource("CONTOSO-WEU"))

    refreshed = roster.refresh(ports)

    assert (names_of(ports), refreshed.services, refreshed.left_out) == (["contoso"], (), ())


def test_a_tier_without_backup_stays_in() -> None:
    """The night refuses it, and says so."""
    ports = make_ports(services=[])
    answer(ports, resource("adatum", sku={"name": "Consumption"}))

    roster.refresh(ports)

    assert names_of(ports) == ["adatum"]


def test_two_services_of_one_name_are_one_member_and_one_that_is_left_out() -> None:
    """Names become blob names; which of the two is in does not change from night to night."""
    ports = make_ports(services=[], subscriptions=(SUBSCRIPTION, OTHER))
    twin = resource("adatum", id=resource_id("ADATUM").replace(SUBSCRIPTION, OTHER))
    answer(ports, resource("adatum"))
    answer(ports, twin, subscription=OTHER)

    refreshed = roster.refresh(ports)

    assert [found.resource_id for found in refreshed.services] == [resource_id("adatum")]
    assert [outsider.resource_id for outsider in refreshed.left_out] == [twin["id"]]


def test_an_app_backs_up_the_members_of_its_region() -> None:
    """Those of other regions are known, for their restore points, and left to their app."""
    ports = make_ports("contoso")
    answer(ports, resource("near"), resource("far", location="North Europe"))

    roster.refresh(ports)

    assert names_of(ports) == ["contoso", "far", "near"]
    assert [service.name for service in roster.own_primaries(ports)] == ["contoso", "near"]


FAULTS = [
    AccessError("403 AuthorizationFailed"),
    UnavailableError("503"),
    NotFoundError("404 SubscriptionNotFound"),
    ProtocolError("the list has no value"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.message)
def test_a_subscription_that_cannot_be_read_keeps_its_members_and_is_named(fault: Exception) -> None:
    """The others are read all the same."""
    ports = make_ports(services=[], subscriptions=(SUBSCRIPTION, OTHER))
    answer(ports, resource("adatum"))
    answer(ports, subscription=OTHER)
    roster.refresh(ports)
    answer(ports, fault=fault)
    answer(ports, resource("new", id=resource_id("new").replace(SUBSCRIPTION, OTHER)), subscription=OTHER)

    refreshed = roster.refresh(ports)

    assert names_of(ports) == ["adatum", "new"]
    (unread,) = refreshed.not_read
    assert (unread.subscription, unread.reason) == (SUBSCRIPTION, str(fault))


def test_a_service_that_is_gone_leaves_and_is_named() -> None:
    """Its list no longer shows it, and it does not exist."""
    ports = make_ports(services=[])
    answer(ports, resource("adatum"), resource("tailspin"))
    roster.refresh(ports)
    answer(ports, resource("tailspin"))
    ports.arm.resources[resource_id("adatum").lower()] = NotFoundError("404 ResourceNotFound")

    refreshed = roster.refresh(ports)

    assert names_of(ports) == ["tailspin"]
    assert [(one.resource_id, one.reason) for one in refreshed.left] == [
        (resource_id("adatum"), "it no longer exists")
    ]


def test_a_service_that_lost_its_tag_leaves_and_is_named() -> None:
    """Taking the tag away is how an operator takes a service out."""
    ports = make_ports(services=[])
    answer(ports, resource("adatum"))
    roster.refresh(ports)
    answer(ports, resource("adatum", tags={}))

    refreshed = roster.refresh(ports)

    assert names_of(ports) == []
    assert [one.reason for one in refreshed.left] == ["it no longer has the tags"]
    assert roster.refresh(ports).left == ()


HIDDEN = {
    "it may not be read": (AccessError("403 AuthorizationFailed"), "403 AuthorizationFailed"),
    "it cannot be read now": (UnavailableError("503"), "503"),
    "it is there with its tags": (resource("adatum"), "is there and has the tags"),
}


@pytest.mark.parametrize(("by_itself", "reason"), HIDDEN.values(), ids=HIDDEN)
def test_a_service_that_only_the_list_hides_stays_and_is_named(by_itself: Any, reason: str) -> None:
    """A list leaves out what the app may not read; losing a right must not lose a service."""
    ports = make_ports(services=[])
    answer(ports, resource("adatum"))
    roster.refresh(ports)
    answer(ports)
    ports.arm.resources[resource_id("adatum").lower()] = by_itself

    refreshed = roster.refresh(ports)

    assert names_of(ports) == ["adatum"]
    assert reason in refreshed.not_read[0].reason


def test_a_subscription_that_the_plan_no_longer_names_loses_its_services_at_once() -> None:
    """The roster that was found for another plan adds nothing to this one; the next one names them."""
    ports = make_ports(services=[], subscriptions=(SUBSCRIPTION, OTHER))
    answer(ports, resource("adatum"))
    answer(ports, subscription=OTHER)
    roster.refresh(ports)
    later = FakePorts(
        plan_json(discover={"subscriptions": [OTHER], "tag": TAG}, defaults={"storage": STORAGE}),
        clock=ports.clock, storage=ports.storage, arm=ports.arm,
    )  # fmt: skip

    assert names_of(later) == ["contoso"]
    assert [one.reason for one in roster.refresh(later).left] == ["its subscription is no longer searched"]


def test_settings_are_those_of_the_plan_of_the_moment() -> None:
    """The roster keeps what was found, and not what the plan said then."""
    ports = make_ports(services=[])
    answer(ports, resource("adatum"))
    roster.refresh(ports)
    data = plan_json(
        (),
        discover={"subscriptions": [SUBSCRIPTION], "tag": TAG},
        defaults={"storage": STORAGE, "paused": {"reason": "moving house"}},
    )
    later = FakePorts(data, clock=ports.clock, storage=ports.storage, arm=ports.arm)

    found = roster.find(later, "adatum")

    assert found is not None
    assert found.is_paused(ports.clock.now())


def test_a_broken_roster_stops_nothing_that_the_plan_names_and_is_replaced() -> None:
    """Whoever needs it is told; the refresh writes it anew."""
    ports = make_ports("contoso")
    answer(ports, resource("adatum"))
    ports.records().put(layout.ROSTER, b"{")

    assert roster.find(ports, "contoso") is not None
    with pytest.raises(ProtocolError, match=r"roster\.json"):
        roster.members(ports)
    roster.refresh(ports)
    assert names_of(ports) == ["contoso", "adatum"]


def test_two_refreshes_at_a_time_lose_nothing() -> None:
    """The slower one goes on from what the faster one wrote."""
    ports = make_ports(services=[], subscriptions=(SUBSCRIPTION, OTHER))
    answer(ports, fault=UnavailableError("503"))
    answer(ports, subscription=OTHER)
    records = ports.records()
    faster = Roster.from_bytes(
        json.dumps(
            {
                "v": 1,
                "takenAt": "2026-11-23T01:00:00Z",
                "services": [{"name": "adatum", "resourceId": resource_id("adatum"), "region": "westeurope"}],
            }
        ).encode()
    )
    records.put(layout.ROSTER, faster.to_bytes())
    records.faults["read"].append(NotFoundError("not yet there when the slower one looked"))

    roster.refresh(ports)

    assert names_of(ports) == ["adatum"]


def test_a_roster_that_never_holds_still_is_an_error() -> None:
    """Rather than an endless loop, or a write over what somebody else found."""
    ports = make_ports(services=[])
    answer(ports)
    ports.records().faults["create"].extend(ConflictError("exists") for _ in range(roster.TRIES_MAX))

    with pytest.raises(ConflictError, match="changed 5 times"):
        roster.refresh(ports)


def test_finding_costs_one_read_and_only_where_it_is_needed() -> None:
    """A named service costs none; a found one costs one, which is read through once."""
    ports = make_ports("contoso")
    answer(ports, resource("adatum"))
    roster.refresh(ports)
    reads: list[str] = []
    records = ports.records()
    plain = records.read
    records.read = lambda key: (reads.append(key), plain(key))[1]  # type: ignore[method-assign]

    roster.find(ports, "contoso")
    assert reads == []
    for _ in range(3):
        roster.find(ports, "adatum")
    assert reads == [layout.ROSTER] * 3
    assert roster.find(ports, "nobody") is None


def test_everything_worth_knowing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """What was not read, who was left out and who left are warnings, each with its reason."""
    ports = make_ports(services=[], subscriptions=(SUBSCRIPTION, OTHER))
    answer(ports, resource("adatum"))
    answer(ports, fault=AccessError("403"), subscription=OTHER)
    roster.refresh(ports)
    answer(ports, resource("adatum", tags={}), resource("tailspin", location="France Central"))
    caplog.clear()

    with caplog.at_level(logging.INFO, logger="apim_dr"):
        roster.refresh(ports)

    said = [(record.levelname, record.getMessage().split()[0]) for record in caplog.records]
    assert said == [
        ("INFO", "roster.refreshed"),
        ("WARNING", "roster.not_read"),
        ("WARNING", "roster.left_out"),
        ("WARNING", "roster.left"),
    ]
