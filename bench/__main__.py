"""The command line: `python -m bench fleet` or `costs`; fleets are measured in processes of their own."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import report

SIZES = (10, 100, 300, 1000)


def main(argv: list[str]) -> int:
    """Run the command; return the exit code."""
    options = _parser().parse_args(argv)
    if options.command == "one":
        from bench import fleet  # the app is not needed to start the others

        found = fleet.measure(options.services, traces_memory=options.memory, work=options.work)
        options.out.write_text(json.dumps(found))
        return 0
    options.work.mkdir(parents=True, exist_ok=True)
    if options.command == "costs":
        from bench import costs  # the app is not needed to start the others

        sizes = [costs.measure(size, nights=options.nights, work=options.work) for size in options.services]
        print(f"\n{costs.table(sizes)}\n")
        _write(options.work / "costs.json", {"sizes": sizes})
        return 0
    reports = [_measured(size, options.work) for size in options.services]
    print(f"\n{report.table(reports)}\n")
    _write(options.work / "fleet.json", {"sizes": reports, "growth": report.growth(reports)})
    return 0


def _write(path: Path, found: dict[str, Any]) -> None:
    """Write what was found, with the machine that found it."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    document = {"machine": machine, "python": platform.python_version(), **found}
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(f"{path} has all of it")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=sys.modules["bench"].__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fleet = commands.add_parser("fleet", help="a night over simulated fleets of several sizes")
    fleet.add_argument("--services", type=int, nargs="+", default=SIZES, metavar="N")
    fleet.add_argument("--work", type=Path, default=Path("build/bench"), help="default: %(default)s")
    costs = commands.add_parser("costs", help="what is billed for nights, replications and idle hours")
    costs.add_argument("--services", type=int, nargs="+", default=(1, 10), metavar="N")
    costs.add_argument("--nights", type=int, default=33, help="the last is counted; default: %(default)s")
    costs.add_argument("--work", type=Path, default=Path("build/bench"), help="default: %(default)s")
    one = commands.add_parser("one", help="one size, in this process (what `fleet` starts)")
    one.add_argument("--services", type=int, required=True)
    one.add_argument("--memory", action="store_true")
    one.add_argument("--work", type=Path, required=True)
    one.add_argument("--out", type=Path, required=True)
    return parser


def _measured(services: int, work: Path) -> dict[str, Any]:
    """Measure one size: CPU and calls in one process, memory by function in another."""
    found: dict[str, Any] = {}
    for extra in ([], ["--memory"]):
        out = work / f"one-{services}{'-memory' if extra else ''}.json"
        log = out.with_suffix(".log")
        print(f"{services} services{', memory' if extra else ''} …", flush=True)
        command = [sys.executable, "-m", "bench", "one", "--services", str(services)]
        command += ["--work", str(work), "--out", str(out), *extra]
        with log.open("w") as sink:
            done = subprocess.run(command, stdout=sink, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise SystemExit(f"bench: {services} services failed; see {log}")
        found = {**json.loads(out.read_text()), **found}
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
