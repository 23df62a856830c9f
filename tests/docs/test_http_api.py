"""docs/http-api.md names every route and every error code that can reach a caller."""

import ast
import json

import docpages
import pytest

PAGE = docpages.text("docs/http-api.md")
FOLDERS = (
    "shared",
    "backup_timer",
    "backup_http",
    "restore_http",
    "poll_status",
    "replicate_event",
    "change_event",
    "operate_http",
    "run_control",
    "usage_timer",
    "drill_timer",
    "catalog_keeping",
)
NEVER_ALONE = {"Error", "Temporary", "Permanent"}
"""Codes of base classes; the test below sees to it that nobody raises those without a code of their own."""
BASES = {"DrError", "TemporaryError", "PermanentError", "FaultsError"}


def sources():
    """Yield the parsed modules of the app."""
    for folder in FOLDERS:
        for path in sorted((docpages.ROOT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def calls():
    """Yield every call of the app with the name of what is called."""
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield path, node, getattr(node.func, "id", getattr(node.func, "attr", ""))


def texts(nodes):
    """Yield those of the nodes that are texts, as such."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def codes():
    """Return the error codes that stand in the code of the app."""
    found = set()
    for _, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                assigned = (line for line in node.body if isinstance(line, ast.Assign))
                found |= set(texts(line.value for line in assigned if ast.unparse(line.targets[0]) == "code"))
            if isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                found |= set(texts(value for key, value in pairs if getattr(key, "value", "") == "code"))
    for _, call, name in calls():
        found |= set(texts(word.value for word in call.keywords if word.arg == "code"))
        if name == "_unknown":
            found |= set(texts(call.args[:1]))
    return found - NEVER_ALONE


def routes():
    """Return (method, route) of every HTTP function, from the index that tests/functions keeps true."""
    index = json.loads((docpages.ROOT / "tests/functions/expected_index.json").read_text(encoding="utf-8"))
    return {
        (method, binding["route"])
        for bindings in index.values()
        for binding in bindings
        if binding["type"] == "httpTrigger"
        for method in binding["methods"]
    }


def test_every_route_has_a_heading_and_every_heading_a_route():
    """Headings of the form `GET /api/…` and the app's bindings are the same set."""
    headings = {title for title in docpages.headings(PAGE, 2) if "/api/" in title}

    assert {f"{method} /api/{route}" for method, route in routes()} == headings


def test_every_error_code_is_in_a_table():
    """A caller finds each code that stands in the app's code, with what to do."""
    section = docpages.section(PAGE, "Error codes")

    assert set() == codes() - set(docpages.first_cells(section))


def test_no_table_names_a_code_that_does_not_exist():
    """A code that the app does not know any more leaves the page, too."""
    section = docpages.section(PAGE, "Error codes")

    assert set() == set(docpages.first_cells(section)) - codes()


def test_the_search_for_codes_finds_each_way_to_write_one():
    """A class's code, a keyword, a finding and a dict's entry are all seen."""
    assert {"Throttled", "StillRunning", "ServiceNotFound", "StartFailed"} <= codes()


def test_base_errors_are_raised_with_a_code_of_their_own():
    """The codes Error, Temporary and Permanent say nothing, so they never reach a caller."""
    nameless = [
        f"{path.name}:{call.lineno}"
        for path, call, name in calls()
        if name in BASES and not any(keyword.arg == "code" for keyword in call.keywords)
    ]

    assert nameless == []


@pytest.mark.parametrize("word", ["Succeeded", "Failed", "Refused", "PollDenied", "OutcomeUnknown"])
def test_the_status_of_every_word_is_the_one_of_the_code(word):
    """The table of words in docs/runs.md names the status that GET /api/runs/{run_id} answers with."""
    from shared.core.runs import Outcome
    from shared.http import STATUS_OF_OUTCOME

    rows = docpages.section(docpages.text("docs/runs.md"), "The five words")
    row = next(line for line in rows.splitlines() if line.startswith(f"| **{word}** |"))

    assert set(STATUS_OF_OUTCOME) == set(Outcome)
    assert row.rstrip(" |").endswith(str(STATUS_OF_OUTCOME[Outcome(word)]))


def test_the_statuses_of_errors_are_the_ones_of_the_code():
    """Where a code is a class's own, the table's status is that class's."""
    from shared.core import errors

    section = docpages.section(PAGE, "Codes of a call that was not accepted")
    rows = dict(
        [cell.strip(" `") for cell in line.split("|")[1:3]]
        for line in section.splitlines()
        if line.startswith("| `")
    )
    wrong = {}
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, errors.DrError) and value.code in rows:
            wrong |= {value.code: value.http_status} if rows[value.code] != str(value.http_status) else {}

    assert wrong == {}
