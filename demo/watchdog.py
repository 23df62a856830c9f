"""
`python -m demo.watchdog`: ends the demo's processes when the demo itself was killed.

It reads lines: `+<pid>` from each process when it starts, `-<pid>` from the demo when one has ended. The end
of the input means that the demo is gone, however it went; what is still on the list is killed then, with its
process group.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TextIO


def watch(lines: TextIO) -> set[int]:
    """Follow the demo's list to the end of the input; return what was still running then."""
    running: set[int] = set()
    for line in lines:
        pid = int(line[1:])
        if line.startswith("+"):
            running.add(pid)
        else:
            running.discard(pid)
    return running


def main() -> None:
    """Watch, then kill."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for pid in watch(sys.stdin):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
