"""Digests of entities, and how inventories differ."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.errors import ProtocolError
from shared.core.inventory import (
    COLLECTIONS,
    DIGEST_LENGTH,
    TAKEN_NOW,
    Difference,
    Inventory,
    compare,
    entity_of,
)
from shared.core.services import ServiceRef
from tests.core import make

PRIMARY = make.service("contoso")
STANDBY = make.service("contoso-neu", "northeurope")


def _entity(service: ServiceRef = PRIMARY, path: str = "/apis/orders", **properties: Any) -> dict[str, Any]:
    return {"id": service.resource_id + path, "name": "orders", "properties": properties}


def _digest(service: ServiceRef = PRIMARY, **properties: Any) -> str:
    return entity_of(_entity(service, **properties), service)[1]


def test_an_entity_is_named_by_its_id_under_the_service() -> None:
    """In lower case, as Azure compares ids without it."""
    name, digest = entity_of(_entity(path="/apis/Orders", path_="x"), PRIMARY)

    assert (name, len(digest)) == ("/apis/orders", DIGEST_LENGTH)


def test_the_service_may_be_spelt_in_other_case() -> None:
    """Azure answers with resourcegroups and resourceGroups as it likes."""
    entity = _entity()

    assert entity_of(entity | {"id": entity["id"].upper()}, PRIMARY)[0] == "/apis/orders"


@pytest.mark.parametrize(
    "resource",
    [{}, {"id": None}, {"id": "/apis/a"}, {"id": PRIMARY.resource_id}, _entity(STANDBY)],
    ids=["no id", "null", "relative", "the service itself", "another service"],
)
def test_an_entity_of_anything_else_is_a_broken_answer(resource: dict[str, Any]) -> None:
    """A list that holds foreign entities is not compared with anything."""
    with pytest.raises(ProtocolError, match="not under the service"):
        entity_of(resource, PRIMARY)


OWN = {
    "its id": "{id}/backends/b",
    "its id in other case": "{ID}/backends/b",
    "its gateway": "https://{name}.azure-api.net/orders",
    "its portal": "https://{name}.developer.azure-api.net",
    "its gateway in other case": "https://{NAME}.Azure-API.net",
    "its gateway in another cloud": "https://{name}.azure-api.us",
    "several": "{id} and {name}.azure-api.net and {name}.scm.azure-api.net",
}


@pytest.mark.parametrize("text", OWN.values(), ids=OWN)
def test_what_names_the_service_itself_does_not_matter(text: str) -> None:
    """The same configuration in two services has the same digests."""

    def said_by(service: ServiceRef) -> str:
        own = {"id": service.resource_id, "name": service.name}
        return _digest(service, url=text.format(**own, **{key.upper(): own[key].upper() for key in own}))

    assert said_by(PRIMARY) == said_by(STANDBY)


OTHER = {
    "a service whose name begins like it": make.service("contoso-eu").resource_id + "/backends/b",
    "a host that ends like it": "https://my-contoso.azure-api.net",
    "a host that begins like it": "https://contoso-eu.azure-api.net",
    "its name in a text": "welcome to contoso",
    "its name at another host": "https://contoso.example",
}


@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER)
def test_what_names_something_else_is_compared_as_it_is(text: str) -> None:
    """A text that both services hold is equal in both, also if it looks like the name of one."""
    assert _digest(PRIMARY, url=text) == _digest(STANDBY, url=text)


def test_a_foreign_service_is_not_taken_for_its_own() -> None:
    """A backend that points to the other service is a difference."""
    assert _digest(url=f"{PRIMARY.resource_id}/x") != _digest(url=f"{STANDBY.resource_id}/x")


SECRETS = {
    "primaryKey": {"primaryKey": "k"},
    "secondaryKey": {"secondaryKey": "k"},
    "password": {"authentication": {"password": "k"}},
    "clientSecret": {"clientSecret": "k"},
    "instrumentationKey": {"credentials": {"instrumentationKey": "k"}},
    "connectionString": {"credentials": {"connectionString": "k"}},
    "authorization of a backend": {"credentials": {"authorization": {"scheme": "Basic", "parameter": "k"}}},
    "a secret named value": {"secret": True, "value": "k"},
    "in a list": {"items": [{"password": "k"}]},
}


def _replaced(value: Any, by: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, by) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, by) for item in value]
    return by if value == "k" else value


@pytest.mark.parametrize("properties", SECRETS.values(), ids=SECRETS)
def test_a_secret_never_matters_to_the_digest(properties: dict[str, Any]) -> None:
    """A digest of a short secret could be tried out, so there is none."""
    assert _digest(**properties) == _digest(**_replaced(properties, "other"))


def test_a_named_value_that_is_no_secret_matters() -> None:
    """Plain values are configuration."""
    assert _digest(secret=False, value="a") != _digest(secret=False, value="b")


@pytest.mark.parametrize("key", ["provisioningState", "createdDate", "lastModifiedDate", "registrationDate"])
def test_what_the_service_writes_by_itself_does_not_matter(key: str) -> None:
    """Dates and states change without anybody changing the configuration."""
    assert _digest(**{key: "a"}) == _digest(**{key: "b"}) == _digest()


def test_null_is_the_same_as_absent() -> None:
    """Services answer with either."""
    assert _digest(description=None) == _digest()


def test_half_a_character_is_no_reason_to_fail() -> None:
    """JSON can hold lone surrogates, and they are compared like anything else."""
    assert _digest(description="\ud83d") != _digest(description="\ud83e")


VALUES = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(properties=st.dictionaries(st.sampled_from("abcdef"), VALUES, max_size=4))
def test_the_digest_does_not_depend_on_the_order_of_keys(properties: dict[str, Any]) -> None:
    """Two services may answer in different order."""
    turned = dict(reversed(list(copy.deepcopy(properties).items())))

    assert _digest(**properties) == _digest(**turned)


@given(entities=st.dictionaries(st.sampled_from(["/apis/a", "/apis/b", "/tags/c"]), st.sampled_from("12")))
def test_equal_digests_mean_no_difference(entities: dict[str, str]) -> None:
    """The one digest says the same as the comparison."""
    one, two = make.inventory(entities), make.inventory(dict(reversed(list(entities.items()))))
    other = make.inventory(entities | {"/apis/z": "9"})

    assert (one.digest == two.digest, compare([one], two)) == (True, ())
    assert one.digest != other.digest


def test_counts_are_by_kind() -> None:
    """Operations count under their APIs, sorted by name."""
    inventory = make.inventory(
        dict.fromkeys(["/tags/t", "/apis/a", "/apis/b", "/apis/a/operations/x", "/apis/a/operations/y"], "1")
    )

    assert list(inventory.counts.items()) == [("apis", 2), ("apis/operations", 2), ("tags", 1)]


DIFFERENT = {
    "equal": ([{"/a": "1"}], {"/a": "1"}, []),
    "missing": ([{"/a": "1"}], {}, [("/a", "missing")]),
    "altered": ([{"/a": "1"}], {"/a": "2"}, [("/a", "altered")]),
    "added": ([{}], {"/a": "1"}, [("/a", "added")]),
    "all, in order of names": (
        [{"/b": "1", "/c": "1"}],
        {"/a": "1", "/c": "2"},
        [("/a", "added"), ("/b", "missing"), ("/c", "altered")],
    ),
    "either of two states": ([{"/a": "1"}, {"/a": "2"}], {"/a": "2"}, []),
    "none of two states": ([{"/a": "1"}, {"/a": "2"}], {"/a": "3"}, [("/a", "altered")]),
    "came meanwhile, and is there": ([{}, {"/a": "1"}], {"/a": "1"}, []),
    "came meanwhile, and is not there": ([{}, {"/a": "1"}], {}, []),
    "went meanwhile, and is there": ([{"/a": "1"}, {}], {"/a": "1"}, []),
    "came meanwhile, and is another": ([{}, {"/a": "1"}], {"/a": "2"}, [("/a", "altered")]),
    "nothing to compare with": ([], {"/a": "1"}, [("/a", "added")]),
}


@pytest.mark.parametrize(("expected", "actual", "found"), DIFFERENT.values(), ids=DIFFERENT)
def test_every_difference_is_named(
    expected: list[dict[str, str]], actual: dict[str, str], found: list[tuple[str, str]]
) -> None:
    """Missing, altered and added entities; with two expected states either is right."""
    differences = compare([make.inventory(entities) for entities in expected], make.inventory(actual))

    assert differences == tuple(Difference(entity=entity, what=what) for entity, what in found)


def test_an_inventory_survives_its_bytes() -> None:
    """With the lists that could not be read."""
    inventory = make.inventory({"/apis/a": "1"}, not_read=("users: AuthorizationFailed",))

    assert Inventory.from_bytes(inventory.to_bytes()) == inventory


def test_no_list_is_taken_twice() -> None:
    """Each collection stands once, in order."""
    taken = [collection.name for collection in COLLECTIONS]

    assert taken == sorted(set(taken), key=str.casefold)


@pytest.mark.parametrize("line", ["apis/Orders/operations: 403", "apis/*/operations: 403", "apis: 403"])
@pytest.mark.parametrize("lacks", ["expected", "actual"])
def test_entities_of_a_list_that_one_side_did_not_read_are_not_compared(line: str, lacks: str) -> None:
    """By its path, by the pattern of its kind, or by the list above it; the rest is."""
    full = make.inventory({"/apis/orders/operations/get": "1", "/tags/a": "1"})
    less = make.inventory({"/tags/a": "2"}, not_read=(line,))
    expected, actual = (less, full) if lacks == "expected" else (full, less)

    assert compare([expected], actual) == (Difference(entity="/tags/a", what="altered"),)


def test_an_inventory_of_an_earlier_release_says_nothing_of_lists_that_came_later() -> None:
    """Diagnostics of APIs are no difference to a restore point that was made without them."""
    now = make.inventory({"/apis/orders": "1", "/apis/orders/diagnostics/local": "1"}, taken=TAKEN_NOW)
    earlier = make.inventory({"/apis/orders": "1"})

    assert compare([earlier], now) == ()
    assert compare([earlier.model_copy(update={"taken": TAKEN_NOW})], now) != ()
