"""Copies of the app with changes in them, and a process that runs one of them and then another."""

from __future__ import annotations

import contextlib
import importlib
import shutil
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tests.upgrade.kept import ROOT


@dataclass(frozen=True, slots=True)
class Edit:
    """One passage of a file, and what stands there instead; it must be there exactly once."""

    path: str
    old: str
    new: str


def packages() -> list[str]:
    """Return the folders that the app consists of, as the contract about it names them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (ours,) = [one["source_modules"] for one in contracts if one["id"] == "app-knows-no-tools"]
    return list(ours)


def copy(folder: Path, edits: Sequence[Edit] = ()) -> Path:
    """Copy today's app into a folder and change it there."""
    for name in packages():
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("function_app.py", "host.json"):
        shutil.copy(ROOT / name, folder)
    for edit in edits:
        text = (folder / edit.path).read_text()
        assert text.count(edit.old) == 1, f"{edit.path} has {text.count(edit.old)} times: {edit.old}"
        (folder / edit.path).write_text(text.replace(edit.old, edit.new))
    return folder


@contextlib.contextmanager
def running(tree: Path) -> Iterator[ModuleType]:
    """
    Import the app from a tree, and the harness of tests/world anew over it; give everything back at the end.

    Yields:
        the module `tests.upgrade.night`, whose every import leads into the tree.
    """
    ours = {*packages(), "function_app", "tests"}
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in ours}
    path = list(sys.path)
    _forget(ours)
    sys.path[:0] = [str(tree), str(ROOT)]
    try:
        module = importlib.import_module("tests.upgrade.night")
        came_from = Path(str(sys.modules["function_app"].__file__)).parent
        assert came_from == tree, f"the app came from {came_from}"
        yield module
    finally:
        _forget(ours)
        sys.modules.update(before)
        sys.path[:] = path


def _forget(names: set[str]) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in names]:
        del sys.modules[name]
