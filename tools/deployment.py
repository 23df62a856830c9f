"""The environment in which `deploy` runs: `.venv` if set-up has made it, else a small one of its own."""

from __future__ import annotations

import subprocess

from tools import machine
from tools.faults import ToolFault, told
from tools.installation import DEVELOPMENT, ROOT, Environment, make_environment
from tools.stamps import one_at_a_time
from tools.transcript import Transcript

DEPLOYMENT = Environment(folder=ROOT / "build" / "deploy-venv", lock=ROOT / "requirements.txt")


def main(arguments: list[str]) -> int:
    """Run a command of `deploy`; its exit code is ours."""
    return told("deploy", lambda: run(arguments))


def run(arguments: list[str]) -> int:
    """
    Make what is missing, then run the command; Ctrl-C reaches it as well, and it says how things stand.

    Raises:
        ToolFault: something is missing on this machine or could not be had.
    """
    command = [str(usable().python), "-m", "deploy", *arguments]
    running = subprocess.Popen(command, cwd=ROOT)
    while True:
        try:
            return running.wait()
        except KeyboardInterrupt:
            continue


def usable() -> Environment:
    """
    Return an environment that has what `deploy` imports, made now if need be.

    Raises:
        ToolFault: it could not be made.
    """
    base = machine.base_python()
    for environment in (DEVELOPMENT, DEPLOYMENT):
        version = machine.python_version(environment.python)
        if version is not None and environment.stamp(version).is_current():
            return environment
    if not machine.has_venv():
        raise ToolFault(
            f"{base} comes without the modules venv and ensurepip: on Debian and Ubuntu run "
            "'apt install python3-venv', elsewhere put another Python first on the PATH"
        )
    with one_at_a_time(ROOT / "build" / "deploy.lock"):
        log = Transcript(file=ROOT / "build" / "deploy.log", root=ROOT)
        log.begin()
        make_environment(DEPLOYMENT, base, log)
    return DEPLOYMENT
