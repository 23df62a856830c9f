"""Waiting times, and how a developer's machine shortens them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.core.intervals import Intervals, backoff_s


def test_the_defaults_are_those_of_production() -> None:
    """A minute between polls, hours of patience, room for operations of almost five hours."""
    intervals = Intervals()

    assert (intervals.poll_default_s, intervals.busy_patience_s, intervals.deadline_s) == (60, 14400, 28800)


def test_speed_1_changes_nothing() -> None:
    """Production never divides."""
    intervals = Intervals()

    assert intervals.at_speed(1) is intervals


def test_speed_divides_every_wait() -> None:
    """At speed 60 a minute is a second, and nothing is under a second."""
    fast = Intervals().at_speed(60)

    assert (fast.poll_default_s, fast.fault_first_s, fast.fault_max_s, fast.denied_patience_s) == (
        1,
        1,
        5,
        15,
    )


@given(speed=st.floats(min_value=0.1, max_value=1e6))
def test_no_wait_becomes_a_hot_loop(speed: float) -> None:
    """Every wait stays at least a second, the deadline at least two minutes, and the result is valid."""
    fast = Intervals().at_speed(speed)

    assert min(fast.model_dump().values()) >= 1
    assert fast.deadline_s >= 120
    assert Intervals.model_validate(fast.model_dump()) == fast


@pytest.mark.parametrize("name", list(Intervals.model_fields))
def test_no_interval_is_zero(name: str) -> None:
    """A wait of nothing would be a hot loop."""
    with pytest.raises(ValidationError):
        Intervals.model_validate({name: 0})


@pytest.mark.parametrize(("attempt", "expected"), [(0, 15), (1, 30), (4, 240), (5, 300), (10_000, 300)])
def test_the_backoff_doubles_up_to_its_cap(attempt: int, expected: int) -> None:
    """Also after thousands of tries it is a small number."""
    assert backoff_s(attempt, 15, 300) == expected


def test_a_cap_under_the_first_wait_is_kept() -> None:
    """The cap is the cap."""
    assert backoff_s(0, 60, 5) == 5
