"""
The night's schedule: which occurrence was due last. Whoever asks for it, however late, means the same night.

Rules of the file:
1. A schedule is an NCRONTAB expression, read as the Functions host reads it: day *and* day of the week must
   match, Sunday is 0, a name may be cut short, a range given backwards is turned round.
2. Times are UTC.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from croniter import CroniterBadDateError, CroniterError, croniter

EARLY = dt.timedelta(seconds=30)
"""A timer may fire a little before its time, and then means the occurrence that is about to come."""

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_NAMES: dict[str, tuple[int, tuple[str, ...]]] = {"month": (1, _MONTHS), "day of the week": (0, _WEEKDAYS)}
_RANGES = {
    "second": (0, 59),
    "minute": (0, 59),
    "hour": (0, 23),
    "day": (1, 31),
    "month": (1, 12),
    "day of the week": (0, 6),
}
_VALUE = r"[0-9]{1,2}|[a-z]+"
_PART = re.compile(rf"(?P<first>\*|{_VALUE})(?:-(?P<last>{_VALUE}))?(?:/(?P<step>[0-9]{{1,2}}))?")


@dataclass(frozen=True, slots=True)
class Schedule:
    """When nights are due; made by `parse`."""

    expression: str
    """As croniter understands it: seconds first, numbers only."""

    def newest(self, at: dt.datetime) -> dt.datetime | None:
        """
        Return the last occurrence at or before a time, None if there never was one.

        Args:
            at: aware UTC.
        """
        after = at.replace(microsecond=0) + dt.timedelta(seconds=1)
        try:
            found: dt.datetime = croniter(
                self.expression, after, ret_type=dt.datetime, day_or=False, second_at_beginning=True
            ).get_prev()
        except CroniterBadDateError:
            return None
        return found.astimezone(dt.UTC)


def parse(text: str) -> Schedule:
    """
    Read a schedule.

    Raises:
        ValueError: names every field that is wrong.
    """
    fields = text.lower().split()
    if len(fields) == len(_RANGES) - 1:
        fields.insert(0, "0")  # the host takes five fields as well, without the seconds
    if len(fields) != len(_RANGES):
        raise ValueError(
            "is no NCRONTAB expression: six fields are needed, second minute hour day month day-of-week, "
            "such as 0 0 2 * * *"
        )
    read: list[str] = []
    faults: list[str] = []
    for name, field in zip(_RANGES, fields, strict=True):
        try:
            read.append(",".join(_part(name, part) for part in field.split(",")))
        except ValueError as err:
            faults.append(f"{field} is no {name}: {err}")
    if faults:
        raise ValueError("; ".join(faults))
    expression = " ".join(read)
    try:
        croniter(expression, second_at_beginning=True)
    except CroniterError as err:
        raise ValueError(f"is no NCRONTAB expression: {err}") from err
    return Schedule(expression)


def _part(name: str, part: str) -> str:
    """Return one part of a field in numbers."""
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError("it takes numbers, names, *, ranges and steps")
    step = max(1, int(match["step"] or 1))
    low, high = _RANGES[name]
    if match["first"] == "*":
        if match["last"]:
            raise ValueError("a range has a number or a name at both ends")
        first, last = low, high
    else:
        first = _number(name, match["first"])
        last = _number(name, match["last"]) if match["last"] else high if match["step"] else first
    if not (low <= first <= high and low <= last <= high):
        raise ValueError(f"it goes from {low} to {high}")
    first, last = min(first, last), max(first, last)
    if (first, last, step) == (low, high, 1):
        return "*"
    return f"{first}-{last}/{step}" if last > first else str(first)


def _number(name: str, text: str) -> int:
    if text.isdigit():
        return int(text)
    base, known = _NAMES.get(name, (0, ()))
    for index, word in enumerate(known):
        if word.startswith(text):
            return base + index
    raise ValueError(f"{text} is not known here")
