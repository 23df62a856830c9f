"""
The protocol of backup and restore, point by point as recorded.

Every test here names one point of the recordings that docs/azure-facts.md retells.
"""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

RECORDED_PROPERTIES = {
    "publisherEmail",
    "publisherName",
    "notificationSenderEmail",
    "provisioningState",
    "targetProvisioningState",
    "createdAtUtc",
    "gatewayUrl",
    "gatewayRegionalUrl",
    "portalUrl",
    "developerPortalUrl",
    "managementApiUrl",
    "scmUrl",
    "hostnameConfigurations",
    "publicIPAddresses",
    "privateIPAddresses",
    "additionalLocations",
    "virtualNetworkConfiguration",
    "customProperties",
    "virtualNetworkType",
    "certificates",
    "natGatewayState",
    "outboundPublicIPAddresses",
    "apiVersionConstraint",
    "publicIpAddressId",
    "publicNetworkAccess",
    "privateEndpointConnections",
    "platformVersion",
}


@pytest.fixture
def begin(simulator: Any, service: Any) -> Any:
    """Return a function that starts an operation which runs for two polls, and returns the 202."""

    def begin(operation: str = "backup", **query: str) -> Any:
        simulator.scene("progression", operation=operation, polls=2, service=service.path)
        return simulator.call("POST", f"{service.path}/{operation}", service.backup_body(), **query)

    return begin


@pytest.mark.parametrize("operation", ["backup", "restore"])
def test_post_answers_202(begin: Any, operation: str) -> None:
    """Both operations are accepted with 202."""
    assert begin(operation).status_code == 202


def test_202_of_the_post_is_empty_with_content_length_0_and_no_content_type(begin: Any) -> None:
    """The body is empty, and says so without a type."""
    accepted = begin()

    assert (accepted.content, accepted.headers["Content-Length"]) == (b"", "0")
    assert "Content-Type" not in accepted.headers


def test_post_has_no_azure_asyncoperation(begin: Any) -> None:
    """Backup and restore are polled by Location only."""
    assert "Azure-AsyncOperation" not in begin().headers


def test_location_is_absolute_under_the_service_with_lower_case_operationresults(
    begin: Any, simulator: Any, service: Any
) -> None:
    """The Location is the service's URL, operationresults in lower case, an opaque id and an api-version."""
    location = begin().headers["Location"]

    pattern = (
        re.escape(f"{simulator.https}{service.path}/operationresults/")
        + r"[A-Za-z0-9+/]+={0,2}\?api-version="
    )
    assert re.match(pattern, location), location


def test_location_repeats_the_api_version_as_called(begin: Any) -> None:
    """A client of an older version polls with that version."""
    accepted = begin(**{"api-version": "2022-08-01"})

    assert accepted.headers["Location"].endswith("?api-version=2022-08-01")


def test_location_over_http_is_http(begin: Any, simulator: Any, service: Any) -> None:
    """Whoever calls the plain port polls the plain port."""
    url = f"{simulator.http}{service.path}/backup"
    accepted = simulator.call("POST", url, service.backup_body(), **{"api-version": "2024-05-01"})

    assert accepted.headers["Location"].startswith(simulator.http + "/subscriptions/")


@pytest.mark.parametrize(("operation", "word"), [("backup", "Backup"), ("restore", "Restore")])
def test_operation_id_is_base64_of_region_service_kind_and_eight_hex_digits(
    begin: Any, service: Any, operation: str, word: str
) -> None:
    """The id is opaque to clients, and has the recorded form."""
    segment = begin(operation).headers["Location"].partition("?")[0].rpartition("/")[2]

    assert re.fullmatch(
        rf"westeurope:{service.name}_{word}_[0-9a-f]{{8}}", base64.b64decode(segment).decode()
    )


def test_operation_id_keeps_its_padding_raw(simulator: Any) -> None:
    """Where the Base64 needs padding, the equals signs stand in the URL as they are."""
    locations = []
    for _ in range(3):
        # Names of three lengths in a row: at least two of them need padding.
        service = simulator.new_service()
        path = f"{service.path}{'x' * len(locations)}"
        simulator.call("PUT", path, {**_body(), "sku": {"name": "Developer", "capacity": 1}})
        locations.append(simulator.call("POST", f"{path}/backup", service.backup_body()).headers["Location"])

    assert any("=?api-version" in one for one in locations), locations
    assert not any("%3D" in one for one in locations)


def _body() -> dict[str, Any]:
    return {
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "properties": {"publisherEmail": "owner@contoso.example", "publisherName": "Contoso"},
    }


