"""The command line of the demo: options, the frame around the journey, and the exit code."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.text import Text

from demo import environment, interruption, summary, verdict
from demo.environment import STANDBY
from demo.faults import DemoFault, last_lines
from demo.findings import Findings
from demo.journey import EVIDENCE, Journey
from demo.processes import Supervisor, write_json
from demo.progress import WIDTH_PLAIN, open_screen
from demo.region_loss import RegionLoss
from demo.workfolder import WorkFolder, take

SCENARIOS: dict[str, type[Journey]] = {"night": Journey, "region-loss": RegionLoss}
SPEED_MAX = 1000.0
KEEP_LOOK_S = 0.5


def main(arguments: list[str]) -> int:
    """
    Run the demo.

    Returns:
        0 if the night and the restore were good, 1 if not.

    Raises:
        Interrupted: a signal came; everything that was started has been ended.
    """
    options = _options(arguments)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_PLAIN
    supervisor: Supervisor | None = None
    try:
        folder = take(options.work.resolve())
        supervisor = Supervisor(roster=folder.path / "processes.json")
        return _play(folder, supervisor, console, options)
    except DemoFault as fault:
        _tell(console, fault)
        return 1
    finally:
        interruption.ignore()
        if supervisor is not None:
            supervisor.stop()


def _play(folder: WorkFolder, supervisor: Supervisor, console: Console, options: argparse.Namespace) -> int:
    """Play it, write the summary, say how it went, and stay up if that is wished."""
    story = SCENARIOS[options.scenario]
    console.print(Text(story.title, style="bold"), soft_wrap=True)
    console.print(
        f"  {options.speed:g} times faster than in Azure; files in {_near(folder.path)}", soft_wrap=True
    )
    for taken in folder.taken:
        console.print(f"  {_near(taken)} is in use by another demo, so this one has its own folder")
    console.print()
    fault: DemoFault | None = None
    with open_screen(console, speed=options.speed) as screen:
        trip = story(folder, supervisor, screen, speed=options.speed, app=options.app.resolve())
        try:
            trip.run()
        except DemoFault as err:
            fault = err
    write_json(folder.path / "summary.json", summary.document(trip.findings))
    keep = options.keep and supervisor.is_well
    code = _report(console, folder, trip, fault, keep=keep)
    if keep:
        _stay(console, supervisor, trip, folder)
    return code


def _report(
    console: Console, folder: WorkFolder, trip: Journey, fault: DemoFault | None, *, keep: bool
) -> int:
    """Print the table and the verdict."""
    found = trip.findings
    if fault is None:
        console.print()
        console.print(summary.runs_table(found))
        console.print()
        console.print(summary.facts_table(found))
        console.print(f"\n  What no restore brings; with its commands in {_near(folder.path / EVIDENCE)}:\n")
        for line in summary.fix_ups(found):
            console.print(Text(f"  {line}"), no_wrap=True, overflow="ellipsis")
    reasons = verdict.faults(found)
    console.print()
    if fault is not None:
        _tell(console, fault)
    elif reasons:
        console.print(Text(f"  Failed: {'; '.join(reasons)}", style="red"), soft_wrap=True)
    else:
        console.print(Text(f"  {trip.good}", style="green"), soft_wrap=True)
    console.print(f"  The same as JSON: {_near(folder.path / 'summary.json')}", soft_wrap=True)
    app = found.addresses.get("standby.app" if found.lost else "primary.app")
    was = f"; this time the app was at {app}/api/runs" if app else ""
    if not keep:
        console.print(f"  Look further: KEEP=1 leaves it all up{was}", soft_wrap=True)
    return 1 if reasons else 0


def _stay(console: Console, supervisor: Supervisor, trip: Journey, folder: WorkFolder) -> None:
    """Leave everything up until Ctrl-C; the end of the demo is then what it was before."""
    console.print("\n  Everything is up until Ctrl-C. To try next:\n")
    for line in look_further(trip.findings, _near(folder.path / "ca" / "ca.pem")):
        console.print(f"    {line}", soft_wrap=True)
    try:
        while True:
            supervisor.wait(KEEP_LOOK_S)
            while not supervisor.notices.empty():
                console.print(f"  ! {supervisor.notices.get()}")
    except interruption.Interrupted:
        console.print("\n  Ended.")


def look_further(findings: Findings, ca: Path) -> list[str]:
    """Return commands to try next while everything is up, or what is left of it."""
    at = findings.addresses
    service = f"{at.get('standby.app')}/api/services/{environment.PROTECTED}"
    if findings.lost is not None:
        return [
            f"curl {service}",
            f"curl {service}/failover",
            f"curl {at.get('standby.app')}/api/restore-points?service={environment.PROTECTED}",
            f"curl {at.get('standby.app')}/api/runs",
            f"curl {at.get('simulator.control')}/_sim/state",
        ]
    body = (
        f'{{"service": "{environment.PROTECTED}", "restorePoint": "latest", '
        f'"target": "{STANDBY.service}", "confirm": "RESTORE {STANDBY.service}"}}'
    )
    return [
        f"curl {at.get('primary.app')}/api/nights",
        f"curl {at.get('primary.app')}/api/preflight?service={environment.PROTECTED}",
        f"curl {at.get('primary.app')}/api/prune-plan?service={environment.PROTECTED}",
        f"curl -i -H 'Content-Type: application/json' -d '{{\"services\": \"all\"}}' "
        f"{at.get('primary.app')}/api/backups",
        f"curl {at.get('primary.app')}/api/runs",
        f"curl {at.get('standby.app')}/api/runs",
        f"curl {service}",
        f"curl {service}/failover",
        f"curl -i -H 'Content-Type: application/json' -d '{body}' {at.get('standby.app')}/api/restores",
        f"curl {at.get('simulator.control')}/_sim/counts",
        f"curl --cacert {ca} '{at.get('simulator.arm')}/metadata/endpoints?api-version=2022-09-01'",
    ]


def _tell(console: Console, fault: DemoFault) -> None:
    """Say what failed and where to read on."""
    console.print(Text(f"  Failed: {fault}", style="red"), soft_wrap=True)
    lines = last_lines(fault.log)
    if fault.log is not None:
        console.print(f"  Read {_near(fault.log)}{'; its last lines:' if lines else ', which is empty'}")
    for line in lines:
        console.print(Text(f"    {line}", style="dim"), soft_wrap=True)


def _near(path: Path) -> Path:
    """Return a path as it is best read from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="One night and one restore on this machine, from the timer to the comparison.",
    )
    parser.add_argument(
        "--speed", type=_speed, default=60.0, help="how much faster than in Azure (default 60)"
    )
    parser.add_argument(
        "--scenario", default="night", choices=tuple(SCENARIOS), help="which story (default night)"
    )
    parser.add_argument(
        "--app",
        type=Path,
        default=environment.ROOT,
        help="folder of the function app (default: this repository), for instance an unpacked package",
    )
    parser.add_argument("--keep", action="store_true", help="leave everything up at the end, until Ctrl-C")
    parser.add_argument(
        "--work",
        type=Path,
        default=environment.ROOT / "build" / "demo",
        help="folder for state, logs and summary.json; wiped at the start (default build/demo)",
    )
    return parser.parse_args(arguments)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= SPEED_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {SPEED_MAX:.0f}")
    return speed
