"""What threads log is logged by whoever waits for them."""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from shared import telemetry
from shared.threads import in_thread, in_threads


def speak(name):
    """Log one line and answer with the thread it was said in."""
    telemetry.log(telemetry.Event.CHANGE_IGNORED, level=logging.WARNING, reason=name)
    return threading.get_ident()


def test_what_a_thread_logs_is_logged_by_the_task_that_waits(logged):
    """The call is run in another thread, and its line comes from this one, with its level."""
    assert asyncio.run(in_thread(speak, "a")) != threading.get_ident()
    assert logged == [("change.ignored reason=a", "WARNING", threading.get_ident())]


def test_what_was_logged_before_a_fault_is_logged(logged):
    """A call that raises has its lines all the same."""

    def fail():
        speak("before")
        raise ValueError

    with pytest.raises(ValueError):
        asyncio.run(in_thread(fail))
    assert [line for line, _, _ in logged] == ["change.ignored reason=before"]


def test_threads_within_a_thread_hand_their_lines_on(logged):
    """Several calls at once inside of a thread: all lines arrive here, the answers in order."""
    there = asyncio.run(in_thread(in_threads, speak, ["a", "b", "c"], at_once=2))
    assert len(there) == 3 and threading.get_ident() not in there
    assert sorted(line for line, _, _ in logged) == [f"change.ignored reason={name}" for name in "abc"]
    assert {thread for _, _, thread in logged} == {threading.get_ident()}


def test_two_tasks_keep_their_lines_apart(logged):
    """A task that ends logs its own lines, while those of another one still wait."""

    async def both():
        gate, seen = asyncio.Event(), []

        async def slow():
            with telemetry.kept_back():
                speak("slow")
                await gate.wait()

        task = asyncio.create_task(slow())
        await asyncio.sleep(0)
        await in_thread(speak, "quick")
        seen.extend(line for line, _, _ in logged)
        gate.set()
        await task
        return seen

    assert asyncio.run(both()) == ["change.ignored reason=quick"]
    assert len(logged) == 2


def test_what_a_thread_logs_after_its_task_was_cancelled_is_logged(logged):
    """Nobody takes it over any more, so it comes from the thread itself."""
    begun, go_on = threading.Event(), threading.Event()

    def slow():
        speak("early")
        begun.set()
        go_on.wait(60)
        speak("late")

    async def cancelled():
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(in_thread(slow))
        await loop.run_in_executor(None, begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [line for line, _, _ in logged] == ["change.ignored reason=early"]
        go_on.set()

    asyncio.run(cancelled())  # waits for its threads
    assert [line for line, _, _ in logged] == ["change.ignored reason=early", "change.ignored reason=late"]
    assert [thread == threading.get_ident() for _, _, thread in logged] == [True, False]


def test_a_late_line_of_a_thread_within_a_thread_goes_to_the_one_above(logged):
    """The inner list is closed, the outer one is not: it is logged here, in its turn."""
    with telemetry.kept_back():
        with telemetry.kept_back():
            inner = copy_context()
        inner.run(speak, "late")
        assert logged == []
    assert logged == [("change.ignored reason=late", "WARNING", threading.get_ident())]


def test_after_a_fault_no_further_call_begins(logged, monkeypatch):
    """One at a time: the first raises, and all are left out but the one that had begun by then."""
    asked, is_ending, shutdown = [], threading.Event(), ThreadPoolExecutor.shutdown

    def fail(name):
        asked.append(name)
        speak(name)
        if name != "a":
            is_ending.wait(60)
        raise ValueError(name)

    def end(pool, wait=True, *, cancel_futures=False):
        shutdown(pool, wait=False, cancel_futures=cancel_futures)
        is_ending.set()
        shutdown(pool, wait=wait)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", end)
    with pytest.raises(ValueError, match="a"):
        in_threads(fail, list("abcdefgh"), at_once=1)
    assert asked in (["a"], ["a", "b"])
    assert [line for line, _, _ in logged] == [f"change.ignored reason={name}" for name in asked]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ('say "no"', "\"say 'no'\""),
        ('"no"', "'no'"),
        ("one\ntwo\r\nthree", '"one two three"'),
        ("end\n", "end"),
        ("a\u2028b", '"a b"'),
        ("plain", "plain"),
    ],
)
def test_a_value_keeps_to_its_place_on_the_line(logged, value, shown):
    """Neither a double quote nor a line break of a value is taken for the line's own."""
    telemetry.log(telemetry.Event.CHANGE_IGNORED, service="contoso", reason=value)
    assert [line for line, _, _ in logged] == [f"change.ignored service=contoso reason={shown}"]
