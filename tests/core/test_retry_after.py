"""Retry-After in every form that was ever sent."""

from __future__ import annotations

import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.retry_after import read_retry_after
from tests.core import make

FORMS = {
    "seconds": ("60", 60),
    "with blanks": (" 60 ", 60),
    "zero": ("0", 1),
    "a fraction is rounded up": ("0.5", 1),
    "more than one second": ("1.2", 2),
    "negative": ("-1", 1),
    "signed": ("+7", 7),
    "the greatest": ("600", 600),
    "too long": ("601", 600),
    "an exponent": ("1e9", 600),
    "more than a float holds": ("1e400", 600),
    "thousands of digits": ("9" * 5000, 600),
    "NaN": ("NaN", None),
    "inf": ("inf", None),
    "-inf": ("-inf", None),
    "infinity": ("Infinity", None),
    "junk": ("soon", None),
    "empty": ("", None),
    "with a unit": ("60s", None),
    "hexadecimal": ("0x10", None),
    "Python's underscore": ("1_0", None),
    "digits of another script": ("٣", None),
    "two values": ("60, 120", 120),
    "a value twice": ("60,60", 60),
    "a value and junk": ("60, soon", None),
    "a date in the future": ("Mon, 23 Nov 2026 02:01:30 GMT", 90),
    "a date an hour ahead": ("Mon, 23 Nov 2026 03:00:00 GMT", 600),
    "a date in the past": ("Mon, 23 Nov 2026 01:00:00 GMT", 1),
    "now": ("Mon, 23 Nov 2026 02:00:00 GMT", 1),
    "a date without zone": ("Mon, 23 Nov 2026 02:01:30", 90),
    "a date with an unknown zone": ("Mon, 23 Nov 2026 02:01:30 -0000", 90),
    "a date in another zone": ("Mon, 23 Nov 2026 03:01:30 +0100", 90),
    "an old form of date": ("Monday, 23-Nov-26 02:01:30 GMT", 90),
    "asctime": ("Mon Nov 23 02:01:30 2026", 90),
    "an ISO date": ("2026-11-23T02:01:30Z", None),
    "no such hour": ("Mon, 23 Nov 2026 25:00:00 GMT", None),
    "a year beyond all": ("Thu, 01 Jan 99999999999999999999 00:00:00 GMT", None),
    "a zone beyond all": ("Thu, 01 Jan 2026 00:00:00 +99999999999", None),
    "the last year in a western zone": ("Fri, 31 Dec 9999 23:59:59 -1200", 600),
    "the first year in an eastern zone": ("Mon, 01 Jan 0001 00:00:00 +1400", 1),
}


@pytest.mark.parametrize(("text", "expected"), FORMS.values(), ids=FORMS)
def test_retry_after_is_read_in_every_form_and_bounded(text: str, expected: int | None) -> None:
    """Seconds and dates become 1..600 s; what cannot be read is nothing."""
    assert expected == read_retry_after({"retry-after": text}, make.NOW)


MILLISECONDS = {
    "retry-after-ms": ({"retry-after-ms": "2500"}, 3),
    "x-ms-retry-after-ms": ({"x-ms-retry-after-ms": "250"}, 1),
    "before seconds": ({"retry-after-ms": "2000", "retry-after": "60"}, 2),
    "zero": ({"x-ms-retry-after-ms": "0"}, 1),
    "junk falls through": ({"retry-after-ms": "soon", "retry-after": "60"}, 60),
    "empty falls through": ({"retry-after-ms": "", "x-ms-retry-after-ms": "9000"}, 9),
    "nothing": ({}, None),
}


@pytest.mark.parametrize(("headers", "expected"), MILLISECONDS.values(), ids=MILLISECONDS)
def test_milliseconds_come_before_seconds(headers: dict[str, str], expected: int | None) -> None:
    """Two more headers say the same in milliseconds, and are more precise."""
    assert expected == read_retry_after(headers, make.NOW)


@given(text=st.text(max_size=40) | st.floats().map(str) | st.integers().map(str))
def test_nothing_that_is_sent_raises_or_leaves_the_bounds(text: str) -> None:
    """Any text is 1..600 s or nothing."""
    wait = read_retry_after({"retry-after": text}, make.NOW)

    assert wait is None or 1 <= wait <= 600


@given(at=st.datetimes(timezones=st.just(make.NOW.tzinfo)))
def test_every_http_date_is_read(at: object) -> None:
    """Any date of any year is a wait, and never a fault."""
    wait = read_retry_after({"retry-after": email.utils.format_datetime(at, usegmt=True)}, make.NOW)  # type: ignore[arg-type]

    assert wait is None or 1 <= wait <= 600
