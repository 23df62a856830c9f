"""What the other pages promise: events, targets, examples, diagram, dependencies, sections, clean words."""

import json
import re
import subprocess

import docpages
import pytest

from shared import settings
from shared.core import fields, guards, inventory, plan, runs
from shared.core.errors import ConfigError
from shared.telemetry import FIELDS, Event

EXAMPLES = docpages.DOCS / "examples"
GOOD = sorted(EXAMPLES.glob("*.json"))
BAD = sorted((EXAMPLES / "invalid").glob("*.json"))

CITATION = re.compile(
    r'docs/azure-facts\.md,\s*(?:"\s*\n\s*")?((?:"[A-Z][^"\n]+"(?:,\s+|\s+and\s+)?)+|[A-Z]\w+)'
)
"""`docs/azure-facts.md, "A" and "B"`, or one bare word; a text may be broken after the comma."""


def file_name(path):
    """Name an example in a test's id."""
    return path.name


def test_every_event_is_in_the_table_of_operations():
    """Alerts search for event names; the table is the list of them."""
    section = docpages.section(docpages.text("docs/operations.md"), "Events")

    assert {event.value for event in Event} == set(docpages.first_cells(section))


def test_the_fields_of_events_are_fields_that_may_be_logged():
    """No row promises a field that telemetry would refuse."""
    section = docpages.section(docpages.text("docs/operations.md"), "Events")
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    named = {
        field for row in rows for field in re.findall(r"`(\w+)`", row[4]) if field not in {"done", "end"}
    }

    assert set() == named - FIELDS - {"retry"}


def test_make_targets_are_documented_and_exist():
    """The table in docs/development.md is `make help`, and no page names a target that is not there."""
    done = subprocess.run(["make", "help"], cwd=docpages.ROOT, capture_output=True, text=True, check=True)
    targets = set(re.findall(r"^\s*make (\w+)", done.stdout, re.M))
    table = docpages.section(docpages.text("docs/development.md"), "Set-up")
    named = {
        name
        for page in docpages.pages()
        for name in re.findall(r"(?:`|^|\s)make ([a-z]+)(?=[\s`])", page.read_text(encoding="utf-8"))
        if name in re.findall(r"`make (\w+)", page.read_text(encoding="utf-8"))
    }

    assert targets == {cell.removeprefix("make ") for cell in docpages.first_cells(table)}
    assert set() == named - targets


@pytest.mark.parametrize("example", GOOD, ids=file_name)
def test_example_plans_load(example):
    """Every plan in docs/examples is a plan."""
    loaded = settings.read_plan({"DR_PLAN": str(example)})

    assert loaded.services or loaded.discover


@pytest.mark.parametrize("example", BAD, ids=file_name)
def test_invalid_plans_print_what_the_page_shows(example):
    """The page's block after the link to an invalid plan is the error, word for word."""
    page = docpages.text("docs/plan.md")
    after = page[page.index(f"(examples/invalid/{example.name}):") :]
    with pytest.raises(ConfigError) as caught:
        settings.read_plan({"DR_PLAN": str(example)})

    assert str(caught.value) == docpages.fenced(after, "text")[0]


def test_a_missing_plan_prints_what_the_page_shows():
    """The first block under Errors is what an app without a plan says."""
    with pytest.raises(ConfigError) as caught:
        settings.read_plan({})

    assert (
        str(caught.value)
        == docpages.fenced(docpages.section(docpages.text("docs/plan.md"), "Errors"), "text")[0]
    )


def test_the_smallest_plan_in_the_page_is_the_example():
    """What is shown can be copied: it is the file."""
    shown = docpages.fenced(docpages.section(docpages.text("docs/plan.md"), "The smallest plan"), "json")[0]

    assert json.loads((EXAMPLES / "smallest.json").read_text()) == json.loads(shown)


def test_the_plan_in_the_readme_loads():
    """A first plan that is copied from the README works."""
    shown = docpages.fenced(docpages.section(docpages.text("README.md"), "A first plan"), "json")[0]

    assert plan.parse_plan(shown).services


