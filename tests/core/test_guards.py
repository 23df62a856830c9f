"""The checks before a dangerous step: each refuses, each lets pass, all are heard."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.guards import (
    Refusal,
    api_version_refusals,
    describe,
    known_target,
    region_refusals,
    restore_refusals,
    state_refusals,
    tier_refusals,
)
from shared.core.plan import ProtectedService
from tests.core import make

VERSION = "2024-05-01"
STANDBY = make.service("contoso-neu", "northeurope")


def _service(api_version: str = VERSION, **state: Any) -> list[Refusal]:
    """Return what the guards say that backups and restores have in common."""
    found = make.service_state(**state)
    return [
        *tier_refusals(found),
        *region_refusals(found, make.service()),
        *api_version_refusals(found, api_version),
        *state_refusals(found),
    ]


def _said(**state: Any) -> list[str]:
    return [refusal.guard for refusal in _service(**state)]


def _restore(
    age_days: float = 0, api_version: str = VERSION, tier: str = "Developer", **state: Any
) -> list[str]:
    target = {"resource_id": STANDBY.resource_id, "region": "northeurope"} | state
    point = make.restore_point(age_days=age_days, tier=tier)
    found = restore_refusals(point, make.service_state(**target), STANDBY, api_version, make.NOW)
    return [refusal.guard for refusal in found]


@pytest.mark.parametrize("tier", ["Developer", "Basic", "Standard", "Premium"])
def test_the_classic_tiers_have_said(tier: str) -> None:
    """All four of them pass."""
    assert _said(tier=tier) == []


@pytest.mark.parametrize(
    "tier", ["Consumption", "BasicV2", "StandardV2", "PremiumV2", "Isolated", "premium", ""]
)
def test_other_tiers_are_refused(tier: str) -> None:
    """Compared exactly, as the service does."""
    assert _said(tier=tier) == ["TierHasBackup"]


def test_a_service_elsewhere_than_planned_is_refused() -> None:
    """The region decides which app looks after it."""
    assert _said(region="francecentral") == ["RegionAsPlanned"]


@pytest.mark.parametrize(
    ("floor", "expected"),
    [
        (None, []),
        ("", []),
        ("2021-08-01", []),
        (VERSION, []),
        ("2024-06-01-preview", ["ApiVersionAllowed"]),
        ("2025-01-01", ["ApiVersionAllowed"]),
    ],
)
def test_an_api_version_under_the_services_floor_is_refused(floor: str | None, expected: list[str]) -> None:
    """A service may demand a minimum; the boundary itself passes."""
    assert _said(min_api_version=floor) == expected


@pytest.mark.parametrize("state", ["Failed", "Stopped", "Deleted", "Terminating", "TerminationFailed"])
def test_a_broken_service_is_not_backed_up(state: str) -> None:
    """What such a backup holds nobody can say."""
    assert _said(provisioning_state=state) == ["ServiceUsable"]


@pytest.mark.parametrize("state", ["Failed", "Deleted"])
def test_nothing_is_restored_into_a_broken_service(state: str) -> None:
    """A target that does not work now would only hide whether the restore did."""
    assert _restore(provisioning_state=state) == ["ServiceUsable"]


@pytest.mark.parametrize("state", ["Succeeded", "Updating", "Activating"])
def test_a_service_that_works_or_will_is_let_pass(state: str) -> None:
    """A transition is waited for, and no reason to refuse."""
    assert _said(provisioning_state=state) == []


def test_all_refusals_of_a_service_are_reported_together() -> None:
    """None hides another."""
    found = _said(tier="Consumption", region="x", min_api_version="2030-01-01", provisioning_state="Failed")

    assert found == ["TierHasBackup", "RegionAsPlanned", "ApiVersionAllowed", "ServiceUsable"]


def test_a_standby_as_it_should_be_passes() -> None:
    """Same tier, planned region, another service, a fresh point."""
    assert _restore() == []


def test_another_tier_is_refused_for_a_restore() -> None:
    """The service itself would refuse it after minutes."""
    assert _restore(tier="Premium") == ["TierEqual"]


@pytest.mark.parametrize(("age_days", "expected"), [(29.99, []), (30, ["PointNotExpired"])])
def test_an_expired_point_is_refused(age_days: float, expected: list[str]) -> None:
    """From 30 days on."""
    assert _restore(age_days=age_days) == expected


def test_the_source_itself_is_no_target() -> None:
    """In whatever case its id is written."""
    found = _restore(resource_id=make.service().resource_id.upper())

    assert found == ["TargetIsNotSource"]


def test_all_refusals_of_a_restore_are_reported_together() -> None:
    """None hides another."""
    found = _restore(
        age_days=31,
        resource_id=make.service().resource_id,
        region="x",
        tier="Basic",
        min_api_version="2030-01-01",
    )

    assert found == [
        "RegionAsPlanned",
        "ApiVersionAllowed",
        "TierEqual",
        "PointNotExpired",
        "TargetIsNotSource",
    ]


def test_every_refusal_says_what_to_do() -> None:
    """A no without a hint helps nobody."""
    state = make.service_state(
        tier="Consumption", region="x", min_api_version="2030-01-01", provisioning_state="Failed"
    )
    point = make.restore_point(age_days=31)
    found = _service(
        tier="Consumption", region="x", min_api_version="2030-01-01", provisioning_state="Failed"
    )
    found += restore_refusals(point, state, make.service(), VERSION, make.NOW)

    assert len(found) == 11
    assert all(refusal.hint and refusal.target and refusal.message for refusal in found)


def test_refusals_are_described_in_one_line() -> None:
    """Guard and reason of each."""
    refusals = [Refusal(guard="A", target="t", message="one"), Refusal(guard="B", target="t", message="two")]

    assert describe(refusals) == "A: one; B: two"


TARGETS = {
    "its name": ("contoso-neu", True),
    "its name in other case": ("CONTOSO-NEU", True),
    "its id": (STANDBY.resource_id, True),
    "its id in other case": (STANDBY.resource_id.upper(), True),
    "the primary": ("contoso-weu", False),
    "part of its name": ("contoso", False),
    "nothing": ("", False),
}


@pytest.mark.parametrize(("target", "is_known"), TARGETS.values(), ids=TARGETS)
def test_only_the_planned_standby_is_a_target(target: str, is_known: bool) -> None:
    """By name or id, and nothing else that anybody sends."""
    service = ProtectedService.model_validate(make.plan_service(standby=make.standby()))

    assert known_target(service, target) == (STANDBY if is_known else None)


def test_a_service_without_standby_has_no_target() -> None:
    """Not even itself."""
    service = ProtectedService.model_validate(make.plan_service())

    assert known_target(service, "contoso-weu") is None
