"""Where records lie."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core import layout, names
from tests.core import make


@given(
    service=st.from_regex(r"[a-z][a-z0-9-]{0,38}[a-z0-9]", fullmatch=True),
    at=st.datetimes(timezones=st.just(make.NOW.tzinfo)),
)
def test_a_restore_points_key_is_read_back(service: str, at: object) -> None:
    """What replication hears of names the service and the point."""
    for because in ("", "a call"):
        name = names.backup_name(service, at, because=because)  # type: ignore[arg-type]

        assert layout.parse_restore_point_key(layout.restore_point_key(service, name)) == (service, name)


OTHERS = [
    "runs/20261123T020000Z-backup-contoso.json",
    "replicas/contoso/a.json",
    "restore-points/contoso/a.json.tmp",
    "restore-points/contoso/a.json\n",
    "restore-points/contoso/sub/a.json",
    "restore-points/contoso/.json",
    "restore-points/contoso/a?.json",
    "restore-points/contoso/\ud800.json",
    "restore-points/Contoso/a.json",
    "restore-points//a.json",
    "restore-points/../contoso/a.json",
    "x/restore-points/contoso/a.json",
    "",
]


@pytest.mark.parametrize("key", OTHERS)
def test_any_other_blob_is_no_restore_point(key: str) -> None:
    """Replication starts for records only, whatever anybody writes into the container or the queue."""
    assert layout.parse_restore_point_key(key) is None


def test_every_key_is_as_documented() -> None:
    """Other programs read these places."""
    keys = {
        layout.restore_point_key("contoso", "a"): "restore-points/contoso/a.json",
        layout.inventory_key("contoso", "a"): "inventories/contoso/a.json",
        layout.replica_key("contoso", "a"): "replicas/contoso/a.json",
        layout.run_key("r"): "runs/r.json",
        layout.report_key("r"): "evidence/r.json",
        layout.night_key("20261123T020000Z"): "nights/20261123T020000Z.json",
        layout.open_night_key("20261123T020000Z"): "open-nights/20261123T020000Z.json",
    }

    assert list(keys) == list(keys.values())


def test_a_prefix_holds_one_service_only() -> None:
    """Listing contoso never lists contoso-eu."""
    other_point = layout.restore_point_key("contoso-eu", "a")
    other_replica = layout.replica_key("contoso-eu", "a")

    assert not other_point.startswith(layout.restore_points_prefix("contoso"))
    assert not other_replica.startswith(layout.replicas_prefix("contoso"))
    assert other_replica.startswith(layout.replicas_prefix("contoso-eu"))


def test_runs_of_a_few_days_are_listed_by_the_day() -> None:
    """Over the end of a year as well."""
    found = layout.runs_prefixes(dt.date(2026, 12, 31), dt.date(2027, 1, 2))

    assert found == ["runs/20261231", "runs/20270101", "runs/20270102"]


def test_runs_of_many_days_are_listed_by_the_month() -> None:
    """Fewer lists; more than the days asked for, and never less."""
    found = layout.runs_prefixes(dt.date(2026, 11, 30), dt.date(2027, 2, 1))

    assert found == ["runs/202611", "runs/202612", "runs/202701", "runs/202702"]
