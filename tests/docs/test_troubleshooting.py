"""docs/troubleshooting.md has an entry for whatever this app says, and quotes nobody falsely."""

from __future__ import annotations

import ast
import functools
import re

import docpages
import pytest
from test_http_api import codes

from shared import settings
from shared.core import failover, preflight, restore_guards
from shared.core.errors import ConfigError
from shared.core.runs import Outcome

PAGE = docpages.text("docs/troubleshooting.md")
OURS = (
    "A call was not accepted",
    "A run ended",
    "Checks and guards",
    "Events in the log",
    "Settings and plan",
    "On a developer's machine",
)
"""Sections in which nothing is quoted but what this repository says."""
OTHERS = ("Azure's own words", "The host", "Deploying")
CODES = codes()
CHECKS = {row.name for row in (*preflight.CHECKS, *restore_guards.GUARDS, *failover.FAILOVER)}
MADE_UP = {"OperationCanceled", "SafetyBackup: "}
"""Put together when they are said: a word of Azure's behind `Operation`, a check's name behind the colon."""
SHORTEST = 12
"""Characters that a quoted part of a text has at least: a word alone stands in many of them."""
KNOWN = CODES | CHECKS | MADE_UP | {word.value for word in Outcome}


def rows(*titles: str) -> list[str]:
    """Return the rows of the tables of sections, without their heads."""
    found = []
    for title in titles:
        lines = [line for line in docpages.section(PAGE, title).splitlines() if line.startswith("|")]
        found += lines[2:]
    return found


def quoted(row: str) -> list[str]:
    """Return what the first cell of a row quotes."""
    return re.findall(r"`([^`]+)`", row.split(" | ")[0])


@functools.cache
def trees() -> list[ast.Module]:
    """Return the parsed modules of this repository, but for its tests."""
    sources = [path for path in docpages.tracked() if path.suffix == ".py"]
    ours = [path for path in sources if path.relative_to(docpages.ROOT).parts[0] != "tests"]
    return [ast.parse(path.read_text(encoding="utf-8")) for path in ours]


@functools.cache
def literals() -> set[str]:
    """Return every text that stands in the code; what explains the code is said to nobody."""
    nodes = [node for tree in trees() for node in ast.walk(tree)]
    explained = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = (node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in explained)
    return {docpages.text("Makefile"), *(text for text in texts if isinstance(text, str))}


@functools.cache
def patterns() -> list[re.Pattern[str]]:
    """Return a pattern for every text of the code that is put together, with anything for what is put in."""
    found = []
    for node in (node for tree in trees() for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)):
        texts = [part.value if isinstance(part, ast.Constant) else None for part in node.values]
        if sum(len(text) for text in texts if isinstance(text, str)) > 12:
            found.append(
                re.compile("".join(".+" if text is None else re.escape(str(text)) for text in texts))
            )
    return found


def error_events() -> set[str]:
    """Return the events that may be errors, as the table of operations says."""
    section = docpages.section(docpages.text("docs/operations.md"), "Events")
    cells = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    return {cell[1].strip(" `") for cell in cells if "error" in cell[2]}


def is_ours(text: str) -> bool:
    """Tell whether this repository says a text: a whole one, or a part that is long enough to be found by."""
    if text in KNOWN or text in literals() or any(one.fullmatch(text) for one in patterns()):
        return True
    part = re.compile(rf"(?<!\w){re.escape(text.strip())}(?!\w)")
    return len(text.strip()) >= SHORTEST and any(part.search(literal) for literal in literals())


@pytest.mark.parametrize(
    ("what", "names"),
    [("codes", CODES), ("checks and guards", CHECKS), ("events that are errors", error_events())],
    ids=["codes", "checks", "events"],
)
def test_everything_that_the_app_says_has_an_entry(what: str, names: set[str]) -> None:
    """Who searches the page for a word of an answer, of a run or of the log finds it as a first cell."""
    entries = {text for row in rows(*OURS) for text in quoted(row)}

    assert names, what
    assert sorted(names - entries) == []


@pytest.mark.parametrize("title", OURS)
def test_what_is_quoted_of_ours_is_in_the_code(title: str) -> None:
    """A message that is worded anew is worded anew here."""
    wrong = [text for row in rows(title) for text in quoted(row) if not is_ours(text)]

    assert wrong == []


@pytest.mark.parametrize("title", OTHERS)
def test_what_is_quoted_of_others_has_a_source(title: str) -> None:
    """A row that quotes what is not ours names where it is from: a public page, or a section with one."""
    sourced = re.compile(r"\]\((?:https://|azure-facts\.md#)")
    wrong = [
        row
        for row in rows(title)
        if not all(is_ours(text) for text in quoted(row)) and not sourced.search(row)
    ]

    assert wrong == []


@pytest.mark.parametrize("title", [*OURS, *OTHERS])
def test_every_entry_says_what_to_do(title: str) -> None:
    """Cause and remedy are never empty."""
    found = rows(title)
    cells = [re.split(r" \|(?= |$)", row) for row in found]
    hollow = [
        row for row, cell in zip(found, cells, strict=True) if not (cell[1].strip() and cell[3].strip())
    ]

    assert found
    assert hollow == []


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"DR_PLAN": "/nowhere/plan.json"},
        {"DR_PLAN": '{"nobody": 1}'},
        {"DR_PLAN": '{"discover": {"subscriptions": ["x"], "tag": {"a": "b"}}}'},
        {"DR_SPEED": "fast"},
        {"BACKUP_SCHEDULE": "61 * * * * *"},
        {"USAGE_SCHEDULE": "0 0 0 30 2 *"},
        {"DRILL_SCHEDULE": "often"},
    ],
    ids=["none", "path", "unknown", "guid", "speed", "backup", "usage", "drill"],
)
def test_every_fault_of_a_setting_is_found_by_its_text(environment: dict[str, str]) -> None:
    """What is said of a bad setting contains something that the section quotes."""
    readers = {
        "DR_PLAN": settings.read_plan,
        "DR_SPEED": settings.read_speed,
        "BACKUP_SCHEDULE": settings.read_schedule,
        "USAGE_SCHEDULE": settings.read_usage_schedule,
        "DRILL_SCHEDULE": settings.read_drill_schedule,
    }
    with pytest.raises(ConfigError) as caught:
        readers[next(iter(environment), "DR_PLAN")](environment)

    quotes = [quoted(row) for row in rows("Settings and plan")]
    assert [texts for texts in quotes if any(text in str(caught.value) for text in texts)]


def test_a_wrong_quotation_is_found() -> None:
    """The check of the quotations refuses a text that nobody says."""
    assert is_ours("nobody is signed in to az, or not any more")
    assert not is_ours("the moon is not reachable")
    assert [text for text in ("the", "nobody", "is signed", "body is signed in to az") if is_ours(text)] == []
