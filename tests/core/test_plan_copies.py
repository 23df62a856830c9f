"""Copies have to survive the primary's region: what a plan says of them, with everything that it inherits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.core import role_swap
from shared.core.errors import ConfigError
from shared.core.plan import parse_plan
from shared.core.plan_warnings import warnings
from tests.core import make

ACCESS = {"type": "SystemAssignedManagedIdentity"}
COPIES = "$.services[0].standby.storage"


def backups(account: str, container: str = "apim-backups") -> dict[str, Any]:
    """Return a storage for backups."""
    return {"account": account, "container": container, "access": ACCESS}


def plan(
    copies: tuple[str, str] | None,
    *more: dict[str, Any],
    own: dict[str, Any] | None = None,
    here: dict[str, Any] | None = None,
    there: dict[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """
    Return a plan of two regions whose first service has a standby.

    Args:
        copies: account and container of the copies; None: the standby has no storage.
        more: further services.
        own: the service's own storage for backups.
        here: that of the primary's region.
        there: that of the standby's region.
        changes: fields of the plan.
    """
    storage = {"storage": {"account": copies[0], "container": copies[1]}} if copies else {}
    regions = {
        "westeurope": {"account": "drprimary", "storage": here},
        "northeurope": {"account": "drstandby", "storage": there},
    }
    service = make.plan_service(storage=own, standby=make.standby(**storage))
    return make.plan(service, *more, **{"regions": regions, **changes})


OTHER = {"name": "other", "resourceId": make.service("other-neu").resource_id, "region": "northeurope"}
DEFAULT = {"defaults": {"storage": backups("drprimary")}}

LOST: dict[str, tuple[dict[str, Any], str]] = {
    "the records' account of the primary's region": (
        plan(("drprimary", "apim-copies"), own=backups("drelsewhere")),
        f"{COPIES}.account",
    ),
    "the backups' account of the primary's region": (
        plan(("drbackups", "apim-copies"), here=backups("drbackups")),
        f"{COPIES}.account",
    ),
    "the backups' account of the primary's region, which the service does not use": (
        plan(("drbackups", "apim-copies"), own=backups("drelsewhere"), here=backups("drbackups")),
        f"{COPIES}.account",
    ),
    "the account of the service's own backups": (
        plan(("drbackups", "apim-copies"), own=backups("drbackups")),
        f"{COPIES}.account",
    ),
    "the account of backups by default": (
        plan(("drbackups", "apim-copies"), defaults={"storage": backups("drbackups")}),
        f"{COPIES}.account",
    ),
    "the account of backups that go to the standby's region already": (
        plan(("drstandby", "apim-copies"), here=backups("drstandby")),
        f"{COPIES}.account",
    ),
    "the container of the service's own backups": (
        plan(("drstandby", "apim-backups"), own=backups("drstandby")),
        COPIES,
    ),
    "the container of backups by the region": (
        plan(("drstandby", "apim-backups"), here=backups("drstandby")),
        COPIES,
    ),
    "the container of backups by default": (
        plan(("drprimary", "apim-backups"), **DEFAULT),
        COPIES,
    ),
    "the container of the records": (
        plan(("drstandby", "apim-dr"), **DEFAULT),
        f"{COPIES}.container",
    ),
    "the primary's region, spelt otherwise": (
        plan(
            ("drprimary", "apim-copies"),
            own=backups("drelsewhere"),
            regions={"West Europe": {"account": "drprimary"}, "northeurope": {"account": "drstandby"}},
        ),
        f"{COPIES}.account",
    ),
    "records of two regions in one container": (
        plan(
            None,
            own=backups("drprimary"),
            regions={"westeurope": {"account": "drprimary"}, "northeurope": {"account": "drprimary"}},
        ),
        "$.regions.northeurope.account",
    ),
    "records of two regions in one account": (
        plan(
            None,
            own=backups("drprimary"),
            regions={
                "westeurope": {"account": "drprimary", "container": "records-weu"},
                "northeurope": {"account": "drprimary", "container": "records-neu"},
            },
        ),
        "$.regions.northeurope.account",
    ),
}


@pytest.mark.parametrize(("document", "path"), LOST.values(), ids=LOST)
def test_copies_that_would_be_lost_or_mixed_are_one_fault(document: dict[str, Any], path: str) -> None:
    """Whether the entry says it, its region or the defaults."""
    with pytest.raises(ConfigError) as caught:
        parse_plan(json.dumps(document))

    assert [where for where, _ in caught.value.faults] == [path]


KEPT: dict[str, dict[str, Any]] = {
    "in the standby's account": plan(("drstandby", "apim-copies"), **DEFAULT),
    "in an account of which nothing is known": plan(("drcopies", "apim-copies"), **DEFAULT),
    "beside the backups of the other region": plan(
        ("drstandby", "apim-copies"), OTHER, here=backups("drprimary"), there=backups("drstandby")
    ),
    "in the container of another service's own backups": plan(
        ("drstandby", "apim-backups"), {**OTHER, "storage": backups("drstandby")}, **DEFAULT
    ),
    "in the container of backups of the other region": plan(
        ("drstandby", "apim-backups"), OTHER, there=backups("drstandby"), **DEFAULT
    ),
    "with copies of another service": plan(
        ("drstandby", "apim-copies"),
        make.plan_service(
            "other",
            storage=backups("drprimary"),
            standby=make.standby("other-neu", storage={"account": "drstandby", "container": "apim-copies"}),
        ),
        own=backups("drprimary"),
    ),
}


@pytest.mark.parametrize("document", KEPT.values(), ids=KEPT)
def test_copies_that_survive_are_taken_without_a_word(document: dict[str, Any]) -> None:
    """A check that refuses a good plan is worse than none."""
    assert warnings(parse_plan(json.dumps(document))) == []


@pytest.mark.parametrize("document", KEPT.values(), ids=KEPT)
def test_a_plan_that_is_taken_can_take_over(document: dict[str, Any]) -> None:
    """With the parts of a service swapped it is a plan still; nobody must be refused on the bad day."""
    plan = parse_plan(json.dumps(document))

    swapped = [one for one in plan.services if one.standby is not None]
    assert swapped
    assert [role_swap.faults_of_swap(plan, one) for one in swapped] == [()] * len(swapped)


def test_a_standby_without_storage_is_usable_and_warned_of() -> None:
    """Its restore points are lost with their account; the warning names both."""
    (said,) = warnings(parse_plan(json.dumps(plan(None, **DEFAULT))))

    assert said.startswith("contoso has a standby without storage")
    assert "drprimary" in said


def test_a_standby_in_the_primarys_own_region_is_not_warned_of() -> None:
    """Copies of its restore points would be in the same region, and are refused."""
    near = make.plan_service(standby=make.standby("contoso-two", region="westeurope"))

    assert warnings(parse_plan(json.dumps(make.plan(near)))) == []
