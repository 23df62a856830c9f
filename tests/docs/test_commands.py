"""
Every command in the documents can be run as far as this repository knows: targets, modules, routes, programs.

`az_commands.json` holds the options of each `az` command that the pages use, as `az <command> --help` of
azure-cli 2.91.0 lists them: a command or an option that is not there was never seen by anybody here.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import commands
import docpages
import pytest
from commands import Command

AZ = json.loads(Path(__file__).with_name("az_commands.json").read_text(encoding="utf-8"))
AZ_EVERYWHERE = {"--subscription", "--query", "--output", "-o", "--only-show-errors", "--help", "-h"}
AZD = {
    "auth login", "config set", "deploy", "down", "env get-values", "env list", "env new", "env select",
    "env set", "hooks run", "init", "package", "pipeline config", "provision", "up",
}  # fmt: skip
"""From <https://learn.microsoft.com/azure/developer/azure-developer-cli/reference>; azd was not run here."""
UNSEEN = ("…", "<", "$")
"""What a word begins with whose value the reader puts in."""
BEYOND_THE_APP = re.compile(r"^(https?://|\$(?:SIM|ARM|BLOBS|LOCATION)\b)|^--|/_sim/|/runtime/webhooks/")
"""Addresses that are not the app's: of the simulator, of storage, of a gateway, of the Functions host."""


@functools.cache
def routes() -> list[tuple[str, re.Pattern[str]]]:
    """Return (method, pattern of the path) of every HTTP function."""
    index = json.loads(docpages.text("tests/functions/expected_index.json"))
    return [
        (method, re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(f"/api/{binding['route']}"))))
        for bindings in index.values()
        for binding in bindings
        if binding["type"] == "httpTrigger"
        for method in binding["methods"]
    ]


def is_route(method: str, path: str) -> bool:
    """Tell whether the app answers a method at a path."""
    return any(method == known and pattern.fullmatch(path) for known, pattern in routes())


def curl_fault(command: Command) -> str:
    """Return what is wrong with a call of curl, nothing if it reaches a route."""
    words = command.words
    url = next((word for word in words[1:] if re.search(r"/(?:api|admin)/|^https?:|^\$\w+", word)), "")
    if not url or BEYOND_THE_APP.search(url):
        return ""
    has_body = bool(command.options & {"-d", "--data", "--data-binary", "--json"})
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if has_body else "GET"
    path = re.sub(r"^\$\{?!?\w+\}?", "", url).partition("?")[0]
    if found := re.fullmatch(r"/admin/functions/(\w+)", path):
        known = json.loads(docpages.text("tests/functions/expected_index.json"))
        return "" if found[1] in known else f"there is no function {found[1]}"
    return "" if is_route(method, path) else f"there is no route {method} {path}"


def az_fault(command: Command) -> str:
    """Return what is wrong with a line of az, nothing if the command and its options are known."""
    words = [word for word in command.words[1:] if word != "…"]
    name = " ".join(_until_option(words))
    if not name:
        return ""  # of no command in particular
    while name and name not in AZ["commands"] and name not in AZ["groups"]:
        name = name.rpartition(" ")[0]
    if name in AZ["groups"] and not command.options:
        return ""
    if name not in AZ["commands"]:
        return f"az {' '.join(_until_option(words))} is not in az_commands.json"
    unknown = command.options - set(AZ["commands"][name]) - AZ_EVERYWHERE
    return f"az {name} has no {', '.join(sorted(unknown))}" if unknown else ""


def azd_fault(command: Command) -> str:
    """Return what is wrong with a line of azd, nothing if the command is known."""
    words = _until_option(command.words[1:])
    fits = any(words[: len(known.split())] == known.split() for known in AZD)
    return "" if fits or not words else f"azd {' '.join(words)} is not in the list"


def _until_option(words: list[str] | tuple[str, ...]) -> list[str]:
    found = []
    for word in words:
        if word.startswith(("-", *UNSEEN)):
            break
        found.append(word)
    return found


