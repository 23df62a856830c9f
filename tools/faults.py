"""What can go wrong in a tool: one sentence that names the thing and the remedy."""

from __future__ import annotations

import sys
from collections.abc import Callable

INTERRUPTED = 130


class ToolFault(Exception):
    """Something is missing or cannot be had; the text says what it is and what to do."""


def told(tool: str, work: Callable[[], int]) -> int:
    """Run the work of a tool; a fault becomes one sentence on stderr and exit code 1."""
    try:
        return work()
    except ToolFault as fault:
        print(f"{tool}: {fault}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{tool}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as fault:
        print(f"{tool}: {fault.strerror}: {fault.filename or 'no file named'}", file=sys.stderr)
    return 1
