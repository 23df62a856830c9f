"""The runbooks are all of one kind, say what was not run, and are run: none is left out."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import docpages
import pytest

FOLDER = docpages.DOCS / "runbooks"
RUNBOOKS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
WANTED = (
    "**Objective.**",
    "**Use it when**",
    "**Not",
    "**Who.**",
    "**Before you begin**",
    "\n## It worked when\n",
    "\n## If it goes wrong\n",
    "\n## What it leaves behind\n",
)
RUNNERS = docpages.ROOT / "tests" / "world"


def name_of(path: Path) -> str:
    """Name a page in a test's id."""
    return path.stem


def test_every_runbook_is_listed() -> None:
    """Who comes to the folder finds each of them, with what it is for."""
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    table = index[: index.index("\n## ")]

    assert {path.name for path in RUNBOOKS} <= set(docpages.links(table))


@pytest.mark.parametrize("page", RUNBOOKS, ids=name_of)
def test_a_runbook_has_all_of_its_parts(page: Path) -> None:
    """Objective, when and when not, who, what has to be there, the proof, trouble, what stays behind."""
    content = page.read_text(encoding="utf-8")

    assert [part for part in WANTED if part not in content] == []
    assert "[Your shell](README.md#your-shell)" in content or "[your shell](README.md#your-shell)" in content


@pytest.mark.parametrize("page", RUNBOOKS, ids=name_of)
def test_every_proof_can_fail(page: Path) -> None:
    """A command with the answer that proves it, or the word that each section has its own."""
    proof = docpages.section(page.read_text(encoding="utf-8"), "It worked when")

    assert re.search(r"```bash\n.*?```\n\n```text\n", proof, re.S) or "own check" in proof


@pytest.mark.parametrize("page", RUNBOOKS, ids=name_of)
def test_every_trouble_has_a_next_step(page: Path) -> None:
    """No row of the table leaves its reader alone."""
    trouble = docpages.section(page.read_text(encoding="utf-8"), "If it goes wrong")
    rows = [line.strip("|").split(" | ") for line in trouble.splitlines() if line.startswith("| ")][1:]

    assert len(rows) >= 3
    assert [row for row in rows if len(row) != 2 or not row[1].strip()] == []


def journeys(page: Path) -> list[dict[str, Any]]:
    """Return what each `through(<page>, …)` of the tests says besides; it fails if a block was not run."""
    calls = [
        node
        for path in RUNNERS.glob("test_runbook*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "through"
    ]
    return [
        {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        for call in calls
        if ast.literal_eval(call.args[0]) == page.name
    ]


@pytest.mark.parametrize("page", RUNBOOKS, ids=name_of)
def test_every_runbook_is_run(page: Path) -> None:
    """A journey in tests/world goes through all of its blocks; a section that it leaves out has its own."""
    found = journeys(page)
    alone = {one["only"] for one in found if "only" in one}
    whole = [one for one in found if "only" not in one]

    assert whole
    assert [one for one in whole if not set(one.get("but", ())) <= alone] == []


def test_what_was_not_run_is_said() -> None:
    """Once, on the page that leads to all of them."""
    tried = docpages.section((FOLDER / "README.md").read_text(encoding="utf-8"), "What was tried")

    assert "None of it was run against Azure" in tried
    assert all(f"`{name}`" in tried for name in ("az", "azd", "dig"))


def test_the_tests_that_run_the_pages_are_named() -> None:
    """Who doubts a block finds where it is run."""
    tried = docpages.section((FOLDER / "README.md").read_text(encoding="utf-8"), "What was tried")

    named = set(re.findall(r"`tests/world/(test_runbook\w*\.py)`", tried))
    runners = {path.name: path.read_text(encoding="utf-8") for path in RUNNERS.glob("test_runbook*.py")}

    assert named <= set(runners)
    assert {name for name, content in runners.items() if ".through(" in content} <= named
