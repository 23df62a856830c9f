"""
The story of the demo, in order: set the scene, fire the timer, watch, judge.

Each step is a method of Journey and leaves what it found in `findings`, so that a demo that fails half way
still tells what it knows.
"""

from __future__ import annotations

import dataclasses
import subprocess
from typing import Any

from demo import clock, environment, fleet, inventory, runs, seed, summary
from demo.arm import STORAGE, Arm
from demo.environment import PRIMARY, SIDES, STANDBY, Storage
from demo.faults import DemoFault
from demo.processes import Program, Ready, Supervisor, write_json
from demo.progress import Row, Screen
from demo.runs import App, Run
from demo.storage import Blobs
from demo.workfolder import WorkFolder

SIMULATED_S = 660 + 1140
"""A backup of 11 minutes and a restore of 19, as the simulator plays them."""

SLACK_S = 90.0
"""For everything that does not get faster with the speed, on a busy machine."""

LOOK_EVERY_S = 0.2
CERTIFICATES_S_MAX = 60.0


class Journey:
    """One demo from beginning to end."""

    def __init__(self, folder: WorkFolder, supervisor: Supervisor, screen: Screen, *, speed: float) -> None:
        self._folder = folder
        self._supervisor = supervisor
        self._screen = screen
        self._speed = speed
        self._ca = folder.path / "ca" / "ca.pem"
        self.findings = summary.Findings(speed=speed, addresses={})
        self._rows: tuple[Row, ...] = ()
        self._shown: tuple[Row, ...] = ()
        self._starts_when_fired = 0

    def run(self) -> None:
        """
        Go all the way.

        Raises:
            DemoFault: a step failed; `findings` holds what was found before.
            Interrupted: a signal came.
        """
        try:
            self._travel()
        except DemoFault as fault:
            self._found(fault=str(fault))
            raise

    def _travel(self) -> None:
        storage = self._start_storage()
        simulator = self._start_simulator(storage)
        arm = Arm(simulator, ca=self._ca, tick=self._tick)
        blobs = Blobs(storage, token=arm.token(STORAGE), ca=self._ca)
        blobs.make_containers()
        programs = self._start_apps(storage, simulator)
        seeded = self._set_scene(arm)
        apps = self._wait_for_apps(programs)
        self._night(apps)
        self._check_record(blobs)
        self._judge(arm, seeded)

    def _start_storage(self) -> Storage:
        """Start Azurite with certificates of our own."""
        ca_folder = self._ca.parent
        done = subprocess.run(
            fleet.certificates_command(ca_folder),
            cwd=environment.ROOT,
            env=environment.clean_environment(),
            capture_output=True,
            text=True,
            timeout=CERTIFICATES_S_MAX,
            check=False,
        )
        if done.returncode:
            log = self._folder.log("certificates")
            log.write_text(done.stdout + done.stderr)
            raise DemoFault("the certificates could not be made", log=log)
        keys = environment.make_keys()
        ready = self._up(fleet.azurite(self._folder, keys, ca_folder))
        self._address("Azurite", blobs=ready["Blob"], queues=ready["Queue"])
        return Storage(blobs=ready["Blob"].rstrip("/"), queues=ready["Queue"].rstrip("/"), keys=keys)

    def _start_simulator(self, storage: Storage) -> Ready:
        """Start Azure Resource Manager's side."""
        program = fleet.simulator(
            self._folder, blobs=storage.blobs, ca_folder=self._ca.parent, speed=self._speed
        )
        ready = self._up(program)
        self._address("simulator", arm=ready["https"], control=ready["http"])
        return ready

    def _start_apps(self, storage: Storage, simulator: Ready) -> dict[str, Program]:
        """Have both apps and the relay started; they come up while the scene is set."""
        programs = {}
        for side in SIDES:
            plan_file = self._folder.path / f"plan-{side.name}.json"
            write_json(plan_file, environment.plan(side, arm=simulator["https"], blobs=storage.blobs))
            settings = environment.app_settings(
                side,
                storage=storage,
                simulator=simulator,
                plan_file=plan_file,
                speed=self._speed,
                now=clock.now(),
            )
            programs[side.name] = fleet.devhost(self._folder, side, settings, self._ca)
        programs["relay"] = fleet.relay(self._folder, storage, simulator, self._ca)
        for program in programs.values():
            self._supervisor.start(program)
        return programs

    def _set_scene(self, arm: Arm) -> dict[str, int]:
        """Create both services; fill the primary, leave the standby empty."""
        seed.create_storage(arm)
        for side in SIDES:
            seed.let_in(arm, seed.create_service(arm, side), side)
        seeded = seed.fill(arm, PRIMARY)
        shown = ("apis", "apis/operations", "products", "subscriptions", "users", "namedValues")
        told = ", ".join(f"{seeded[kind]} {kind.rsplit('/', 1)[-1]}" for kind in shown)
        self._say(f"  seeded      {PRIMARY.service}: {told}; {STANDBY.service} is empty")
        return seeded

    def _wait_for_apps(self, programs: dict[str, Program]) -> dict[str, App]:
        """Wait until both apps listen."""
        apps = {}
        for side in SIDES:
            ready = self._supervisor.wait_ready(programs[side.name])
            url = str(ready["url"]).rstrip("/")
            self._address(side.name, app=url, region=side.region)
            apps[side.name] = App(url)
        self._supervisor.wait_ready(programs["relay"])
        return apps

    def _night(self, apps: dict[str, App]) -> None:
        """Fire the timer and watch until the standby is restored."""
        primary, standby = apps[PRIMARY.name], apps[STANDBY.name]
        deadline = clock.elapsed_s() + SLACK_S + 3 * SIMULATED_S / self._speed
        self._say(f"\n  POST {primary.url}/admin/functions/{environment.TIMER}\n")
        self._fire(primary, deadline)
        backup = Row(service=PRIMARY.service, run="backup")
        restore = Row(service=STANDBY.service, run="restore")
        backup_run = restore_run = None
        while not (restore_run and restore_run.has_ended):
            if clock.elapsed_s() > deadline:
                raise self._too_late(backup_run, restore_run)
            found = primary.runs()
            if self._is_firing_lost(found):
                self._say("  ! no night had begun when the host was ended: the timer is fired again")
                self._fire(primary, deadline)
            backup_run = runs.pick_backup(found or []) or backup_run
            backup = _row(backup, backup_run)
            if backup_run and backup_run.has_ended:
                if self.findings.backup is None:
                    self._found(backup=self._ended(primary, backup_run, PRIMARY.name, deadline))
                restore_run = runs.pick_restore(standby.runs() or []) or restore_run
                restore = _row(restore, restore_run)
            self._rows = (backup, restore)
            self._tick()
            self._supervisor.wait(LOOK_EVERY_S)
        self._found(restore=self._ended(standby, restore_run, STANDBY.name, deadline))
        self._tick()

    def _too_late(self, backup: Run | None, restore: Run | None) -> DemoFault:
        """Say what the demo waited for in vain."""
        side, what, run = (STANDBY, "restore", restore)
        if backup is None or not backup.has_ended:
            side, what, run = (PRIMARY, "backup", backup)
        stood = f"it stood at {run.phase}, as far as its app told" if run else "its app told of none"
        return DemoFault(f"the {what} did not end in time: {stood}", log=self._folder.log(side.name))

    def _fire(self, app: App, deadline: float) -> None:
        """Fire the timer; where no answer came, again: a night that has begun is not begun twice."""
        self._starts_when_fired = self._supervisor.starts(PRIMARY.name)
        while not app.fire(environment.TIMER):
            if clock.elapsed_s() > deadline:
                raise DemoFault("the primary's app does not answer", log=self._folder.log(PRIMARY.name))
            self._tick()
            self._supervisor.wait(LOOK_EVERY_S)

    def _is_firing_lost(self, found: list[Run] | None) -> bool:
        """
        Tell whether the host died with our firing in its hands.

        As the real one, it answers 202 before the function runs, and remembers nothing of it.
        """
        return found == [] and self._supervisor.starts(PRIMARY.name) != self._starts_when_fired

    def _ended(self, app: App, run: Run, name: str, deadline: float) -> summary.Ended:
        """
        Read how a run ended.

        Raises:
            DemoFault: it did not succeed; tells what the app says about it.
        """
        answer = app.run(run.run_id)
        while answer is None and clock.elapsed_s() < deadline:
            self._tick()
            self._supervisor.wait(LOOK_EVERY_S)
            answer = app.run(run.run_id)
        if answer is None:
            raise DemoFault(f"the {name}'s app does not answer", log=self._folder.log(name))
        status, content = answer
        if status != 200 or run.outcome != runs.GOOD:
            told = runs.told_failure(status, content)
            raise DemoFault(f"the {run.kind} ended as {run.outcome}: {told}", log=self._folder.log(name))
        point = content.get("restorePoint") or {}
        return summary.Ended(
            run_id=run.run_id,
            restore_point=point.get("name"),
            outcome=str(content["outcome"]),
            seconds=float(content["durationS"]),
            polls=int(content["polls"]),
            ended_at=str(content["endedAt"]),
        )

    def _check_record(self, blobs: Blobs) -> None:
        """Read the record and its blob from storage, past the app."""
        name = self.findings.backup.restore_point if self.findings.backup else None
        if not name:
            raise DemoFault("the backup's run names no restore point", log=self._folder.log(PRIMARY.name))
        self._found(recorded=blobs.read_recorded(name))

    def _judge(self, arm: Arm, seeded: dict[str, int]) -> None:
        """Compare the two services over ARM, and count the POSTs."""
        begun = clock.elapsed_s()
        primary = inventory.take(arm, PRIMARY.resource_id)
        standby = inventory.take(arm, STANDBY.resource_id)
        self._found(
            entities=len(primary),
            lost_seed=tuple(inventory.missing(seeded, inventory.counts(primary))),
            differences=tuple(inventory.compare(primary, standby)),
            compare_s=round(clock.elapsed_s() - begun, 1),
            counts=arm.counts(),
        )

    def _up(self, program: Program) -> Ready:
        self._supervisor.start(program)
        return self._supervisor.wait_ready(program)

    def _address(self, name: str, **addresses: str) -> None:
        """Print where something listens, and keep it for the summary."""
        self._say(f"  {name:<11} {'   '.join(addresses.values())}")
        urls = {f"{name.lower()}.{what}": url for what, url in addresses.items() if "://" in url}
        self._found(addresses={**self.findings.addresses, **urls})

    def _found(self, **changes: Any) -> None:
        self.findings = dataclasses.replace(self.findings, **changes)

    def _say(self, text: str) -> None:
        self._screen.say(text)

    def _tick(self) -> None:
        """Tell what the supervisor has done meanwhile, and draw the progress."""
        self._supervisor.wait(0)
        while not self._supervisor.notices.empty():
            self._say(f"  ! {self._supervisor.notices.get()}")
        if self._rows != self._shown:
            self._shown = self._rows
            self._screen.show(self._rows)


def _row(row: Row, run: Run | None) -> Row:
    """Return the row of a run as it stands now."""
    if run is None:
        return row
    return dataclasses.replace(
        row,
        phase=run.phase,
        outcome=run.outcome,
        # Between two phases the app may not know how often it had polled.
        polls=max(row.polls, run.polls),
        elapsed_s=run.elapsed_s,
        next_poll_s=runs.seconds_until(run.next_poll_at),
    )
