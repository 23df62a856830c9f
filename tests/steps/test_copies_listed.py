"""What the two apps list of a service that is copied, and what is shown of a run that restored a copy."""

from __future__ import annotations

import pytest

from operate_http.calls import get_run, list_restore_points
from shared.core.errors import UnavailableError
from shared.core.runs import Outcome, RunPhase
from tests.fakes import FakePorts
from tests.fakes.ports import resource_id
from tests.steps.conftest import FakeClient
from tests.steps.copies import add_copy, ask, copying_plan, copying_ports, lose_primary, places, standby_of
from tests.steps.keeping import STRICT, open_restore, storm


@pytest.fixture
def ports():
    """The primary's app; the strictest rules."""
    return copying_ports()


@pytest.fixture
def copies(ports):
    """Three copies, oldest first."""
    return [add_copy(ports, age) for age in (20, 10, 0)]


@pytest.fixture
def standby(ports, copies):
    """The standby's app, while the primary's region is gone."""
    lose_primary(ports)
    storm(ports).calm()
    return standby_of(ports)


def test_the_standby_lists_its_own_copies(standby, copies):
    """With where each was copied from and which region the list is of; nothing else is asked."""
    status, shown = ask(list_restore_points, standby, params={"service": "contoso"})

    assert status == 200
    assert [one["name"] for one in shown["value"]] == [copy.name for copy in copies]
    assert {one["region"] for one in shown["value"]} == {"northeurope"}
    assert {one["copied"]["account"] for one in shown["value"]} == {"drprimary"}
    assert (shown["notRead"], places(standby)) == ([], {"drstandby"})


def test_the_primary_lists_its_originals(ports, copies):
    """Each region's app shows what it would restore from."""
    _, shown = ask(list_restore_points, ports, params={"service": "contoso"})

    assert {(one["region"], one["copied"]) for one in shown["value"]} == {("westeurope", None)}


def two_services():
    """Return the standby's app where only the first of two services is copied, and the primary's is gone."""
    plan = copying_plan(STRICT)
    other = {**plan["services"][0], "name": "fabrikam", "resourceId": resource_id("fabrikam-weu")}
    other["standby"] = {
        key: value for key, value in plan["services"][0]["standby"].items() if key != "storage"
    } | {"resourceId": resource_id("fabrikam-neu")}
    third = {**other, "name": "tailspin", "resourceId": resource_id("tailspin-weu")}
    third["standby"] = {**other["standby"], "resourceId": resource_id("tailspin-neu")}
    plan["services"] += [other, third]
    ports = FakePorts(plan, storage=copying_ports().storage)
    add_copy(ports, 1)
    ports.records("westeurope").faults["keys"].extend([UnavailableError("drprimary: ServerBusy")] * 9)
    return standby_of(ports)


def test_a_region_that_is_lost_hides_no_copies_of_other_services():
    """All services are asked for: what can be read is shown, and whose points are missing is said."""
    status, shown = ask(list_restore_points, two_services())

    assert status == 200
    assert [one["service"] for one in shown["value"]] == ["contoso"]
    assert [(one["service"], one["region"]) for one in shown["notRead"]] == [
        ("fabrikam", "westeurope"),
        ("tailspin", "westeurope"),
    ]
    assert "ServerBusy" in shown["notRead"][0]["reason"]


def test_the_points_of_one_service_are_all_there_or_none():
    """One service is asked for, and its region is lost: no empty list that looks like an answer."""
    status, _ = ask(list_restore_points, two_services(), params={"service": "fabrikam"})

    assert status == 503


def test_own_records_that_cannot_be_read_are_no_empty_list(standby):
    """The region whose app it is must answer."""
    standby.records().faults["keys"].append(UnavailableError("drstandby: ServerBusy"))

    assert ask(list_restore_points, standby)[0] == 503


def test_a_run_shows_the_copy_that_it_restored(ports, copies):
    """The record of the own region, also while the primary's is gone."""
    started = open_restore(
        ports, copies[0], region="northeurope", phase=RunPhase.ENDED, outcome=Outcome.SUCCEEDED
    )
    lose_primary(ports)

    def look(call, ports):
        return get_run(call, FakeClient(), ports)

    status, shown = ask(look, standby_of(ports), run_id=started.run_id)

    assert status == 200
    assert shown["restorePoint"]["copied"]["account"] == "drprimary"
