"""`python3 -m tools.deploy`: the environment it runs in, and what it says when there is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools import deploy, deployment, machine
from tools.faults import ToolFault
from tools.installation import Environment

ROOT = Path(__file__).parents[2]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Environment]:
    """Two environments that are not made yet, in place of the real ones."""
    lock = tmp_path / "lock.txt"
    lock.write_text("pydantic==2\n")
    made = {name: Environment(folder=tmp_path / name, lock=lock) for name in ("DEVELOPMENT", "DEPLOYMENT")}
    for name, environment in made.items():
        monkeypatch.setattr(deployment, name, environment)
    monkeypatch.setattr(deployment, "ROOT", tmp_path)
    return made


def make(environment: Environment) -> None:
    """Make an environment that runs, and is stamped as current."""
    environment.python.parent.mkdir(parents=True)
    environment.python.symlink_to(sys.executable)
    version = machine.python_version(environment.python)
    assert version is not None
    environment.stamp(version).write()


def test_the_developers_environment_is_used_if_it_is_current(places: dict[str, Environment]) -> None:
    """Nothing is made then."""
    make(places["DEVELOPMENT"])

    assert deployment.usable() == places["DEVELOPMENT"]


def test_one_that_is_out_of_date_is_not_used(
    places: dict[str, Environment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small one is made instead, from the requirements of the app."""
    make(places["DEVELOPMENT"])
    stamp = places["DEVELOPMENT"].folder / ".apim-dr-stamp.json"
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "lock": "older"}))
    made = []
    monkeypatch.setattr(deployment, "make_environment", lambda one, base, log: made.append(one))

    assert deployment.usable() == places["DEPLOYMENT"]
    assert made == [places["DEPLOYMENT"]]


def test_a_python_that_makes_no_environments_is_told_in_a_sentence(
    places: dict[str, Environment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the package that Debian keeps apart."""
    monkeypatch.setattr(machine, "has_venv", lambda: False)

    with pytest.raises(ToolFault, match="apt install python3-venv"):
        deployment.usable()


def test_a_python_that_is_too_old_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is imported that it could not read."""
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))

    assert deploy.main() == 1
    assert "is Python 3.9, and 3.11 or newer is needed" in capsys.readouterr().err


def test_the_small_environment_is_made_from_the_apps_own_lock() -> None:
    """With hashes: it is the lock that Azure installs from, too."""
    assert Path("requirements.txt") == deployment.DEPLOYMENT.lock.relative_to(ROOT)
    assert "--hash=sha256:" in deployment.DEPLOYMENT.lock.read_text()


def test_an_exit_code_is_passed_on(
    places: dict[str, Environment], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """azd stops where a hook fails."""
    make(places["DEVELOPMENT"])
    package = tmp_path / "deploy"
    package.mkdir()
    (package / "__main__.py").write_text("import sys; sys.exit(len(sys.argv) * 10)")

    assert deployment.main(["foundation"]) == 20


def test_help_names_every_command() -> None:
    """And each in a line."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    for command in ("foundation", "parameters", "stays", "remove-kept", "check"):
        assert f"    {command}" in done.stdout


def test_the_hooks_of_azd_name_commands_that_exist() -> None:
    """In azure.yaml, for sh and for PowerShell."""
    text = (ROOT / "azure.yaml").read_text()

    for command in ("foundation", "stays", "remove-kept"):
        assert f"python3 -m tools.deploy {command}" in text
        assert f"python -m tools.deploy {command}" in text
