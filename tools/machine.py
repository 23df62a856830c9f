"""What this machine brings along: Pythons, Node, npm. Asks; changes nothing."""

from __future__ import annotations

import glob
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

NODE_MAJOR_MIN = 20
WORKER_PYTHON = "3.13"
ANSWER_S_MAX = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A Node that is new enough, with its npm."""

    node: str
    npm: str
    version: str


def has_venv() -> bool:
    """Tell whether the running Python can make environments; Debian splits that off as python3-venv."""
    return all(importlib.util.find_spec(name) is not None for name in ("venv", "ensurepip"))


def base_python() -> str:
    """Return the Python outside of any active environment, so that `.venv` never hangs on itself."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def find_node(folders: str | None = None) -> Node | str:
    """
    Find Node 20 or newer together with npm.

    Args:
        folders: where to look, as PATH writes it; None is the machine's PATH.

    Returns:
        The node, or the reason in words why there is none.
    """
    node = shutil.which("node", path=folders)
    if node is None:
        return "there is no node on the PATH"
    version = answer([node, "--version"])
    if version is None or not version.startswith("v"):
        return f"{node} does not run"
    if int(version[1:].split(".")[0]) < NODE_MAJOR_MIN:
        return f"{node} is {version}, older than {NODE_MAJOR_MIN}"
    npm = shutil.which("npm", path=folders)
    if npm is None:
        return f"{node} comes without npm"
    return Node(node=node, npm=npm, version=version)


def find_worker_python() -> str | None:
    """Find a Python 3.13: the running one, one on the PATH, or one that pyenv keeps."""
    if "{}.{}".format(*sys.version_info) == WORKER_PYTHON:
        return base_python()
    return next((python for python in _worker_pythons() if python_version(python) == WORKER_PYTHON), None)


def _worker_pythons() -> list[str]:
    """List the places to look in; a pyenv shim may stand for a version that is not switched on."""
    found = [shutil.which(f"python{WORKER_PYTHON}") or ""]
    pyenv = shutil.which("pyenv")
    root = (answer([pyenv, "root"]) if pyenv else None) or os.environ.get("PYENV_ROOT")
    if root:
        found += sorted(
            glob.glob(f"{root}/versions/{WORKER_PYTHON}.*/bin/python{WORKER_PYTHON}"), reverse=True
        )
    return [python for python in found if python]


def python_version(python: str | Path) -> str | None:
    """Ask a Python for its version, for instance `3.12`; None when it does not run."""
    return answer([str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])


def answer(command: list[str]) -> str | None:
    """Return the first line that a command prints, or None when it fails, hangs or is not there."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_S_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.strip().splitlines()
    return lines[0].strip() if done.returncode == 0 and lines else None
