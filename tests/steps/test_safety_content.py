"""Whether a target holds anything that a restore would take away."""

from __future__ import annotations

import pytest

from shared.contents import LISTS, has_content
from shared.core.errors import AccessError, NotFoundError, ProtocolError, UnavailableError
from tests.fakes import FakePorts

IDLE = "<policies><!-- <rate-limit/> --><inbound /><backend><forward-request /></backend></policies>"
LIMITED = "<policies><inbound><rate-limit calls='5'/></inbound></policies>"
NO_SUCH_LIST = ProtocolError("400", code="MethodNotAllowedInPricingTier")


def policy(text):
    """Return the policy of all APIs as its list gives it."""
    return [{"name": "policy", "properties": {"format": "xml", "value": text}}]


def asked(**found):
    """Tell what a target is said to be whose lists are empty but for those that are given."""
    ports = FakePorts()
    target = ports.first.standby.ref
    for name in LISTS:
        ports.arm.resources[f"{target.resource_id}/{name}".lower()] = found.get(name, [])
    return has_content(ports.arm, target), ports.arm.reads


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"apis": [{"name": "echo-api"}], "products": [{"name": "Starter"}, {"name": "unlimited"}]},
        {"groups": [{"name": "guests"}], "users": [{"name": "1"}]},
        {"policies": policy(IDLE)},
        {"gateways": NO_SUCH_LIST, "policyFragments": NotFoundError("404", code="ResourceNotFound")},
    ],
    ids=["nothing", "samples", "built in", "the policy of a new service", "lists that the tier has not"],
)
def test_what_a_new_service_has_is_no_content(found):
    """It is there before anybody has done anything, so nobody misses it."""
    assert asked(**found)[0] is False


@pytest.mark.parametrize(
    "found",
    [
        {"apis": [{"name": "echo-api"}, {"name": "orders"}]},
        {"namedValues": [{"name": "token"}]},
        {"users": [{"name": "1"}, {"name": "2"}]},
        {"policies": policy(LIMITED)},
    ],
    ids=["an API", "a named value", "a user", "a policy"],
)
def test_one_thing_more_is_content(found):
    """A single entity that somebody made is worth its backup."""
    assert asked(**found)[0] is True


@pytest.mark.parametrize(
    "error",
    [
        AccessError("403", code="AuthorizationFailed"),
        UnavailableError("503", code="ServiceUnavailable"),
        ProtocolError("400", code="ValidationError"),
    ],
)
def test_what_cannot_be_told_is_content(error):
    """A list that cannot be had says nothing, and a backup too many does no harm."""
    assert asked(backends=error)[0] is True


def test_no_list_is_asked_after_the_first_find():
    """An API of somebody's own is found with one call."""
    assert len(asked(apis=[{"name": "orders"}])[1]) == 1
