"""A clock that stands still, or follows another one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

START = dt.datetime(2026, 11, 23, 2, tzinfo=dt.UTC)
"""The present time of a test that says nothing else: a night at two."""


class FakeClock:
    """The port Clock; moved by hand until it follows a host's clock."""

    def __init__(self, at: dt.datetime = START) -> None:
        self._at = at
        self._source: Callable[[], dt.datetime] | None = None

    def now(self) -> dt.datetime:
        """Return the virtual time."""
        return self._source() if self._source else self._at

    def follow(self, source: Callable[[], dt.datetime]) -> None:
        """Show another clock's time from now on."""
        self._source = source

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        assert self._source is None, "a clock that follows another one is not moved by hand"
        self._at += dt.timedelta(seconds=seconds)
