"""docs/deploy.md shows what the hooks say to the stand-in for `az`; the README agrees with the pages."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import costs_page
import docpages
import pytest

from tests.deploy.conftest import Clone

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
    names = set(re.findall(r"`([a-z]+-<env>[a-z-]*)…?`", table.replace("-…", "")))

    assert len(names) >= 9
    assert [one for one in names if one.replace("<env>", "${environmentName}") not in templates] == []


def test_the_readme_names_the_costs_of_the_page() -> None:
    """The dollars in its table are the totals of docs/costs.md, without cents."""
    page = costs_page.Page(docpages.text("docs/costs.md"))
    one, ten, hundred = (round(page.month(services)["total"]) for services in costs_page.SIZES)

    assert one == ten
    assert f"about {one} dollars a month for one to ten services in one region, {hundred} for a hundred" in (
        docpages.text("README.md")
    )