@functools.cache
def help_of(module: str, subcommands: tuple[str, ...]) -> str:
    """Return what a module prints for `--help`, once for each."""
    done = subprocess.run(
        [sys.executable, "-m", module, *subcommands, "--help"],
        cwd=docpages.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else ""


def module_fault(command: Command) -> str:
    """Return what is wrong with a call of `python -m`, nothing if it takes these words."""
    if "-m" not in command.words[1:2] or len(command.words) < 3:
        return ""  # a script in the page itself, or a way of speaking
    module, *rest = command.words[2:]
    path = docpages.ROOT / module.replace(".", "/")
    if not path.with_suffix(".py").is_file() and not (path / "__main__.py").is_file():
        return "" if module in {"pip", "venv", "pytest"} else f"there is no module {module}"
    if not rest:
        return ""
    wanted = tuple(_until_option(rest))[:1]
    said = {word.partition("=")[0] for word in rest if re.match(r"--?[a-zA-Z]", word)}
    source = (
        path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__main__.py"
    ).read_text()
    if "argparse" not in source and "sys.argv[1:])" not in source:
        options = set(re.findall(r"\"(--[\w-]+)\"", source))  # it has no help, and would do its work
    elif says := help_of(module, wanted):
        options = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", says))
    else:
        return f"{module} has no command {' '.join(wanted)}"
    unknown = said - options
    return f"{module} {' '.join(wanted)} has no {', '.join(sorted(unknown))}" if unknown else ""


def make_fault(command: Command) -> str:
    """Return what is wrong with a call of make, nothing if targets and variables are known."""
    makefile = docpages.text("Makefile")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.M))
    variables = set(re.findall(r"^([A-Z]+) \?=", makefile, re.M)) | set(
        re.findall(r"\$\(if \$\((\w+)\)", makefile)
    )
    said = [*command.words[1:], *command.environment]
    unknown = [word for word in said if "=" not in word and word not in targets]
    unknown += [word for word in said if "=" in word and word.partition("=")[0] not in variables]
    return f"make knows no {', '.join(unknown)}" if unknown else ""


FAULTS = {
    "az": az_fault, "azd": azd_fault, "curl": curl_fault, "make": make_fault,
    "python": module_fault, "python3": module_fault, ".venv/bin/python": module_fault,
}  # fmt: skip


def fault_of(line: str) -> str:
    """Return what is wrong with one line, for the tests of these checks themselves."""
    (command,) = commands.commands_in(line, "a page")
    return FAULTS[command.program](command)


@pytest.mark.parametrize(
    "programs", [("az",), ("azd",), ("curl",), ("make",), ("python", "python3", ".venv/bin/python")]
)
def test_every_command_in_the_pages_can_be_run(programs: tuple[str, ...]) -> None:
    """No page asks for a target, a module, an option, a route or a subcommand that does not exist."""
    found = commands.all_commands(*programs)
    wrong = [f"{command}\n    {fault}" for command in found if (fault := FAULTS[command.program](command))]

    assert wrong == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('curl -s "$APP/api/restorepoints"', "no route GET /api/restorepoints"),
        ('curl -s -d "{}" "$APP/api/nights"', "no route POST /api/nights"),
        ('curl -X POST "$APP/admin/functions/backup_clock"', "no function backup_clock"),
        ("make deploy", "make knows no deploy"),
        ("FLEET=3 make bench", "make knows no FLEET"),
        ("python -m tools.deploying parameters", "no module tools.deploying"),
        ("python -m devhost begin", "no command begin"),
        ("python -m devhost start --prot 7071", "has no --prot"),
        ("az functionapp key list --name x", "not in az_commands.json"),
        ("az functionapp keys list --group x", "has no --group"),
        ("azd environment new x", "not in the list"),
    ],
)
def test_a_wrong_command_is_found(line: str, said: str) -> None:
    """Each kind of mistake that a page could make."""
    assert said in fault_of(line)


@pytest.mark.parametrize(
    "line",
    [
        'curl -s "$APP/api/services/contoso/failover"',
        'curl -s -X PUT -d "{}" "$APP/api/restore-points/contoso/x/hold"',
        "SCENARIO=region-loss KEEP=1 make demo",
        "python -m devhost start --port 0",
        "az functionapp keys list --resource-group g --name x --query functionKeys.default -o tsv",
        "azd env new contoso-weu",
    ],
)
def test_a_right_command_is_not_found(line: str) -> None:
    """The checks refuse what is wrong, and not what is written in another way."""
    assert fault_of(line) == ""


def test_commands_inside_of_others_are_read() -> None:
    """What stands in a substitution, behind a pipe or on a second line is a command, too."""
    script = (
        'KEY=$(az functionapp keys list \\\n  --name x)\ncurl -s "$APP/api/runs" | python3 -m json.tool\n'
    )

    assert [one.program for one in commands.commands_in(script, "a page")] == ["az", "curl", "python3"]


def spans() -> Iterator[tuple[str, str]]:
    """Yield (page, text) of everything that stands in back-ticks in prose."""
    for page in docpages.pages():
        for span in re.findall(r"`([^`\n]+)`", docpages.prose(page.read_text(encoding="utf-8"))):
            yield str(page.relative_to(docpages.ROOT)), span


def test_every_route_in_prose_exists() -> None:
    """`GET /api/…` in a sentence is a route; what stands in braces or angles is anything."""
    named = [
        (page, found[1], re.sub(r"[{<][^}>]*[}>]|…", "x", found[2]))
        for page, span in spans()
        if (found := re.fullmatch(r"(GET|POST|PUT|DELETE) (/api/[^?\s]*)(?:\?.*)?", span))
    ]

    assert len(named) > 40
    assert [one for one in named if not is_route(one[1], one[2])] == []


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
