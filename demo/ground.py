"""
What every story of the demo stands on: storage, the simulator, both apps, and the scene that is set.

A story says what happens then, in `_travel`. What is found out stays in `findings`, so that a demo that fails
half way still tells what it knows.
"""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path
from typing import Any

from demo import clock, environment, fleet, seed
from demo.arm import STORAGE, Arm
from demo.environment import PRIMARY, SIDES, STANDBY, Azurite, Storage
from demo.faults import DemoFault
from demo.findings import Findings
from demo.processes import Program, Ready, Supervisor, write_json
from demo.progress import Row, Screen
from demo.runs import App
from demo.storage import Blobs
from demo.workfolder import WorkFolder

CERTIFICATES_S_MAX = 60.0


class Ground:
    """One demo, up to where its story begins."""

    arm: Arm
    blobs: Blobs
    apps: dict[str, App]
    seeded: dict[str, int]
    """How many entities of each collection were put into the primary."""
    disabled: tuple[str, ...] = ()
    """Timers that must not fire by chance while the story is told."""

    def __init__(
        self, folder: WorkFolder, supervisor: Supervisor, screen: Screen, *, speed: float, app: Path
    ) -> None:
        self._folder = folder
        self._app = app
        self._supervisor = supervisor
        self._screen = screen
        self._speed = speed
        self._ca = folder.path / "ca" / "ca.pem"
        self.findings = Findings(speed=speed, addresses={})
        self._rows: tuple[Row, ...] = ()
        self._shown: tuple[Row, ...] = ()

    def run(self) -> None:
        """
        Go all the way.

        Raises:
            DemoFault: a step failed; `findings` holds what was found before.
            Interrupted: a signal came.
        """
        try:
            self._prepare()
            self._travel()
        except DemoFault as fault:
            self._found(fault=str(fault))
            raise

    def _prepare(self) -> None:
        """Start everything, and set the scene."""
        storage = self._start_storage()
        simulator = self._start_simulator(storage)
        self.arm = Arm(simulator, ca=self._ca, tick=self._tick)
        self.blobs = Blobs(storage, token=self.arm.token(STORAGE), ca=self._ca)
        self.blobs.make_containers()
        programs = self._start_apps(storage, simulator)
        self._set_scene()
        self._wait_for_apps(programs)

    def _travel(self) -> None:
        """Tell the story."""
        raise NotImplementedError

    def _start_storage(self) -> Storage:
        """Start one Azurite for each region, with certificates of our own, and one address for both."""
        ca_folder = self._ca.parent
        self._make_certificates()
        keys = environment.make_keys()
        programs = {
            side.name: fleet.azurite(self._folder, side, keys[side.account], ca_folder) for side in SIDES
        }
        for program in programs.values():
            self._supervisor.start(program)
        azurites = {}
        for name, program in programs.items():
            ready = self._supervisor.wait_ready(program)
            azurites[name] = Azurite(blobs=ready["Blob"].rstrip("/"), queues=ready["Queue"].rstrip("/"))
        at = {side.account: azurites[side.name].blobs for side in SIDES}
        ready = self._up(fleet.front(self._folder, at, ca_folder))
        self._address("storage", blobs=ready["url"])
        return Storage(blobs=ready["url"], azurites=azurites, keys=keys)

    def _make_certificates(self) -> None:
        done = subprocess.run(
            fleet.certificates_command(self._ca.parent),
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
            programs[side.name] = fleet.devhost(
                self._folder, side, settings, self._ca, app=self._app, disabled=self.disabled
            )
        programs["relay"] = fleet.relay(self._folder, storage, simulator, self._ca)
        for program in programs.values():
            self._supervisor.start(program)
        return programs

    def _set_scene(self) -> None:
        """Create both services; fill the primary, leave the standby empty."""
        for side in SIDES:
            seed.create_storage(self.arm, side)
            seed.let_in(self.arm, seed.create_service(self.arm, side), side)
        seed.put_around(self.arm, PRIMARY)
        self.seeded = seed.fill(self.arm, PRIMARY)
        shown = ("apis", "apis/operations", "products", "subscriptions", "users", "namedValues")
        told = ", ".join(f"{self.seeded[kind]} {kind.rsplit('/', 1)[-1]}" for kind in shown)
        self._say(f"  seeded      {PRIMARY.service}: {told}; {STANDBY.service} is empty")

    def _wait_for_apps(self, programs: dict[str, Program]) -> None:
        """Wait until both apps listen."""
        self.apps = {}
        for side in SIDES:
            ready = self._supervisor.wait_ready(programs[side.name])
            url = str(ready["url"]).rstrip("/")
            self._address(side.name, app=url, region=side.region)
            self.apps[side.name] = App(url)
        self._supervisor.wait_ready(programs["relay"])

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
