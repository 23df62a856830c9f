"""Creating, listing, changing and deleting services."""

from __future__ import annotations

from typing import Any


def test_new_service_is_ready_at_once(simulator: Any, service: Any) -> None:
    """A service is made without waiting, and is Succeeded."""
    found = simulator.call("GET", service.path).json()

    assert found["properties"]["provisioningState"] == "Succeeded"
    assert found["properties"]["gatewayUrl"].endswith(f"/gateways/{service.name}")


def test_default_service_has_one_built_in_host_name(simulator: Any, service: Any) -> None:
    """A service without host names of its own shows the built-in one."""
    (found,) = simulator.call("GET", service.path).json()["properties"]["hostnameConfigurations"]

    assert (found["type"], found["certificateSource"]) == ("Proxy", "BuiltIn")


def test_services_are_listed_by_subscription_and_by_group(simulator: Any, service: Any) -> None:
    """The subscription's list has every service, the group's list has its own."""
    other = simulator.new_service()
    subscription, _, rest = service.path.partition("/resourceGroups/")
    provider = rest.partition("/")[2].rpartition("/")[0]
    all_of_them, next_link = [], f"{subscription}/{provider}"
    while next_link:
        page = simulator.call("GET", next_link).json()
        all_of_them, next_link = all_of_them + page["value"], page.get("nextLink", "")
    of_group = simulator.call("GET", service.path.rpartition("/")[0]).json()["value"]

    assert {service.path, other.path} <= {one["id"] for one in all_of_them}
    assert [one["id"] for one in of_group] == [service.path]


def test_patch_changes_what_it_names_and_the_etag(simulator: Any, service: Any) -> None:
    """Tags and SKU can be changed, the rest stays."""
    before = simulator.call("GET", service.path).json()
    after = simulator.call("PATCH", service.path, {"tags": {"a": "b"}, "sku": {"name": "Standard"}}).json()

    assert (after["tags"], after["sku"]) == ({"a": "b"}, {"name": "Standard", "capacity": 1})
    assert after["etag"] != before["etag"]
    assert after["properties"] == before["properties"]


def test_put_of_what_a_get_returned_changes_nothing_but_the_etag(simulator: Any, service: Any) -> None:
    """A client that reads, and writes back what it read, leaves the service as it was."""
    before = simulator.call("GET", service.path).json()
    answer = simulator.call("PUT", service.path, before)
    after = answer.json()
    before.pop("etag")
    after.pop("etag")

    assert answer.status_code == 200
    assert before == after


def test_deleted_service_is_gone(simulator: Any, service: Any) -> None:
    """A DELETE answers 200, a second one 204."""
    statuses = [simulator.call("DELETE", service.path).status_code for _ in range(2)]

    assert statuses == [200, 204]
    assert simulator.call("GET", service.path).status_code == 404


def test_identity_that_is_not_enabled_is_null(simulator: Any) -> None:
    """A service without identity shows none, and one with an identity shows its principal."""
    without = simulator.new_service(identity={"type": "None"})
    with_one = simulator.new_service()

    assert simulator.call("GET", without.path).json()["identity"] is None
    shown = simulator.call("GET", with_one.path).json()["identity"]
    assert shown["type"] == "SystemAssigned"
    assert len(shown["principalId"]) == 36


def test_region_may_be_given_by_its_display_name(simulator: Any) -> None:
    """Both forms of a region's name are taken, the display name is answered."""
    service = simulator.new_service(location="North Europe")

    assert simulator.call("GET", service.path).json()["location"] == "North Europe"
