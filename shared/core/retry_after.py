"""How long an answer asks us to wait. Source: docs/azure-facts.md, "Polling"."""

from __future__ import annotations

import datetime as dt
import email.utils
import math
import re
from collections.abc import Mapping

from shared.core.intervals import RETRY_AFTER_S_MAX, RETRY_AFTER_S_MIN

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""Stricter than float(), which also reads 1_0, nan and the digits of other scripts."""


def read_retry_after(headers: Mapping[str, str], now: dt.datetime) -> int | None:
    """
    Return the wait that the answer asks for, in whole seconds bounded to 1..600.

    Accepts milliseconds in `retry-after-ms` and `x-ms-retry-after-ms`, seconds (also with a
    fraction, rounded up) and HTTP dates. 0 and dates in the past become 1. Of several values, as a
    repeated header has them, the longest counts. None means: nothing was sent, or nothing that can
    be read.

    Args:
        headers: names in lower case.
        now: aware UTC; only used when a date was sent.
    """
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        milliseconds = _numbers(headers.get(name, ""))
        if milliseconds is not None:
            return _bounded(milliseconds / 1000)
    text = headers.get("retry-after", "").strip()
    seconds = _numbers(text)
    if seconds is not None:
        return _bounded(seconds)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    return _bounded((when - now).total_seconds())


def _numbers(text: str) -> float | None:
    """Return the greatest of the numbers in a header, or None if there is anything else in it."""
    parts = [part.strip() for part in text.split(",")]
    if not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    return max(float(part) for part in parts)


def _bounded(seconds: float) -> int:
    return math.ceil(min(RETRY_AFTER_S_MAX, max(RETRY_AFTER_S_MIN, seconds)))
