"""
Timer triggers: wait for the next occurrence, run, remember.

With `use_monitor` (the default) the last and the next occurrence are kept in the state file, and an
occurrence missed while the host was down runs once at the next start with `IsPastDue`.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import json
import logging
import sqlite3

from azure.functions import meta

from devhost import config, ncrontab
from devhost.app import Function
from devhost.clock import Clock, from_text
from devhost.invoke import FunctionFailure, Invoker

log = logging.getLogger("devhost.timers")

# The real host does not monitor schedules that run more often than this.
MONITORED_INTERVAL_MIN = dt.timedelta(minutes=1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleStatus:
    """When a timer ran last and is to run next; `last` is None before the first run."""

    last: dt.datetime | None
    next: dt.datetime
    updated: dt.datetime


class ScheduleStore:
    """The schedule status of every monitored timer, in the state file."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS schedules"
            " (function TEXT PRIMARY KEY, last TEXT, next TEXT NOT NULL, updated TEXT NOT NULL)"
        )

    def get(self, function: str) -> ScheduleStatus | None:
        """Return what is known of a timer."""
        select = "SELECT last, next, updated FROM schedules WHERE function = ?"
        row = self._db.execute(select, (function,)).fetchone()
        if row is None:
            return None
        last = from_text(row[0]) if row[0] else None
        return ScheduleStatus(last=last, next=from_text(row[1]), updated=from_text(row[2]))

    def put(self, function: str, status: ScheduleStatus) -> None:
        """Remember a timer."""
        last = status.last.isoformat() if status.last else None
        row = (function, last, status.next.isoformat(), status.updated.isoformat())
        self._db.execute("INSERT OR REPLACE INTO schedules VALUES (?, ?, ?, ?)", row)


class Timer:
    """One function with a timer trigger."""

    def __init__(self, function: Function, invoker: Invoker, clock: Clock, store: ScheduleStore) -> None:
        raw = function.trigger.raw
        self._function = function
        self._invoker = invoker
        self._clock = clock
        self._store = store
        self._schedule = ncrontab.parse(raw["schedule"])
        self._is_disabled = config.is_disabled(function.name)
        self._runs_on_startup = bool(raw.get("runOnStartup"))
        self._is_monitored = raw.get("useMonitor") is not False and self._is_slow()
        # A timer never runs twice at once, not even when somebody runs it by hand.
        self._one_at_a_time = asyncio.Lock()

    def _is_slow(self) -> bool:
        first = self._schedule.next_after(self._clock.now())
        second = self._schedule.next_after(first) if first else None
        return first is None or second is None or second - first >= MONITORED_INTERVAL_MIN

    def next_run(self) -> dt.datetime | None:
        """Return the next occurrence from now; None if there is none, or the timer is disabled."""
        return None if self._is_disabled else self._schedule.next_after(self._clock.now())

    async def run(self) -> None:
        """Run at every occurrence until cancelled."""
        if self._is_disabled:
            return
        await self._start_up()
        never = asyncio.Event()
        due = self.next_run()
        while due is not None:
            while self._clock.now() < due:
                await self._clock.wait(due, never)
            await self.run_now(scheduled=due)
            due = self._schedule.next_after(max(due, self._clock.now()))
        log.warning("%s: the schedule has no further occurrence", self._function.name)

    async def _start_up(self) -> None:
        """Run at once if an occurrence was missed or run_on_startup says so."""
        is_past_due = self._is_monitored and self._check_past_due()
        if is_past_due or self._runs_on_startup:
            await self.run_now(scheduled=self._clock.now(), is_past_due=is_past_due)

    def _check_past_due(self) -> bool:
        now, name = self._clock.now(), self._function.name
        status = self._store.get(name)
        following = self._schedule.next_after(now)
        if following is None:
            return False
        if status is None:
            self._store.put(name, ScheduleStatus(last=None, next=following, updated=now))
            return False
        expected = self._schedule.next_after(status.last or status.updated)
        if expected != status.next:  # the schedule was changed meanwhile: what was missed was another one
            self._store.put(name, ScheduleStatus(last=status.last, next=following, updated=now))
            return False
        return now > status.next

    async def run_now(self, *, scheduled: dt.datetime | None = None, is_past_due: bool = False) -> None:
        """
        Run the function.

        Args:
            scheduled: the occurrence this is; None for a run by hand, which leaves the schedule alone.
            is_past_due: what the function is told.
        """
        async with self._one_at_a_time:
            trigger = meta.Datum(self._trigger_json(is_past_due=is_past_due), "json")
            why = "timer" if scheduled else "run by hand"
            # A failure is logged by the invoker, and the next occurrence comes all the same.
            with contextlib.suppress(FunctionFailure):
                await self._invoker.invoke(self._function, trigger, why=why)
            following = self._schedule.next_after(scheduled) if scheduled else None
            if scheduled and following and self._is_monitored:
                status = ScheduleStatus(last=scheduled, next=following, updated=self._clock.now())
                self._store.put(self._function.name, status)

    def _trigger_json(self, *, is_past_due: bool) -> str:
        status = self._store.get(self._function.name) if self._is_monitored else None
        status_json = None
        if status is not None:
            never = "0001-01-01T00:00:00+00:00"
            status_json = {
                "Last": status.last.isoformat() if status.last else never,
                "Next": status.next.isoformat(),
                "LastUpdated": status.updated.isoformat(),
            }
        return json.dumps(
            {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status_json, "IsPastDue": is_past_due}
        )