def test_every_field_of_the_plan_is_described():
    """Each name in the schema stands in back-ticks, or as a heading, in docs/plan.md."""
    page = docpages.text("docs/plan.md")
    known = set(re.findall(r"`(\w+)`", page)) | set(docpages.headings(page, 3))
    schema = plan.plan_schema()
    names = set(schema["properties"]) | {
        name for part in schema["$defs"].values() for name in part.get("properties", {})
    }

    assert set() == names - known


def parts_of(node, schema):
    """Yield the objects that a node of the schema allows, without the references in between."""
    if "$ref" in node:
        yield from parts_of(schema["$defs"][node["$ref"].rsplit("/", 1)[-1]], schema)
    for one in [*node.get("anyOf", []), *node.get("oneOf", [])]:
        yield from parts_of(one, schema)
    if isinstance(node.get("items"), dict):
        yield from parts_of(node["items"], schema)
    if isinstance(node.get("additionalProperties"), dict):
        yield from parts_of(node["additionalProperties"], schema)
    if "properties" in node:
        yield node


def fields_of(part, schema, path=""):
    """Yield (path, the object it stands in) of every field below an object; paths leave out what repeats."""
    for name, node in part.get("properties", {}).items():
        yield f"{path}.{name}", part
        for inner in parts_of(node, schema):
            yield from fields_of(inner, schema, f"{path}.{name}")


def fields_in(data, schema_paths, path=""):
    """Return the paths of a plan's fields, named as fields_of names them."""
    if isinstance(data, list):
        return {found for item in data for found in fields_in(item, schema_paths, path)}
    if not isinstance(data, dict):
        return set()
    found = set()
    for name, value in data.items():
        here = f"{path}.{name}" if f"{path}.{name}" in schema_paths else path  # a region's or a tag's name
        found |= {here} | fields_in(value, schema_paths, here)
    return found


def test_every_object_of_the_plan_has_a_section_with_a_row_for_each_of_its_fields():
    """However deep it stands: `quietMinutes` is explained under `afterChanges`, and nowhere else."""
    page = docpages.section(docpages.text("docs/plan.md"), "Fields")
    schema = plan.plan_schema()
    shared_by_all = set(schema["$defs"]["ServiceSettings"]["properties"])
    missing = set()
    for path, part in fields_of(schema, schema):
        *_, title, name = ["", *path.split(".")]
        if part is schema:
            missing |= {path} - {f".{heading}" for heading in docpages.headings(page, 3)}
        elif not (title == "services" and name in shared_by_all):
            rows = docpages.section(page, title)
            missing |= set() if f"`{name}`" in rows else {path}

    assert missing == set()


def test_the_example_with_every_field_has_every_field_at_every_level():
    """Nothing is missing from every-field.json; which of the three accesses stands where does not matter."""
    example = json.loads((EXAMPLES / "every-field.json").read_text())
    schema = plan.plan_schema()
    wanted = {path for path, _ in fields_of(schema, schema)}
    there = fields_in(example, wanted)
    of_access = re.compile(r".*\.(access\..*)")

    assert {path for path in wanted - there if not of_access.fullmatch(path)} == set()
    assert {of_access.sub(r"\1", path) for path in wanted if of_access.fullmatch(path)} == {
        of_access.sub(r"\1", path) for path in there if of_access.fullmatch(path)
    }


def test_the_fleet_in_the_page_is_the_example():
    """What is shown can be copied: it is the file."""
    shown = docpages.fenced(docpages.section(docpages.text("docs/plan.md"), "A fleet"), "json")[0]

    assert json.loads((EXAMPLES / "discover.json").read_text()) == json.loads(shown)


def test_defaults_in_the_page_are_those_of_the_model():
    """A default that changes in the code changes in the page."""
    page = docpages.text("docs/plan.md")
    properties = plan.plan_schema()["properties"]
    for name, shown in (("apiVersion", "`{}`"), ("concurrency", "{},"), ("deadlineHours", "{},")):
        value = shown.format(properties[name]["default"])
        assert docpages.section(page, name).strip().startswith(f"Default {value}")
    assert f"not older than `{fields.API_VERSION_FLOOR}`" in page


