"""Choosing a restore point, and its expiry."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from shared.core.restore_points import LATEST, Covered, RestorePoint, choose, restore_point_schema
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


PUBLISHED = Path(__file__).parents[2] / "docs" / "restore-point.schema.json"


def test_the_published_schema_of_a_record_is_the_generated_one() -> None:
    """docs/restore-point.schema.json is what the model says."""
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == restore_point_schema()


def test_the_schema_of_a_record_is_a_schema() -> None:
    """It says which dialect it is written in, and follows it."""
    jsonschema.Draft202012Validator.check_schema(restore_point_schema())

    assert restore_point_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def _accepts(record: dict[str, Any]) -> bool:
    return bool(jsonschema.Draft202012Validator(restore_point_schema()).is_valid(record))


def test_a_record_fits_its_schema() -> None:
    """As it is written, with and without what may be null."""
    full = make.restore_point(coverage=(Covered(what="x", where="nowhere"),), warnings=("odd",))

    assert _accepts(json.loads(full.to_bytes()))
    assert _accepts(json.loads(make.restore_point().to_bytes()))


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"sizeBytes": "many"},
        {"startedAt": None},
        {"coverage": [{"what": "x", "where": "elsewhere"}]},
        {"accessKey": "no"},
    ],
    ids=str,
)
def test_what_is_no_record_does_not_fit(change: dict[str, Any]) -> None:
    """Another version, another type, a hole, a place that does not exist, a field too many."""
    assert not _accepts({**json.loads(make.restore_point().to_bytes()), **change})
