"""The demo's own comparison: it must see every kind of difference, and nothing where there is none."""

from __future__ import annotations

from typing import Any

from demo import inventory

PRIMARY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/one"
STANDBY = "/subscriptions/s/resourceGroups/h/providers/Microsoft.ApiManagement/service/two"

BASE = {"apis/bookings": "1", "apis/bookings/operations/find": "2", "tags/core": "3"}


class FakeArm:
    """Lists and secrets of one service out of a dict; everything else is empty."""

    def __init__(self, service_id: str, lists: dict[str, list[dict[str, Any]]], secret: str = "hush") -> None:
        self._service_id = service_id
        self._lists = lists
        self._secret = secret

    def all(self, path: str) -> list[dict[str, Any]]:
        """Return one list."""
        return self._lists.get(path.removeprefix(f"{self._service_id}/"), [])

    def post(self, path: str) -> dict[str, Any]:
        """Return a secret."""
        assert path.endswith(("/listValue", "/listSecrets"))
        return {"value": self._secret}


def _lists(service_id: str) -> dict[str, list[dict[str, Any]]]:
    return {
        "apis": [{"name": "Bookings", "properties": {"path": "b", "apiVersionSetId": f"{service_id}/x"}}],
        "apis/Bookings/operations": [{"name": "find", "properties": {"method": "GET"}}],
        "namedValues": [
            {"name": "key", "properties": {"secret": True}},
            {"name": "rate", "properties": {"secret": False, "value": "120"}},
        ],
    }


def _differences(primary: dict[str, str], standby: dict[str, str]) -> list[tuple[str, str]]:
    return [(one.entity, one.what) for one in inventory.compare(primary, standby)]


def test_equal_inventories_have_no_differences() -> None:
    """Nothing is found where nothing differs."""
    assert _differences(BASE, dict(BASE)) == []


def test_a_dropped_entity_is_found() -> None:
    """An entity that the standby lacks is named."""
    standby = {name: value for name, value in BASE.items() if name != "tags/core"}

    assert _differences(BASE, standby) == [("tags/core", "is missing on the standby")]


def test_an_altered_entity_is_found() -> None:
    """An entity with other content is named."""
    assert _differences(BASE, BASE | {"apis/bookings": "9"}) == [("apis/bookings", "is not the same")]


def test_an_added_entity_is_found() -> None:
    """An entity that only the standby has is named."""
    assert _differences(BASE, BASE | {"users/eve": "1"}) == [("users/eve", "is only on the standby")]


def test_the_same_content_in_two_services_is_equal() -> None:
    """What names the service itself does not count as a difference."""
    primary = inventory.take(FakeArm(PRIMARY, _lists(PRIMARY)), PRIMARY)  # type: ignore[arg-type]
    standby = inventory.take(FakeArm(STANDBY, _lists(STANDBY)), STANDBY)  # type: ignore[arg-type]

    assert primary == standby
    assert inventory.counts(primary) == {"apis": 1, "apis/operations": 1, "namedvalues": 2}


def test_another_secret_value_is_a_difference() -> None:
    """A secret that a GET does not show is compared all the same."""
    primary = inventory.take(FakeArm(PRIMARY, _lists(PRIMARY), "hush"), PRIMARY)  # type: ignore[arg-type]
    standby = inventory.take(FakeArm(STANDBY, _lists(STANDBY), "hash"), STANDBY)  # type: ignore[arg-type]

    assert _differences(primary, standby) == [("namedvalues/key", "is not the same")]


def test_digests_do_not_hold_the_secret() -> None:
    """What is kept of a secret is a digest with a key of this process."""
    found = inventory.take(FakeArm(PRIMARY, _lists(PRIMARY), "hush"), PRIMARY)  # type: ignore[arg-type]

    assert not [value for value in found.values() if "hush" in value]
    assert {len(value) for value in found.values()} == {64}


def test_a_primary_that_lost_its_seed_is_noticed() -> None:
    """Comparing two empty services must not count as equal."""
    assert inventory.missing({"apis": 14, "namedValues": 4}, {"apis": 13, "namedvalues": 4}) == ["apis"]
    assert inventory.missing({"apis": 14}, {"apis": 14}) == []
