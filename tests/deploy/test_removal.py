"""`azd down`: what stays is said, and goes only when it is told by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.conftest import SUBSCRIPTION, Clone

WORD = "APIM_DR_DELETE_KEPT"


@pytest.fixture
def deployed(clone: Clone) -> Clone:
    """A clone whose foundation is deployed, without the calls of that."""
    clone.example("smallest")
    clone.run("foundation")
    (clone.bin / "calls.jsonl").unlink()
    return clone


def test_before_azd_down_it_is_said_what_goes_and_what_stays(deployed: Clone) -> None:
    """Both groups, the storage account by its name, and how to be told otherwise; nothing is changed."""
    done = deployed.run("stays")

    assert done.returncode == 0
    for said in (
        "azd down deletes the resource group rg-apim-dr-contoso-weu:",
        "does not touch rg-apim-dr-contoso-weu-keep",
        "contosodrweu (storageAccounts)",
        f"azd env set {WORD} contoso-weu",
    ):
        assert said in done.stdout
    assert deployed.made() == []


def test_before_azd_down_the_word_is_repeated_as_a_warning(deployed: Clone) -> None:
    """Whoever set it months ago is told, while it can be taken back."""
    done = deployed.run("stays", **{WORD: "contoso-weu"})

    assert "is deleted AS WELL" in done.stdout
    assert f"azd env set {WORD} ''" in done.stdout


def test_what_stays_is_said_although_az_cannot_be_asked(deployed: Clone) -> None:
    """The hook must not stop a removal because somebody is not signed in to az."""
    (deployed.bin / "az").unlink()

    done = deployed.run("stays")

    assert done.returncode == 0
    assert "could not be listed: there is no 'az'" in done.stdout


@pytest.mark.parametrize("word", ["", "yes", "Contoso-weu", "contoso-neu"])
def test_without_the_exact_name_nothing_is_deleted(deployed: Clone, word: str) -> None:
    """No az command at all."""
    done = deployed.run("remove-kept", **{WORD: word})

    assert done.returncode == 0
    assert "rg-apim-dr-contoso-weu-keep stays" in done.stdout
    assert deployed.calls() == []


def test_with_the_exact_name_the_group_is_deleted_and_the_word_taken_back(deployed: Clone) -> None:
    """So that the next azd down does not delete the next life's backups."""
    done = deployed.run("remove-kept", **{WORD: "contoso-weu"})

    assert done.returncode == 0, done.stderr
    deletions = [call[:2] for call in deployed.made()]
    assert deletions == [["group", "delete"], ["deployment", "sub"]]
    assert deployed.state["accounts"] == []
    assert deployed.state["stored"][WORD] == ""


def test_a_second_removal_finds_nothing_to_do(deployed: Clone) -> None:
    """It says so, and succeeds."""
    deployed.run("remove-kept", **{WORD: "contoso-weu"})

    done = deployed.run("remove-kept", **{WORD: "contoso-weu"})

    assert done.returncode == 0
    assert "is not there (any more)" in done.stdout


@pytest.mark.parametrize(
    ("container", "why"),
    [
        ({"hasImmutabilityPolicy": True}, "a locked immutability policy of 20 days: nobody can take it back"),
        ({"hasLegalHold": True}, "a legal hold"),
        ({"immutableStorageWithVersioning": {"enabled": True}}, "immutable versions"),
    ],
)
def test_what_a_policy_protects_is_not_tried(deployed: Clone, container: dict[str, object], why: str) -> None:
    """It is named, and nothing is deleted."""
    deployed.state["policies"] = [{"name": "apim-backups", **container}]
    locked = {"state": "Locked", "immutabilityPeriodSinceCreationInDays": 20, "etag": "1"}
    deployed.state["immutability"] = {"apim-backups": locked}

    done = deployed.run("remove-kept", **{WORD: "contoso-weu"})

    assert done.returncode == 1
    assert f"the container apim-backups of contosodrweu has {why}" in done.stderr
    assert deployed.made() == []


def test_a_policy_that_is_not_locked_comes_with_the_command_that_takes_it_back(deployed: Clone) -> None:
    """Nothing is deleted before; afterwards everything is."""
    deployed.state["policies"] = [{"name": "apim-backups", "hasImmutabilityPolicy": True}]
    policy = {"state": "Unlocked", "immutabilityPeriodSinceCreationInDays": 20, "etag": '"8d59f8"'}
    deployed.state["immutability"] = {"apim-backups": policy}

    first = deployed.run("remove-kept", **{WORD: "contoso-weu"})
    made = deployed.made()
    deployed.state["policies"] = []
    second = deployed.run("remove-kept", **{WORD: "contoso-weu"})

    command = (
        "az storage container immutability-policy delete --account-name contosodrweu "
        "--container-name apim-backups --resource-group rg-apim-dr-contoso-weu-keep "
        f"--if-match '\"8d59f8\"' --subscription {SUBSCRIPTION}"
    )
    assert (first.returncode, made) == (1, [])
    assert command in first.stderr
    assert second.returncode == 0, second.stderr
    assert deployed.state["accounts"] == []


