"""
`python3 -m tools.locks [--upgrade]`: write the requirements*.txt locks from their *.in files, with uv.

A lock names versions and hashes, never the address of an index, and serves every system and Python.
"""

from __future__ import annotations

import argparse
import sys

from tools import installation, machine, stamps
from tools.faults import told
from tools.transcript import Transcript

ROOT = installation.ROOT
UV = "uv==0.13.9"
UV_FOLDER = ROOT / "build" / "uvenv"
# Name of the lock, and the oldest Python it must serve.
LOCKS = (
    ("requirements", "3.11"),
    ("requirements-dev", "3.11"),
    ("requirements-checkov", "3.11"),
    ("requirements-node", "3.11"),
    ("requirements-sbom", "3.11"),
    ("requirements-worker", "3.13"),
)
FORM = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate"]


def main() -> int:
    """Write all locks; existing versions are kept unless an upgrade is wished."""
    parser = argparse.ArgumentParser(prog="tools.locks", description=__doc__)
    parser.add_argument(
        "--upgrade", action="store_true", help="take the newest versions that the *.in files allow"
    )
    wanted = parser.parse_args()
    return told("lock", lambda: write_locks(upgrade=wanted.upgrade))


def write_locks(*, upgrade: bool) -> int:
    """
    Install uv under build/ and let it write one lock after the other.

    Raises:
        ToolFault: uv could not be had or found no solution.
    """
    with stamps.one_at_a_time(ROOT / "build" / "setup.lock"):
        log = Transcript(file=ROOT / "build" / "lock.log", root=ROOT)
        log.begin()
        python = UV_FOLDER / "bin" / "python"
        if machine.answer([str(python), "-m", "uv", "--version"]) is None:
            base = machine.base_python()
            installation.require_venv(base)
            remedy = f"remove {UV_FOLDER.relative_to(ROOT)} and try again"
            log.run("an environment for uv", [base, "-m", "venv", "--clear", str(UV_FOLDER)], remedy=remedy)
            log.run(UV, [str(python), *installation.PIP, "install", UV], remedy=installation.NETWORK)
        for name, oldest in LOCKS:
            command = [
                str(python),
                "-m",
                "uv",
                "pip",
                "compile",
                "--quiet",
                *FORM,
                "--python-version",
                oldest,
            ]
            command += ["--upgrade"] if upgrade else []
            command += [f"{name}.in", "-o", f"{name}.txt"]
            log.run(f"{name}.txt", command, remedy=installation.NETWORK)
    return 0


if __name__ == "__main__":
    sys.exit(main())
