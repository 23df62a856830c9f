"""
Ctrl-C and friends: the first signal ends the demo in good order, at whatever moment it comes.

The signal is also remembered: an exception that is raised inside of a destructor is swallowed by Python, and
the next `check` raises it again.
"""

from __future__ import annotations

import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Someone wants the demo to end; no `except Exception` on the way may hold it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


_received: list[int] = []


def install() -> None:
    """Take the signals, also where a shell started us in the background with Ctrl-C ignored."""
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _handle)


def ignore() -> None:
    """Ignore further signals: what comes now is bounded to seconds and must not be left half done."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def check() -> None:
    """
    Notice a signal whose exception got lost.

    Raises:
        Interrupted: a signal came earlier.
    """
    if _received:
        raise Interrupted(_received[0])


def _handle(number: int, _frame: FrameType | None) -> None:
    if not _received:
        _received.append(number)
        raise Interrupted(number)
