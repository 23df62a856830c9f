"""Taking an inventory: what lists that are missing, forbidden, paged or strange come to."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.credentials import AccessToken

from shared.adapters.arm import ArmClient
from shared.adapters.identity import Tokens
from shared.adapters.inventory import take_inventory
from shared.core.clouds import CLOUDS
from shared.core.errors import AccessError, NotFoundError, ProtocolError, TemporaryError, UnavailableError
from shared.core.services import ServiceRef
from tests.fakes.clock import START, FakeClock

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

    def __init__(self, lists: dict[str, Any]) -> None:
        cloud = CLOUDS["public"].model_copy(update={"resource_manager": ORIGIN})
        tokens = Tokens(StaticCredential, "https://arm.example/.default")
        super().__init__(cloud, "2024-05-01", tokens, FakeClock())
        self._lists = lists

    def read_json(self, url: str, what: str) -> Any:
        """Return a page, or raise."""
        found = self._lists.get(url.split("/service/contoso/")[-1].removesuffix(VERSION), [])
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, dict) else {"value": found}


def entity(path: str, **properties: Any) -> dict[str, Any]:
    """Return a resource of the service."""
    return {"id": f"{ID}/{path}", "name": path.rsplit("/", 1)[-1], "properties": properties}


def take(lists: dict[str, Any]) -> Any:
    """Take an inventory of given lists."""
    return take_inventory(Lists(lists), SERVICE, taken_at=START)


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
    ("lists", "kind"),
    [
        pytest.param({"tags": UnavailableError("503")}, UnavailableError, id="unavailable"),
        pytest.param({"tags": ProtocolError("400", code="ValidationError")}, ProtocolError, id="another-400"),
        pytest.param({"tags": {"items": []}}, ProtocolError, id="no-value"),
        pytest.param(
            {"tags": {"value": [], "nextLink": "https://evil.example/next"}}, ProtocolError, id="foreign-next"
        ),
        pytest.param({"tags": [{"id": "/elsewhere/tags/a"}]}, ProtocolError, id="foreign-entity"),
    ],
)
def test_an_inventory_with_a_hole_is_none(lists: dict[str, Any], kind: type[Exception]) -> None:
    """Whatever else goes wrong passes as an error: half an inventory would prove anything."""
    with pytest.raises(kind):
        take(lists)


def test_a_list_that_vanishes_between_two_pages_is_none() -> None:
    """Its first page must not pass for all of it."""
    pages = {
        "tags": {"value": [entity("tags/a")], "nextLink": f"{ORIGIN}{ID}/tags?skip=1"},
        "tags?skip=1": NotFoundError("gone"),
    }
    with pytest.raises(TemporaryError):
        take(pages)
