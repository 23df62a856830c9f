"""After a swap of roles: points of the former primary, and what is now the primary."""

from __future__ import annotations

import datetime as dt

import pytest

from shared.core import layout
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.steps.conftest import put_point
from tests.steps.test_restore_choice import GOOD, OWN, call, details_of, put_safety

HOUR = dt.timedelta(hours=1)


def former(ports, at):
    """Store a point that was taken from the standby while it was the primary."""
    point = put_point(ports, at).model_copy(update={"source": ports.first.standby.ref})
    ports.records("westeurope").put(layout.restore_point_key("contoso", point.name), point.to_bytes())
    return point


@pytest.mark.parametrize("is_safety", [False, True])
def test_the_primary_is_overwritten_with_no_other_services_point_either(client, is_safety):
    """One of the former primary, or of the standby: the primary is lost all the same."""
    ports = FakePorts()
    point = put_safety(ports) if is_safety else former(ports, START - HOUR)
    wanted = OWN | {"restorePoint": point.name}

    status, body = call(ports, client, wanted)
    assert (status, set(details_of(body))) == (409, {"TargetIsNoPrimary"})
    assert "overwriteSource" in body["error"]["message"]

    status, body = call(ports, client, wanted | {"overwriteSource": True})
    assert status == 202
    assert {line.split(":")[0] for line in body["warnings"]} == {"TargetIsNoPrimary", "SourceAsPlanned"}


@pytest.mark.parametrize("wanted", [{"restorePoint": "latest"}, {"before": START.isoformat()}])
def test_a_point_of_the_former_primary_is_chosen_by_its_name_only(ports, client, wanted):
    """However many newer ones there are; by name it is restored where it may be, with a warning."""
    own = put_point(ports, START - 30 * HOUR)
    others = [former(ports, START - hours * HOUR) for hours in range(1, 15)]

    assert call(ports, client, GOOD | wanted)[1]["restorePoint"] == own.name
    client.started.clear()
    client.instances.clear()
    flags = {"overwriteSource": True}
    status, body = call(ports, client, GOOD | {"restorePoint": others[0].name} | flags)
    assert (status, body["restorePoint"]) == (202, others[0].name)
    assert any(line.startswith("SourceAsPlanned: ") for line in body["warnings"])


def test_where_all_points_are_of_the_former_primary_none_is_the_latest(ports, client):
    """They are named, so that one can be chosen."""
    point = former(ports, START - HOUR)

    status, body = call(ports, client, GOOD | {"restorePoint": "latest"})

    assert (status, body["error"]["code"]) == (404, "RestorePointNotFound")
    assert "no restore point was taken from contoso-weu, which the plan names now" in str(body)
    assert point.name in body["error"]["message"]