def test_rights_that_others_got_in_accounts_elsewhere_are_listed_with_their_commands(clone: Clone) -> None:
    """Of the service, and of the app of the other region: none of it hangs on the app's identity."""
    clone.example("two-regions")
    clone.state["services"][0]["identity"]["principalId"] = "service-weu"
    records = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-storage/providers/Microsoft.Storage"
    clone.state["accounts"] = [{"id": f"{records}/storageAccounts/contosodrweu", "name": "contosodrweu"}]
    clone.state["containers"] = ["contosodrweu/apim-dr", "contosodrweu/apim-backups"]
    clone.run("foundation", AZURE_ENV_NAME="contoso-neu", AZURE_LOCATION="northeurope")
    assert clone.run("foundation").returncode == 0

    done = clone.run("remove-kept", **{WORD: "contoso-weu"})

    remains = done.stdout.partition("These remain elsewhere")[2]
    scope = f"{records}/storageAccounts/contosodrweu/blobServices/default/containers"
    assert (
        "az role assignment delete --assignee service-weu --role 'Storage Blob Data Contributor' "
        f"--scope {scope}/apim-backups  # contoso-weu"
    ) in remains
    assert (
        "az role assignment delete --assignee principal-of-contoso-neu --role 'Storage Blob Data Reader' "
        f"--scope {scope}/apim-dr  # the app of northeurope"
    ) in remains


def test_a_plan_that_cannot_be_followed_stops_no_removal(deployed: Clone) -> None:
    """It is only advice."""
    deployed.plan("{")

    done = deployed.run("remove-kept", **{WORD: "contoso-weu"})

    assert done.returncode == 0, done.stderr
    assert "the plan could not be followed" in done.stdout
    assert deployed.state["accounts"] == []


def test_what_remains_elsewhere_is_listed_with_its_command(deployed: Clone) -> None:
    """Assignments outside of the group, custom roles, and the ears in other groups."""
    scope = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
    kept = f"{scope}/rg-apim-dr-contoso-weu-keep/providers/Microsoft.Storage/storageAccounts/contosodrweu"
    service = f"{scope}/rg-contoso-weu/providers/Microsoft.ApiManagement/service/contoso-weu"
    deployed.state["assignments"] = [
        {"scope": kept, "id": f"{kept}/providers/Microsoft.Authorization/roleAssignments/1"},
        {"scope": service, "id": f"{service}/providers/Microsoft.Authorization/roleAssignments/2"},
    ]
    deployed.state["roles"] = [{"roleName": "apim-dr backup operator (00000000)"}, {"roleName": "Other"}]
    group = f"{scope}/rg-contoso-weu"
    topic = {"id": f"{group}/t", "source": group, "resourceGroup": "rg-contoso-weu"}
    deployed.state["topics"] = [
        {**topic, "name": "evgt-contoso-weu-changes"},
        {**topic, "name": "theirs"},
    ]
    deployed.state["listeners"] = ["apim-dr-contoso-weu", "somebody"]

    done = deployed.run("remove-kept", **{WORD: "contoso-weu", "APIM_DR_IDENTITY_PRINCIPAL_ID": "p"})

    remains = done.stdout.partition("These remain elsewhere")[2]
    assert "roleAssignments/2" in remains and "roleAssignments/1" not in remains
    assert "az role definition delete --name 'apim-dr backup operator (00000000)'" in remains
    assert "system-topic delete --name evgt-contoso-weu-changes" in remains
    assert "event-subscription delete --name apim-dr-contoso-weu --system-topic-name theirs" in remains
    assert "somebody" not in remains and "Other" not in remains


def test_the_names_of_what_remains_are_those_of_the_template(deployed: Clone) -> None:
    """Roles, topics and their subscriptions are found by how infra/foundation calls them."""
    infra = Path(deployed.folder / "infra")

    assert "roleName: 'apim-dr ${" in (infra / "foundation" / "roles.bicep").read_text()
    foundation = (infra / "foundation.bicep").read_text()
    assert "name: 'evgt-${environmentName}-changes'" in foundation
    assert "name: 'apim-dr-${environmentName}'" in foundation
    assert "'rg-apim-dr-${environmentName}-keep'" in foundation
