"""
The state of an engine: instances, histories, messages, and the work that is still open.

Every method that changes something is one transaction, so a process killed between two of them loses nothing.
Only the event loop's thread may use a store.
"""

from __future__ import annotations

import datetime as dt
import json
import pathlib
import sqlite3
from collections.abc import Sequence
from typing import Any

from devhost import clock
from devhost.engine import events, lifecycle
from devhost.engine.database import StateError, open_database, transaction
from devhost.engine.decision import Completed, ContinuedAsNew, Decision, Failed, Generation
from devhost.engine.events import Event
from devhost.engine.lifecycle import Birth, Parent
from devhost.engine.progress import Progress
from devhost.engine.protocol import Instance, Query, Status

__all__ = ["Birth", "StateError", "Store"]

MESSAGES_MAX = 1000  # per episode; more than that waits for the next one

_ACTIVE = f"('{Status.PENDING}', '{Status.RUNNING}')"


class Store:
    """One state file, opened for this process alone."""

    def __init__(self, path: pathlib.Path | None, *, task_hub: str) -> None:
        """Open a state file; see `open_database`."""
        self._db = open_database(path, task_hub=task_hub)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @property
    def database(self) -> sqlite3.Connection:
        """The connection, for the small tables of keys and schedules that live in the same file."""
        return self._db

    # Reading.

    def get(self, instance_id: str) -> Instance | None:
        """Return an instance, or None."""
        rows = self._instances("WHERE id = ?", (instance_id,))
        return rows[0] if rows else None

    def find(self, query: Query) -> list[Instance]:
        """Return the instances that match, oldest first."""
        found = self._instances("ORDER BY first_created, id", ())
        return [instance for instance in found if _matches(instance, query)]

    def _instances(self, where: str, values: Sequence[Any]) -> list[Instance]:
        columns = (
            "id, name, status, input, output, custom_status, created, updated, first_created,"
            " execution, version, parent_id"
        )
        rows = self._db.execute(f"SELECT {columns} FROM instances {where}", values)
        return [
            Instance(
                instance_id=row[0],
                name=row[1],
                status=Status(row[2]),
                input=row[3],
                output=row[4],
                custom_status=row[5],
                created_at=clock.from_text(row[6]),
                updated_at=clock.from_text(row[7]),
                first_created_at=clock.from_text(row[8]),
                execution_id=row[9],
                version=row[10],
                parent_instance_id=row[11],
            )
            for row in rows
        ]

    def history(self, instance_id: str) -> list[str]:
        """Return the events of the current generation as JSON text."""
        rows = self._db.execute("SELECT event FROM history WHERE instance = ? ORDER BY n", (instance_id,))
        return [event for (event,) in rows]

    def ready(self) -> list[tuple[str, str | None]]:
        """Return (id, version) of every active instance that has messages, longest waiting first."""
        return self._db.execute(
            "SELECT inbox.instance, version FROM inbox JOIN instances ON instances.id = inbox.instance"
            f" WHERE status IN {_ACTIVE} GROUP BY inbox.instance ORDER BY min(inbox.n)"
        ).fetchall()

    def open_activities(self) -> list[tuple[int, str, str, str | None]]:
        """Return (row, instance id, name, input) of every activity without a result, oldest first."""
        return self._db.execute("SELECT n, instance, name, input FROM activities ORDER BY n").fetchall()

    def next_timer(self) -> dt.datetime | None:
        """Return when the next timer is due."""
        (text,) = self._db.execute("SELECT min(fire_at) FROM timers").fetchone()
        return clock.from_text(text) if text else None

    def generation(self, instance_id: str) -> Generation | None:
        """Return what an episode of this instance starts from; None if it is not active."""
        row = self._db.execute(
            "SELECT execution, name, input, parent_id, progress FROM instances"
            f" WHERE id = ? AND status IN {_ACTIVE}",
            (instance_id,),
        ).fetchone()
        if row is None:
            return None
        return Generation(
            instance_id=instance_id,
            execution_id=row[0],
            name=row[1],
            input=row[2],
            parent_instance_id=row[3],
            history=self.history(instance_id),
            progress=Progress.from_json(row[4]),
        )

    def messages(self, generation: Generation) -> tuple[list[int], list[Event]]:
        """Return the rows and the events to feed to the next episode."""
        limit = 1 if generation.progress.has_open_retries else MESSAGES_MAX
        rows = self._db.execute(
            "SELECT n, event FROM inbox WHERE instance = ? ORDER BY n LIMIT ?",
            (generation.instance_id, limit),
        ).fetchall()
        return [n for n, _ in rows], [{**json.loads(event), "IsPlayed": False} for _, event in rows]

    # Changing.

    def begin(self, birth: Birth, now: dt.datetime) -> Status | None:
        """Create an instance; see `lifecycle.begin`."""
        with transaction(self._db):
            return lifecycle.begin(self._db, birth, now)

    def post(self, instance_id: str, event: Event) -> None:
        """Put a message into the inbox of an instance."""
        with transaction(self._db):
            lifecycle.post(self._db, instance_id, event)

    def end(self, instance_id: str, status: Status, output: str | None, now: dt.datetime) -> None:
        """End an instance from outside; see `lifecycle.end`."""
        with transaction(self._db):
            lifecycle.end(self._db, instance_id, status, output, now)

    def purge(self, instance_id: str) -> None:
        """Forget an instance."""
        with transaction(self._db):
            lifecycle.forget(self._db, instance_id)

    def set_status(self, instance_id: str, status: Status, now: dt.datetime) -> None:
        """Suspend or resume an instance."""
        self._db.execute(
            "UPDATE instances SET status = ?, updated = ? WHERE id = ?",
            (status, clock.to_text(now), instance_id),
        )

    def finish_activity(self, row: int, now: dt.datetime, result: str | tuple[str, str]) -> bool:
        """
        Replace an open activity by its result.

        Args:
            row: as `open_activities` gave it.
            now: aware UTC.
            result: JSON text, or (reason, details) of a failure.

        Returns:
            False if nobody waits for it any more.
        """
        with transaction(self._db):
            select = "SELECT instance, task FROM activities WHERE n = ?"
            found = self._db.execute(select, (row,)).fetchone()
            if found is None:
                return False
            instance_id, task_id = found
            self._db.execute("DELETE FROM activities WHERE n = ?", (row,))
            if isinstance(result, str):
                event = events.task_completed(now, task_id, result)
            else:
                event = events.task_failed(now, task_id, *result)
            lifecycle.post(self._db, instance_id, event)
            return True

    def fire_timers(self, now: dt.datetime) -> int:
        """Turn every timer that is due into a message; return how many."""
        text = clock.to_text(now)
        due = "SELECT instance, task, fire_at FROM timers WHERE fire_at <= ? ORDER BY fire_at, task"
        rows = self._db.execute(due, (text,)).fetchall()
        if not rows:
            return 0
        with transaction(self._db):
            for instance_id, task_id, fire_at in rows:
                event = events.timer_fired(now, task_id, clock.from_text(fire_at))
                lifecycle.post(self._db, instance_id, event)
            self._db.execute("DELETE FROM timers WHERE fire_at <= ?", (text,))
        return len(rows)

    def commit(
        self,
        generation: Generation,
        consumed: Sequence[int],
        decision: Decision,
        now: dt.datetime,
        new_execution_id: str,
    ) -> bool:
        """
        Put what an episode decided into effect.

        Args:
            generation: as the episode started from it.
            consumed: the inbox rows that it was fed.
            decision: what it decided.
            now: aware UTC.
            new_execution_id: of the next generation, if there is one.

        Returns:
            False, and nothing is changed, if the instance was ended or replaced meanwhile.
        """
        instance_id = generation.instance_id
        with transaction(self._db):
            row = self._db.execute(
                "SELECT status FROM instances WHERE id = ? AND execution = ?",
                (instance_id, generation.execution_id),
            ).fetchone()
            if row is None or Status(row[0]).is_final:
                return False
            self._db.executemany("DELETE FROM inbox WHERE n = ?", [(n,) for n in consumed])
            self._db.executemany(
                "INSERT INTO history (instance, event) VALUES (?, ?)",
                [(instance_id, json.dumps({**event, "IsPlayed": True})) for event in decision.events],
            )
            # A wish to suspend may have come while the episode ran; it is kept.
            status = Status.SUSPENDED if row[0] == Status.SUSPENDED else Status.RUNNING
            self._db.execute(
                "UPDATE instances SET status = ?, updated = ?, progress = ?,"
                " custom_status = coalesce(?, custom_status) WHERE id = ?",
                (
                    *(status, clock.to_text(now), decision.progress.to_json()),
                    *(decision.custom_status, instance_id),
                ),
            )
            self._add_work(generation, decision, now)
            self._apply_outcome(generation, decision, now, new_execution_id)
            return True

    def _add_work(self, generation: Generation, decision: Decision, now: dt.datetime) -> None:
        instance_id, execution_id = generation.instance_id, generation.execution_id
        self._db.executemany(
            "INSERT INTO activities (instance, task, name, input) VALUES (?, ?, ?, ?)",
            [(instance_id, work.task_id, work.name, work.input) for work in decision.activities],
        )
        self._db.executemany(
            "INSERT INTO timers VALUES (?, ?, ?)",
            [(instance_id, timer.task_id, clock.to_text(timer.fire_at)) for timer in decision.timers],
        )
        self._db.executemany(
            "DELETE FROM timers WHERE instance = ? AND task = ?",
            [(instance_id, task_id) for task_id in decision.cancelled_timers],
        )
        for child in decision.children:
            birth = Birth(
                instance_id=child.instance_id,
                execution_id=f"{execution_id}.{child.task_id}",
                name=child.name,
                input=child.input,
                version=child.version,
                parent=Parent(instance_id=instance_id, execution_id=execution_id, task_id=child.task_id),
            )
            in_the_way = lifecycle.begin(self._db, birth, now)
            if in_the_way is not None:
                reason = f"An Orchestration instance with the status {in_the_way} already exists."
                event = events.child_failed(now, child.task_id, reason)
                lifecycle.post(self._db, instance_id, event)

    def _apply_outcome(
        self, generation: Generation, decision: Decision, now: dt.datetime, new_execution_id: str
    ) -> None:
        outcome = decision.outcome
        if isinstance(outcome, Completed):
            lifecycle.end(self._db, generation.instance_id, Status.COMPLETED, outcome.output, now)
        elif isinstance(outcome, Failed):
            error = json.dumps(outcome.error)
            lifecycle.end(self._db, generation.instance_id, Status.FAILED, error, now)
        elif isinstance(outcome, ContinuedAsNew):
            lifecycle.begin_again(self._db, generation, outcome, new_execution_id, now)


def _matches(instance: Instance, query: Query) -> bool:
    return (
        (query.created_from is None or instance.created_at >= query.created_from)
        and (query.created_to is None or instance.created_at <= query.created_to)
        and (not query.statuses or instance.status in query.statuses)
        and (query.id_prefix is None or instance.instance_id.startswith(query.id_prefix))
    )
