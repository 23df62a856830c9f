"""Reading events about changes: both sources, both schemas, and whatever else comes through the queue."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.change_events import Change, read_change
from shared.core.errors import ProtocolError
from shared.core.events import Ignored
from shared.core.services import split_resource_id
from tests.core import make

SERVICE = make.service().resource_id
API = f"{SERVICE}/apis/orders"
AT = dt.datetime(2026, 11, 23, 10, 30, 15, 123456, tzinfo=dt.UTC)
WRITE = "Microsoft.Resources.ResourceWriteSuccess"
DELETE = "Microsoft.Resources.ResourceDeleteSuccess"


def arm(
    kind: str = WRITE, uri: str | None = API, operation: str | None = None, **more: Any
) -> dict[str, Any]:
    """Return an event of Azure Resource Manager in Event Grid's schema, as its documentation shows it."""
    data = {
        "authorization": {
            "scope": uri,
            "action": "Microsoft.ApiManagement/service/apis/write",
            "evidence": {},
        },
        "claims": {"name": "somebody"},
        "correlationId": make.UUID,
        "resourceProvider": "Microsoft.ApiManagement",
        "resourceUri": uri,
        "operationName": operation or "Microsoft.ApiManagement/service/apis/write",
        "status": "Succeeded",
    }
    return {
        "id": "1",
        "topic": f"/subscriptions/{make.UUID}",
        "subject": uri,
        "eventType": kind,
        "eventTime": "2026-11-23T10:30:15.1234567Z",
        "data": data,
        "dataVersion": "2",
        "metadataVersion": "1",
        **more,
    }


def own(kind: str = "Microsoft.ApiManagement.APIUpdated", **more: Any) -> dict[str, Any]:
    """Return an event of API Management in Event Grid's schema."""
    return {
        "id": "2",
        "topic": SERVICE,
        "subject": "/apis/orders;Rev=1",
        "eventType": kind,
        "eventTime": "2026-11-23T10:30:15.123456Z",
        "data": {"resourceUri": f"{API};Rev=1"},
        "dataVersion": "1",
        **more,
    }


def as_cloud_event(event: dict[str, Any]) -> dict[str, Any]:
    """Return the same event in the CloudEvents schema."""
    return {
        "specversion": "1.0",
        "id": event["id"],
        "source": event["topic"],
        "type": event["eventType"],
        "time": event["eventTime"],
        "subject": event["subject"],
        "data": event["data"],
    }


def read(event: Any) -> Change | Ignored:
    """Read an event as a message."""
    return read_change(json.dumps(event))


CHANGES = {
    "a write": arm(),
    "a deletion": arm(DELETE, operation="Microsoft.ApiManagement/service/apis/delete"),
    "in an array of one": [arm()],
    "as a cloud event": as_cloud_event(arm()),
    "the service itself": arm(uri=SERVICE),
    "a type in another case": arm("microsoft.resources.RESOURCEWRITESUCCESS"),
    "a deployment": arm(operation="Microsoft.Resources/deployments/write"),
    "only a subject": arm(uri=None, subject=API),
    "resourceURI": arm() | {"data": {"resourceURI": API}},
    "an authorization that is a text": arm() | {"data": {"resourceUri": API, "authorization": "{…}"}},
    "of API Management": own(),
    "of API Management, as a cloud event": as_cloud_event(own()),
    "of API Management, spelt otherwise": own("Microsoft.APIManagement.ReleaseCreated"),
    "of API Management, the newer name": own("Microsoft.ApiManagement.APIReleaseCreated"),
    "of API Management, without a resource": own() | {"data": {}},
    "a product's subscription": own("Microsoft.ApiManagement.SubscriptionCreated")
    | {"subject": "/subscriptions/gold-1", "data": {}},
    "a gateway": own("Microsoft.ApiManagement.GatewayCertificateAuthorityUpdated"),
}


@pytest.mark.parametrize("event", CHANGES.values(), ids=CHANGES)
def test_a_change_names_its_service_and_its_time(event: Any) -> None:
    """Whichever source tells of it, and in whichever schema."""
    change = read(event)

    assert isinstance(change, Change), change
    assert (change.resource_id, change.at) == (SERVICE, AT)


