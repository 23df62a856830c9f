"""What outlives every version of the app in a test: Azure, storage, the state file of the host, the time."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.testing import VirtualSimulator

START = dt.datetime(2026, 11, 23, 2, tzinfo=dt.UTC)
"""When the night is due."""

Death = tuple[str, int]
"""What a version is killed after, and the how many of it: ("POST", 12), ("end_night", 1)."""

Stored = dict[tuple[str, str], dict[str, Any]]
"""What every container holds, as plain data: no class of the app or its fakes is in it."""


@dataclass
class Ground:
    """The world that versions come and go in; whoever is at work sets `clock` and `vault`."""

    state: Path
    clock: Callable[[], dt.datetime]
    vault: Any = None
    simulator: VirtualSimulator = field(init=False)
    stored: Stored = field(default_factory=dict)
    written: list[Any] = field(default_factory=list)

    def now(self) -> dt.datetime:
        """Return the virtual time."""
        return self.clock()

    def write(self, account: str, container: str, name: str, content: bytes) -> None:
        """Take a backup from the simulator."""
        self.vault.write(account, container, name, content)

    def read(self, account: str, container: str, name: str) -> bytes | None:
        """Give a backup to the simulator."""
        content: bytes | None = self.vault.read(account, container, name)
        return content


@contextlib.contextmanager
def laid(folder: Path, ca_dir: Path, at: dt.datetime, trust: Callable[[str, str], None]) -> Iterator[Ground]:
    """Yield a ground with a simulator on it; `trust` sets the variable that makes clients trust it."""
    ground = Ground(state=folder / "host.sqlite", clock=lambda: at)
    with VirtualSimulator(clock=ground.now, blobs=ground, ca_dir=ca_dir) as simulator:
        ground.simulator = simulator
        trust("REQUESTS_CA_BUNDLE", simulator.ca)
        yield ground
