"""Two environments of one plan, in either order: each gives both sides what they need of its storage."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.conftest import SUBSCRIPTION, Clone

WEU = {"AZURE_ENV_NAME": "contoso-weu", "AZURE_LOCATION": "westeurope"}
NEU = {"AZURE_ENV_NAME": "contoso-neu", "AZURE_LOCATION": "northeurope"}
WANTED = {
    "principal-of-contoso-weu contributor contosodrweu/apim-dr",
    "principal-of-contoso-weu contributor contosodrweu/apim-backups",
    "principal-of-contoso-weu reader contosodrneu/apim-dr",
    "principal-of-contoso-weu reader contosodrneu/apim-copies",
    "principal-of-contoso-neu contributor contosodrneu/apim-dr",
    "principal-of-contoso-neu contributor contosodrneu/apim-copies",
    "principal-of-contoso-neu reader contosodrweu/apim-dr",
    "principal-of-contoso-neu reader contosodrweu/apim-backups",
    "service-weu contributor contosodrweu/apim-backups",
    "service-neu contributor contosodrneu/apim-copies",
}


def granted(parameters: dict[str, Any], environment: str) -> set[str]:
    """Return the roles on containers in words."""
    return {
        f"{one['principalId'] or f'principal-of-{environment}'} {one['role']} "
        f"{one['account']}/{one['container']}"
        for one in parameters["containerAccess"]
    }


def flat(text: str) -> str:
    """Return a text without its line breaks."""
    return " ".join(text.split())


@pytest.fixture
def two(clone: Clone) -> Clone:
    """A clone with the plan of two regions, and services whose identities are told from the apps'."""
    clone.example("two-regions")
    for one, name in zip(clone.state["services"], ("weu", "neu"), strict=True):
        one["identity"]["principalId"] = f"service-{name}"
    return clone


@pytest.mark.parametrize("order", [(WEU, NEU), (NEU, WEU)], ids=["primary first", "standby first"])
def test_two_runs_give_everything_whatever_the_order(two: Clone, order: tuple[dict[str, str], ...]) -> None:
    """For no right an environment has to be deployed twice."""
    given: set[str] = set()
    said = []
    for environment in order:
        done = two.run("foundation", **environment)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
        name = environment["AZURE_ENV_NAME"]
        given |= granted(two.parameters(name), name)

    assert given == WANTED
    assert "has no app yet" in said[0]
    is_primary_last = order[1] is WEU
    assert ("nothing is left to do by hand" in said[1]) is not is_primary_last
    assert ("deploy the environment of northeurope again" in flat(said[1])) is is_primary_last


def test_the_first_run_says_which_environment_is_still_to_be_made(two: Clone) -> None:
    """With the commands of azd."""
    done = two.run("foundation", **NEU)

    assert "westeurope has no app yet" in flat(done.stdout)
    assert "azd env new <name>, azd env set AZURE_LOCATION westeurope, azd up" in flat(done.stdout)


def test_each_environment_makes_the_containers_of_its_own_account_only(two: Clone) -> None:
    """Backups here, copies there."""
    two.run("foundation", **WEU)
    two.run("foundation", **NEU)

    assert two.parameters("contoso-weu")["backupContainers"] == ["apim-backups"]
    assert two.parameters("contoso-neu")["backupContainers"] == ["apim-copies"]


def test_the_app_of_another_plan_in_the_same_region_gets_nothing(two: Clone) -> None:
    """An identity counts only if it lies beside the records that the plan names, or says so in a tag."""
    two.run("foundation", **WEU)
    stranger = two.state["identities"][0]
    stranger["id"] = stranger["id"].replace("rg-apim-dr-contoso-weu-keep", "rg-apim-dr-test-weu-keep")

    without = two.run("foundation", **NEU)
    before = granted(two.parameters("contoso-neu"), "contoso-neu")
    stranger = two.state["identities"][0]
    stranger["tags"]["apim-dr-records"] = "contosodrweu"
    two.run("foundation", **NEU)
    after = granted(two.parameters("contoso-neu"), "contoso-neu")

    assert "was not found beside its records" in without.stdout
    assert after - before == {one for one in WANTED if "contoso-weu reader" in one}


def test_a_standby_of_a_lost_region_stops_nothing(two: Clone) -> None:
    """Where the other region's service cannot be seen, this region's app is deployed all the same."""
    two.state["services"] = two.state["services"][:1]

    done = two.run("foundation", **WEU)

    assert done.returncode == 0, done.stderr
    assert "contoso-neu, a standby, was not found" in done.stdout
    assert [one["name"] for one in two.parameters()["serviceAccess"]] == ["contoso-weu"]


def test_the_standbys_app_hears_of_the_primarys_records(two: Clone) -> None:
    """Through the topic on their account, as soon as there is one; the primary's app hears of nobody's."""
    two.run("foundation", **NEU)
    before = two.parameters("contoso-neu")["recordSources"]
    two.run("foundation", **WEU)
    two.run("foundation", **NEU)

    assert before == []
    assert two.parameters("contoso-weu")["recordSources"] == []
    assert two.parameters("contoso-neu")["recordSources"] == [
        {
            "subscriptionId": SUBSCRIPTION,
            "resourceGroup": "rg-apim-dr-contoso-weu-keep",
            "topicName": "evgt-contoso-weu-records",
            "container": "apim-dr",
        }
    ]


def test_records_without_a_topic_are_named_with_the_command(two: Clone) -> None:
    """An account of one's own has none by itself."""
    two.run("foundation", **WEU)
    two.state["topics"] = []

    done = two.run("foundation", **NEU)

    assert done.returncode == 0
    assert "az eventgrid system-topic create --name evgt-contosodrweu" in flat(done.stdout)


def test_a_standby_in_the_same_region_hears_of_this_regions_own_records(two: Clone) -> None:
    """Through the topic that this very deployment makes."""
    document = two.example("two-regions")
    standby = document["services"][0]["standby"]
    standby |= {"region": "westeurope"}
    del standby["storage"]
    two.plan(document)
    two.state["services"][1]["location"] = "westeurope"

    two.run("foundation", **WEU)

    (source,) = two.parameters()["recordSources"]
    assert (source["resourceGroup"], source["topicName"]) == (
        "rg-apim-dr-contoso-weu-keep",
        "evgt-contoso-weu-records",
    )
