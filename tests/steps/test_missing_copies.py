"""Which restore points are copied into the standby's region: what is missing, and what is not to come."""

from __future__ import annotations

import datetime as dt

import pytest

from shared import copying
from shared.core import layout
from shared.core.errors import UnavailableError
from shared.core.steps import StepState
from shared.core.tombstones import Tombstone
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.ports import plan_json
from tests.steps.copies import (
    STORAGE,
    add_original,
    copies_of,
    copy,
    copying_plan,
    copying_ports,
    record,
    standby_of,
)
from tests.steps.keeping import storm


@pytest.fixture
def ports():
    """The primary's app."""
    return copying_ports()


@pytest.fixture
def point(ports):
    """A complete point in the primary's region."""
    return add_original(ports, 1)


@pytest.fixture
def standby(ports, point):
    """The standby's app; nothing was called yet."""
    storm(ports).calm()
    return standby_of(ports)


def target(ports):
    """Return the container of the copies."""
    return ports.backups(STORAGE["account"], STORAGE["container"])


def test_a_point_without_record_is_skipped(standby, point):
    """It was pruned, or its record was deleted: no copy of what nobody vouches for."""
    standby.records("westeurope").delete(layout.restore_point_key("contoso", point.name))

    result = copy(standby, point.name)

    assert (result.state, result.value["copied"]) == (StepState.DONE, False)
    assert "westeurope" in result.value["reason"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"expires_at": START}, "expired"),
        ({"service": "other"}, "not of the service"),
    ],
)
def test_a_point_that_is_no_good_is_skipped(ports, change, said):
    """Expired, of another service: with the reason, and nothing is written."""
    point = add_original(ports, 1)
    key = layout.restore_point_key("contoso", point.name)
    ports.records().put(key, point.model_copy(update=change).to_bytes())
    storm(ports).calm()

    result = copy(standby_of(ports), point.name)

    assert said in result.value["reason"]
    assert storm(ports).changes() == []


def test_a_point_that_a_rebuild_made_anew_is_copied_and_says_so(ports, point):
    """Its content is checked all the same; what holds it back from the standby is in the copy's record."""
    key = layout.restore_point_key("contoso", point.name)
    ports.records().put(key, point.model_copy(update={"rebuilt_at": START}).to_bytes())
    standby = standby_of(ports)

    assert [one.name for one in copying.missing_copies(standby.first, standby).to_copy] == [point.name]
    assert copy(standby, point.name).value["copied"]
    assert record(standby, point.name).rebuilt_at == START


def test_a_point_that_is_being_pruned_is_skipped(standby, point):
    """The mark in the primary's region is enough."""
    standby.records("westeurope").put(layout.open_prune_key("contoso", point.name), b"")

    assert "pruned in westeurope" in copy(standby, point.name).value["reason"]


def let_go(standby, point):
    """Write the tombstone of a copy."""
    tombstone = Tombstone(point=point, reasons=(), pruned_at=START, run_id="r")
    standby.records().put(layout.pruned_key("contoso", point.name), tombstone.to_bytes())


def test_a_copy_that_retention_let_go_does_not_come_back(standby, point):
    """There is a tombstone in the own region."""
    let_go(standby, point)

    assert not copy(standby, point.name).value["copied"]
    assert not target(standby).exists(point.name)


def test_a_copy_that_is_let_go_meanwhile_does_not_come_back(standby, point):
    """This execution stood still while another one copied the point and retention let it go."""

    def listener(call):
        if call.method == "create_from":
            let_go(standby, point)

    storm(standby).on_call = listener

    assert not copy(standby, point.name).value["copied"]
    assert not target(standby).exists(point.name)
    assert copies_of(standby) == []


@pytest.mark.parametrize("region", ["westeurope", "northeurope"])
def test_an_app_that_keeps_no_copies_makes_none(region):
    """The plan names no storage, or another region's app asks."""
    plan = plan_json() if region == "northeurope" else copying_plan()
    ports = FakePorts(plan).in_region(region)

    assert "keeps no copies" in copy(ports, "contoso_20261122T020000Z.apimbackup").value["reason"]


