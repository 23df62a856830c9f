"""The plan as a file: asked for, written once, checked before anything is made."""

from __future__ import annotations

import base64
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from deploy.plan_file import account_name
from shared.core.plan import parse_plan
from tests.deploy.conftest import EXAMPLES, Clone

NAMED = "rg-contoso-weu/contoso-weu"


def answered(clone: Clone, lines: str) -> tuple[int, str]:
    """Run the hook on a terminal where somebody answers; return exit code and what the terminal shows."""
    (clone.bin / "state.json").write_text(json.dumps(clone.state))
    leader, follower = pty.openpty()
    environment = {**clone.inherited(), **clone.environment}
    hook = subprocess.Popen(
        [sys.executable, "-m", "deploy", "foundation"],
        cwd=clone.folder,
        env=environment,
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.close(follower)
    os.write(leader, lines.encode())
    shown, _ = hook.communicate(timeout=60)
    os.close(leader)
    return hook.returncode, shown


def test_an_empty_plan_is_asked_for_on_a_terminal(clone: Clone) -> None:
    """Two names are enough for a plan that is usable, and for the whole foundation."""
    code, shown = answered(clone, "rg-contoso-weu\ncontoso-weu\n")

    assert code == 0, shown
    assert "Resource group of the API Management service:" in shown
    assert "now holds the smallest plan: contoso-weu" in shown
    plan = parse_plan((clone.folder / "infra" / "plan.json").read_text())
    assert [one.ref.name for one in plan.services] == ["contoso-weu"]


def test_a_plan_that_was_just_written_is_handed_to_azd_and_only_then(clone: Clone) -> None:
    """azd had compiled the templates with the empty one; the next run compiles what is there."""
    clone.environment["APIM_DR_SERVICE"] = NAMED
    assert clone.run("foundation").returncode == 0
    handed = json.loads(base64.b64decode(clone.state["stored"]["APIM_DR_NEW_PLAN"]))
    assert handed == json.loads((clone.folder / "infra" / "plan.json").read_text())

    assert clone.run("foundation").returncode == 0
    assert clone.state["stored"]["APIM_DR_NEW_PLAN"] == ""


def test_nothing_is_written_for_an_empty_answer(clone: Clone) -> None:
    """Both names are needed."""
    code, shown = answered(clone, "\n\n")

    assert code == 1
    assert "both are needed" in shown
    assert json.loads((clone.folder / "infra" / "plan.json").read_text()) == {}


def test_without_a_terminal_an_empty_plan_says_what_to_do(clone: Clone) -> None:
    """The variable that names the service, or the page about plans."""
    done = clone.run("foundation")

    assert done.returncode == 1
    assert "azd env set APIM_DR_SERVICE <resource group>/<name" in done.stderr
    assert clone.made() == []


def test_without_a_terminal_the_variable_names_the_service(clone: Clone) -> None:
    """The same plan as on a terminal."""
    done = clone.run("foundation", APIM_DR_SERVICE=NAMED)

    assert done.returncode == 0, done.stderr
    document = json.loads((clone.folder / "infra" / "plan.json").read_text())
    assert document["services"][0]["storage"]["container"] == "apim-backups"
    assert document["regions"]["westeurope"]["container"] == "apim-dr"


def test_a_plan_that_is_there_is_never_written_over(clone: Clone) -> None:
    """Not even where a service is named."""
    clone.example("two-regions")
    before = (clone.folder / "infra" / "plan.json").read_text()

    clone.run("foundation", APIM_DR_SERVICE=NAMED)

    assert (clone.folder / "infra" / "plan.json").read_text() == before


def test_a_service_that_cannot_be_protected_leaves_the_plan_empty(clone: Clone) -> None:
    """Tier, region and identity are named at once, with the command that gives an identity."""
    clone.state["services"][0] |= {"sku": {"name": "Consumption"}, "location": "UK South", "identity": None}

    done = clone.run("foundation", APIM_DR_SERVICE=NAMED)

    assert done.returncode == 1
    for said in ("tier Consumption has no backup", "is in uksouth", "az rest --method patch", "still empty"):
        assert said in done.stderr
    assert json.loads((clone.folder / "infra" / "plan.json").read_text()) == {}


def test_an_identity_that_is_there_is_kept_by_the_command(clone: Clone) -> None:
    """Where a service has a user-assigned one, the command names both kinds."""
    clone.state["services"][0]["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {}}

    assert "SystemAssigned, UserAssigned" in clone.run("foundation", APIM_DR_SERVICE=NAMED).stderr


def test_a_service_that_is_not_there_is_named_with_its_group(clone: Clone) -> None:
    """And how to list those that are."""
    done = clone.run("foundation", APIM_DR_SERVICE="rg-contoso-weu/contoso-wue")

    assert done.returncode == 1
    assert "no API Management service contoso-wue in the resource group rg-contoso-weu" in done.stderr


def test_every_fault_of_a_broken_plan_is_named_and_nothing_is_asked(clone: Clone) -> None:
    """The same list as the app's own, with the region of this environment."""
    clone.plan((EXAMPLES / "invalid" / "many-faults.json").read_text())

    done = clone.run("foundation")

    assert done.returncode == 1
    assert "$.apiVersion: is older than 2021-08-01" in done.stderr
    assert "$.services[0].stand_by: is not known here" in done.stderr
    assert "this environment's AZURE_LOCATION" in done.stderr
    assert clone.calls() == []


def test_a_field_that_is_written_twice_is_found_although_the_region_is_replaced(clone: Clone) -> None:
    """A reader of JSON keeps one and loses the other."""
    clone.plan((EXAMPLES / "invalid" / "written-twice.json").read_text())

    assert "$.services: is written twice" in clone.run("foundation").stderr


def test_a_plan_without_this_region_is_refused(clone: Clone) -> None:
    """Whatever region stands in the file."""
    clone.example("smallest")

    done = clone.run("foundation", AZURE_LOCATION="northeurope")

    assert done.returncode == 1
    assert "$.region: northeurope has no entry in $.regions" in done.stderr


def test_the_name_of_an_account_is_a_name_and_always_the_same() -> None:
    """3 to 24 lower-case letters and digits, others for another service or another environment."""
    service = (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/Contoso-Payments-WEU"
    )
    name = account_name(service, "weu")

    assert name == account_name(service.upper(), "weu")
    assert name.isalnum() and name.islower() and 3 <= len(name) <= 24
    assert len({name, account_name(service, "neu"), account_name(service + "2", "weu")}) == 3


def test_check_says_what_a_plan_comes_to(clone: Clone) -> None:
    """For each region, whom its app backs up and restores into."""
    done = clone.run("check", str(EXAMPLES / "two-regions.json"))

    assert done.returncode == 0
    assert "westeurope           backs up contoso" in done.stdout
    assert "northeurope          restores into standbys of contoso" in done.stdout


def test_check_names_every_fault_of_a_plan(clone: Clone) -> None:
    """And asks nobody else."""
    done = clone.run("check", str(EXAMPLES / "invalid" / "contradictions.json"))

    assert done.returncode == 1
    assert done.stderr.count("\n  $.") == 10
    assert clone.calls() == []


def test_check_takes_another_region(clone: Clone) -> None:
    """As the deployment does."""
    file = str(EXAMPLES / "smallest.json")

    assert clone.run("check", file, "--region", "West Europe").returncode == 0
    assert "uksouth has no entry" in clone.run("check", file, "--region", "uksouth").stderr


def test_check_of_a_file_that_is_not_there_says_so(clone: Clone, tmp_path: Path) -> None:
    """In one sentence."""
    done = clone.run("check", str(tmp_path / "none.json"))

    assert done.returncode == 1
    assert "cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
