"""
Time, as everything in the devhost sees it: a Protocol and its two implementations.

Nothing else in this package asks the operating system what time it is, so a test can put a virtual clock
in its place and let hours pass in seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from typing import Protocol

# A sleeping laptop stops the monotonic clock that asyncio waits by; a look once a minute bounds the lag.
WAIT_MAX_S = 60.0


class Clock(Protocol):
    """What time it is, and a way to wait for it."""

    def now(self) -> dt.datetime:
        """Return the current time, aware and UTC."""

    async def wait(self, until: dt.datetime | None, wake: asyncio.Event) -> None:
        """
        Return when `until` has come or `wake` is set; it may also return earlier.

        Args:
            until: aware UTC, or None for "until woken".
            wake: is not cleared here.
        """


class SystemClock:
    """The clock of the machine."""

    def now(self) -> dt.datetime:
        """Return the machine's time, aware and UTC."""
        return dt.datetime.now(dt.UTC)

    async def wait(self, until: dt.datetime | None, wake: asyncio.Event) -> None:
        """Sleep until the time, the event, or one minute, whichever is first."""
        seconds = WAIT_MAX_S
        if until is not None:
            seconds = min(seconds, (until - self.now()).total_seconds())
        if seconds <= 0:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await wake.wait()


class VirtualClock:
    """A clock that stands still until it is told to move; waiting on it never takes real time."""

    def __init__(self, start: dt.datetime) -> None:
        """Start at `start`, which must be aware."""
        if start.tzinfo is None:
            raise ValueError("a virtual clock starts at an aware datetime")
        self._now = start.astimezone(dt.UTC)
        self._moved = asyncio.Event()

    def now(self) -> dt.datetime:
        """Return the virtual time, aware and UTC."""
        return self._now

    def advance(self, by: dt.timedelta) -> None:
        """Move forward; time never goes back."""
        self.advance_to(self._now + by)

    def advance_to(self, moment: dt.datetime) -> None:
        """Move forward to a moment; an earlier one is refused."""
        if moment < self._now:
            raise ValueError(f"the clock stands at {self._now.isoformat()} and does not go back")
        self._now = moment.astimezone(dt.UTC)
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait(self, until: dt.datetime | None, wake: asyncio.Event) -> None:
        """Wait for the event or for somebody to move the clock far enough."""
        while not wake.is_set() and (until is None or self._now < until):
            waits = [asyncio.ensure_future(wake.wait()), asyncio.ensure_future(self._moved.wait())]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()


def to_text(moment: dt.datetime) -> str:
    """Write a moment as Durable Functions does: UTC, microseconds, `Z`."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_text(text: str) -> dt.datetime:
    """Read a moment written with `Z` or an offset; one without either is UTC."""
    moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