def test_what_is_missing_is_named_newest_first(ports):
    """All usable points that have no copy yet, and how many copies there are."""
    old, middle, new = (add_original(ports, age) for age in (3, 2, 1))
    standby = standby_of(ports)
    copy(standby, middle.name)

    missing = copying.missing_copies(standby.first, standby)

    assert [point.name for point in missing.to_copy] == [new.name, old.name]
    assert (missing.not_copied, missing.copies) == ({}, 1)


def test_what_cannot_be_copied_is_named_with_the_reason(ports):
    """Being pruned, not readable; expired ones and those that were let go are not missing."""
    going, broken, gone, expired, old, good = (add_original(ports, age) for age in (2, 3, 4, 5, 70, 6))
    standby, theirs = standby_of(ports), ports.records()
    keys = {point.name: layout.restore_point_key("contoso", point.name) for point in (broken, expired)}
    theirs.put(keys[broken.name], b"broken")
    theirs.put(keys[expired.name], expired.model_copy(update={"expires_at": START}).to_bytes())
    theirs.put(layout.open_prune_key("contoso", going.name), b"")
    let_go(standby, gone)
    storm(ports).calm()

    missing = copying.missing_copies(standby.first, standby)

    assert [point.name for point in missing.to_copy] == [good.name]
    assert list(missing.not_copied) == [going.name, broken.name]
    assert all(missing.not_copied.values())
    assert layout.restore_point_key("contoso", old.name) not in [call.key for call in storm(ports).calls]


def own_original(standby, point):
    """Record in the standby's region what its service was backed up as, in the same second, as a primary."""
    here = standby.first.standby.ref
    key = layout.restore_point_key("contoso", point.name)
    standby.records().put(key, point.model_copy(update={"source": here}).to_bytes())
    return key


def test_a_record_of_the_same_name_that_is_no_copy_hides_no_point(standby, point):
    """Roles were swapped, and both apps backed up at the same second: the point is named as not copied."""
    key = own_original(standby, point)
    before = standby.records().read(key)

    missing = copying.missing_copies(standby.first, standby)

    assert (missing.to_copy, missing.copies) == ((), 0)
    assert "contoso-neu" in missing.not_copied[point.name]
    result = copy(standby, point.name)
    assert not result.value["copied"]
    assert "contoso-neu" in result.value["reason"]
    assert standby.records().read(key) == before


def test_a_record_without_copied_is_no_copy(standby, point):
    """It says of itself that it was made here."""
    key = layout.restore_point_key("contoso", point.name)
    standby.records().put(key, point.to_bytes())

    assert list(copying.missing_copies(standby.first, standby).not_copied) == [point.name]


def test_the_copy_of_what_the_standby_was_backed_up_as_is_not_missed(standby, point):
    """The primary's region keeps copies of it from when it was the other's standby."""
    key = own_original(standby, point)
    standby.records("westeurope").put(key, standby.records().read(key)[0])

    missing = copying.missing_copies(standby.first, standby)

    assert (missing.to_copy, missing.not_copied, missing.copies) == ((), {}, 0)


def test_a_standby_that_has_everything_costs_two_lists_and_a_read_for_each_copy(ports):
    """Nothing of the primary's region is read but its list."""
    point = add_original(ports, 1)
    standby = standby_of(ports)
    copy(standby, point.name)
    standby.clock.advance(dt.timedelta(hours=1).total_seconds())
    storm(ports).calm()

    assert copying.missing_copies(standby.first, standby).to_copy == ()
    assert sorted(call.method for call in storm(ports).calls) == ["keys", "keys", "read"]


def test_a_region_that_is_lost_is_no_region_without_points(ports):
    """Nothing is said about copies then, and certainly not that none is missing."""
    standby = standby_of(ports)
    standby.records("westeurope").faults["keys"].append(UnavailableError("drprimary: ServerBusy"))

    with pytest.raises(UnavailableError):
        copying.missing_copies(standby.first, standby)