def test_id_with_encoded_padding_is_the_same_operation(begin: Any, simulator: Any) -> None:
    """A client that encodes the padding, as old ones did, polls the same operation."""
    location = begin().headers["Location"]
    head, _, query = location.partition("?")

    assert simulator.call("GET", f"{head.replace('=', '%3D')}?{query}").status_code == 202


def test_double_slash_in_the_polling_url_is_accepted(begin: Any, simulator: Any) -> None:
    """The old SDK built such URLs, and the service took them."""
    location = begin().headers["Location"].replace("/operationresults/", "//operationresults/")

    assert simulator.call("GET", location).status_code == 202


def test_retry_after_is_60_at_speed_1(begin: Any) -> None:
    """Without a speed the recorded header is sent."""
    assert begin().headers["Retry-After"] == "60"


@pytest.mark.parametrize(("speed", "expected"), [("60", "1"), ("7", "9"), ("1000", "1")])
def test_retry_after_shrinks_with_the_speed_to_1_at_least(
    start_simulator: Any, speed: str, expected: str
) -> None:
    """At a speed the header is divided and rounded, and never below one second."""
    fast = start_simulator("--speed", speed)
    service = fast.new_service()
    accepted = fast.call("POST", f"{service.path}/backup", service.backup_body())

    assert accepted.headers["Retry-After"] == expected


def test_poll_answers_202_empty_with_the_same_location_and_retry_after(begin: Any, simulator: Any) -> None:
    """While it runs every poll repeats the Location and Retry-After, with no body and no type."""
    accepted = begin()
    poll = simulator.call("GET", accepted.headers["Location"])

    assert (poll.status_code, poll.content, poll.headers["Content-Length"]) == (202, b"", "0")
    assert poll.headers["Location"] == accepted.headers["Location"]
    assert poll.headers["Retry-After"] == accepted.headers["Retry-After"]
    assert "Content-Type" not in poll.headers


def _finish(simulator: Any, accepted: Any) -> Any:
    for _ in range(2):
        assert simulator.call("GET", accepted.headers["Location"]).status_code == 202
    return simulator.call("GET", accepted.headers["Location"])


