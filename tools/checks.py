"""
`python -m tools.checks [--tests] [-- pytest arguments]`: everything `make check` and `make test` look at.

All of them run even when an early one fails, and pytest runs last, so that its closing line is the last line.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from tools.faults import told

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / ".venv" / "bin"
CHECKS = (
    ("ruff check", ["ruff", "check", "."]),
    ("ruff format", ["ruff", "format", "--check", "."]),
    ("mypy", ["mypy"]),
    ("import contracts", ["lint-imports"]),
)
# Two workers: the build server has two cores, and the end-to-end tests start processes of their own.
PYTEST = ["-m", "pytest", "-n", "2", "--dist", "loadgroup"]


def main() -> int:
    """Run the checks, and the tests when asked to; 0 only if every one of them passed."""
    parser = argparse.ArgumentParser(prog="tools.checks", description=__doc__)
    parser.add_argument("--tests", action="store_true", help="then run pytest")
    parser.add_argument("arguments", nargs="*", help="for pytest")
    wanted = parser.parse_args()
    return told("checks", lambda: run(with_tests=wanted.tests, arguments=wanted.arguments))


def run(*, with_tests: bool, arguments: list[str]) -> int:
    """Run them one after the other, say each result in a line, show the output of those that failed."""
    failed = [name for name, command in CHECKS if not passes(name, command)]
    if not with_tests:
        if failed:
            print(f"checks: failed: {', '.join(failed)}")
        return 1 if failed else 0
    if failed:
        print(f"checks: failed: {', '.join(failed)} (shown above); the tests run all the same, exit code 1")
    sys.stdout.flush()
    tests = run_pytest(arguments)
    return 1 if failed else tests


def run_pytest(arguments: list[str]) -> int:
    """Run pytest to its end; Ctrl-C reaches it as well, and it needs time to end what its tests started."""
    tests = subprocess.Popen([sys.executable, *PYTEST, *arguments], cwd=ROOT, env=environment())
    while True:
        try:
            return tests.wait()
        except KeyboardInterrupt:
            continue


def passes(name: str, command: list[str]) -> bool:
    """Run one check."""
    begun = time.monotonic()
    done = subprocess.run(
        [str(SCRIPTS / command[0]), *command[1:]],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout.rstrip())
    print(
        f"checks: {name:<17} {'FAILED' if done.returncode else 'ok':<7} {time.monotonic() - begun:4.1f} s",
        flush=True,
    )
    return done.returncode == 0


def environment() -> dict[str, str]:
    """Put `.venv` first on the PATH: Node is there where the machine has none."""
    return {**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


if __name__ == "__main__":
    sys.exit(main())
