"""
The turns in an instance's life, as changes to the tables: begin, begin again, end, be forgotten.

Every function here runs inside a transaction that `devhost.engine.store` has opened.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import sqlite3

from devhost import clock
from devhost.engine import events
from devhost.engine.decision import ContinuedAsNew, Generation
from devhost.engine.events import Event
from devhost.engine.progress import Progress
from devhost.engine.protocol import Status


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """Who waits for a sub-orchestration: an execution of an instance, and its task."""

    instance_id: str
    execution_id: str
    task_id: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """An instance to begin. `input` is JSON text."""

    instance_id: str
    execution_id: str
    name: str
    input: str | None
    version: str | None
    parent: Parent | None = None


def post(db: sqlite3.Connection, instance_id: str, event: Event) -> None:
    """Put a message into the inbox of an instance."""
    db.execute("INSERT INTO inbox (instance, event) VALUES (?, ?)", (instance_id, json.dumps(event)))


def begin(db: sqlite3.Connection, birth: Birth, now: dt.datetime) -> Status | None:
    """
    Create an instance, replacing an ended one of the same id.

    Returns:
        None if it was created, or the status of the instance that is in the way.
    """
    row = db.execute("SELECT status FROM instances WHERE id = ?", (birth.instance_id,)).fetchone()
    if row is not None:
        if not Status(row[0]).is_final:
            return Status(row[0])
        forget(db, birth.instance_id)
    parent = birth.parent
    text = clock.to_text(now)
    db.execute(
        "INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(birth.instance_id, birth.execution_id, birth.name, birth.version, Status.PENDING, birth.input),
            *(text, text, text),
            *((parent.instance_id, parent.execution_id, parent.task_id) if parent else (None, None, None)),
            Progress().to_json(),
        ),
    )
    _post_start(db, birth, now)
    return None


def _post_start(db: sqlite3.Connection, birth: Birth, now: dt.datetime) -> None:
    identity = (birth.instance_id, birth.execution_id)
    started = events.execution_started(
        now, name=birth.name, input_json=birth.input, version=birth.version, instance=identity
    )
    post(db, birth.instance_id, started)


def begin_again(
    db: sqlite3.Connection, old: Generation, outcome: ContinuedAsNew, execution_id: str, now: dt.datetime
) -> None:
    """Start the next generation: the parent link, the custom status and unread events stay."""
    instance_id = old.instance_id
    rows = db.execute("SELECT event FROM inbox WHERE instance = ? ORDER BY n", (instance_id,))
    unread = [json.loads(event) for (event,) in rows]
    late = [event for event in unread if event["EventType"] == events.EventType.EVENT_RAISED]
    drop_work(db, instance_id)
    db.execute("DELETE FROM history WHERE instance = ?", (instance_id,))
    text = clock.to_text(now)
    db.execute(
        "UPDATE instances SET execution = ?, input = ?, created = ?, updated = ?, progress = ? WHERE id = ?",
        (execution_id, outcome.input, text, text, Progress().to_json(), instance_id),
    )
    (version,) = db.execute("SELECT version FROM instances WHERE id = ?", (instance_id,)).fetchone()
    birth = Birth(
        instance_id=instance_id,
        execution_id=execution_id,
        name=old.name,
        input=outcome.input,
        version=version,
    )
    _post_start(db, birth, now)
    for event in (*outcome.carried, *late):
        post(db, instance_id, event)


def end(
    db: sqlite3.Connection, instance_id: str, status: Status, output: str | None, now: dt.datetime
) -> None:
    """End an instance and tell its parent, if it still waits; `output` is JSON text."""
    drop_work(db, instance_id)
    db.execute(
        "UPDATE instances SET status = ?, output = ?, updated = ? WHERE id = ?",
        (status, output, clock.to_text(now), instance_id),
    )
    waiting = db.execute(
        "SELECT parent.id, parent.status, child.parent_task FROM instances AS child"
        " JOIN instances AS parent ON parent.id = child.parent_id"
        " AND parent.execution = child.parent_execution"
        " WHERE child.id = ?",
        (instance_id,),
    ).fetchone()
    if waiting is None or Status(waiting[1]).is_final:
        return
    parent_id, _, task_id = waiting
    if status is Status.COMPLETED:
        post(db, parent_id, events.child_completed(now, task_id, output))
    else:
        reason = json.loads(output) if output else f"the sub-orchestration was {status.lower()}"
        post(db, parent_id, events.child_failed(now, task_id, reason))


def drop_work(db: sqlite3.Connection, instance_id: str) -> None:
    """Forget what an instance waits for; an activity that runs already ends for nobody."""
    for table in ("inbox", "activities", "timers"):
        db.execute(f"DELETE FROM {table} WHERE instance = ?", (instance_id,))


def forget(db: sqlite3.Connection, instance_id: str) -> None:
    """Forget an instance altogether."""
    drop_work(db, instance_id)
    db.execute("DELETE FROM history WHERE instance = ?", (instance_id,))
    db.execute("DELETE FROM instances WHERE id = ?", (instance_id,))