def test_the_diagram_of_runs_does_not_drift():
    """docs/runs.md shows the table of transitions of shared/core/runs.py."""
    page = docpages.text("docs/runs.md")
    between = page[page.index("<!-- diagram:begin -->") : page.index("<!-- diagram:end -->")]

    assert runs.transitions_diagram().rstrip("\n") == docpages.fenced(between, "mermaid")[0]


def test_every_phase_and_every_word_is_explained():
    """Rows of both tables are the members of both enumerations."""
    page = docpages.text("docs/runs.md")
    for title, members in (("Phases", runs.RunPhase), ("The five words", runs.Outcome)):
        rows = re.findall(r"^\| \*\*(\w+)\*\* \|", docpages.section(page, title), re.M)
        assert [member.value for member in members] == rows


def test_direct_dependencies_are_explained():
    """Names in requirements*.in and package.json are the rows of docs/dependencies.md."""
    wanted = set(json.loads(docpages.text("package.json"))["devDependencies"])
    for path in docpages.ROOT.glob("requirements*.in"):
        lines = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
        wanted |= {re.match(r"[\w.-]+", line)[0] for line in lines if line and not line.startswith("-")}
    rows = re.findall(r"^\| ([\w.-]+) \| [^-]", docpages.text("docs/dependencies.md"), re.M)

    assert wanted == set(rows) - {"Package"}


def test_sections_of_azure_facts_that_code_cites_exist():
    """A comment that sends its reader to a section sends him to one that is there."""
    sections = set(docpages.headings(docpages.text("docs/azure-facts.md"), 2))
    cited = set()
    for path in docpages.tracked():
        if path.suffix != ".py" or "tests" in path.parts:
            continue
        for tail in CITATION.findall(path.read_text(encoding="utf-8")):
            cited |= set(re.findall(r'"([^"]+)"', tail)) or {tail}

    assert {"Polling", "Tiers", "Permissions"} <= cited
    assert set() == cited - sections


def test_pages_that_code_names_exist():
    """docs/….md in a docstring, a comment or an error text is a file."""
    named = {
        name
        for path in docpages.tracked()
        if path.suffix == ".py" or path.name == "Makefile"
        for name in re.findall(r"docs/[\w./-]+\.(?:md|json|svg)", path.read_text(encoding="utf-8"))
    }

    assert named
    assert sorted(name for name in named if not (docpages.ROOT / name).exists()) == []


def test_what_the_pages_count_is_what_the_code_has():
    """Numbers that stand in prose: kinds of the inventory, and the tiers."""
    limits = docpages.text("docs/limits.md")

    assert f"of {len(inventory.COLLECTIONS)} kinds of lists" in limits
    assert "Developer, Basic, Standard and Premium only" in limits
    assert guards.TIERS_WITH_BACKUP == ("Developer", "Basic", "Standard", "Premium")


FORBIDDEN = {
    "a path of one machine": r"(?<![\w.])/(?:work|root|home/\w+)/[\w.]",
    "a registry's host": "registry"
    + r"\.npmjs|files\."
    + r"pythonhosted|pypi\."
    + r"org|npmmirror|artifactory",
    "a download address in a lock": r'"resolved": "|--(?:extra-)?index-url|^-i https?:',
    "papers that are not in the repository": r"\.\./shared|-backup-facts|platform-facts|clients-facts",
    "a tag of those papers": r"\b[FPKU]\d{1,2}\.\d\b|\bU-[ia]\d",
}
ALLOWED = {"tests/docs/test_pages.py"}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds_what_belongs_to_one_machine(what):
    """The repository stands alone: it names no machine, no registry and no paper outside of it."""
    pattern = re.compile(FORBIDDEN[what], re.M)
    found = []
    for path in docpages.tracked():
        name = str(path.relative_to(docpages.ROOT))
        if name in ALLOWED:
            continue
        content = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{name}: {match.group()}" for match in list(pattern.finditer(content))[:3]]

    assert found == []
