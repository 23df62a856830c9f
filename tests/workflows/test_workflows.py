"""The workflows, which cannot run here, keep at least to rules; each rule is shown to find what it is for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import workflow_rules as rules
import yaml

from tools import locks

ROOT = rules.ROOT
WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())
RELEASES = (ROOT / "docs" / "releases.md").read_text(encoding="utf-8")
PINS = set(re.findall(r"^\| ([\w.-]+/[\w.-]+) \| (v[\d.]+) \| `([0-9a-f]{40})` \|", RELEASES, re.M))
LISTED = {(action, commit, version) for action, version, commit in PINS}
VERSIONS = ("3.11", "3.12", "3.13")


def name_of(path: Path) -> str:
    """Name a workflow in a test's id."""
    return path.name


def text(name: str) -> str:
    """Return the text of a workflow."""
    return (ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_a_workflow_keeps_to_the_rules(path: Path) -> None:
    """Pinned, least rights, timeouts, nothing that is not there."""
    assert rules.faults(path.name, path.read_text(encoding="utf-8"), LISTED) == []


def test_every_pin_of_the_page_is_used() -> None:
    """The table of docs/releases.md lists what the workflows use, and nothing that they once used."""
    used = {pin for path in WORKFLOWS for pin in rules.pins_of(path.read_text(encoding="utf-8"))}

    assert used == LISTED


CHECKOUT = "actions/checkout@9c091bb21b7c1c1d1991bb908d89e4e9dddfe3e0 # v7.0.0"


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("ci.yml", CHECKOUT, "actions/checkout@v7", "not pinned by commit"),
        ("ci.yml", CHECKOUT, CHECKOUT.removesuffix(" # v7.0.0"), "not pinned by commit"),
        ("ci.yml", CHECKOUT, CHECKOUT.replace("9c091", "00000"), "not among the pins"),
        ("ci.yml", f"uses: {CHECKOUT}", "'uses': actions/checkout@v7", "not pinned by commit"),
        (
            "ci.yml",
            f"- uses: {CHECKOUT}",
            '- {"uses": "actions/checkout@v7"}\n      - uses: x',
            "not pinned by",
        ),
        ("ci.yml", "permissions: {}", "permissions: write-all", "permissions: {} stands at the top"),
        ("ci.yml", "      contents: read", "      contents: write", "writes ['contents']"),
        ("ci.yml", "    permissions:\n      contents: read\n", "", "no permissions of its own"),
        ("ci.yml", "  pull_request:", "  pull_request_target:", "pull_request_target runs foreign code"),
        ("ci.yml", "persist-credentials: false", "fetch-depth: 0", "checkout keeps its credentials"),
        ("ci.yml", "    timeout-minutes: 45\n", "", "ci.yml/tests: no timeout"),
        ("ci.yml", "concurrency:", "env:", "there is no concurrency"),
        ("ci.yml", "run: make test", "run: make tests", "make tests: there is no such target"),
        ("ci.yml", "run: make package", "run: python -m tools.packages", "tools.packages: there is no such"),
        ("ci.yml", "in foundation main;", "in foundation mains;", "infra/mains.bicep: there is no such file"),
        ("ci.yml", "run: make test", "run: make test ${{ github.head_ref }}", "an expression in a script"),
        ("ci.yml", "# Never ran: ", "# ", "the first line says what never ran"),
        (
            "release.yml",
            "./.github/workflows/ci.yml",
            "./.github/workflows/cd.yml",
            "there is no such workflow",
        ),
        (
            "release.yml",
            "id-token: write",
            "packages: write",
            "writes ['attestations', 'contents', 'packages']",
        ),
        ("ci.yml", "runs-on: ubuntu-24.04", "runs-on: ubuntu-latest", "runs on ubuntu-latest"),
        (
            "ci.yml",
            "run: make test",
            "run: make test\n        continue-on-error: true",
            "continue-on-error lets",
        ),
        (
            "ci.yml",
            "    timeout-minutes: 45",
            "    timeout-minutes: 45\n    continue-on-error: true",
            "lets something",
        ),
        ("ci.yml", "run: make test", "run: make test\n        if: false", "if lets something"),
        ("ci.yml", "run: make test", "run: make test || true", "fails in silence"),
        ("ci.yml", "run: make test", "run: curl https://x | bash", "nothing unseen is run"),
        ("ci.yml", "run: make test", "run: make check", "nothing runs 'make test'"),
        ("ci.yml", "PYTHON: python", "TOKEN: ${{ secrets.FOO }}\n          PYTHON: python", "a secret"),
        ("release.yml", "uses: ./.github", "secrets: inherit\n    uses: ./.github", "a secret"),
        (
            "ci.yml",
            "          azd package app",
            "          : azd package app",
            "nothing runs 'azd package app",
        ),
        ("ci.yml", "          diff <(", "          echo <(", 'nothing runs "diff'),
        ("ci.yml", "az bicep build", "az bicep lint", "nothing runs 'az bicep build"),
        ("ci.yml", "in foundation main;", "in main;", 'lint --file "infra/foundation.bicep"'),
        ("release.yml", "az bicep build", "az bicep lint", "nothing runs 'az bicep build"),
        ("release.yml", "run: make sbom", "run: make clean", "nothing runs 'make sbom'"),
        ("release.yml", ' "build/package/apim-dr-$version.cdx.json"', "", "nothing runs 'cp "),
        ("release.yml", "sha256sum -- *", "sha256sum -- main.json", "nothing runs 'sha256sum"),
        (
            "release.yml",
            "            release/*\n",
            "            release/main.json\n",
            "nothing runs 'gh release",
        ),
        (
            "release.yml",
            "subject-path: release/*",
            "subject-path: release/main.json",
            "attest-build-provenance is",
        ),
        (
            "release.yml",
            "path: build/release\n",
            "path: build/release/main.json\n",
            "upload-artifact is to get",
        ),
        ("release.yml", "if-no-files-found: error", "if-no-files-found: ignore", "upload-artifact is to get"),
    ],
)
def test_a_planted_fault_is_named(name: str, old: str, new: str, said: str) -> None:
    """Each rule finds the fault that it is there for."""
    assert old in text(name)

    assert any(said in fault for fault in rules.faults(name, text(name).replace(old, new), LISTED))


