"""`deploy foundation` through a stand-in for `az`: what it does, what it says, and how it fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.conftest import SUBSCRIPTION, Clone

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
        "APIM_DR_NEW_PLAN",
        "APIM_DR_SUBNET_ID",
    ]
    assert clone.state["stored"]["APIM_DR_NEW_PLAN"] == ""  # azd has compiled the plan that is there


def test_what_will_be_done_is_told_before_it_is_done(clone: Clone) -> None:
    """Group, account, containers and rights stand above the line that says that az is at work."""
    clone.example("smallest")

    before, _, after = clone.run("foundation").stdout.partition("az is deploying it")

    for said in (
        "rg-apim-dr-contoso-weu-keep",
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
