"""The check of the functions finds what is missing, too much, or otherwise, in what was unpacked alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools import app_index, package, package_zip
from tools.faults import ToolFault

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """The package as it lies in an empty folder."""
    folder = tmp_path / "app"
    folder.mkdir()
    return package_zip.unpack(package.build(ROOT, tmp_path), folder)


def test_what_only_one_side_has_is_named_and_so_are_other_bindings() -> None:
    """Each function with a difference is named once."""
    listed = {"a": [{"type": "httpTrigger", "route": "x"}], "b": []}
    found = {"a": [{"type": "httpTrigger", "route": "y"}], "c": []}

    assert app_index.differences(found, listed) == [
        "b is listed and not there",
        "c is there and not listed",
        "a has other bindings",
    ]
    assert app_index.differences(listed, listed) == []


def test_a_function_that_is_not_on_the_list_ends_the_check(
    unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that lacks a function is no longer the list of the app."""
    expected = json.loads((ROOT / package.EXPECTED_INDEX).read_text())
    del expected["poll_once"]
    changed = tmp_path / "index.json"
    changed.write_text(json.dumps(expected))
    monkeypatch.setattr(package, "EXPECTED_INDEX", changed)
    monkeypatch.setattr(package, "IMPORTS", 1)

    with pytest.raises(ToolFault, match=r"poll_once is there and not listed"):
        package.check_index(Path(sys.executable), unpacked)


def test_a_missing_shared_module_ends_the_check(unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module lies in the repository, and is not found there."""
    monkeypatch.setattr(package, "IMPORTS", 1)
    (unpacked / "shared" / "submit.py").unlink()

    with pytest.raises(ToolFault, match=r"No module named 'shared\.submit'"):
        package.check_index(Path(sys.executable), unpacked)


def test_the_devhost_finds_no_module_beside_itself_for_an_app_from_elsewhere(
    unpacked: Path, tmp_path: Path
) -> None:
    """A folder that the app lacks is missing, although one of that name lies beside the devhost."""
    for path in (unpacked / "poll_status").iterdir():
        path.unlink()
    (unpacked / "poll_status").rmdir()
    command = [sys.executable, "-m", "devhost", "start", "--app", str(unpacked), "--port", "0"]

    done = subprocess.run(
        [*command, "--state", str(tmp_path / "state.sqlite")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 1
    assert "No module named 'poll_status'" in done.stderr
