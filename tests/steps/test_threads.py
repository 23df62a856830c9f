"""What threads log is logged by whoever waits for them."""

import asyncio
import logging
import threading

import pytest

from shared import telemetry
from shared.threads import in_thread, in_threads


class Lines(logging.Handler):
    """Every line, and in which thread it was logged."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append((record.getMessage(), record.levelname, threading.get_ident()))


@pytest.fixture
def logged():
    """Return what the app logs during a test."""
    logger, lines = logging.getLogger("apim_dr"), Lines()
    level = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    yield lines.lines
    logger.removeHandler(lines)
    logger.setLevel(level)


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
