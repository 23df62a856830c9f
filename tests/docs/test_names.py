"""What the pages name in code spans and blocks is known: routes, settings, variables, paths, plans."""

from __future__ import annotations

import ast
import functools
import json
import re
from collections.abc import Iterator

import commands
import docpages
import pytest
from test_commands import is_route

from shared.core import plan
from shared.core.errors import ConfigError

ROUTE = re.compile(r"([A-Z]+) (/api/[^?\s]*)(?:\?.*)?")
OURS = re.compile(r"\b(?:(?:DR|APIM_DR)_[A-Z][A-Z0-9_]*|AzureWebJobs\w*[^\W_])")
"""Names of settings that say so themselves, wherever they stand."""
SET = re.compile(
    r"(?:--settings|\bexport|\bazd env set) +(?:[A-Z]\w*=\S* +)*([A-Z]\w+)(?=[= ])|^([A-Z][A-Z0-9_]+)=", re.M
)
"""Names that a line sets for others: of the app, of azd's environment, of a program behind it."""


def route_fault(span: str) -> bool:
    """Tell whether what stands in back-ticks looks like a route, and is none."""
    found = ROUTE.fullmatch(span)
    return bool(found) and not is_route(found[1], re.sub(r"[{<][^}>]*[}>]|…", "x", found[2]))


def spans() -> Iterator[tuple[str, str]]:
    """Yield (page, text) of everything that stands in back-ticks in prose."""
    for page in docpages.pages():
        for span in re.findall(r"`([^`\n]+)`", docpages.prose(page.read_text(encoding="utf-8"))):
            yield str(page.relative_to(docpages.ROOT)), span


def test_every_route_in_prose_exists() -> None:
    """`GET /api/…` in a sentence is a route; what stands in braces or angles is anything."""
    assert len([span for _, span in spans() if ROUTE.fullmatch(span)]) > 40
    assert [f"{page}: {span}" for page, span in spans() if route_fault(span)] == []
    assert [span for span in ("PATCH /api/nosuch", "GET /api/nosuch") if not route_fault(span)] == []


@functools.cache
def words_of_the_code() -> set[str]:
    """Return every name in capitals that stands in a file which is no document, this folder left out."""
    found: set[str] = set()
    for path in docpages.tracked():
        is_code = (
            path.suffix in {".py", ".bicep", ".json", ".yaml", ".yml", ".toml"} or path.name == "Makefile"
        )
        if is_code and "tests/docs" not in str(path):
            found |= set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", path.read_text(encoding="utf-8")))
    return found


def names_in_capitals() -> set[str]:
    """Return the names in capitals that the pages show in back-ticks, but for those of a page's own shell."""
    shell = {
        name
        for page in docpages.pages()
        for name in re.findall(
            r"\b([A-Z][A-Z0-9_]*)=[\"$]|read ([A-Z_ ]+) <", page.read_text(encoding="utf-8")
        )
        for name in name
    }
    return {span for _, span in spans() if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", span)} - shell


def settings_of_the_platform() -> set[str]:
    """Return the settings that others read, by docs/settings.md."""
    page = docpages.section(docpages.text("docs/settings.md"), "Read by others")
    return set(re.findall(r"`([A-Z][A-Z0-9_]+)`", page)) | {"WEBSITE_TIME_ZONE", "IDENTITY_ENDPOINT"}


def test_every_variable_in_the_pages_is_known_to_the_code() -> None:
    """A setting, a variable of azd's environment or a constant that is renamed takes the pages with it."""
    unknown = names_in_capitals() - words_of_the_code() - settings_of_the_platform()

    assert "DR_PLAN" in words_of_the_code()
    assert unknown == set()


@functools.cache
def settable() -> frozenset[str]:
    """Return what a page may set: names of the code, of the platform, of the Makefile."""
    code = [path for path in docpages.tracked() if path.suffix in {".py", ".bicep", ".json"}]
    text = "\n".join(path.read_text(encoding="utf-8") for path in code if "tests/docs" not in str(path))
    makefile = docpages.text("Makefile")
    of_make = re.findall(r"^([A-Z]+) \?=|\$\(if \$\((\w+)\)", makefile, re.M)
    names = {name for found in of_make for name in found if name}
    names |= set(re.findall(r"\bAzureWebJobs\w+", text))
    return frozenset(names | words_of_the_code() | settings_of_the_platform())


def setting_faults(content: str) -> set[str]:
    """
    Name what a page sets, or mentions as a setting of this app, and nobody reads.

    A page may set variables of its own shell, and settings whose name its plan chooses.
    """
    named = set(OURS.findall(content))
    for block in docpages.fenced(re.sub(r"^ +", "", content, flags=re.M), "bash"):
        named |= {name for found in SET.findall(block) for name in found[:1] if name}
        named |= {
            word.partition("=")[0] for one in commands.commands_in(block, "") for word in one.environment
        }
    for span in re.findall(r"`([^`\n]+)`", docpages.prose(content)):
        named |= {name for found in SET.findall(span) for name in found if name}
    own = set(re.findall(r"^ *([A-Z][A-Z0-9_]*)=(?:\$\(|[^ \n]*$)", content, re.M)) - set(
        OURS.findall(content)
    )
    chosen = set(re.findall(r"\"keySetting\": \"(\w+)\"", content)) | {"NAME"}
    return named - settable() - own - chosen


def test_every_setting_that_a_page_sets_is_read_by_somebody() -> None:
    """In prose, in code spans, in blocks: with --settings, export, azd env set, or before a command."""
    pages = {str(page): setting_faults(page.read_text(encoding="utf-8")) for page in docpages.pages()}

    assert {"DR_PLAN", "AzureWebJobsStorage__blobServiceUri", "SCENARIO"} <= settable()
    assert {page: sorted(found) for page, found in pages.items() if found} == {}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("Set `DR_NOSUCH=1`.", "DR_NOSUCH"),
        ("Set `NOSUCH=1`.", "NOSUCH"),
        ("Set `AzureWebJobsStorage__nosuch`.", "AzureWebJobsStorage__nosuch"),
        ("```bash\naz x --settings DR_NOSUCH=1\n```", "DR_NOSUCH"),
        ("```bash\naz x --settings DR_PLAN=1 NOSUCH=1\n```", "NOSUCH"),
        ("```bash\nexport DR_NOSUCH2=1\n```", "DR_NOSUCH2"),
        ("   ```bash\n   export NOSUCH=1\n   ```", "NOSUCH"),
        ("```bash\nazd env set NOSUCH_VARIABLE x\n```", "NOSUCH_VARIABLE"),
        ("`azd env set NOSUCH_VARIABLE x`", "NOSUCH_VARIABLE"),
        ("```bash\nNOSUCH=1 make demo\n```", "NOSUCH"),
        ('```bash\nDR_NOSUCH="1"\n```', "DR_NOSUCH"),
    ],
)
def test_a_setting_that_nobody_reads_is_found(content: str, name: str) -> None:
    """Each way in which a page could name one."""
    assert setting_faults(f"{content}\n") == {name}


