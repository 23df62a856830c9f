"""docs/failover.md: the table of checks is the one of the code; and so are the steps of its runbooks."""

from __future__ import annotations

import re

import docpages

from shared.core import failover
from shared.core.failback_steps import failback_steps
from shared.core.failover_steps import failover_steps
from tests.core.takeovers import APPS, facts

PAGE = docpages.text("docs/failover.md")
RUNBOOKS = {name: docpages.text(f"docs/runbooks/{name}.md") for name in ("lost-region", "failback")}


def numbers(name: str) -> list[int]:
    """Return the numbers of the steps of a runbook."""
    section = docpages.section(RUNBOOKS[name], "Steps")
    return [int(found) for found in re.findall(r"^(\d+)\. \*\*", section, re.M)]


def test_every_check_is_in_the_table_and_in_its_order() -> None:
    """A check that is added is explained."""
    section = docpages.section(PAGE, "The checks")

    assert docpages.first_cells(section) == [row.name for row in failover.FAILOVER]


def test_what_a_check_can_say_is_what_the_table_says() -> None:
    """A check that refuses in the tests of the code has a reason to refuse in the table."""
    section = docpages.section(PAGE, "The checks")
    rows = {
        cells[1].strip(" `"): cells
        for line in section.splitlines()
        if line.startswith("| `") and (cells := line.split("|"))
    }
    refusing = {name for name, cells in rows.items() if cells[2].strip()}

    assert refusing == {
        "Exists", "Usable", "TierEqual", "HoldsPoint", "HoldsNewest", "HostNames", "Certificates",
        "GatewayAnswers",
    }  # fmt: skip


def test_the_steps_of_the_runbooks_are_those_of_the_answers() -> None:
    """Whoever reads both must not find two numberings."""
    steps = failover_steps(facts(), (), APPS, ())
    back = failback_steps(facts(), (), APPS, ())

    assert numbers("lost-region") == [step.number for step in steps]
    assert numbers("failback") == [step.number for step in back]


def test_the_checks_that_decide_are_those_of_the_code() -> None:
    """Whoever reads isReady false without a refusal finds here why."""
    section = docpages.section(PAGE, "The checks")
    sentence = next(part for part in section.split(". ") if part.startswith("`isReady`"))

    assert set(re.findall(r"`([A-Z]\w+)`", sentence)) == failover.DECISIVE


def test_every_stop_of_the_runbooks_is_taken_back_in_them() -> None:
    """One that is forgotten would keep a standby from every later restore point."""
    pages = "".join(RUNBOOKS.values())
    found = re.findall(r"-X (\w+) .*(\$\w+_APP)/api/services/contoso/replication-stop", pages)

    assert {app for method, app in found if method == "PUT"} == {
        app for method, app in found if method == "DELETE"
    }
