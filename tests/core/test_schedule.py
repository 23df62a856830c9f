"""Which night was due last: the same answer whenever it is asked, and the host's reading of a schedule."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devhost import ncrontab
from shared.core import schedule
from tests.core import make

NIGHTLY = schedule.parse("0 0 2 * * *")
DAY = dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (make.NOW, make.NOW),
        (make.NOW + dt.timedelta(microseconds=1), make.NOW),
        (make.NOW - dt.timedelta(microseconds=1), make.NOW - DAY),
        (make.after(hours=23, minutes=59), make.NOW),
        (make.after(hours=24), make.NOW + DAY),
    ],
)
def test_the_newest_occurrence_is_at_or_before_a_time(at: dt.datetime, expected: dt.datetime) -> None:
    """Its own second counts, the one before does not; past midnight it is still last night."""
    assert NIGHTLY.newest(at) == expected


def test_a_timer_that_fires_early_means_the_night_to_come() -> None:
    """Half a minute is allowed for."""
    assert NIGHTLY.newest(make.NOW - dt.timedelta(milliseconds=40) + schedule.EARLY) == make.NOW


def test_several_nights_in_a_day_are_told_apart() -> None:
    """Each occurrence is a night of its own."""
    twice = schedule.parse("0 30 1,13 * * *")

    assert [twice.newest(make.after(hours=hours)) for hours in (0, 10, 12)] == [
        make.NOW - dt.timedelta(minutes=30),
        make.NOW - dt.timedelta(minutes=30),
        make.NOW + dt.timedelta(hours=11, minutes=30),
    ]


def test_five_fields_have_no_seconds() -> None:
    """The host takes them as well."""
    assert schedule.parse("0 2 * * *") == NIGHTLY


def test_a_day_that_never_comes_has_no_night() -> None:
    """30 February is no error and no endless search."""
    assert schedule.parse("0 0 0 30 2 *").newest(make.NOW) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "six fields"),
        ("at two", "six fields"),
        ("24:00:00", "six fields"),
        ("0 0 2 * * * *", "six fields"),
        ("60 0 2 * * *", "60 is no second: it goes from 0 to 59"),
        ("0 0 24 * * *", "24 is no hour"),
        ("0 0 2 0 * *", "0 is no day"),
        ("0 0 2 * 13 *", "13 is no month"),
        ("0 0 2 * * 7", "7 is no day of the week"),
        ("0 0 2 * * ?", "is no day of the week: it takes numbers"),
        ("0 0 2 L * *", "l is no day: l is not known here"),
        ("0 0 2 * * mon#2", "it takes numbers"),
        ("0 0 2 * * *-3", "at both ends"),
        ("0 , 2 * * *", "is no minute"),
        ("0 */x 2 * * *", "is no minute"),
    ],
)
def test_a_wrong_schedule_is_refused(text: str, message: str) -> None:
    """The error names the field."""
    with pytest.raises(ValueError, match=message.replace("*", r"\*")):
        schedule.parse(text)


def test_every_wrong_field_is_named_at_once() -> None:
    """One error for all there is to mend."""
    with pytest.raises(ValueError, match=r"61 is no second: .*; 25 is no hour: .*; x is no month: "):
        schedule.parse("61 0 25 * x *")


FIELDS = st.tuples(
    st.sampled_from(["0", "*/7", "5,50", "40-10", "*", "*/0"]),
    st.sampled_from(["*", "0", "3-40/9", "50/3"]),
    st.sampled_from(["*", "2", "1-5", "*/6", "20/2", "9-8", "23-0"]),
    st.sampled_from(["*", "1", "28-31", "*/10", "31", "13"]),
    st.sampled_from(["*", "2", "6-8", "*/5", "dec", "Janu", "may,JUN"]),
    st.sampled_from(["*", "0", "1-5", "mon", "Fri-Tue", "s", "sat,sun", "*/2", "2/2"]),
)
MOMENTS = st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2030, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001


@settings(deadline=None)
@given(FIELDS, MOMENTS)
def test_the_app_and_the_host_mean_the_same_occurrences(fields: tuple[str, ...], moment: dt.datetime) -> None:
    """The last one before a time is followed by none until after it, in the devhost's own reading."""
    text = " ".join(fields)
    of_host = ncrontab.parse(text)

    found = schedule.parse(text).newest(moment)

    if found is None:
        assert of_host.next_after(moment) is None
        return
    assert of_host.next_after(found - dt.timedelta(seconds=1)) == found
    following = of_host.next_after(found)
    assert found <= moment
    assert following is None or moment < following
