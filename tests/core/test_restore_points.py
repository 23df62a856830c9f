"""Choosing a restore point, and its expiry."""

from __future__ import annotations

import datetime as dt

import pytest

from shared.core.restore_points import LATEST, RestorePoint, choose
from tests.core import make

POINTS = [make.restore_point(age_days=age) for age in (3, 1, 2)]


def test_latest_is_the_point_that_started_last() -> None:
    """In whatever order they are listed."""
    assert choose(POINTS, LATEST) is POINTS[1]


def test_latest_goes_by_the_start_and_not_by_the_end() -> None:
    """A backup that ran for hours holds older data than one that was started later."""
    slow = make.restore_point(age_days=2, ended_at=make.NOW)

    assert choose([slow, POINTS[1]], LATEST) is POINTS[1]


def test_of_two_started_together_the_greater_name_wins() -> None:
    """The choice never depends on the order of a listing."""
    one, two = (make.restore_point(name=name) for name in ("a", "b"))

    assert choose([one, two], LATEST) is choose([two, one], LATEST) is two


def test_a_point_is_chosen_by_its_name() -> None:
    """Exactly that one, or none."""
    assert choose(POINTS, POINTS[0].name) is POINTS[0]
    assert choose(POINTS, "contoso_20200101T000000Z.apimbackup") is None


def test_among_none_there_is_no_latest() -> None:
    """Before the first night nothing can be restored."""
    assert choose([], LATEST) is None


@pytest.mark.parametrize(("seconds", "expected"), [(-1, False), (0, True), (1, True)])
def test_a_point_expires_30_days_after_its_start(seconds: int, expected: bool) -> None:
    """The boundary itself counts as expired."""
    point = make.restore_point(age_days=30)

    assert point.is_expired(make.NOW + dt.timedelta(seconds=seconds)) is expected


def test_the_age_counts_from_the_start() -> None:
    """Nothing that changed after the start is certain to be in the backup."""
    assert make.restore_point(age_days=1).age_s(make.NOW) == 86400


def test_a_record_survives_its_bytes() -> None:
    """It is read for years, also without this app."""
    point = make.restore_point(warnings=("changed",))

    assert RestorePoint.from_bytes(point.to_bytes()) == point
