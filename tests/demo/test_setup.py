"""Set-up: what it takes from the machine, when it has nothing to do, and how it says what is missing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tools import installation, machine, setup, stamps
from tools.faults import ToolFault, told
from tools.transcript import Transcript

ROOT = Path(__file__).resolve().parents[2]


def _program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_a_python_that_is_too_old_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence: which Python it is, what is needed, what to do."""
    monkeypatch.setattr(setup, "OLDEST", (9, 0))

    assert setup.main() == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "3.11 or newer is needed" in said
    assert "PYTHON=" in said


@pytest.mark.parametrize(
    ("programs", "reason"),
    [
        ({}, "there is no node on the PATH"),
        ({"node": "echo v18.19.0", "npm": "echo 9"}, "is v18.19.0, older than 20"),
        ({"node": "exit 1", "npm": "echo 9"}, "does not run"),
        ({"node": "echo v20.1.0"}, "comes without npm"),
    ],
)
def test_a_node_that_will_not_do_is_told(tmp_path: Path, programs: dict[str, str], reason: str) -> None:
    """None, too old, broken, without npm: set-up says why it takes another one."""
    for name, script in programs.items():
        _program(tmp_path, name, script)
    found = machine.find_node(str(tmp_path))

    assert isinstance(found, str)
    assert reason in found


def test_a_node_that_is_new_enough_is_taken(tmp_path: Path) -> None:
    """Node 20 with npm is all that is asked for."""
    _program(tmp_path, "node", "echo v20.1.0")
    _program(tmp_path, "npm", "echo 10")

    found = machine.find_node(str(tmp_path))

    assert isinstance(found, machine.Node)
    assert found.version == "v20.1.0"


def test_a_stamp_is_current_only_for_the_same_facts(tmp_path: Path) -> None:
    """A changed lock, and a folder that was not finished, are made anew."""
    stamp = stamps.Stamp(folder=tmp_path, facts={"lock": "a"})
    assert not stamp.is_current()

    stamp.write()
    assert stamp.is_current()
    assert not stamps.Stamp(folder=tmp_path, facts={"lock": "b"}).is_current()

    stamp.remove()
    assert not stamp.is_current()


def test_a_changed_lock_has_another_digest(tmp_path: Path) -> None:
    """The digest is over content, and over which file it is in."""
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("x==1")
    second.write_text("y==1")
    before = stamps.digest(first, second)
    second.write_text("y==2")

    assert stamps.digest(first, second) != before
    assert stamps.digest(second, first) != stamps.digest(first, second)


def test_a_failed_program_is_told_with_its_errors(tmp_path: Path) -> None:
    """The sentence has the remedy and the lines that name an error; everything is in the log."""
    log = Transcript(file=tmp_path / "setup.log", root=tmp_path)
    log.begin()
    script = "echo Looking; echo 'ERROR: No matching distribution found' >&2; exit 3"

    with pytest.raises(ToolFault) as caught:
        log.run("packages", ["/bin/sh", "-c", script], remedy="is the index reachable?")
    text = str(caught.value)
    assert "packages: failed with exit code 3; is the index reachable?" in text
    assert "setup.log" in text
    assert "ERROR: No matching distribution found" in text
    assert "Looking" not in text
    assert "Looking" in log.file.read_text()


def test_faults_end_a_tool_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """A fault is one line and exit code 1; Ctrl-C is 130."""

    def fail() -> int:
        raise ToolFault("there is no node")

    def interrupt() -> int:
        raise KeyboardInterrupt

    assert (told("set-up", fail), told("set-up", interrupt)) == (1, 130)
    assert capsys.readouterr().err == "set-up: there is no node\nset-up: interrupted\n"


def test_a_python_without_venv_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian keeps venv in a package of its own."""
    monkeypatch.setattr(machine, "answer", lambda _command: None)

    with pytest.raises(ToolFault, match="apt install python3-venv"):
        installation.require_venv("/usr/bin/python3")


def test_make_help_names_every_target() -> None:
    """The table of contents is complete."""
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony is not None
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert re.findall(r"make (\w+) ", shown) == phony[1].split()