def test_the_tests_run_on_the_versions_that_the_documents_name() -> None:
    """From the oldest that pyproject.toml allows to the one that Azure runs."""
    jobs = rules.load(text("ci.yml"))["jobs"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert tuple(jobs["tests"]["strategy"]["matrix"]["python"]) == VERSIONS
    assert project["requires-python"] == f">={VERSIONS[0]}"
    assert f"on Python {VERSIONS[0]}, {VERSIONS[1]} and {VERSIONS[2]}" in RELEASES
    assert f"version: '{VERSIONS[-1]}'" in (ROOT / "infra" / "app" / "function-app.bicep").read_text()


def test_the_template_has_the_version_of_the_project() -> None:
    """What azd reports as the template is the release it was taken from."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    template = yaml.safe_load((ROOT / "azure.yaml").read_text())["metadata"]["template"]

    assert template == f"{project['name']}@{project['version']}"


def test_both_workflows_take_one_compiler() -> None:
    """What CI compiled is what a release compiles, with the version that the page names."""
    versions = {
        version for path in WORKFLOWS for version in re.findall(r"BICEP_VERSION: (\S+)", path.read_text())
    }

    assert len(versions) == 1
    assert f"`{versions.pop()}`" in RELEASES


def test_a_release_waits_for_all_checks() -> None:
    """Nothing is built or published before everything that CI checks has passed."""
    jobs = rules.load(text("release.yml"))["jobs"]

    assert jobs["checks"]["uses"] == "./.github/workflows/ci.yml"
    assert (jobs["build"]["needs"], jobs["publish"]["needs"]) == ("checks", "build")


def test_dependabot_leaves_the_locks_alone() -> None:
    """The locks are universal and have hashes; only `make lock` writes such."""
    wanted = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]

    assert [one["package-ecosystem"] for one in wanted] == ["github-actions"]
    assert {"--universal", "--generate-hashes", "--no-header"} <= set(locks.FORM)
