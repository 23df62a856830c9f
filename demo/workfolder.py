"""
The folder that one demo works in: state, logs, ready files, summary. Wiped at the start, kept at the end.

Two demos in one clone take two folders. The lock lies beside the folder, because the folder is wiped; the
kernel frees the lock of a demo that was killed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from demo.faults import DemoFault

MARK = ".apim-dr-demo"
SIDE_BY_SIDE_MAX = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFolder:
    """A folder of our own, as long as `lock` is open."""

    path: Path
    lock: TextIO
    taken: tuple[Path, ...]
    """Folders that were wished for first and are in use by other demos."""

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.path / "logs" / f"{name}.log"

    def ready(self, name: str) -> Path:
        """Return the file that a process writes when it is ready."""
        return self.path / "ready" / f"{name}.json"


def take(wished: Path) -> WorkFolder:
    """
    Take the wished folder, or the first free one beside it, and empty it.

    Raises:
        DemoFault: all are in use, or the folder holds something that is not ours to delete.
    """
    taken: list[Path] = []
    for number in range(1, SIDE_BY_SIDE_MAX + 1):
        path = wished if number == 1 else wished.with_name(f"{wished.name}-{number}")
        lock = _locked(path.with_name(f"{path.name}.lock"))
        if lock is not None:
            _empty(path)
            return WorkFolder(path=path, lock=lock, taken=tuple(taken))
        taken.append(path)
    raise DemoFault(f"{SIDE_BY_SIDE_MAX} demos run in {wished.parent} already: end one of them first")


def _locked(file: Path) -> TextIO | None:
    """Return the opened lock, or None if another process holds it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = file.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _empty(path: Path) -> None:
    """Remove what an earlier demo left; anything else is not ours."""
    if path.exists() and any(path.iterdir()) and not (path / MARK).exists():
        raise DemoFault(f"{path} holds files that no demo left there: name an empty folder with --work")
    if path.exists():
        shutil.rmtree(path)
    for folder in ("logs", "ready"):
        (path / folder).mkdir(parents=True)
    (path / MARK).write_text("A demo of apim-dr works here; the next one wipes this folder.\n")
