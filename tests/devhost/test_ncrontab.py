"""NCRONTAB against a table, and against croniter where both mean the same."""

import datetime as dt

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from devhost import ncrontab

AFTER = dt.datetime(2026, 1, 30, 13, 45, 10, tzinfo=dt.UTC)  # a Friday


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("0 0 2 * * *", "2026-01-31 02:00:00"),
        ("* * * * * *", "2026-01-30 13:45:11"),
        ("10 45 13 * * *", "2026-01-31 13:45:10"),
        ("*/15 * * * * *", "2026-01-30 13:45:15"),
        ("0 */5 * * * *", "2026-01-30 13:50:00"),
        ("30 59 23 * * *", "2026-01-30 23:59:30"),
        ("0 0 8-18/4 * * *", "2026-01-30 16:00:00"),
        ("0 0 20/2 * * *", "2026-01-30 20:00:00"),
        ("0 0 6 1 * *", "2026-02-01 06:00:00"),
        ("0 0 6 31 * *", "2026-01-31 06:00:00"),
        ("0 0 0 29 2 *", "2028-02-29 00:00:00"),
        ("0 0 6 * * 0", "2026-02-01 06:00:00"),
        ("0 0 6 * * mon", "2026-02-02 06:00:00"),
        ("0 0 6 * * Mon-Wed", "2026-02-02 06:00:00"),
        ("0 0 6 * dec *", "2026-12-01 06:00:00"),
        ("0 0 6 * December *", "2026-12-01 06:00:00"),
        ("0 0 6 * * 1,3", "2026-02-02 06:00:00"),
        ("0 0 9-8 * * *", "2026-01-31 08:00:00"),
    ],
)
def test_the_next_occurrence(schedule, expected):
    """A schedule's next occurrence after Friday 2026-01-30 13:45:10 is the one in the table."""
    found = ncrontab.parse(schedule).next_after(AFTER)

    assert found == dt.datetime.fromisoformat(expected + "+00:00")


def test_day_and_weekday_must_both_match():
    """Unlike in Unix crontabs, "the 13th" and "Friday" together mean Friday the 13th."""
    found = ncrontab.parse("0 0 0 13 * fri").next_after(AFTER)

    assert found == dt.datetime(2026, 2, 13, tzinfo=dt.UTC)


def test_a_day_that_never_comes_has_no_occurrence():
    """30 February is no error and no endless search."""
    assert ncrontab.parse("0 0 0 30 2 *").next_after(AFTER) is None


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("0 2 * * *", "six fields"),
        ("60 0 0 * * *", "no second"),
        ("0 0 24 * * *", "no hour"),
        ("0 0 0 0 * *", "no day"),
        ("0 0 0 * 13 *", "no month"),
        ("0 0 0 * * 7", "no day of week"),
        ("0 0 0 * * ?", "no day of week"),
        ("0 0 0 L * *", "no day"),
        ("0 0 0 * * x", "no day of week"),
        ("0 */x 0 * * *", "no minute"),
        ("0 , 0 * * *", "no minute"),
    ],
)
def test_a_wrong_schedule_is_refused(schedule, message):
    """The error names the field."""
    with pytest.raises(ValueError, match=message):
        ncrontab.parse(schedule)


FIELDS = st.tuples(
    st.sampled_from(["0", "*/7", "5,50"]),
    st.sampled_from(["*", "0", "3-40/9"]),
    st.sampled_from(["*", "2", "1-5", "*/6"]),
    st.sampled_from(["*", "1", "28-31", "*/10"]),
    st.sampled_from(["*", "2", "6-8", "*/5"]),
    st.sampled_from(["*", "0", "1-5"]),
)
MOMENTS = st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2030, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001


@given(FIELDS, MOMENTS)
def test_croniter_agrees(fields, moment):
    """An independent implementation, told to require both days, gives the same occurrence."""
    schedule = " ".join(fields)
    iterator = croniter(schedule, moment, day_or=False, second_at_beginning=True)

    assert ncrontab.parse(schedule).next_after(moment) == iterator.get_next(dt.datetime)