IGNORED = {
    "a failure": (arm("Microsoft.Resources.ResourceWriteFailure"), "event type"),
    "a cancellation": (arm("Microsoft.Resources.ResourceDeleteCancel"), "event type"),
    "an action": (arm("Microsoft.Resources.ResourceActionSuccess"), "event type"),
    "a blob": (arm("Microsoft.Storage.BlobCreated"), "event type"),
    "no type": (arm(""), "event type missing"),
    "a token that expires": (own("Microsoft.ApiManagement.GatewayTokenNearExpiry"), "tells of no change"),
    "a token that expired": (own("Microsoft.APIManagement.gatewaytokenexpired"), "tells of no change"),
    "a circuit breaker": (own("Microsoft.ApiManagement.CircuitBreaker.Opened"), "tells of no change"),
    "another resource": (
        arm(uri=f"/subscriptions/{make.UUID}/resourceGroups/rg/providers/Microsoft.Web/sites/a"),
        "none of API Management",
    ),
    "a resource group": (arm(uri=f"/subscriptions/{make.UUID}/resourceGroups/rg"), "none of API Management"),
    "the end of the service": (arm(DELETE, uri=SERVICE), "itself was deleted"),
    "our backup": (
        arm(uri=SERVICE, operation="Microsoft.ApiManagement/service/backup/action"),
        "a backup or a restore",
    ),
    "our restore, in another case": (
        arm(uri=SERVICE, operation="MICROSOFT.APIMANAGEMENT/SERVICE/RESTORE/ACTION"),
        "a backup or a restore",
    ),
    "our restore, by its authorization": (
        arm()
        | {
            "data": {
                "resourceUri": SERVICE,
                "authorization": {"action": "Microsoft.ApiManagement/service/restore/action"},
            }
        },
        "a backup or a restore",
    ),
}


@pytest.mark.parametrize(("event", "reason"), IGNORED.values(), ids=IGNORED)
def test_what_is_no_change_is_ignored_and_says_why(event: Any, reason: str) -> None:
    """Failures, actions, states of gateways, foreign resources, and what we did ourselves."""
    found = read(event)

    assert isinstance(found, Ignored), found
    assert reason in found.reason


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "[{}, {}]", json.dumps(arm(uri=None)), json.dumps(own() | {"data": 3, "topic": 5})],
)
def test_what_is_no_event_is_an_error(text: str) -> None:
    """It belongs in the poison queue, where somebody sees it."""
    with pytest.raises(ProtocolError):
        read_change(text)


@pytest.mark.parametrize(
    "time", [None, "", "yesterday", 5, "2026-11-23T10:30:15", "9999-12-31T23:59:59-23:00"]
)
def test_a_time_that_cannot_be_read_is_none(time: Any) -> None:
    """Then the moment of receipt counts, which is later and therefore safe."""
    found = read(arm(eventTime=time))

    assert isinstance(found, Change)
    assert found.at is None


def test_what_comes_from_outside_is_cut() -> None:
    """Anybody who can write the queue chooses these texts, and they are logged."""
    long = read(own(id="x" * 5000))
    strange = read(arm("a\nb" * 500))

    assert isinstance(long, Change)
    assert len(long.event_id) == 100
    assert isinstance(strange, Ignored)
    assert len(strange.reason) < 200
    assert "\n" not in strange.reason


PATHS = {
    "itself": ("", ""),
    "an API": ("/apis/orders", "/apis/orders"),
    "a name that begins like it": ("-two/apis/a", None),
}


@pytest.mark.parametrize(("tail", "below"), PATHS.values(), ids=PATHS)
def test_a_resource_lies_under_a_service_only_after_a_slash(tail: str, below: str | None) -> None:
    """contoso is not meant by contoso-two."""
    found = split_resource_id(SERVICE + tail)

    assert found is not None
    assert found[0] == (SERVICE if below is not None else f"{SERVICE}-two")


def test_an_id_is_found_in_any_case() -> None:
    """Azure Resource Manager writes resourcegroups in its events."""
    assert split_resource_id(API.upper()) == (SERVICE.upper(), "/APIS/ORDERS")
    assert split_resource_id(f"{SERVICE}?x=1") is None


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.dictionaries(
            st.sampled_from(
                ["id", "eventType", "type", "data", "resourceUri", "subject", "authorization", "time"]
            ),
            inner,
        ),
    )
)
def test_any_json_is_read_or_refused(body: Any) -> None:
    """Nothing else comes of any message."""
    try:
        found = read(body)
    except ProtocolError:
        return
    assert isinstance(found, Change | Ignored)
