"""`python -m deploy <command>`: the hooks of azd, and what goes with them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.checking import check
from deploy.faults import INTERRUPTED, DeployFault
from deploy.foundation import foundation, write_parameters
from deploy.removal import remove_kept, stays
from shared.core.errors import ConfigError

HOOKS: Mapping[str, tuple[Callable[[Mapping[str, str]], int], str]] = {
    "foundation": (foundation, "make what stays, before azd makes the rest (hook preprovision)"),
    "parameters": (write_parameters, "write the parameter files of both templates, for a way without azd"),
    "stays": (stays, "say what azd down deletes and what stays (hook predown)"),
    "remove-kept": (remove_kept, "delete what stays too, if that was asked for (hook postdown)"),
}


def main(arguments: list[str]) -> int:
    """Run one command; 0 when it did all it is for."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.deploy", description="Hooks of the deployment.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, (_, what) in HOOKS.items():
        commands.add_parser(name, help=what)
    checking = commands.add_parser("check", help="check a plan file with the app's own model")
    checking.add_argument("file", type=Path)
    checking.add_argument("--region", help="whose app reads it, instead of the region in the file")
    wanted = parser.parse_args(arguments)
    try:
        if wanted.command == "check":
            return check(wanted.file, wanted.region)
        return HOOKS[wanted.command][0](os.environ)
    except (DeployFault, ConfigError) as fault:
        print(f"apim-dr: {fault}", file=sys.stderr)
    except KeyboardInterrupt:
        print("apim-dr: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
