"""What backups and restores ask of a service in common, and which services can be restored into."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.guards import (
    Refusal,
    api_version_refusals,
    ends,
    known_target,
    region_refusals,
    state_refusals,
    tier_refusals,
)
from shared.core.plan import ProtectedService
from shared.core.services import ServiceRef
from tests.core import make

VERSION = "2024-05-01"
STANDBY = make.service("contoso-neu", "northeurope")
DRILL_TARGET = make.service("contoso-drill", "northeurope")


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


@pytest.mark.parametrize("state", ["Succeeded", "Updating", "Activating"])
def test_a_service_that_works_or_will_is_let_pass(state: str) -> None:
    """A transition is waited for, and no reason to refuse."""
    assert _said(provisioning_state=state) == []


def test_all_refusals_of_a_service_are_reported_together() -> None:
    """None hides another."""
    found = _said(tier="Consumption", region="x", min_api_version="2030-01-01", provisioning_state="Failed")

    assert found == ["TierHasBackup", "RegionAsPlanned", "ApiVersionAllowed", "ServiceUsable"]


def test_every_refusal_says_what_to_do() -> None:
    """A no without a hint helps nobody."""
    found = _service(
        tier="Consumption", region="x", min_api_version="2030-01-01", provisioning_state="Failed"
    )

    assert all(refusal.hint and refusal.target and refusal.message for refusal in found)


TARGETS = {
    "its name": ("contoso-neu", STANDBY),
    "its name in other case": ("CONTOSO-NEU", STANDBY),
    "its id": (STANDBY.resource_id, STANDBY),
    "its id in other case": (STANDBY.resource_id.upper(), STANDBY),
    "the drill target": ("contoso-drill", DRILL_TARGET),
    "the primary, which the guards refuse": ("contoso-weu", make.service()),
    "part of its name": ("contoso", None),
    "nothing": ("", None),
}


@pytest.mark.parametrize(("target", "found"), TARGETS.values(), ids=TARGETS)
def test_only_what_the_plan_names_is_a_target(target: str, found: ServiceRef | None) -> None:
    """By name or id, and nothing else that anybody sends; each with its own way to the blob."""
    key = {"type": "AccessKey", "keySetting": "BACKUP_KEY"}
    drill_target = make.standby("contoso-drill", access=key)
    service = ProtectedService.model_validate(
        make.plan_service(standby=make.standby(), drillTarget=drill_target)
    )

    end = known_target(service, target)

    assert (end.ref if end else None) == found
    assert end is None or (end.access.type == "AccessKey") == (found == DRILL_TARGET)


def test_a_service_without_standby_has_only_itself() -> None:
    """In the last place, where it always stands."""
    service = ProtectedService.model_validate(make.plan_service())

    assert [end.ref for end in ends(service)] == [make.service()]
