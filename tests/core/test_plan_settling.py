"""What counts for a service: its own words, its region's, the defaults, and what the product says."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.plan import AfterChanges, ProtectedService, Retention, parse_plan
from tests.core import make

SAID: dict[str, tuple[Any, Any]] = {
    "rpoHours": (12, 48),
    "validityDays": (20, 10),
    "retention": ({"keepLast": 5}, {"keepLast": 9}),
    "afterChanges": ({"quietMinutes": 5}, {"quietMinutes": 9}),
    "againIfChanged": (True, False),
    "usage": ({"reports": ["byApi"]}, {"reports": ["byTime"]}),
    "paused": ({"reason": "of the defaults"}, {"reason": "of its own"}),
}
"""A word of the defaults, and one of the service."""


def _storage(container: str) -> dict[str, Any]:
    return {
        "account": "drprimary",
        "container": container,
        "access": {"type": "SystemAssignedManagedIdentity"},
    }


def _filled_in(service: dict[str, Any], **plan: Any) -> ProtectedService:
    return parse_plan(json.dumps(make.plan(make.plan_service(**service), **plan))).services[0]


def _value(service: ProtectedService, name: str) -> Any:
    return service.to_json()[name]


def test_what_nobody_says_is_what_the_product_says() -> None:
    """Nothing is deleted and nothing is started by a plan that does not ask for it."""
    service = _filled_in({})

    assert (service.rpo_hours, service.validity_days, service.again_if_changed) == (30, 30, False)
    assert (service.retention, service.after_changes, service.paused) == (None, None, None)


@pytest.mark.parametrize("name", SAID)
def test_a_default_holds_for_a_service_that_says_nothing(name: str) -> None:
    """Each field of the defaults reaches the service."""
    of_defaults, _ = SAID[name]

    service = _filled_in({}, defaults={name: of_defaults})

    assert _value(service, name) == _value(_filled_in({name: of_defaults}), name)
    assert _value(service, name) != _value(_filled_in({}), name)


@pytest.mark.parametrize("name", SAID)
def test_a_services_own_word_comes_first(name: str) -> None:
    """It replaces the default as a whole; the two are not mixed."""
    of_defaults, own = SAID[name]

    service = _filled_in({name: own}, defaults={name: of_defaults})

    assert _value(service, name) == _value(_filled_in({name: own}), name)


@pytest.mark.parametrize("name", SAID)
def test_a_null_takes_back_what_the_defaults_say(name: str) -> None:
    """Else nothing that all have could be taken from one."""
    service = _filled_in({name: None}, defaults={name: SAID[name][0]})

    assert _value(service, name) == _value(_filled_in({}), name)


def test_storage_is_the_services_then_its_regions_then_the_defaults() -> None:
    """The nearest word counts; null is none."""
    regions = {
        "westeurope": {"account": "drprimary", "storage": _storage("of-region")},
        "northeurope": {"account": "drstandby"},
    }
    services = [
        make.plan_service("own", storage=_storage("of-its-own")),
        make.plan_service("near", storage=None),
        make.plan_service("far", region="northeurope", storage=None),
    ]
    data = make.plan(*services, regions=regions, defaults={"storage": _storage("of-defaults")})

    settled = parse_plan(json.dumps(data)).services

    assert [service.storage.container for service in settled] == ["of-its-own", "of-region", "of-defaults"]


def test_empty_rules_are_the_rules_of_the_product() -> None:
    """{} asks for retention, and for backups after changes, with what is usual."""
    service = _filled_in({"retention": {}, "afterChanges": {}})

    assert service.retention == Retention(keep_last=7, keep_within_days=30, keep_at_least=3)
    assert service.after_changes == AfterChanges(quiet_minutes=30, min_interval_hours=4)


UNTIL = {
    "no end": ({"reason": "x"}, True),
    "an end to come": ({"reason": "x", "until": "2026-11-23T02:00:01Z"}, True),
    "an end that is reached": ({"reason": "x", "until": "2026-11-23T02:00:00Z"}, False),
    "an end in another zone": ({"reason": "x", "until": "2026-11-23T03:30:00+01:00"}, True),
    "no pause": (None, False),
}


@pytest.mark.parametrize(("paused", "is_paused"), UNTIL.values(), ids=UNTIL)
def test_a_pause_ends_when_the_plan_says(paused: Any, is_paused: bool) -> None:
    """At that second the service is back."""
    now = dt.datetime(2026, 11, 23, 2, tzinfo=dt.UTC)

    assert _filled_in({"paused": paused}).is_paused(now) is is_paused


@given(st.sets(st.sampled_from(sorted(SAID))), st.sets(st.sampled_from(sorted(SAID))))
def test_every_field_is_filled_in_by_itself(of_defaults: set[str], own: set[str]) -> None:
    """Whatever else is said, one field is as it is alone."""
    said = {name: SAID[name][1] for name in own}
    defaults = {name: SAID[name][0] for name in of_defaults}

    service = _filled_in(said, defaults=defaults)

    for name in SAID:
        alone = _filled_in(
            {name: said[name]} if name in own else {},
            defaults={name: defaults[name]} if name in of_defaults else {},
        )
        assert _value(service, name) == _value(alone, name)
