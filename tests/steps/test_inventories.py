"""Inventories of a backup: taken in pieces, and no trouble with them costs the backup."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from backup_timer import after, before
from shared import inventories
from shared.core import layout
from shared.core.errors import TemporaryError
from shared.core.inventory import InventoryPair
from shared.core.steps import StepResult, StepState
from shared.core.unfinished import UnfinishedInventory
from tests.fakes.ports import ENTITIES
from tests.steps.test_prepare import Scene


@pytest.fixture
def scene() -> Scene:
    """A service with which nothing is wrong."""
    return Scene()


def _part(scene: Scene) -> str:
    return layout.part_key(layout.inventory_key("contoso", scene.wish.backup_name))


def test_an_inventory_goes_on_in_the_next_execution_of_the_step(scene: Scene) -> None:
    """What is read so far lies beside it until it is whole, and then no more."""
    scene.ports.inventory_pieces = [{"/tags/a": "1" * 16}]

    first = scene.prepare()

    assert (first.state, first.retry_after_s, first.fault and first.fault.code) == (
        StepState.RETRY, 1, "InventoryGoesOn",
    )  # fmt: skip
    assert scene.ports.records().exists(_part(scene))
    assert scene.prepare().state is StepState.DONE
    assert not scene.ports.records().exists(_part(scene))
    assert scene.stored_inventory().before.entities == {"/tags/a": "1" * 16, **ENTITIES}


def test_the_inventory_after_goes_on_as_well(scene: Scene) -> None:
    """The proof is repeated until it is whole."""
    prepared = scene.prepare()
    scene.begin_and_end()
    scene.ports.inventory_pieces = [dict(ENTITIES)]
    facts = {"request": scene.wish.to_json(), "prepared": prepared.value, "polls": 11}

    first = StepResult.from_json(after.verify_backup(facts, scene.ports))

    assert (first.state, first.fault and first.fault.code) == (StepState.RETRY, "InventoryGoesOn")
    assert scene.verify(prepared).warnings == ()
    assert not scene.ports.records().exists(_part(scene))


def test_one_that_waits_for_its_turn_is_given_up_in_the_end(scene: Scene) -> None:
    """An hour after the first try everything is named as not read, and the backup goes on."""
    waits = TemporaryError("others", code="InventoryWaits", retry_after_s=30)
    scene.ports.inventory_pieces = [waits] * 100
    states = []
    for _ in range(7):
        states.append(scene.prepare().state)
        scene.ports.clock.advance(600)

    assert states == [StepState.RETRY] * 6 + [StepState.DONE]
    not_read = scene.stored_inventory().before.not_read
    assert "apis: NotReadInTime" in not_read


@pytest.mark.parametrize(
    "change",
    [{"purpose": "after"}, {"seen_at": -dt.timedelta(minutes=16)}],
    ids=["another one's", "stale"],
)
def test_a_state_of_another_time_is_not_gone_on_with(scene: Scene, change: dict[str, Any]) -> None:
    """Two times in one inventory would prove nothing."""
    now = scene.ports.clock.now()
    state = UnfinishedInventory.begin(scene.wish.source, "before", now)
    change = {
        name: now + value if isinstance(value, dt.timedelta) else value for name, value in change.items()
    }
    state = state.model_copy(update={"entities": {"/tags/old": "1" * 16}, **change})
    scene.ports.records().put(_part(scene), state.to_bytes())

    assert scene.prepare().state is StepState.DONE
    assert scene.stored_inventory().before.entities == ENTITIES


def test_a_broken_state_is_not_gone_on_with(scene: Scene) -> None:
    """It is begun anew."""
    scene.ports.records().put(_part(scene), b"{")

    assert inventories.take(scene.ports, scene.wish.source, _part(scene), "before").entities == ENTITIES


@pytest.mark.parametrize("spoil", ["deleted", "broken", "another"])
def test_a_lost_inventory_costs_no_backup(scene: Scene, spoil: str) -> None:
    """The record says that there is none."""
    prepared = scene.prepare()
    scene.begin_and_end()
    key = layout.inventory_key("contoso", scene.wish.backup_name)
    if spoil == "deleted":
        scene.ports.records().delete(key)
    else:
        pair = scene.stored_inventory()
        other = InventoryPair(before=pair.before.model_copy(update={"entities": {}}))
        scene.ports.records().put(key, b"{" if spoil == "broken" else other.to_bytes())

    point = scene.verify(prepared)

    assert point.inventory is None
    assert point.warnings == (after.NO_INVENTORY,)


def test_a_list_that_was_not_read_once_is_no_change(scene: Scene) -> None:
    """It could not be compared: nobody says that it changed, nor that it did not."""
    prepared = scene.prepare()
    scene.begin_and_end()
    scene.ports.unreadable["contoso-weu"] = ("products: AuthorizationFailed",)
    del scene.ports.arm.service(scene.wish.source).entities["/products/gold"]

    point = scene.verify(prepared)

    assert point.inventory is not None
    assert point.inventory.changed_while_running is None
    assert point.warnings == (
        "not in the inventory: products: AuthorizationFailed",
        "could not be compared before and after the backup: products",
    )
    assert scene.stored_inventory().after is None


def test_a_change_beside_a_list_that_was_not_read_is_a_change(scene: Scene) -> None:
    """What both have read is compared."""
    prepared = scene.prepare()
    scene.begin_and_end()
    scene.ports.unreadable["contoso-weu"] = ("products: AuthorizationFailed",)
    scene.ports.arm.service(scene.wish.source).entities["/tags/new"] = "f" * 16

    point = scene.verify(prepared)

    assert point.inventory is not None
    assert point.inventory.changed_while_running is True
    assert point.warnings[-1].endswith("of 1 entities: /tags/new added")


def test_a_slow_execution_leaves_what_stands_beside_a_sent_backup(scene: Scene) -> None:
    """While it took its inventory another one was faster, and the POST went out."""
    take = scene.ports.take_inventory

    def slow(service: Any, so_far: Any = None, **_more: Any) -> Any:
        scene.ports.take_inventory = take  # type: ignore[method-assign]
        scene.prepare()
        before.begin_backup(scene.wish.to_json(), scene.ports)
        scene.ports.arm.service(scene.wish.source).entities["/tags/new"] = "f" * 16
        return take(service, so_far)

    scene.ports.take_inventory = slow  # type: ignore[method-assign]
    result = scene.prepare()

    stored = scene.stored_inventory().before
    assert "/tags/new" not in stored.entities
    assert (result.state, result.value["inventoryDigest"]) == (StepState.DONE, stored.digest)


def test_a_slow_proof_leaves_what_stands_beside_a_record(scene: Scene) -> None:
    """Its inventory is younger than the record and not what the record tells of."""
    prepared = scene.prepare()
    scene.begin_and_end()
    after.record_restore_point({"point": scene.verify(prepared).to_json()}, scene.ports)
    scene.ports.arm.service(scene.wish.source).entities["/tags/new"] = "f" * 16

    scene.verify(prepared)

    assert scene.stored_inventory().after is None
