"""
The usual story of the demo: fire the timer, watch backup, copy and restore, judge.

Each step is a method and leaves what it found in `findings`.
"""

from __future__ import annotations

import dataclasses

from demo import clock, environment, inventory, runs
from demo.environment import PRIMARY, STANDBY
from demo.faults import DemoFault
from demo.findings import Ended
from demo.ground import Ground
from demo.progress import Row
from demo.runs import App, Run

SIMULATED_S = 660 + 1140
"""A backup of 11 minutes and a restore of 19, as the simulator plays them."""

SLACK_S = 90.0
"""For everything that does not get faster with the speed, on a busy machine."""

LOOK_EVERY_S = 0.2

EVIDENCE = "evidence.md"
"""The restore's report as a person reads it, fetched from storage into the demo's folder."""


class Journey(Ground):
    """One night and one restore."""

    title = "One night and one restore"
    good = "The backup is recorded and copied, and the standby equals the primary."

    _backup: Run | None = None
    _restore: Run | None = None
    _starts_when_fired = 0
    _deadline = 0.0

    def _travel(self) -> None:
        self._begin_night()
        self._watch_backup_and_copy()
        self._watch_restore()
        self._read_evidence()
        self._judge(inventory.take(self.arm, PRIMARY.resource_id))

    def _begin_night(self) -> None:
        """Fire the timer."""
        primary = self.apps[PRIMARY.name]
        self._deadline = clock.elapsed_s() + SLACK_S + 3 * SIMULATED_S / self._speed
        self._rows = (
            Row(service=PRIMARY.service, run="backup"),
            Row(service=STANDBY.account, run="copy"),
            Row(service=STANDBY.service, run="restore"),
        )
        self._say(f"\n  POST {primary.url}/admin/functions/{environment.TIMER}\n")
        self._fire(primary)

    def _watch_backup_and_copy(self) -> None:
        """Watch until the backup is recorded and its copy is, too; read both from storage, past the app."""
        primary = self.apps[PRIMARY.name]
        while not (self._backup and self._backup.has_ended):
            found = primary.runs()
            if self._is_firing_lost(found):
                self._say("  ! no night had begun when the host was ended: the timer is fired again")
                self._fire(primary)
            self._backup = runs.pick_backup(found or []) or self._backup
            self._show(backup=self._backup)
            self._pause("backup", PRIMARY.name, self._backup)
        self._found(backup=self._ended(primary, self._backup, PRIMARY.name))
        name = self.findings.backup.restore_point if self.findings.backup else None
        if not name:
            raise DemoFault("the backup's run names no restore point", log=self._folder.log(PRIMARY.name))
        self._found(recorded=self.blobs.read_recorded(name, PRIMARY))
        while self.findings.copied is None:
            self._found(copied=self.blobs.read_recorded(name, STANDBY))
            self._pause("copy", STANDBY.name, None)
        backup, copy, restore = self._rows
        copied_s = self.findings.copied.copied_after_s
        self._rows = (
            backup,
            dataclasses.replace(copy, outcome=runs.GOOD, elapsed_s=copied_s),
            restore,
        )

    def _watch_restore(self) -> None:
        """Watch the standby until the restore that the demo looks for has ended."""
        standby = self.apps[STANDBY.name]
        while not (self._restore and self._restore.has_ended):
            self._restore = self._pick_restore(standby.runs() or []) or self._restore
            self._show(restore=self._restore)
            self._pause("restore", STANDBY.name, self._restore)
        self._found(restore=self._ended(standby, self._restore, STANDBY.name))
        self._tick()

    def _pick_restore(self, found: list[Run]) -> Run | None:
        return runs.pick_restore(found)

    def _show(self, **rows: Run | None) -> None:
        """Keep the rows of runs as they stand now."""
        self._rows = tuple(_row(row, rows.get(row.run)) for row in self._rows)

    def _pause(self, what: str, side: str, run: Run | None) -> None:
        """
        Draw the progress and wait a moment.

        Raises:
            DemoFault: it was too long already; tells what the demo waited for.
        """
        self._tick()
        if clock.elapsed_s() > self._deadline:
            stood = f"it stood at {run.phase}, as far as its app told" if run else "its app told of none"
            raise DemoFault(f"the {what} did not end in time: {stood}", log=self._folder.log(side))
        self._supervisor.wait(LOOK_EVERY_S)

    def _fire(self, app: App) -> None:
        """Fire the timer; where no answer came, again: a night that has begun is not begun twice."""
        self._starts_when_fired = self._supervisor.starts(PRIMARY.name)
        while not app.fire(environment.TIMER):
            self._pause("backup", PRIMARY.name, None)

    def _is_firing_lost(self, found: list[Run] | None) -> bool:
        """
        Tell whether the host died with our firing in its hands.

        As the real one, it answers 202 before the function runs, and remembers nothing of it.
        """
        return found == [] and self._supervisor.starts(PRIMARY.name) != self._starts_when_fired

    def _ended(self, app: App, run: Run, name: str) -> Ended:
        """
        Read how a run ended.

        Raises:
            DemoFault: it did not succeed; tells what the app says about it.
        """
        answer = app.run(run.run_id)
        while answer is None and clock.elapsed_s() < self._deadline:
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
        return Ended(
            run_id=run.run_id,
            restore_point=point.get("name"),
            outcome=str(content["outcome"]),
            seconds=float(content["durationS"]),
            polls=int(content["polls"]),
            ended_at=str(content["endedAt"]),
        )

    def _read_evidence(self) -> None:
        """Read the report of the restore from storage, and keep what a person reads beside the summary."""
        run_id = self.findings.restore.run_id if self.findings.restore else ""
        evidence = self.blobs.read_evidence(run_id)
        if evidence is None:
            raise DemoFault(f"there is no evidence of {run_id}", log=self._folder.log(STANDBY.name))
        (self._folder.path / EVIDENCE).write_text(evidence.text)
        self._found(evidence=evidence)

    def _judge(self, primary: inventory.Entities) -> None:
        """Compare the standby with what the primary had, over ARM, and count the POSTs."""
        begun = clock.elapsed_s()
        standby = inventory.take(self.arm, STANDBY.resource_id)
        self._found(
            entities=len(primary),
            lost_seed=tuple(inventory.missing(self.seeded, inventory.counts(primary))),
            differences=tuple(inventory.compare(primary, standby)),
            compare_s=round(clock.elapsed_s() - begun, 1),
            counts=self.arm.counts(),
        )


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
