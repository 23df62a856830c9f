"""docs/deploy.md shows what the hooks say to the stand-in for `az`; the README agrees with the pages."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import costs_page
import docpages
import pytest

from tests.deploy.conftest import SUBSCRIPTION, Clone, service

PAGE = docpages.text("docs/deploy.md")


def screens() -> list[str]:
    """Return the blocks of the page that show a screen, without their indentation."""
    blocks = re.findall(r"^ *```text\n(.*?)^ *```$", PAGE, re.M | re.S)
    return [textwrap.dedent(block).rstrip("\n") for block in blocks]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone with two services in one subscription, and nothing deployed."""
    return Clone(tmp_path / "clone")


def said(clone: Clone, **variables: str) -> str:
    """Return what a run of the hook prints."""
    done = clone.run("foundation", **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_screen_is_what_the_hook_prints(clone: Clone) -> None:
    """With an empty plan and the service's name, from the first line to the last."""
    assert screens()[0] == said(clone, APIM_DR_SERVICE="rg-contoso-weu/contoso-weu").rstrip("\n")


def test_the_second_region_is_what_the_hook_prints(clone: Clone) -> None:
    """What is left to do while there is one app, and which rights the second environment gives."""
    clone.example("two-regions")
    first = said(clone)
    second = said(clone, AZURE_ENV_NAME="contoso-neu", AZURE_LOCATION="northeurope")

    _, rights, left, *_ = screens()
    assert left in first
    assert rights in textwrap.dedent(second[second.index("  containers") : second.index("az is deploying")])
    assert "nothing is left to do by hand" in second


def test_with_standbys_in_both_regions_the_first_environment_is_due_once_more(clone: Clone) -> None:
    """The second run says so, in the words of the guide; the third has nothing left to do."""
    clone.example("both-ways")
    clone.state["services"] = [
        service(f"contoso-{name}-{short}", region, group=f"rg-{name}-{short}")
        for name in ("orders", "payments", "partners")
        for short, region in (("weu", "West Europe"), ("neu", "North Europe"))
    ]
    list_ = docpages.section(PAGE, "Two regions from nothing")
    (shown,) = re.findall(r"^ *```text\n(.*?)^ *```$", list_, re.M | re.S)

    said(clone)
    second = said(clone, AZURE_ENV_NAME="contoso-neu", AZURE_LOCATION="northeurope")
    third = said(clone)

    assert textwrap.dedent(shown) in second
    assert "nothing is left to do by hand" in third


def test_backups_in_another_region_need_an_account_that_is_there(clone: Clone) -> None:
    """The hook refuses the guide's plan without it, and with it gives rights and makes nothing in it."""
    way = docpages.section(PAGE, "One region, with backups in another")
    storage = json.loads("{" + docpages.fenced(way, "json")[0] + "}")
    document = clone.example("smallest")
    document["services"][0] |= storage
    clone.plan(document)
    without = clone.run("foundation")
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-contoso-backups"
    account = {
        "id": f"{group}/providers/Microsoft.Storage/storageAccounts/contosodrneu",
        "name": "contosodrneu",
        "location": "northeurope",
    }
    clone.state["accounts"] = [account]
    clone.state["containers"] = ["contosodrneu/apim-backups"]

    screen = said(clone)

    assert without.returncode != 0
    assert "contosodrneu" in without.stderr
    assert "contoso-weu writes contosodrneu/apim-backups" in screen
    assert "nothing is left to do by hand" in screen
    assert clone.parameters()["backupContainers"] == []


def test_the_check_warns_of_a_standby_without_copies(clone: Clone) -> None:
    """The plan is usable all the same."""
    document = clone.example("two-regions")
    del document["services"][0]["standby"]["storage"]
    clone.plan(document)

    done = clone.run("check", "infra/plan.json")

    assert done.returncode == 0
    assert "warning: contoso has a standby without storage" in done.stdout


def test_the_check_in_the_guide_takes_a_plan(clone: Clone) -> None:
    """The command that needs no Azure says what each region does."""
    clone.example("two-regions")

    done = clone.run("check", "infra/plan.json")

    assert "python3 -m tools.deploy check infra/plan.json" in PAGE
    assert done.stdout.startswith("infra/plan.json is a usable plan")
    assert clone.calls() == []


def test_the_questions_of_the_guide_are_those_of_the_hook() -> None:
    """Word for word, so that whoever sees one finds it."""
    asked = re.findall(r'ask\("([^"]+): "\)', docpages.text("deploy/plan_file.py"))

    assert asked
    assert [question for question in asked if f"`{question}:`" not in PAGE] == []


def test_what_the_guide_says_is_created_is_in_the_templates() -> None:
    """Each name in the table is made of the environment's name in a template."""
    table = docpages.section(PAGE, "What is created")
    templates = docpages.text("infra/main.bicep") + docpages.text("infra/foundation.bicep")
    names = set(re.findall(r"`([a-z-]+-<env>[a-z-]*)…?`", table.replace("-…", "")))

    assert len(names) >= 9
    assert [one for one in names if one.replace("<env>", "${environmentName}") not in templates] == []


def test_the_readme_names_the_costs_of_the_page() -> None:
    """The dollars in its table are the totals of docs/costs.md, without cents."""
    page = costs_page.Page(docpages.text("docs/costs.md"))
    one, ten, hundred = (round(page.month(services)["total"]) for services in costs_page.SIZES)

    said = (
        f"about {one} dollars a month for one service in one region, {ten} for ten, {hundred} for a hundred"
    )
    assert said in docpages.text("README.md")
