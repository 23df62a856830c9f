"""The state file itself: its tables, opening it for one process alone, and transactions."""

from __future__ import annotations

import contextlib
import pathlib
import sqlite3
from collections.abc import Iterator

SCHEMA_VERSION = "1"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS instances (
    id TEXT PRIMARY KEY, execution TEXT NOT NULL, name TEXT NOT NULL, version TEXT, status TEXT NOT NULL,
    input TEXT, output TEXT, custom_status TEXT,
    first_created TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL,
    parent_id TEXT, parent_execution TEXT, parent_task INTEGER, progress TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS history (
    n INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, event TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS history_by_instance ON history (instance, n);
CREATE TABLE IF NOT EXISTS inbox (
    n INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, event TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS inbox_by_instance ON inbox (instance, n);
CREATE TABLE IF NOT EXISTS activities (
    n INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, task INTEGER NOT NULL,
    name TEXT NOT NULL, input TEXT);
CREATE TABLE IF NOT EXISTS timers (
    instance TEXT NOT NULL, task INTEGER NOT NULL, fire_at TEXT NOT NULL, PRIMARY KEY (instance, task));
CREATE INDEX IF NOT EXISTS timers_by_time ON timers (fire_at);
"""


class StateError(Exception):
    """The state file cannot be used; the text says why and what to do."""


def open_database(path: pathlib.Path | None, *, task_hub: str) -> sqlite3.Connection:
    """
    Open or create a state file; None keeps the state in memory.

    In WAL mode with `synchronous=NORMAL` what was committed survives the death of the process, though not
    always the death of the machine.

    Raises:
        StateError: another process has it open, it is no state file, or it holds another task hub.
    """
    name = str(path) if path else ":memory:"
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(name, isolation_level=None, timeout=0.5)
    try:
        # Exclusive: two hosts on one file would run every activity twice.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")
        _claim(db, name, "format", SCHEMA_VERSION)
        _claim(db, name, "task hub", task_hub)
    except sqlite3.OperationalError as err:
        db.close()
        raise StateError(
            f"the state file {name} cannot be opened ({err});"
            " end the devhost that uses it, or choose another file with --state"
        ) from err
    except sqlite3.DatabaseError as err:
        db.close()
        raise StateError(f"{name} is no state file of the devhost ({err})") from err
    except StateError:
        db.close()
        raise
    return db


def _claim(db: sqlite3.Connection, name: str, key: str, value: str) -> None:
    db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, value))
    (found,) = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    if found != value:
        raise StateError(
            f"the state file {name} belongs to {key} '{found}', not '{value}';"
            " choose another file with --state"
        )


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Make everything inside one change: all of it is kept, or none."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
