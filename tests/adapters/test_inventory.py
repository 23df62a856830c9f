"""Taking an inventory: what lists that are missing, forbidden, paged or strange come to."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.credentials import AccessToken

from shared.adapters.arm import ArmClient
from shared.adapters.identity import Tokens
from shared.adapters.inventory import Inventories, take_inventory
from shared.core.clouds import CLOUDS
from shared.core.errors import (
    AccessError,
    NotFoundError,
    ProtocolError,
    TemporaryError,
    ThrottledError,
    UnavailableError,
)
from shared.core.inventory import Inventory
from shared.core.services import ServiceRef
from shared.core.unfinished import UnfinishedInventory
from tests.fakes.clock import FakeClock

ID = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers"
    "/Microsoft.ApiManagement/service/contoso"
)
SERVICE = ServiceRef(resource_id=ID, region="westeurope")
ORIGIN = "https://arm.example"
VERSION = "?api-version=2024-05-01"


class StaticCredential:
    """Hands out nothing that anybody would take."""

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        """Return a token."""
        return AccessToken("none", 0)


class Lists(ArmClient):
    """A client whose lists are given: path to resources, to pages, or to an error; others are empty."""

    def __init__(self, lists: dict[str, Any], clock: FakeClock) -> None:
        cloud = CLOUDS["public"].model_copy(update={"resource_manager": ORIGIN})
        tokens = Tokens(StaticCredential, "https://arm.example/.default")
        super().__init__(cloud, "2024-05-01", tokens, clock)
        self._lists = lists
        self._own_clock = clock

    def read_json(self, url: str, what: str) -> Any:
        """Return a page, or raise."""
        self._own_clock.advance(1)
        found = self._lists.get(url.split("/service/contoso/")[-1].removesuffix(VERSION), [])
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, dict) else {"value": found}


def entity(path: str, **properties: Any) -> dict[str, Any]:
    """Return a resource of the service."""
    return {"id": f"{ID}/{path}", "name": path.rsplit("/", 1)[-1], "properties": properties}


def piece(lists: dict[str, Any], so_far: UnfinishedInventory | None = None, *, budget_s: int = 240) -> Any:
    """Read one piece of an inventory of given lists; each call takes a second."""
    clock = FakeClock()
    return take_inventory(Lists(lists, clock), SERVICE, so_far, clock=clock, piece_s=budget_s)


def take(lists: dict[str, Any]) -> Inventory:
    """Take an inventory of given lists, in a single piece."""
    found = piece(lists)
    assert isinstance(found, Inventory)
    return found


def test_children_are_listed_under_each_entity() -> None:
    """Operations and their policies are found below their API."""
    inventory = take(
        {
            "apis": [entity("apis/orders")],
            "apis/orders/operations": [entity("apis/orders/operations/get")],
            "apis/orders/operations/get/policies": [entity("apis/orders/operations/get/policies/policy")],
        }
    )

    assert inventory.counts == {"apis": 1, "apis/operations": 1, "apis/operations/policies": 1}


def test_a_link_does_not_pass_for_the_entity_it_leads_to() -> None:
    """A product's list of APIs names the APIs themselves; the link is an entity of its own."""
    inventory = take({"products": [entity("products/gold")], "products/gold/apis": [entity("apis/orders")]})

    assert sorted(inventory.entities) == ["/products/gold", "/products/gold/apis/orders"]


def test_all_pages_of_a_list_are_read() -> None:
    """A nextLink is followed to the end."""
    inventory = take(
        {
            "tags": {"value": [entity("tags/a")], "nextLink": f"{ORIGIN}{ID}/tags?skip=1"},
            "tags?skip=1": {"value": [entity("tags/b")]},
        }
    )

    assert inventory.counts == {"tags": 2}


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(NotFoundError("no such list"), id="404"),
        pytest.param(ProtocolError("400", code="MethodNotAllowedInPricingTier"), id="tier"),
    ],
)
def test_a_list_that_the_tier_does_not_have_is_empty(error: Exception) -> None:
    """Standard has no self-hosted gateways, and that is no reason not to take an inventory."""
    inventory = take({"gateways": error, "tags": [entity("tags/a")]})

    assert (inventory.counts, inventory.not_read) == ({"tags": 1}, ())


def test_a_list_that_may_not_be_read_is_named() -> None:
    """What cannot be read for lack of rights is said, never taken for empty."""
    inventory = take({"users": AccessError("403", code="AuthorizationFailed")})

    assert inventory.not_read == ("users: AuthorizationFailed",)


@pytest.mark.parametrize(
    ("lists", "code"),
    [
        pytest.param(
            {"tags": ProtocolError("400", code="ValidationError")}, "ValidationError", id="another-400"
        ),
        pytest.param({"tags": {"items": []}}, "ProtocolViolation", id="no-value"),
        pytest.param(
            {"tags": {"value": [entity("tags/a")], "nextLink": "https://evil.example/next"}},
            "ForeignLocation",
            id="foreign-next",
        ),
        pytest.param({"tags": [{"id": "/elsewhere/tags/a"}]}, "ProtocolViolation", id="foreign-entity"),
    ],
)
def test_trouble_with_one_list_costs_this_list_only(lists: dict[str, Any], code: str) -> None:
    """It is named, nothing of it is taken, and the others are there."""
    inventory = take({**lists, "users": [entity("users/one")]})

    assert (inventory.not_read, inventory.counts) == ((f"tags: {code}",), {"users": 1})


