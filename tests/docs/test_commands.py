"""
Every command in the documents can be run as far as this repository knows: targets, modules, routes, programs.

`az_commands.json` holds the options of each `az` command that the pages use, as `az <command> --help` of
azure-cli 2.91.0 lists them: a command or an option that is not there was never seen by anybody here.
`azd_commands.json` does the same for `azd`, which was not run here.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import commands
import docpages
import pytest
from commands import Command

AZ = json.loads(Path(__file__).with_name("az_commands.json").read_text(encoding="utf-8"))
AZ_EVERYWHERE = {"--subscription", "--query", "--output", "-o", "--only-show-errors", "--help", "-h"}
AZD = json.loads(Path(__file__).with_name("azd_commands.json").read_text(encoding="utf-8"))
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
    url = next((word for word in words[1:] if re.search(r"/(?:api|admin)/|^https?:|^\$\w+(?:/|$)", word)), "")
    url = re.sub(r"^https?://[^/]+(?=/(?:api|admin)/)", "", url)
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
    """Return what is wrong with a line of azd, nothing if the command and its options are known."""
    words = _until_option(command.words[1:])
    fits = [known for known in AZD["commands"] if words[: len(known.split())] == known.split()]
    if not words or not fits:
        return f"azd {' '.join(words)} is not in azd_commands.json" if words else ""
    unknown = command.options - set(AZD["commands"][fits[0]]) - set(AZD["everywhere"])
    return f"azd {fits[0]} has no {', '.join(sorted(unknown))}" if unknown else ""


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
    **dict.fromkeys(commands.PYTHONS, module_fault),
}  # fmt: skip


def fault_of(line: str) -> str:
    """Return what is wrong with one line, for the tests of these checks themselves."""
    found = [one for one in commands.commands_in(line, "a page") if one.program in FAULTS]
    return "; ".join(filter(None, (FAULTS[one.program](one) for one in found)))


@pytest.mark.parametrize("programs", [("az",), ("azd",), ("curl",), ("make",), commands.PYTHONS])
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
        ("azd environment new x", "not in azd_commands.json"),
        ("azd up --nosuch", "azd up has no --nosuch"),
        ("azd env new x --environment y", "azd env new has no --environment"),
        ('curl "https://func-….azurewebsites.net/api/nosuch"', "no route GET /api/nosuch"),
        ("curl http://127.0.0.1:7071/admin/functions/backup_clock", "no function backup_clock"),
        ("sleep 5 | az functionapp keys list --group x", "has no --group"),
        ("if az functionapp keys list --group x", "has no --group"),
        ("xargs -r az functionapp keys list --group x", "has no --group"),
        ("echo $(az functionapp keys list --group \"$(python3 -c 'print(f((1)))')\")", "has no --group"),
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
        "azd env new contoso-weu --location westeurope --no-prompt",
        'curl "https://func-….azurewebsites.net/api/nights"',
        'curl "https://contoso.azure-api.net/status-0123456789abcdef"',
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


def test_every_program_of_the_blocks_is_on_a_list() -> None:
    """A page calls what was looked up, the words of a shell, and the functions of docs/runbooks/shell.sh."""
    shell = docpages.text("docs/runbooks/shell.sh")
    pages = {page: page.read_text(encoding="utf-8") for page in docpages.pages()}
    unknown = {
        str(page): found for page, text in pages.items() if (found := commands.unknown_programs(text, shell))
    }

    assert unknown == {}


@pytest.mark.parametrize(
    "script",
    ["jqq . x", "make test && jqq", "curl x | jqq", "echo $(jqq)", "if jqq; then echo; fi", "A=1 jqq"],
)
def test_an_unknown_program_is_found(script: str) -> None:
    """At the begin of a line, behind a pipe, within a substitution, behind an assignment."""
    assert commands.unknown_programs(f"```bash\n{script}\n```\n", "") == ["jqq"]
