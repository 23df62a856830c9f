"""
Time, as the simulator sees it.

Handlers and operations get a `Clock` handed in and never ask the machine. Civil time (`now`) is the machine's
clock plus whatever was added over `/_sim/clock`; it is not sped up, so that dates in answers and in backups
agree with the clocks of the clients. What is sped up is waiting: an operation of 660 simulated seconds lasts
11 real seconds at speed 60.

In tests of a whole night the time comes from outside (`DrivenClock`), and nobody waits.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """What the simulator may know about time."""

    speed: float

    def now(self) -> dt.datetime:
        """Return the simulated civil time, aware and UTC."""

    def wait(self, simulated_s: float) -> asyncio.Future[dt.datetime]:
        """
        Return what is done when that many simulated seconds have gone by, counted from this very call.

        Its result is the civil time at which that was.
        """

    def advance(self, seconds: float) -> None:
        """Move time forward. Raises ValueError if that cannot be."""

    def catch_up(self) -> bool:
        """End the waits that are over, if they do not end by themselves; tell whether that is so."""


class SpeedClock:
    """
    The machine's clock, with waiting compressed by `speed` and time that can be moved forward.

    Moving it forward by n seconds moves `now` by n and shortens every wait that is under way by n simulated
    seconds.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, got {speed}")
        self.speed = speed
        self._advanced_s = 0.0
        self._alarms: set[_Alarm] = set()

    def now(self) -> dt.datetime:
        """Return the simulated civil time, aware and UTC."""
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self._advanced_s)

    def wait(self, simulated_s: float) -> asyncio.Future[dt.datetime]:
        """
        Return what is done when that many simulated seconds have gone by, or the clock is moved past them.
        """
        alarm = _Alarm(self, self._ticks_s() + simulated_s)
        self._alarms.add(alarm)
        alarm.rung.add_done_callback(lambda _: self._forget(alarm))
        alarm.arm()
        return alarm.rung

    def catch_up(self) -> bool:
        """Do nothing: waits end by themselves."""
        return False

    def advance(self, seconds: float) -> None:
        """Move time forward. Waits that end by it have ended when the caller next yields to the loop."""
        if seconds < 0:
            raise ValueError(f"time moves forward only, got {seconds}")
        self._advanced_s += seconds
        for alarm in list(self._alarms):
            alarm.arm()

    def real_seconds_left(self, ticks_s: float) -> float:
        """Return the real seconds until a moment of the waiting time line; 0 or less when it is past."""
        return (ticks_s - self._ticks_s()) / self.speed

    def _forget(self, alarm: _Alarm) -> None:
        alarm.disarm()
        self._alarms.discard(alarm)

    def _ticks_s(self) -> float:
        return time.monotonic() * self.speed + self._advanced_s


class _Alarm:
    """One wait: a future, and the loop's timer that rings it."""

    def __init__(self, clock: SpeedClock, ticks_s: float) -> None:
        self._clock = clock
        self._ticks_s = ticks_s
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.rung: asyncio.Future[dt.datetime] = self._loop.create_future()

    def arm(self) -> None:
        self.disarm()
        left_s = self._clock.real_seconds_left(self._ticks_s)
        if left_s <= 0:
            self._ring()
        else:
            self._timer = self._loop.call_later(left_s, self._ring)

    def disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        if not self.rung.done():
            self.rung.set_result(self._clock.now())


class DrivenClock:
    """
    A clock that is read from outside, for tests on virtual time.

    Nothing wakes up by itself: `catch_up` ends the waits that are over, in the order of their moments, and
    each is told its own moment, not the one at which somebody looked.
    """

    speed = 1.0

    def __init__(self, now: Callable[[], dt.datetime]) -> None:
        self._now = now
        self._waits: list[tuple[dt.datetime, int, asyncio.Future[dt.datetime]]] = []
        self._numbers = itertools.count()

    def now(self) -> dt.datetime:
        """Return what the outside says, aware and UTC."""
        return self._now()

    def wait(self, simulated_s: float) -> asyncio.Future[dt.datetime]:
        """Return what is done at the `catch_up` that finds that many seconds gone by."""
        due_at = self.now() + dt.timedelta(seconds=simulated_s)
        rung: asyncio.Future[dt.datetime] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waits, (due_at, next(self._numbers), rung))
        return rung

    def catch_up(self) -> bool:
        """End the waits that are over; they have ended when the caller next yields to the loop."""
        while self._waits and self._waits[0][0] <= self.now():
            due_at, _, rung = heapq.heappop(self._waits)
            if not rung.done():
                rung.set_result(due_at)
        return True

    def advance(self, seconds: float) -> None:
        """Refuse: the time is somebody else's."""
        raise ValueError("the clock of this simulator is driven from outside")
