"""
NCRONTAB: the six-field schedules of timer triggers, as the real host's NCrontab library reads them. Pure.

`{second} {minute} {hour} {day} {month} {day of week}`. It differs from the crontabs of Unix: a time must
match the day *and* the day of week, Sunday is only 0, a name may be cut to any prefix (the first match
counts), a range given backwards is turned round, and there is no `?`, `L`, `W` or `#`.

Source: https://github.com/atifaziz/NCrontab (read, not copied).
"""

from __future__ import annotations

import dataclasses
import datetime as dt

# Feb 29th on a given day of week returns within 28 years, but for the end of some centuries: 40 covers both.
DAYS_MAX = 40 * 366

_MONTHS = ["january", "february", "march", "april", "may", "june"]
_MONTHS += ["july", "august", "september", "october", "november", "december"]
_WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A parsed schedule: the sorted values that each field allows."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def next_after(self, moment: dt.datetime) -> dt.datetime | None:
        """
        Return the first occurrence strictly after a moment.

        Args:
            moment: aware; fractions of a second are dropped first.

        Returns:
            In the same time zone, or None if there is none (30 February).
        """
        start = moment.replace(microsecond=0) + dt.timedelta(seconds=1)
        found = self._first_time(start.time()) if self._allows(start.date()) else None
        if found is not None:
            return dt.datetime.combine(start.date(), found, start.tzinfo)
        day = start.date()
        for _ in range(DAYS_MAX):
            day += dt.timedelta(days=1)
            if self._allows(day):
                first = dt.time(self.hours[0], self.minutes[0], self.seconds[0])
                return dt.datetime.combine(day, first, start.tzinfo)
        return None

    def _allows(self, day: dt.date) -> bool:
        return day.day in self.days and day.month in self.months and day.isoweekday() % 7 in self.weekdays

    def _first_time(self, earliest: dt.time) -> dt.time | None:
        """Return the first time of day that is not before `earliest`."""
        for hour in self.hours:
            for minute in self.minutes if hour >= earliest.hour else ():
                if (hour, minute) < (earliest.hour, earliest.minute):
                    continue
                for second in self.seconds:
                    if dt.time(hour, minute, second) >= earliest:
                        return dt.time(hour, minute, second)
        return None


def parse(text: str) -> Schedule:
    """
    Read a schedule.

    Raises:
        ValueError: it has not six fields, or names the field that is wrong.
    """
    fields = text.split()
    if len(fields) != 6:
        raise ValueError(
            f"'{text}' is no NCRONTAB schedule: six fields are needed"
            " (second minute hour day month day-of-week)"
        )
    return Schedule(
        seconds=tuple(sorted(_values("second", fields[0], 0, 59))),
        minutes=tuple(sorted(_values("minute", fields[1], 0, 59))),
        hours=tuple(sorted(_values("hour", fields[2], 0, 23))),
        days=frozenset(_values("day", fields[3], 1, 31)),
        months=frozenset(_values("month", fields[4], 1, 12, _MONTHS)),
        weekdays=frozenset(_values("day of week", fields[5], 0, 6, _WEEKDAYS)),
    )


def _values(field: str, text: str, low: int, high: int, names: list[str] | None = None) -> set[int]:
    values: set[int] = set()
    try:
        for part in text.split(","):
            values |= _part(part, low, high, names or [])
    except ValueError as err:
        raise ValueError(f"'{text}' is no {field} ({low} to {high}): {err}") from err
    return values


def _part(part: str, low: int, high: int, names: list[str]) -> set[int]:
    base, slash, step_text = part.partition("/")
    step = _number(step_text) if slash else 1
    if base == "*":
        first, last = low, high
    elif "-" in base:
        left, _, right = base.partition("-")
        first, last = sorted((_value(left, low, names), _value(right, low, names)))
    else:
        first = _value(base, low, names)
        last = high if slash else first
    if not low <= first <= last <= high:
        raise ValueError(f"'{base}' is out of range")
    return set(range(first, last + 1, max(step, 1)))


def _value(text: str, low: int, names: list[str]) -> int:
    if text[:1].isdigit():
        return _number(text)
    for index, name in enumerate(names):
        if text and name.startswith(text.lower()):
            return low + index
    raise ValueError(f"'{text}' is no value")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"'{text}' is no number")
    return int(text)
