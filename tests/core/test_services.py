"""A service's id, region and state."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.errors import ProtocolError
from shared.core.services import ServiceState, canonical_region, check_resource_id
from tests.core import make

BASE = "/providers/Microsoft.ApiManagement/service/"

GOOD = {
    "usual": make.service().resource_id,
    "another case": make.service().resource_id.upper(),
    "resourcegroups": make.service().resource_id.replace("resourceGroups", "resourcegroups"),
    "one letter": make.GROUP + BASE + "a",
    "50 characters": make.GROUP + BASE + "a" * 50,
    "a group with every legal sign": make.GROUP + "_(x)-1.b" + BASE + "a",
    "a group with letters of any script": make.GROUP + "größe" + BASE + "a",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_an_id_is_kept_as_it_is_written(text: str) -> None:
    """Case and all."""
    assert check_resource_id(text) == text


BAD = {
    "empty": "",
    "a name": "contoso-weu",
    "a URL": make.ORIGIN + make.service().resource_id,
    "no guid": make.service().resource_id.replace("11111111-", "1111111-"),
    "a slash at the end": make.service().resource_id + "/",
    "a line feed at the end": make.service().resource_id + "\n",
    "a query": make.service().resource_id + "?api-version=1",
    "a child": make.service().resource_id + "/apis/a",
    "a digit first": make.GROUP + BASE + "1a",
    "a hyphen last": make.GROUP + BASE + "a-",
    "51 characters": make.GROUP + BASE + "a" * 51,
    "a Kelvin sign for a k": make.GROUP + BASE + "a\u212a",
    "a query in the group": make.GROUP + "?x=" + BASE + "a",
    "a space in the group": make.GROUP + " x" + BASE + "a",
    "a group that ends in a full stop": make.GROUP + "." + BASE + "a",
    "dots for a group": make.GROUP.rsplit("/", 1)[0] + "/.." + BASE + "a",
    "another provider": make.service().resource_id.replace("ApiManagement", "Web"),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_is_no_id_is_refused_with_what_one_looks_like(text: str) -> None:
    """It becomes part of a URL, so it is checked to its last character."""
    with pytest.raises(ValueError, match="looks like /subscriptions/"):
        check_resource_id(text)


def test_the_name_is_the_last_segment() -> None:
    """It is also the first label of the default hostnames."""
    assert make.service("contoso-neu").name == "contoso-neu"


def test_two_ids_are_one_service_without_regard_to_case() -> None:
    """As Azure compares them."""
    upper = make.service().model_copy(update={"resource_id": make.service().resource_id.upper()})

    assert make.service().is_same_as(upper)
    assert not make.service().is_same_as(make.service("other"))


@pytest.mark.parametrize("text", ["West Europe", "westeurope", "WESTEUROPE", " West\tEurope "])
def test_a_region_has_one_form(text: str) -> None:
    """ARM accepts one and answers with the other."""
    assert canonical_region(text) == "westeurope"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("Succeeded", False),
        ("Failed", False),
        ("Canceled", False),
        ("Created", False),
        ("Stopped", False),
        ("Deleted", False),
        ("TerminationFailed", False),
        ("Updating", True),
        ("Activating", True),
        ("Terminating", True),
        ("AnythingNew", True),
    ],
)
def test_a_transition_is_known_by_the_state(state: str, expected: bool) -> None:
    """What is not known to be settled may be moving, and is waited for."""
    assert make.service_state(provisioning_state=state).is_in_transition is expected


def test_a_resource_is_read() -> None:
    """As the GET answers, with the region in its display form."""
    resource = make.resource(
        apiVersionConstraint={"minApiVersion": "2021-08-01"}, gatewayUrl="https://contoso-weu.azure-api.net"
    ) | {"identity": {"type": "SystemAssigned, UserAssigned", "principalId": "p"}}

    state = ServiceState.from_resource(resource)

    assert (state.region, state.tier, state.provisioning_state) == ("westeurope", "Developer", "Succeeded")
    assert (state.identity_type, state.min_api_version) == ("SystemAssigned, UserAssigned", "2021-08-01")
    assert (state.gateway_url, state.etag) == ("https://contoso-weu.azure-api.net", "AAA=")


def test_an_absent_state_means_settled() -> None:
    """As the contract says; absent identity means none."""
    state = ServiceState.from_resource(make.resource(None))

    assert (state.provisioning_state, state.identity_type, state.min_api_version) == (
        "Succeeded",
        "None",
        None,
    )


def test_nulls_are_as_absent() -> None:
    """The service answers with either."""
    nulls = {"properties": None, "identity": None, "etag": None}

    assert not ServiceState.from_resource(make.resource() | nulls).is_in_transition


BROKEN: dict[str, Any] = {
    "null": None,
    "a list": [],
    "a text": "x",
    "empty": {},
    "no sku": {key: value for key, value in make.resource().items() if key != "sku"},
    "sku is a text": make.resource() | {"sku": "Developer"},
    "tier is a number": make.resource() | {"sku": {"name": 5}},
    "id is a number": make.resource() | {"id": 5},
    "location is null": make.resource() | {"location": None},
    "properties is a text": make.resource() | {"properties": "x"},
    "state is a number": make.resource() | {"properties": {"provisioningState": 5}},
    "identity is a text": make.resource() | {"identity": "SystemAssigned"},
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_resource_of_another_shape_is_a_broken_answer(body: object) -> None:
    """One kind of error, whatever is wrong with it."""
    with pytest.raises(ProtocolError, match="the service resource"):
        ServiceState.from_resource(body)
