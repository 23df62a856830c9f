"""Services that were deleted softly: listed, read, purged, and in the way of their name."""

from __future__ import annotations

import pytest

from tests.simulator.virtual import SERVICE, SERVICE_BODY, SUBSCRIPTION, Stage

PROVIDER = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ApiManagement"
DELETED = f"{PROVIDER}/locations/westeurope/deletedservices/contoso"


@pytest.fixture
def gone(stage: Stage) -> Stage:
    """Return a stage whose service was deleted."""
    assert stage.send("DELETE", SERVICE).status_code == 200
    return stage


def test_deleted_service_is_listed_and_shown(gone: Stage) -> None:
    """List and resource agree: whose it was, and when it will be purged."""
    listed = gone.send("GET", f"{PROVIDER}/deletedservices").json()["value"]
    shown = gone.send("GET", DELETED).json()

    assert listed == [shown]
    assert shown["id"] == DELETED
    assert shown["properties"] == {
        "serviceId": SERVICE,
        "scheduledPurgeDate": "2026-11-25T02:00:00.0000000Z",
        "deletionDate": "2026-11-23T02:00:00.0000000Z",
    }


def test_service_that_lives_is_no_deleted_one(stage: Stage) -> None:
    """Nothing is listed, and the resource is not found."""
    assert stage.send("GET", f"{PROVIDER}/deletedservices").json()["value"] == []
    assert stage.send("GET", DELETED).status_code == 404


def test_deleted_service_keeps_its_name_until_it_is_purged(gone: Stage) -> None:
    """A service of that name is a conflict; after the purge it can be made."""
    refused = gone.send("PUT", SERVICE, SERVICE_BODY)
    purged = [gone.send("DELETE", DELETED).status_code for _ in range(2)]

    assert (refused.status_code, refused.json()["error"]["code"]) == (
        409,
        "ServiceAlreadyExistsInSoftDeletedState",
    )
    assert purged == [200, 204]
    assert gone.send("PUT", SERVICE, SERVICE_BODY).status_code == 201


def test_deleted_service_is_purged_after_two_days(gone: Stage) -> None:
    """After 48 hours it is listed no more."""
    gone.pass_time(48 * 3600)

    assert gone.send("GET", f"{PROVIDER}/deletedservices").json()["value"] == []