def test_last_poll_answers_200_json_without_location_and_retry_after(begin: Any, simulator: Any) -> None:
    """The end is a 200 of JSON, with nothing to follow."""
    final = _finish(simulator, begin())

    assert (final.status_code, final.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert {"Location", "Retry-After"}.isdisjoint(final.headers)


def test_final_body_is_the_service_resource_with_the_recorded_fields(
    begin: Any, simulator: Any, service: Any
) -> None:
    """The result of an operation is the service, and says nothing about the backup."""
    final = _finish(simulator, begin())
    now = simulator.call("GET", service.path)

    assert final.json() == now.json()
    assert final.json()["properties"].keys() >= RECORDED_PROPERTIES
    assert {"id", "name", "type", "tags", "location", "etag", "sku", "identity", "zones", "systemData"} <= (
        final.json().keys()
    )
    assert service.blob not in final.text


def test_final_body_shows_the_region_by_its_display_name_and_an_idle_target_state(
    begin: Any, simulator: Any
) -> None:
    """`location` comes back as a display name, `targetProvisioningState` as an empty text."""
    final = _finish(simulator, begin()).json()

    assert final["location"] == "West Europe"
    assert final["properties"]["provisioningState"] == "Succeeded"
    assert final["properties"]["targetProvisioningState"] == ""


def test_result_stays_readable_with_the_identical_body(begin: Any, simulator: Any) -> None:
    """Reading the result once more gives the same bytes, even after later changes of the service."""
    accepted = begin()
    first = _finish(simulator, accepted)
    simulator.call("PATCH", first.json()["id"], {"tags": {"changed": "later"}})

    assert simulator.call("GET", accepted.headers["Location"]).content == first.content


@pytest.mark.parametrize("operation", ["backup", "restore"])
def test_etag_of_the_service_changes_with_every_operation(
    simulator: Any, service: Any, operation: str
) -> None:
    """A backup changes the etag too, so it is no sign of changed configuration."""
    simulator.run("backup", service)
    before = simulator.call("GET", service.path).json()["etag"]
    simulator.run(operation, service)

    assert simulator.call("GET", service.path).json()["etag"] != before


def test_service_is_updating_while_an_operation_runs(begin: Any, simulator: Any, service: Any) -> None:
    """The state shows that the service is in transition."""
    begin()

    properties = simulator.call("GET", service.path).json()["properties"]
    assert properties["provisioningState"] == "Updating"


@pytest.mark.parametrize(
    ("method", "tail"),
    [("POST", "/backup"), ("POST", "/restore"), ("PUT", ""), ("PATCH", ""), ("DELETE", "")],
)
def test_service_in_transition_is_locked(
    begin: Any, simulator: Any, service: Any, method: str, tail: str
) -> None:
    """Any change of the service is refused with 409 ServiceLocked, without Retry-After, with null details."""
    begin()
    body = service.backup_body() if tail else {}
    answer = simulator.call(method, service.path + tail, body)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (409, "ServiceLocked")
    assert "is transitioning at this time" in error["message"]
    assert service.name in error["message"]
    assert (error["details"], error["innerError"]) == (None, None)
    assert "Retry-After" not in answer.headers


def test_refused_second_operation_leaves_the_first_alone(begin: Any, simulator: Any, service: Any) -> None:
    """After a 409 the running operation comes to its end as if nothing had been."""
    accepted = begin()
    simulator.call("POST", f"{service.path}/restore", service.backup_body())

    assert _finish(simulator, accepted).status_code == 200
    counts = simulator.control("GET", "counts", service=service.path).json()
    assert (counts["POST backup"], counts["POST restore"]) == (1, 1)


def test_entities_can_be_edited_in_transition(begin: Any, simulator: Any, service: Any) -> None:
    """Only the service is locked; what is in it can be changed, and the backup does not hold that change."""
    accepted = begin()
    body = {"properties": {"displayName": "late", "value": "1"}}
    edited = simulator.call("PUT", f"{service.path}/namedValues/late", body)
    _finish(simulator, accepted)
    simulator.run("restore", service)

    assert edited.status_code == 201
    assert simulator.call("GET", f"{service.path}/namedValues/late").status_code == 404


@pytest.mark.parametrize("header", ["x-ms-request-id", "x-ms-correlation-request-id"])
def test_every_answer_has_request_ids(begin: Any, header: str) -> None:
    """Both ids are GUIDs."""
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", begin().headers[header])


def test_routing_request_id_is_region_time_and_guid(begin: Any) -> None:
    """The id of the front end has the recorded form."""
    found = begin().headers["x-ms-routing-request-id"]

    assert re.fullmatch(r"WESTEUROPE:\d{8}T\d{6}Z:[0-9a-f-]{36}", found), found


def test_post_uses_up_a_write_and_polls_use_up_reads(simulator: Any) -> None:
    """The remaining writes and reads of the subscription fall by one with every call."""
    principal = simulator.scene("principals", name="rate-limited")
    token = simulator.token(header=principal["identityHeader"])
    headers = {"Authorization": f"Bearer {token}"}
    service = simulator.new_service()
    simulator.scene("progression", operation="backup", polls=5, service=service.path)
    accepted = simulator.call("POST", f"{service.path}/backup", service.backup_body(), headers=headers)
    polls = [simulator.call("GET", accepted.headers["Location"], headers=headers) for _ in range(3)]

    assert accepted.headers["x-ms-ratelimit-remaining-subscription-writes"] == "1199"
    reads = [int(one.headers["x-ms-ratelimit-remaining-subscription-reads"]) for one in polls]
    assert reads == [11999, 11998, 11997]


def test_default_durations_are_those_recorded(simulator: Any, start_simulator: Any) -> None:
    """Without a scene a backup takes 660 simulated seconds and a restore 1140."""
    own = start_simulator()
    service = own.new_service()
    path = f"{service.path}-default"
    own.call("PUT", path, {**_body(), "sku": {"name": "Developer", "capacity": 1}})
    for operation in ("backup", "restore"):
        own.call("POST", f"{path}/{operation}", service.backup_body())
        own.scene("clock", advanceSeconds=2000)

    found = [one["progression"]["seconds"] for one in own.control("GET", "state").json()["operations"]]
    assert found == [660, 1140]


def test_operation_by_the_clock_runs_until_its_time_and_not_longer(start_simulator: Any) -> None:
    """One second before its time an operation runs, at its time it has ended."""
    own = start_simulator()
    service = own.new_service()
    own.scene("progression", operation="backup", seconds=660, service=service.path)
    location = own.call("POST", f"{service.path}/backup", service.backup_body()).headers["Location"]
    # Real seconds go by too, so there is room below.
    own.scene("clock", advanceSeconds=600)
    running = own.call("GET", location).status_code
    own.scene("clock", advanceSeconds=60)

    assert (running, own.call("GET", location).status_code) == (202, 200)


def test_blob_of_an_operation_by_the_clock_appears_without_any_poll(
    start_simulator: Any, container: Any
) -> None:
    """The blob is committed when the time is over, whether somebody polls or not."""
    own = start_simulator()
    service = own.new_service()
    own.scene("progression", operation="backup", seconds=660, service=service.path)
    own.call("POST", f"{service.path}/backup", service.backup_body(backupName="unpolled"))
    blob = container.get_blob_client("unpolled")
    before = blob.exists()
    own.scene("clock", advanceSeconds=661)

    assert (before, blob.exists()) == (False, True)
