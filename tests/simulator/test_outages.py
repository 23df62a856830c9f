"""Lost regions: nothing in them answers, everything else does."""

from __future__ import annotations

import pytest
import requests

from tests.simulator.virtual import BACKUP, SERVICE, SERVICE_BODY, SUBSCRIPTION, Stage

STANDBY = SERVICE.replace("contoso", "contoso-neu")
ACCOUNT = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/drprimary"
)
LOCKS = "providers/Microsoft.Authorization/locks"


def _lose(stage: Stage, state: str = "unavailable", region: str = "westeurope") -> None:
    stage.simulator.control("POST", "regions", {"region": region, "state": state})


@pytest.fixture
def two(stage: Stage) -> Stage:
    """Return a stage with a standby in another region, and an account beside the first service."""
    stage.simulator.arm("PUT", STANDBY, {**SERVICE_BODY, "location": "northeurope"})
    stage.simulator.arm("PUT", ACCOUNT, {"location": "westeurope", "sku": {"name": "Standard_LRS"}})
    return stage


@pytest.mark.parametrize("path", [SERVICE, f"{SERVICE}/apis", ACCOUNT, f"{SERVICE}/{LOCKS}"])
def test_lost_region_answers_503(two: Stage, path: str) -> None:
    """Services, what is below them, what hangs on them and storage accounts: all unavailable."""
    _lose(two)
    answer = two.send("GET", path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "ServiceUnavailable")


def test_unreachable_region_cuts_the_connection(two: Stage) -> None:
    """There is no answer at all, and the journal has the call with no status."""
    _lose(two, "unreachable", "West Europe")
    with pytest.raises(requests.ConnectionError):
        two.send("GET", SERVICE)
    (call,) = two.simulator.control("GET", "calls", contains=SERVICE)["value"]

    assert (call["status"], call["dropped"]) == (None, True)


@pytest.mark.parametrize("path", [STANDBY, f"/subscriptions/{SUBSCRIPTION}", SERVICE.rpartition("/")[0]])
def test_everything_else_is_answered(two: Stage, path: str) -> None:
    """Other regions, the subscription and its lists do not care."""
    _lose(two)

    assert two.send("GET", path).status_code == 200


def test_region_comes_back_as_it_was(two: Stage) -> None:
    """With the state "up" all is as before; the state route says what is lost."""
    _lose(two)
    during = two.simulator.control("GET", "state")["lostRegions"]
    _lose(two, "up")

    assert during == {"westeurope": "unavailable"}
    assert two.simulator.control("GET", "state")["lostRegions"] == {}
    assert two.send("GET", SERVICE).status_code == 200


def test_operation_in_flight_is_not_answered(two: Stage) -> None:
    """A backup that was accepted before is asked about in vain, until the region is back."""
    location = two.begin()
    _lose(two)
    lost = two.send("GET", location)
    _lose(two, "up")

    assert lost.status_code == 503
    assert two.send("GET", location).status_code == 202


def test_backup_into_a_lost_account_is_refused(two: Stage) -> None:
    """A service of another region cannot write there either."""
    _lose(two)
    answer = two.send("POST", f"{STANDBY}/backup", BACKUP)

    assert answer.status_code == 400
    assert "cannot be reached" in answer.json()["error"]["message"]


def test_restore_fails_when_the_account_is_lost_meanwhile(two: Stage) -> None:
    """The blob is read at the end; then it is gone, and the standby keeps what it has."""
    two.begin()
    two.pass_time(700)
    two.simulator.settle()
    location = two.send("POST", f"{STANDBY}/restore", BACKUP).headers["Location"]
    _lose(two)
    two.pass_time(1200)
    answer = two.send("GET", location)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "RestoreFailed")


@pytest.mark.parametrize(
    "body",
    [{"region": "atlantis", "state": "up"}, {"region": "westeurope", "state": "gone"}, {"state": "up"}],
)
def test_outage_that_cannot_be_is_refused(stage: Stage, body: dict[str, str]) -> None:
    """Regions that do not exist and states that are none are told, and nothing is lost."""
    with pytest.raises(ValueError, match="ImpossibleScenario"):
        stage.simulator.control("POST", "regions", body)

    assert stage.simulator.control("GET", "state")["lostRegions"] == {}
