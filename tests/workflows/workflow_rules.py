"""What every workflow keeps to; `faults` names whatever does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
MINUTES_MAX = 60
# The one job that may write, and what.
WRITERS = {"release.yml/publish": {"attestations", "contents", "id-token"}}
PIN = re.compile(r"uses: ([\w.-]+/[\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)")


def load(text: str) -> dict[str, Any]:
    """Read a workflow; YAML takes its key `on` for a truth value."""
    read = yaml.safe_load(text)
    return {"on" if key is True else key: value for key, value in read.items()}


def faults(name: str, text: str, pins: set[tuple[str, str, str]]) -> list[str]:
    """
    Name every fault of a workflow.

    Args:
        name: of its file.
        text: of the file.
        pins: (action, commit, version) of every pin that docs/releases.md lists.
    """
    found = load(text)
    return [
        *_of_the_head(text, found),
        *_of_the_pins(text, pins),
        *(fault for job, body in found["jobs"].items() for fault in _of_a_job(f"{name}/{job}", body)),
        *(fault for script in scripts(found) for fault in _of_a_script(script)),
    ]


def scripts(found: dict[str, Any]) -> list[str]:
    """Return the scripts of all steps."""
    steps = [step for job in found["jobs"].values() for step in job.get("steps", [])]
    return [step["run"] for step in steps if "run" in step]


def _of_the_head(text: str, found: dict[str, Any]) -> Iterator[str]:
    if not text.startswith("# Never ran: "):
        yield "the first line says what never ran"
    if found.get("permissions") != {}:
        yield "permissions: {} stands at the top, and each job takes what it needs"
    if "concurrency" not in found:
        yield "there is no concurrency"
    if forbidden := {"pull_request_target", "workflow_run"} & set(found["on"]):
        yield f"{forbidden.pop()} runs foreign code with rights"


def _of_the_pins(text: str, pins: set[tuple[str, str, str]]) -> Iterator[str]:
    for line in re.findall(r"uses: .*", text):
        match = PIN.fullmatch(line)
        local = re.fullmatch(r"uses: \./(\.github/workflows/\w+\.yml)", line)
        if local:
            if not (ROOT / local[1]).is_file():
                yield f"{line}: there is no such workflow"
        elif match is None:
            yield f"{line}: not pinned by commit, with its version behind it"
        elif match.groups() not in pins:
            yield f"{line}: not among the pins of docs/releases.md"


def _of_a_job(job: str, body: dict[str, Any]) -> Iterator[str]:
    rights = body.get("permissions")
    if not isinstance(rights, dict):
        yield f"{job}: no permissions of its own"
        rights = {}
    writes = {name for name, right in rights.items() if right == "write"}
    if writes != WRITERS.get(job, set()):
        yield f"{job}: writes {sorted(writes)}"
    if "uses" in body:
        return
    if not 0 < body.get("timeout-minutes", 0) <= MINUTES_MAX:
        yield f"{job}: no timeout, or more than {MINUTES_MAX} minutes"
    for step in body["steps"]:
        if (
            "/checkout@" in step.get("uses", "")
            and step.get("with", {}).get("persist-credentials") is not False
        ):
            yield f"{job}: checkout keeps its credentials"


def _of_a_script(script: str) -> Iterator[str]:
    if "${{" in script:
        yield f"{script!r}: an expression in a script; hand it over in env"
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for target in re.findall(r"\bmake ([\w-]+)", script):
        if target not in targets:
            yield f"make {target}: there is no such target"
    for module in re.findall(r"-m (tools[.\w]*)", script):
        if not (ROOT / f"{module.replace('.', '/')}.py").is_file():
            yield f"{module}: there is no such module"
    for loop in re.finditer(r"for (\w+) in ([^;]+);(.+?)\bdone\b", script, re.S):
        script = script.replace(
            loop[0], "\n".join(loop[3].replace(f"${loop[1]}", word) for word in loop[2].split())
        )
    for path in re.findall(r"\b(?:infra|tools|deploy|tests)/[\w./-]+", script):
        if not (ROOT / path).exists():
            yield f"{path}: there is no such file"
