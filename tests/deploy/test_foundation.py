"""`deploy foundation` through a stand-in for `az`: what it does, what it says, and how it fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.conftest import SUBSCRIPTION, Clone, service

FORBIDDEN = (
    "ERROR: (AuthorizationFailed) The client 'jo' does not have authorization to perform action "
    "'Microsoft.Authorization/roleAssignments/write' over scope '/subscriptions/x'."
)


def test_the_first_run_deploys_once_and_hands_the_outputs_to_azd(clone: Clone) -> None:
    """One deployment in the subscription, and the six values that the main template takes."""
    clone.example("smallest")

    done = clone.run("foundation")

    assert done.returncode == 0, done.stderr
    (create,) = clone.made()
    assert create[:3] == ["deployment", "sub", "create"]
    assert create[create.index("--name") + 1] == "apim-dr-foundation-contoso-weu"
    assert create[create.index("--subscription") + 1] == SUBSCRIPTION
    assert Path(create[create.index("--template-file") + 1]) == clone.folder / "infra" / "foundation.bicep"
    assert clone.state["stored"]["APIM_DR_IDENTITY_PRINCIPAL_ID"] == "principal-of-contoso-weu"
    assert sorted(clone.state["stored"]) == [
        "APIM_DR_DEPLOYMENT_CONTAINER_URL",
        "APIM_DR_HOST_STORAGE",
        "APIM_DR_IDENTITY_CLIENT_ID",
        "APIM_DR_IDENTITY_ID",
        "APIM_DR_IDENTITY_PRINCIPAL_ID",
        "APIM_DR_SUBNET_ID",
    ]


def test_what_will_be_done_is_told_before_it_is_done(clone: Clone) -> None:
    """Group, account, containers and rights stand above the line that says that az is at work."""
    clone.example("smallest")

    before, _, after = clone.run("foundation").stdout.partition("az is deploying it")

    for said in (
        "rg-contoso-weu-keep",
        "contosodrweu (new;",
        "apim-backups",
        "back up, restore",
        "jo@contoso",
    ):
        assert said in before
    assert "nothing is left to do by hand" in after


def test_a_second_run_deploys_the_same(clone: Clone) -> None:
    """The account is still this template's own, and every parameter is as it was."""
    clone.example("smallest")
    clone.run("foundation")
    first = clone.parameters()

    done = clone.run("foundation")

    assert done.returncode == 0
    assert clone.parameters() == first
    assert first["createRecordsAccount"] is True


def test_without_az_one_sentence_says_so(clone: Clone) -> None:
    """It names what to install."""
    clone.example("smallest")
    (clone.bin / "az").unlink()

    done = clone.run("foundation")

    assert done.returncode == 1
    assert done.stderr.startswith("apim-dr: there is no 'az' on this machine: install the Azure CLI")
    assert "Traceback" not in done.stderr


def test_without_a_sign_in_one_sentence_says_so(clone: Clone) -> None:
    """And that the sign-in of azd is another one."""
    clone.example("smallest")
    clone.state["faults"] = [
        {"command": "az account show", "stderr": "ERROR: Please run 'az login' to setup account.", "exit": 1}
    ]

    done = clone.run("foundation")

    assert done.returncode == 1
    assert "az login" in done.stderr
    assert clone.made() == []


def test_a_deployment_that_fails_in_the_middle_says_what_stays_and_how_to_look(clone: Clone) -> None:
    """With the end of what az said; nothing is handed to azd."""
    clone.example("smallest")
    clone.state["faults"] = [
        {
            "command": "az deployment sub create",
            "stderr": "ERROR: (StorageAccountAlreadyTaken) The storage account named x is already taken.",
            "exit": 1,
        }
    ]

    done = clone.run("foundation")

    assert done.returncode == 1
    assert "StorageAccountAlreadyTaken" in done.stderr
    assert "What Azure made before stays, and another azd provision goes on" in done.stderr
    assert "az deployment operation sub list --name apim-dr-foundation-contoso-weu" in done.stderr
    assert clone.state["stored"] == {}


