"""
The story of a lost region: backup and copy, then the primary's region is gone, and an operator goes on.

Somebody has put a read-only lock on the standby, so replication copies the point and cannot restore it: the
standby is empty when the region is lost, and what to do is the operator's part.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from demo import inventory, runs, told
from demo.environment import PRIMARY, PROTECTED, STANDBY
from demo.faults import DemoFault
from demo.findings import Lost
from demo.journey import Journey
from demo.processes import write_json
from demo.runs import Run

WISH = {"service": PROTECTED, "restorePoint": "latest", "target": STANDBY.service}
FAILOVER = f"/api/services/{PROTECTED}/failover"
LOCK = f"{STANDBY.resource_id}/providers/Microsoft.Authorization/locks/hands-off"
STUCK = ("Waiting", "HeldBack")
"""Replication's words for a copy that it does not restore now."""


class RegionLoss(Journey):
    """One night, a lost region, and one restore without it."""

    title = f"One night, and then {PRIMARY.region} is lost"
    good = f"The standby was restored from its own storage, without a call to {PRIMARY.region}."

    disabled = ("find_unreplicated",)
    """Every ten minutes it looks at the primary's region, lost or not; without it every call is another's."""

    _remembered: inventory.Entities
    """The primary, as the demo saw it before the backup."""
    _calls_before = 0
    _log_before = 0
    _run_id = ""

    def _travel(self) -> None:
        self._remembered = inventory.take(self.arm, PRIMARY.resource_id)
        self.arm.put(LOCK, {"properties": {"level": "ReadOnly", "notes": "hands off the standby"}})
        self._begin_night()
        self._watch_backup_and_copy()
        self._wait_until_replication_waits()
        self._lose_region()
        self._read_failover()
        self._look_before()
        self._restore_by_hand()
        self._watch_restore()
        self._read_evidence()
        self._read_what_is_held()
        self._count_calls()
        self._judge(self._remembered)

    def _wait_until_replication_waits(self) -> None:
        """Wait until replication has said why the standby does not get the point by itself."""
        said = self.blobs.read_replication() or {}
        while said.get("word") not in STUCK:
            self._pause("look of replication", STANDBY.name, None)
            said = self.blobs.read_replication() or {}
        self._tick()
        self._say(told.cut(f"  {said['word']} {STANDBY.service:<12} {'; '.join(said['reasons'])}"))

    def _lose_region(self) -> None:
        """Take everything of the primary's region away: its app, its events, its storage, its answers."""
        for name in (PRIMARY.name, "relay", f"azurite-{PRIMARY.name}"):
            self._supervisor.end(name)
        self.arm.scene("regions", {"region": PRIMARY.region, "state": "unreachable"})
        self._calls_before = max((int(one["number"]) for one in self.arm.calls()), default=0)
        self._log_before = len(self._front_lines())
        self._found(lost=Lost(region=PRIMARY.region))
        self._say(f"\n  ! {PRIMARY.region} is lost: its app, its storage, and every answer of its services\n")

    def _read_failover(self) -> None:
        """Ask the standby's app how ready it is, as an operator does first."""
        found = self._asked("GET", FAILOVER)
        write_json(self._folder.path / "failover.json", found)
        self._tell(f"GET {FAILOVER}", told.failover(found))

    def _read_what_is_held(self) -> None:
        """Ask once more, for what the standby holds now."""
        point = self._asked("GET", FAILOVER)["recoveryPoint"]
        if self.findings.recorded is None or point["name"] != self.findings.recorded.name:
            told_name = f"the standby's app says that the standby holds {point['name']}"
            raise DemoFault(told_name, log=self._folder.log(STANDBY.name))
        self._say("")
        self._tell(f"GET {FAILOVER}", [f"{STANDBY.service} holds {point['name']}", str(point["lost"])])

    def _look_before(self) -> None:
        """Have the restore shown, and take away what speaks against it."""
        shown = self._asked("POST", "/api/restores", WISH | {"dryRun": True})
        write_json(self._folder.path / "dry-run.json", shown)
        self._tell('POST /api/restores, "dryRun": true', told.dry_run(shown))
        self.arm.delete(LOCK)
        self._tell("DELETE …/" + "/".join(LOCK.split("/")[-3:]), [f"{STANDBY.service} is unlocked"])

    def _restore_by_hand(self) -> None:
        """Ask for the restore."""
        confirmed = WISH | {"confirm": f"RESTORE {STANDBY.service}"}
        self._run_id = str(self._asked("POST", "/api/restores", confirmed)["runId"])
        self._tell("POST /api/restores", [self._run_id])

    def _tell(self, call: str, lines: Iterable[str]) -> None:
        self._say(f"  {call}")
        for line in lines:
            self._say(f"    {told.cut(line)}")
        self._say("")

    def _pick_restore(self, found: list[Run]) -> Run | None:
        return next((run for run in found if run.run_id == self._run_id), None)

    def _asked(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """
        Ask the standby's app.

        Raises:
            DemoFault: it answered with an error.
        """
        status, found = self.apps[STANDBY.name].ask(method, path, body)
        if status >= 300:
            failure = runs.told_failure(status, found)
            raise DemoFault(f"{method} {path}: {failure}", log=self._folder.log(STANDBY.name))
        return found

    def _count_calls(self) -> None:
        """Count what anybody asked of the lost region after its loss: of ARM, of gateways, of storage."""
        named = (PRIMARY.service, PRIMARY.account)
        asked = [
            one
            for one in self.arm.calls(after=self._calls_before)
            if any(name in str(one["path"]).lower() for name in named)
        ]
        stored = [
            one
            for one in map(json.loads, self._front_lines()[self._log_before :])
            if one["account"] == PRIMARY.account
        ]
        self._found(lost=Lost(region=PRIMARY.region, arm_calls=len(asked), storage_calls=len(stored)))

    def _front_lines(self) -> list[str]:
        log: Path = self._folder.log("front")
        return log.read_text().splitlines()