def plan_fault(block: str) -> str:
    """Return what the app would say of a block of JSON that is a plan, or a piece of one; else nothing."""
    text = block.strip().rstrip(",")
    try:
        read = json.loads(text if text.startswith("{") else f"{{{text}}}")
    except ValueError:
        return ""  # shortened with …
    if not isinstance(read, dict) or "regions" not in read or not {"services", "discover"} & set(read):
        return ""
    try:
        plan.parse_plan(json.dumps(read))
    except ConfigError as fault:
        return str(fault)
    return ""


def test_every_plan_in_the_pages_loads() -> None:
    """What looks like a plan is one: the app takes it."""
    blocks = [
        (str(page.relative_to(docpages.ROOT)), block)
        for page in docpages.pages()
        for block in docpages.fenced(page.read_text(encoding="utf-8"), "json")
    ]

    assert len([block for _, block in blocks if '"regions"' in block]) > 2
    assert [(page, fault) for page, block in blocks if (fault := plan_fault(block))] == []


def test_a_field_that_no_plan_has_is_found() -> None:
    """A plan with a name of nobody's in it is refused with that name."""
    smallest = json.loads(docpages.text("docs/examples/smallest.json"))

    assert plan_fault(json.dumps(smallest)) == ""
    assert "nosuch" in plan_fault(json.dumps({**smallest, "nosuch": 1}))


def deployment_variables() -> set[str]:
    """Return the variables that the hooks and the template read and write."""
    found: set[str] = set()
    for path in (docpages.ROOT / "deploy").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(re.findall(r"\bAPIM_DR_[A-Z_]+\b", node.value))
    parameters = docpages.text("infra/main.parameters.json")
    outputs = re.findall(r"^output (APIM_DR_[A-Z_]+) ", docpages.text("infra/main.bicep"), re.M)
    return found | set(outputs) | set(re.findall(r"\$\{(APIM_DR_[A-Z_]+)", parameters))


def test_the_variables_of_the_deployment_are_those_of_the_guide() -> None:
    """Each one is explained in docs/deploy.md, and no page names another."""
    named = {
        name
        for page in docpages.pages()
        for name in re.findall(r"\bAPIM_DR_[A-Z_]+\b", page.read_text(encoding="utf-8"))
    }
    guide = set(re.findall(r"`(APIM_DR_[A-Z_]+)`", docpages.text("docs/deploy.md")))

    assert named - deployment_variables() == set()
    assert deployment_variables() - guide == set()


def test_every_path_in_back_ticks_exists() -> None:
    """A file or folder that a page names is in the repository; what is made while working is not meant."""
    tops = {path.relative_to(docpages.ROOT).parts[0] for path in docpages.tracked()}
    missing = [
        f"{page}: {span}"
        for page, span in spans()
        if re.fullmatch(r"[\w.-]+(?:/[\w.-]+)+/?|[\w-]+/", span)
        and span.split("/")[0] in tops
        and not (docpages.ROOT / span).exists()
    ]

    assert missing == []
