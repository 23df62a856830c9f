"""The runbooks are all of one kind, say what was not run, and are run: none is left out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

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


@pytest.mark.parametrize("page", RUNBOOKS, ids=name_of)
def test_every_runbook_is_run(page: Path) -> None:
    """A test in tests/world goes through its blocks, and nothing in it steps over one."""
    runners = [path for path in RUNNERS.glob("test_runbook*.py") if f'"{page.name}"' in path.read_text()]

    assert runners
    for path in runners:
        skips = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Continue)]
        assert skips == []


def test_what_was_not_run_is_said() -> None:
    """Once, on the page that leads to all of them."""
    tried = docpages.section((FOLDER / "README.md").read_text(encoding="utf-8"), "What was tried")

    assert "None of it was run against Azure" in tried
    assert all(f"`{name}`" in tried for name in ("az", "azd", "dig"))
