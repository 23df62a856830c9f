"""How set-up knows that nothing is to be done: a stamp inside of each thing it made, and one lock."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STAMP_NAME = ".apim-dr-stamp.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Says from what a folder was made; written last, so a folder without it is unfinished."""

    folder: Path
    facts: dict[str, str]

    def is_current(self) -> bool:
        """Tell whether the folder was made from exactly these facts."""
        return self.written() == self.facts

    def written(self) -> dict[str, str]:
        """Read the facts of the last time; none when the folder is missing or unfinished."""
        try:
            facts = json.loads((self.folder / STAMP_NAME).read_text())
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}

    def remove(self) -> None:
        """Mark the folder as unfinished, before work on it begins."""
        (self.folder / STAMP_NAME).unlink(missing_ok=True)

    def write(self) -> None:
        """Mark the folder as finished."""
        (self.folder / STAMP_NAME).write_text(json.dumps(self.facts, indent=2) + "\n")


def digest(*files: Path) -> str:
    """Return one SHA-256 over the contents of the files, in this order."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


@contextlib.contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """
    Let two makes in one clone set it up one after the other; the kernel frees the lock of a dead one.

    Windows has no such lock: there only the hooks of azd set anything up, one after the other.
    """
    if os.name == "nt":
        yield
        return
    import fcntl

    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("set-up: another make is setting up this clone; waiting for it", flush=True)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
