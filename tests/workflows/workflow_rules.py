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
RUNNER = re.compile(r"ubuntu-\d+\.\d+")
PIN = re.compile(r"([\w.-]+/[\w./-]+)@([0-9a-f]{40})")
# What a job is for: lines that its scripts have, loops written out, exactly so.
LINES = {
    "ci.yml/tests": {"make test"},
    "ci.yml/infrastructure": {
        'az bicep install --version "$BICEP_VERSION"',
        *(f'az bicep lint --file "infra/{name}.bicep"' for name in ("foundation", "main")),
        *(
            f'az bicep build --file "infra/{name}.bicep" --outfile "build/templates/{name}.json"'
            for name in ("foundation", "main")
        ),
        "make package",
        "azd package app --environment ci --output-path build/azd.zip --no-prompt",
        "diff <(zipinfo -1 build/azd.zip | grep -v '/$' | sort) "
        "<(zipinfo -1 build/package/apim-dr-*.zip | sort)",
    },
    "release.yml/build": {
        "make package",
        "make sbom",
        'az bicep install --version "$BICEP_VERSION"',
        *(
            f'az bicep build --file "infra/{name}.bicep" --outfile "build/release/{name}.json"'
            for name in ("foundation", "main")
        ),
        'version="${GITHUB_REF_NAME#v}"',
        'cp "build/package/apim-dr-$version.zip" "build/package/apim-dr-$version.cdx.json" build/release/',
        "cd build/release",
        "sha256sum -- * > SHA256SUMS",
    },
    "release.yml/publish": {
        'gh release create "$GITHUB_REF_NAME" --repo "$GITHUB_REPOSITORY" --verify-tag '
        '--title "apim-dr ${GITHUB_REF_NAME#v}" '
        '--notes "What changed: $GITHUB_SERVER_URL/$GITHUB_REPOSITORY/blob/$GITHUB_REF_NAME/CHANGELOG.md" '
        "release/*",
    },
}
# What is handed from job to job, attested and published: everything, or nothing.
INPUTS = {
    "release.yml/build": {
        "actions/upload-artifact": {"name": "release", "path": "build/release", "if-no-files-found": "error"}
    },
    "release.yml/publish": {
        "actions/download-artifact": {"name": "release", "path": "release"},
        "actions/attest-build-provenance": {"subject-path": "release/*"},
    },
}


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
        *_of_the_pins(text, found, pins),
        *(fault for job, body in found["jobs"].items() for fault in _of_a_job(f"{name}/{job}", body)),
        *(fault for job, body in found["jobs"].items() for fault in _of_its_work(f"{name}/{job}", body)),
        *(fault for script in scripts(found) for fault in _of_a_script(script)),
    ]


def scripts(found: dict[str, Any]) -> list[str]:
    """Return the scripts of all steps."""
    return [step["run"] for job in found["jobs"].values() for step in job.get("steps", []) if "run" in step]


def lines_of(script: str) -> list[str]:
    """Return the lines of a script, with its loops written out and its long lines joined."""
    script = re.sub(r"\\\n\s*", "", script)
    for loop in re.finditer(r"for (\w+) in ([^;]+); do\n(.+?)\bdone\b", script, re.S):
        each = (loop[3].replace(f"${loop[1]}", word) for word in loop[2].split())
        script = script.replace(loop[0], "\n".join(each))
    return [line.strip() for line in script.splitlines() if line.strip()]


def pins_of(text: str) -> set[tuple[str, str, str]]:
    """Return (action, commit, version) of whatever a workflow uses with a pin and its version behind it."""
    used = (PIN.fullmatch(one) for one in _used(load(text)))
    return {
        (match[1], match[2], version)
        for match in used
        if match
        for version in re.findall(rf"{re.escape(match[0])} # (v\d+\.\d+\.\d+)$", text, re.M)
    }


def _used(found: dict[str, Any]) -> list[str]:
    """Return what jobs and steps use, as YAML reads it."""
    jobs = found["jobs"].values()
    return [one["uses"] for job in jobs for one in [job, *job.get("steps", [])] if "uses" in one]


def _of_the_head(text: str, found: dict[str, Any]) -> Iterator[str]:
    if not text.startswith("# Never ran: "):
        yield "the first line says what never ran"
    if found.get("permissions") != {}:
        yield "permissions: {} stands at the top, and each job takes what it needs"
    if "concurrency" not in found:
        yield "there is no concurrency"
    if forbidden := {"pull_request_target", "workflow_run"} & set(found["on"]):
        yield f"{forbidden.pop()} runs foreign code with rights"
    if re.search(r"^[^#\n]*\bsecrets\b", text, re.M):
        yield "a secret: the token of the run is enough"


def _of_the_pins(text: str, found: dict[str, Any], pins: set[tuple[str, str, str]]) -> Iterator[str]:
    for one in _used(found):
        local = re.fullmatch(r"\./(\.github/workflows/\w+\.yml)", one)
        if local:
            if not (ROOT / local[1]).is_file():
                yield f"{one}: there is no such workflow"
        elif not PIN.fullmatch(one) or re.search(rf"{re.escape(one)}(?! # v\d+\.\d+\.\d+$)", text, re.M):
            yield f"{one}: not pinned by commit, with its version behind it"
    for pin in pins_of(text) - pins:
        yield f"{pin[0]}@{pin[1]} # {pin[2]}: not among the pins of docs/releases.md"


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
    if not RUNNER.fullmatch(str(body["runs-on"])):
        yield f"{job}: runs on {body['runs-on']}, which may be another machine tomorrow"
    for step in [body, *body["steps"]]:
        if lenient := {"continue-on-error", "if"} & set(step):
            yield f"{job}: {lenient.pop()} lets something fail, or be left out"
    for step in body["steps"]:
        if (
            "/checkout@" in step.get("uses", "")
            and step.get("with", {}).get("persist-credentials") is not False
        ):
            yield f"{job}: checkout keeps its credentials"


def _of_its_work(job: str, body: dict[str, Any]) -> Iterator[str]:
    steps = body.get("steps", [])
    done = {line for step in steps for line in lines_of(step.get("run", ""))}
    for line in sorted(LINES.get(job, set()) - done):
        yield f"{job}: nothing runs {line!r}"
    given = {str(step.get("uses", "")).partition("@")[0]: step.get("with", {}) for step in steps}
    for action, inputs in INPUTS.get(job, {}).items():
        if given.get(action) != inputs:
            yield f"{job}: {action} is to get {inputs}"


def _of_a_script(script: str) -> Iterator[str]:
    if "${{" in script:
        yield f"{script!r}: an expression in a script; hand it over in env"
    if found := re.search(r"\b(curl|wget|eval)\b|\|\s*(?:\w*sh|python3?)\b|\|\|| set \+e", f" {script}"):
        yield f"{script!r}: {found[0].strip()}: nothing unseen is run, and nothing fails in silence"
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for target in re.findall(r"\bmake ([\w-]+)", script):
        if target not in targets:
            yield f"make {target}: there is no such target"
    for module in re.findall(r"-m (tools[.\w]*)", script):
        if not (ROOT / f"{module.replace('.', '/')}.py").is_file():
            yield f"{module}: there is no such module"
    for path in re.findall(r"\b(?:infra|tools|deploy|tests)/[\w./-]+", "\n".join(lines_of(script))):
        if not (ROOT / path).exists():
            yield f"{path}: there is no such file"
