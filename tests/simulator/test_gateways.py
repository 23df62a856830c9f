"""Gateways that tell whether they serve, and restores that do not bring what the backup holds."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.simulator.virtual import BACKUP, SERVICE, Stage

STATUS = "/status-0123456789abcdef"


def _url(stage: Stage) -> str:
    """Return the gateway's URL as the service shows it."""
    return str(stage.send("GET", SERVICE).json()["properties"]["gatewayUrl"])


def _ask(stage: Stage, url: str) -> requests.Response:
    """Ask without a token."""
    return requests.get(url, verify=stage.simulator.ca, timeout=60)


def test_a_gateway_serves_without_a_token(stage: Stage) -> None:
    """Whoever reads the service's URL can ask for the status."""
    assert _ask(stage, _url(stage) + STATUS).status_code == 200


@pytest.mark.parametrize("path", ["", "/", "/orders", "/status-0123456789abcde"])
def test_only_the_status_is_there(stage: Stage, path: str) -> None:
    """No traffic goes through."""
    assert _ask(stage, _url(stage) + path).status_code == 404


def test_the_gateway_of_no_service_is_not_there(stage: Stage) -> None:
    """Another name has no gateway."""
    assert _ask(stage, _url(stage) + "-2" + STATUS).status_code == 404


def test_a_gateway_that_is_switched_off_does_not_serve(stage: Stage) -> None:
    """`disableGateway` of the service."""
    stage.simulator.arm("PATCH", SERVICE, {"properties": {"disableGateway": True}})

    assert _ask(stage, _url(stage) + STATUS).status_code == 503


def test_nobody_is_answered_from_inside_a_network(stage: Stage) -> None:
    """A service in an internal virtual network cannot be reached from here."""
    stage.simulator.arm("PATCH", SERVICE, {"properties": {"virtualNetworkType": "Internal"}})

    with pytest.raises(requests.ConnectionError):
        _ask(stage, _url(stage) + STATUS)


def test_a_lost_region_takes_its_gateways_along(stage: Stage) -> None:
    """The connection is cut, as it is for everything else there."""
    url = _url(stage)
    stage.simulator.control("POST", "regions", {"region": "westeurope", "state": "unreachable"})

    with pytest.raises(requests.ConnectionError):
        _ask(stage, url + STATUS)


def test_a_fault_can_be_scripted_for_a_gateway(stage: Stage) -> None:
    """A gateway that is starting still."""
    url = _url(stage)
    fault = {"match": {"method": "GET", "pathContains": STATUS}, "status": 503, "times": 1}
    stage.simulator.control("POST", "faults", fault)

    assert [_ask(stage, url + STATUS).status_code for _ in range(2)] == [503, 200]


def _entities(stage: Stage, path: str) -> dict[str, Any]:
    found = stage.send("GET", f"{SERVICE}/{path}").json()["value"]
    return {one["name"]: one["properties"] for one in found}


def _restore(stage: Stage, **outcome: Any) -> None:
    """Back up a service with two APIs and a product, and restore it with that outcome."""
    for path in ("apis/orders", "apis/stock"):
        body = {"properties": {"displayName": path, "path": path, "protocols": ["https"]}}
        stage.simulator.arm("PUT", f"{SERVICE}/{path}", body)
    stage.simulator.arm("PUT", f"{SERVICE}/products/gold", {"properties": {"displayName": "Gold"}})
    stage.simulator.arm("PUT", f"{SERVICE}/products/gold/apis/orders")
    stage.begin()
    stage.pass_time(660)
    if outcome:
        scene = {"operation": "restore", "service": SERVICE, **outcome}
        stage.simulator.control("POST", "outcomes", scene)
    assert stage.send("POST", f"{SERVICE}/restore", BACKUP).status_code == 202
    stage.pass_time(1140)
    stage.simulator.settle()


def test_a_restore_brings_everything(stage: Stage) -> None:
    """Without an outcome nothing is lost or altered."""
    _restore(stage)

    assert set(_entities(stage, "apis")) >= {"orders", "stock"}
    assert "description" not in _entities(stage, "products")["gold"]


def test_a_restore_drops_an_entity_with_all_that_belongs_to_it(stage: Stage) -> None:
    """The API is gone, and so is its link to the product; the other one is there."""
    _restore(stage, drops=["apis/orders"])

    assert "orders" not in _entities(stage, "apis")
    assert "stock" in _entities(stage, "apis")
    assert _entities(stage, "products/gold/apis") == {}


def test_a_restore_alters_an_entity(stage: Stage) -> None:
    """It has its name, and another content."""
    _restore(stage, alters=["products/gold"])

    assert _entities(stage, "products")["gold"]["description"] == "altered by the restore"


@pytest.mark.parametrize(
    ("scene", "fault"),
    [
        ({"operation": "backup", "drops": ["apis/orders"]}, "only a restore drops"),
        ({"operation": "restore", "drops": ["apis"]}, "must be a list of entities"),
        ({"operation": "restore", "alters": "apis/orders"}, "must be a list of entities"),
    ],
    ids=["of a backup", "a list of entities", "no list"],
)
def test_what_no_restore_can_do_is_refused(stage: Stage, scene: dict[str, Any], fault: str) -> None:
    """Nothing is scripted, and the fault is named."""
    with pytest.raises(ValueError, match=fault):
        stage.simulator.control("POST", "outcomes", {"service": SERVICE, **scene})
