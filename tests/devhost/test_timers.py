"""Timer triggers on a virtual clock: when they run, what they are told, what is remembered."""

import asyncio
import contextlib
import datetime as dt
import pathlib

import azure.functions as func
import pytest

from devhost import app as apps
from devhost.clock import VirtualClock
from devhost.config import HostConfig
from devhost.engine.store import Store
from devhost.invoke import Invoker, Worker
from devhost.timers import ScheduleStore, Timer

EVENING = dt.datetime(2026, 5, 1, 20, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


class Bench:
    """A timer function, a clock and a memory of what happened; `start` is one life of the host."""

    def __init__(self):
        self.runs = []
        self.clock = VirtualClock(EVENING)
        self.state = Store(None, task_hub="t")
        self.schedules = ScheduleStore(self.state.database)

    def timer(self, schedule, *, fails=False, **options):
        app = func.FunctionApp()

        @app.timer_trigger(arg_name="timer", schedule=schedule, **options)
        def nightly(timer: func.TimerRequest) -> None:
            self.runs.append((self.clock.now(), timer.past_due, timer.schedule_status.get("Next")))
            if fails:
                raise RuntimeError("told to fail")

        functions = apps.index(app)
        here = apps.App(directory=pathlib.Path(), functions=functions, host=HostConfig())
        invoker = Invoker(here, Worker(), lambda: "{}")
        return Timer(functions[0], invoker, self.clock, self.schedules)

    def live(self, timer, *moments):
        """Run a timer and move the clock to each moment, letting it do what it then does."""

        async def life():
            task = asyncio.create_task(timer.run())
            await self._quiet(timer)
            for moment in moments:
                self.clock.advance_to(moment)
                await self._quiet(timer)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

        asyncio.run(life())

    async def _quiet(self, timer):
        """Let the loop turn until the timer waits for the clock again."""
        for _ in range(20):
            await asyncio.sleep(0)
        async with timer._one_at_a_time:
            pass
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
def bench():
    """A fresh bench."""
    made = Bench()
    yield made
    made.state.close()


def test_it_runs_at_every_occurrence(bench):
    """Two nights, two runs, each at 02:00, none at the start."""
    first = EVENING.replace(hour=2) + DAY
    bench.live(bench.timer("0 0 2 * * *"), first, first + DAY)

    assert [(moment, late) for moment, late, _ in bench.runs] == [(first, False), (first + DAY, False)]


def test_a_missed_occurrence_runs_once_with_past_due(bench):
    """The host was down for three nights: one run at the next start, told that it is late."""
    bench.live(bench.timer("0 0 2 * * *"))
    bench.clock.advance(3 * DAY)
    bench.live(bench.timer("0 0 2 * * *"))

    assert [(moment, late) for moment, late, _ in bench.runs] == [(EVENING + 3 * DAY, True)]


def test_without_monitor_nothing_is_caught_up(bench):
    """use_monitor=False forgets what was missed."""
    bench.live(bench.timer("0 0 2 * * *", use_monitor=False))
    bench.clock.advance(3 * DAY)
    bench.live(bench.timer("0 0 2 * * *", use_monitor=False))

    assert bench.runs == []


def test_a_changed_schedule_is_not_past_due(bench):
    """What was missed under another schedule is not run under the new one."""
    bench.live(bench.timer("0 0 2 * * *"))
    bench.clock.advance(3 * DAY)
    bench.live(bench.timer("0 0 3 * * *"))

    assert bench.runs == []


def test_run_on_startup_runs_at_the_start(bench):
    """run_on_startup runs once when the host starts, not late."""
    bench.live(bench.timer("0 0 2 * * *", run_on_startup=True))

    assert [(moment, late) for moment, late, _ in bench.runs] == [(EVENING, False)]


def test_the_function_sees_its_schedule(bench):
    """ScheduleStatus holds the occurrence that is due."""
    first = EVENING.replace(hour=2) + DAY
    bench.live(bench.timer("0 0 2 * * *"), first)

    assert bench.runs == [(first, False, first.isoformat())]


def test_a_disabled_timer_runs_only_by_hand(bench, monkeypatch):
    """The setting of Azure Functions keeps it from firing by itself, also at the start."""
    monkeypatch.setenv("AzureWebJobs.nightly.Disabled", "true")
    timer = bench.timer("0 0 2 * * *", run_on_startup=True)
    bench.live(timer, EVENING.replace(hour=2) + DAY)
    assert (bench.runs, timer.next_run()) == ([], None)

    asyncio.run(timer.run_now())
    assert len(bench.runs) == 1


def test_a_failing_run_does_not_stop_the_timer(bench):
    """The next occurrence comes all the same."""
    first = EVENING.replace(hour=2) + DAY
    bench.live(bench.timer("0 0 2 * * *", fails=True), first, first + DAY)

    assert len(bench.runs) == 2