def test_ctrl_c_says_that_azure_may_go_on_and_how_to_look(clone: Clone) -> None:
    """The hook and az are interrupted together, as a terminal does it."""
    clone.example("smallest")
    clone.state["faults"] = [{"command": "az deployment sub create", "hangs": True}]
    (clone.bin / "state.json").write_text(json.dumps(clone.state))
    hook = subprocess.Popen(
        [sys.executable, "-m", "deploy", "foundation"],
        cwd=clone.folder,
        env={**clone.inherited(), **clone.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert hook.stdout is not None
    assert any("az is deploying it" in line for line in hook.stdout)
    os.killpg(hook.pid, signal.SIGINT)
    _, said = hook.communicate(timeout=60)

    assert hook.returncode == 130
    assert "Azure may still be deploying" in said
    assert "az deployment operation sub list --name apim-dr-foundation-contoso-weu" in said


def test_missing_rights_end_in_a_command_for_an_administrator(clone: Clone) -> None:
    """Which roles are needed where, and the one command that does it with the file that was written."""
    clone.example("smallest")
    clone.state["faults"] = [{"command": "az deployment sub create", "stderr": FORBIDDEN, "exit": 1}]

    done = clone.run("foundation")

    assert done.returncode == 1
    assert f"  /subscriptions/{SUBSCRIPTION}\n" in done.stderr
    assert "Owner, or Contributor and User Access Administrator" in done.stderr
    assert "--template-file infra/foundation.bicep" in done.stderr
    assert "--parameters @build/deploy/contoso-weu/foundation.parameters.json" in done.stderr


def test_a_foundation_of_an_administrator_is_taken_as_it_is(clone: Clone) -> None:
    """Nothing is deployed; its outputs go to azd."""
    clone.example("smallest")
    clone.run("foundation")
    clone.state["stored"] = {}
    made = len(clone.made())

    done = clone.run("foundation", APIM_DR_FOUNDATION="given")

    assert done.returncode == 0
    assert len(clone.made()) == made
    assert clone.state["stored"]["APIM_DR_HOST_STORAGE"] == "sthost"


def test_a_foundation_that_nobody_deployed_cannot_be_taken(clone: Clone) -> None:
    """It says so, and how to have it made from here."""
    clone.example("smallest")

    done = clone.run("foundation", APIM_DR_FOUNDATION="given")

    assert done.returncode == 1
    assert "there is no deployment apim-dr-foundation-contoso-weu" in done.stderr


def test_an_account_elsewhere_is_used_and_not_made(clone: Clone) -> None:
    """Its containers have to be there, and its settings stay as they are."""
    clone.example("smallest")
    clone.state["accounts"] = [
        {
            "id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-storage/providers/Microsoft.Storage"
            "/storageAccounts/contosodrweu",
            "name": "contosodrweu",
        }
    ]

    missing = clone.run("foundation")
    clone.state["containers"] = ["contosodrweu/apim-dr", "contosodrweu/apim-backups"]
    done = clone.run("foundation")

    assert missing.returncode == 1
    assert missing.stderr.count("az storage container-rm create --storage-account contosodrweu") == 2
    assert done.returncode == 0, done.stderr
    parameters = clone.parameters()
    assert (parameters["createRecordsAccount"], parameters["backupContainers"]) == (False, [])
    assert {one["resourceGroup"] for one in parameters["containerAccess"]} == {"rg-storage"}
    assert "its settings stay as they are" in done.stdout


def test_a_name_that_somebody_else_has_is_refused_before_anything_is_made(clone: Clone) -> None:
    """Names of accounts are worldwide."""
    clone.example("smallest")
    clone.state["taken"] = ["contosodrweu"]

    done = clone.run("foundation")

    assert done.returncode == 1
    assert "its name is taken" in done.stderr
    assert clone.made() == []


def test_a_service_without_identity_is_left_to_do_with_its_command(clone: Clone) -> None:
    """Everything else is deployed."""
    clone.example("smallest")
    clone.state["services"][0]["identity"] = None

    done = clone.run("foundation")

    assert done.returncode == 0
    assert "Left to do (1):" in done.stdout
    assert "contoso-weu has no system-assigned identity" in done.stdout
    assert '"SystemAssigned"' in done.stdout
    assert {one["principalId"] for one in clone.parameters()["containerAccess"]} == {""}


def test_a_service_that_cannot_be_backed_up_stops_everything_with_every_fault(clone: Clone) -> None:
    """Tier and region are named together."""
    clone.example("smallest")
    clone.state["services"] = [service("contoso-weu", "North Europe", group="rg-contoso-weu", tier="BasicV2")]

    done = clone.run("foundation")

    assert done.returncode == 1
    assert "tier BasicV2 has no backup and restore" in done.stderr
    assert "contoso-weu is in northeurope, and not in westeurope" in done.stderr
    assert clone.made() == []


def test_a_service_that_is_not_there_stops_everything(clone: Clone) -> None:
    """With its id."""
    document = clone.example("smallest")
    clone.state["services"] = []

    done = clone.run("foundation")

    assert done.returncode == 1
    assert document["services"][0]["resourceId"] in done.stderr
    assert clone.made() == []


def test_a_plan_for_another_cloud_is_refused(clone: Clone) -> None:
    """Whoever is signed in to US Government cannot deploy a public plan."""
    clone.example("smallest")
    clone.state["cloud"] = "AzureUSGovernment"

    done = clone.run("foundation")

    assert done.returncode == 1
    assert "the plan is for the cloud 'public', and az is signed in to 'usgovernment'" in done.stderr


def test_the_existing_topic_of_a_group_is_used(clone: Clone) -> None:
    """Event Grid allows one for each source; the one that this environment made counts as none."""
    document = clone.example("smallest")
    document["services"][0]["afterChanges"] = {}
    clone.plan(document)
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-contoso-weu"
    topic = {"id": f"{group}/x/y/z", "name": "theirs", "source": group, "resourceGroup": "rg-contoso-weu"}

    clone.state["topics"] = [topic]
    without_identity = clone.run("foundation")
    clone.state["topics"] = [{**topic, "identity": {"principalId": "p"}}]
    clone.run("foundation")
    (theirs,) = clone.parameters()["changeSources"]
    clone.state["topics"] = [{**topic, "name": "evgt-contoso-weu-changes"}]
    clone.run("foundation")
    (ours,) = clone.parameters()["changeSources"]

    assert "--identity systemassigned" in without_identity.stderr
    assert (theirs["topicName"], ours["topicName"]) == ("theirs", "")


def test_a_policy_that_would_stop_pruning_is_refused(clone: Clone) -> None:
    """Days of immutability beyond what retention keeps."""
    document = clone.example("smallest")
    document["services"][0]["retention"] = {"keepWithinDays": 14}
    clone.plan(document)

    done = clone.run("foundation", APIM_DR_IMMUTABILITY_DAYS="30")

    assert done.returncode == 1
    assert "APIM_DR_IMMUTABILITY_DAYS is 30" in done.stderr
    assert "contoso (14)" in done.stderr


def test_discovered_services_get_their_container(clone: Clone) -> None:
    """Those that have the tags today; the subscription is granted for those of tomorrow."""
    document = clone.example("discover")
    document["discover"]["subscriptions"] = [SUBSCRIPTION]
    clone.plan(document)
    clone.state["services"][0]["tags"] = {"apim-dr": "nightly"}

    done = clone.run("foundation")

    assert done.returncode == 0, done.stderr
    parameters = clone.parameters()
    assert parameters["serviceAccess"] == []
    assert [one["subscriptionId"] for one in parameters["discoverySubscriptions"]] == [SUBSCRIPTION]
    backups = [one["principalId"] for one in parameters["containerAccess"] if one["container"] != "apim-dr"]
    assert backups == ["", "principal-of-contoso-weu"]
    assert parameters["changeSources"][0]["resourceGroup"] == "rg-contoso-weu"


@pytest.mark.parametrize("variable", ["AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_SUBSCRIPTION_ID"])
def test_what_azd_did_not_say_is_asked_for_with_its_command(clone: Clone, variable: str) -> None:
    """`azd provision` alone on a new environment asks for nothing before the hook."""
    clone.example("smallest")

    done = clone.run("foundation", **{variable: ""})

    assert done.returncode == 1
    assert f"{variable} is missing: azd env set {variable}" in done.stderr
    assert clone.calls() == []


def test_nothing_that_az_is_given_is_a_secret_and_every_call_names_its_subscription(clone: Clone) -> None:
    """No token, no key; --subscription in each call."""
    clone.example("two-regions")
    clone.run("foundation")

    assert all("--subscription" in call for call in clone.calls())
    assert not any(word in json.dumps(clone.calls()) for word in ("get-access-token", "keys", "password"))
