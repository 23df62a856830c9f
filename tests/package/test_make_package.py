"""The commands themselves: the package with its night, and the list of its parts."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import machine, package, sbom

ROOT = Path(__file__).resolve().parents[2]
COMMAND_S_MAX = 600
ENVIRONMENT = dict(os.environ)
"""As it is before any test: others let their own certificate authority in, which no package index has."""

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("demo")]


def run(module: str) -> str:
    """Run a tool as make does, return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_S_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_package_is_made_and_passes_its_checks() -> None:
    """Unpacked elsewhere it has the listed functions, and plays a night whose restore is compared equal."""
    said = run("tools.package")

    target = package.FOLDER / f"apim-dr-{package.version(ROOT)}.zip"
    expected = json.loads((ROOT / package.EXPECTED_INDEX).read_text())
    summary = json.loads((package.FOLDER / "night" / "summary.json").read_text())
    log = (package.FOLDER / "night" / "logs" / "primary.log").read_text()
    assert hashlib.sha256(target.read_bytes()).hexdigest() in said
    assert re.search(r"[\d,]+ KiB: \d+ files, [\d,]+ KiB unpacked, of \S+", said)
    assert f"{len(expected)} functions" in said
    assert re.search(r"imported in \d+\.\d\d s", said)
    (checked, played) = re.findall(r"on Python (\S+) with azure-functions (\S+?);?(?: |$)", said, re.M)
    assert checked[0].startswith(machine.WORKER_PYTHON) or machine.find_worker_python() is None
    assert played[1] == importlib.metadata.version("azure-functions")
    assert (summary["result"], summary["differences"]) == ("Succeeded", [])
    assert (summary["backup"]["outcome"], summary["restore"]["outcome"]) == ("Succeeded", "Succeeded")
    (app,) = re.findall(r"  app: (\S+)", log)
    assert not Path(app).is_relative_to(ROOT)


def test_the_list_of_parts_names_every_requirement_with_its_hashes() -> None:
    """What is in requirements.txt is in the list, and the list was valid by the schema of CycloneDX."""
    run("tools.sbom")

    found = json.loads((package.FOLDER / f"apim-dr-{package.version(ROOT)}.cdx.json").read_text())
    locked = re.findall(r"^([\w.-]+)==([^ ;\\]+)", (ROOT / "requirements.txt").read_text(), re.M)
    hashes = {
        entry["content"]
        for part in found["components"]
        for reference in part["externalReferences"]
        for entry in reference["hashes"]
    }
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", sbom.SPECIFICATION)
    assert sorted((part["name"], part["version"]) for part in found["components"]) == sorted(locked)
    assert hashes == set(re.findall(r"sha256:([0-9a-f]{64})", (ROOT / "requirements.txt").read_text()))
    assert found["metadata"]["component"]["version"] == package.version(ROOT)
