"""What time it is, for the demo; nothing here is core."""

from __future__ import annotations

import datetime as dt
import re
import time

from demo.faults import DemoFault

MINUTE_S = 60
HOUR_S = 3600


def now() -> dt.datetime:
    """Return the time, aware and in UTC."""
    return dt.datetime.now(dt.UTC)  # noqa: TID251 - a command-line program asks the machine


def elapsed_s() -> float:
    """Return seconds on a clock that only runs forward."""
    return time.monotonic()


def parse(text: str) -> dt.datetime:
    """
    Read a time of the app's answers.

    Raises:
        DemoFault: not ISO 8601 with a zone.
    """
    try:
        # Python reads up to six digits of a second.
        found = dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError as err:
        raise DemoFault(f"the app wrote {text!r} where a time belongs") from err
    if found.tzinfo is None:
        raise DemoFault(f"the app wrote {text!r}, a time without a zone")
    return found.astimezone(dt.UTC)


def stretch(seconds: float, *, speed: float) -> str:
    """Say how long something would take in Azure, for instance `11 min`."""
    real = seconds * speed
    if real < MINUTE_S:
        return f"{real:.0f} s"
    if real < HOUR_S:
        return f"{real / MINUTE_S:.0f} min"
    return f"{real / HOUR_S:.1f} h"