def _pieces(lists: dict[str, Any], **options: Any) -> tuple[Inventory, int]:
    """Return the inventory and the number of pieces that it took."""
    found = piece(lists, **options)
    count = 1
    while not isinstance(found, Inventory):
        # what lies between two pieces is a blob
        found = piece(lists, UnfinishedInventory.from_bytes(found.to_bytes()), **options)
        count += 1
        assert count < 50
    return found, count


LARGE = {"apis": [entity(f"apis/a{number}") for number in range(40)]} | {
    f"apis/a{number}/operations": [entity(f"apis/a{number}/operations/get")] for number in range(40)
}


def test_a_large_inventory_is_taken_in_pieces_and_is_the_same() -> None:
    """Each ends when its time is over, and the next one goes on where it ended."""
    inventory, count = _pieces(LARGE, budget_s=20)

    assert count > 5
    assert inventory.entities == take(LARGE).entities
    assert inventory.not_read == ()


def test_a_piece_begins_no_list_after_its_time() -> None:
    """With a budget of nothing it reads what is read side by side, and no more."""
    found = piece(LARGE, budget_s=0)

    assert isinstance(found, UnfinishedInventory)
    assert [one.path for one in found.to_read][-1] == "apis/a39/diagnostics"
    assert (found.must_wait, set(found.entities)) == (False, {f"/apis/a{number}" for number in range(40)})


def test_a_list_that_fails_for_now_is_tried_again_in_a_later_piece() -> None:
    """The pause is what was asked for, and what was read stays read."""
    found = piece({"tags": UnavailableError("503", retry_after_s=7), "users": [entity("users/one")]})

    assert isinstance(found, UnfinishedInventory)
    assert [(one.path, one.tries) for one in found.to_read] == [("tags", 1)]
    assert (found.must_wait, found.retry_after_s) == (True, 7)
    whole = piece({"tags": [entity("tags/a")]}, found)
    assert (whole.counts, whole.not_read) == ({"tags": 1, "users": 1}, ())


def test_a_list_that_fails_in_three_pieces_is_named() -> None:
    """An outage of one list is no reason to have no inventory."""
    inventory, count = _pieces({"tags": UnavailableError("503")})

    assert (inventory.not_read, count) == (("tags: Unavailable",), 3)


def test_a_piece_ends_when_azure_asks_to_slow_down() -> None:
    """What is left is not asked for before the pause is over."""
    found = piece({**LARGE, "tags": ThrottledError("429", retry_after_s=77)})

    assert isinstance(found, UnfinishedInventory)
    assert (found.must_wait, found.retry_after_s) == (True, 77)
    assert len(found.to_read) > 100


def test_many_lists_of_a_kind_that_fail_alike_are_named_together() -> None:
    """A missing right is one line, not thousands."""
    denied = {f"apis/a{number}/operations": AccessError("403", code="Denied") for number in range(40)}

    assert take({**LARGE, **denied}).not_read == ("apis/*/operations: Denied",)


def test_diagnostics_of_an_api_are_taken() -> None:
    """They are in a backup, so they are compared after a restore."""
    inventory = take(
        {
            "apis": [entity("apis/orders")],
            "apis/orders/diagnostics": [entity("apis/orders/diagnostics/applicationinsights")],
        }
    )

    assert inventory.counts == {"apis": 1, "apis/diagnostics": 1}


def test_a_list_that_vanishes_between_two_pages_is_none() -> None:
    """Its first page must not pass for all of it."""
    pages = {
        "tags": {"value": [entity("tags/a")], "nextLink": f"{ORIGIN}{ID}/tags?skip=1"},
        "tags?skip=1": NotFoundError("gone"),
    }
    inventory, _ = _pieces(pages)

    assert (inventory.not_read, inventory.counts) == (("tags: ListChanged",), {})


def test_no_more_inventories_are_taken_at_once_than_allowed() -> None:
    """One more is told to come back, and gets its turn when another one has ended."""
    refused: list[TemporaryError] = []

    class Meanwhile(Lists):
        def read_json(self, url: str, what: str) -> Any:
            if "/tags" in url and not refused:
                with pytest.raises(TemporaryError) as caught:
                    turns.take(SERVICE)
                refused.append(caught.value)
            return super().read_json(url, what)

    clock = FakeClock()
    turns = Inventories(Meanwhile({}, clock), clock, at_once=1)

    assert isinstance(turns.take(SERVICE), Inventory)
    assert [(error.code, error.retry_after_s) for error in refused] == [("InventoryWaits", 30)]
    assert isinstance(turns.take(SERVICE), Inventory)
