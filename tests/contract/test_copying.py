"""A restore point is copied, kept and let go over memory like over Azurite, in two storage accounts."""

from __future__ import annotations

import itertools
import os

import pytest

from shared.core import layout
from shared.core.restore_points import RestorePoint
from shared.core.steps import StepState
from tests.azurite import StorageToken
from tests.contract.test_keeping import InOurTime
from tests.fakes import FakePorts
from tests.steps.copies import add_original, copies_of, copy, copying_plan, let_copies_go, record
from tests.steps.keeping import ALIVE, PRUNED, STRICT, add_replica, traces

_numbers = itertools.count(1)


@pytest.fixture(params=["fake", "real"])
def ports(request):
    """The primary's app; its storage and the standby's are in memory, or in Azurite."""
    suffix = f"{os.getpid()}c{next(_numbers)}"
    plan = copying_plan(STRICT, createContainer=True)
    for place in plan["regions"].values():
        place["container"] = f"records-{suffix}"
    plan["services"][0]["storage"]["container"] = f"backups-{suffix}"
    plan["services"][0]["standby"]["storage"]["container"] = f"copies-{suffix}"
    ports = FakePorts(plan)
    if request.param == "fake":
        ports.backups("drstandby", f"copies-{suffix}").is_there = False
        return ports
    azurite = request.getfixturevalue("azurite")
    for account, container in (("drprimary", "records"), ("drprimary", "backups"), ("drstandby", "records")):
        azurite.service(account).create_container(f"{container}-{suffix}")
    made = {}

    def backups(account, container):
        client = InOurTime(azurite.url(account), account, container, StorageToken())
        return made.setdefault((account, container), client)

    ports.backups = backups
    return ports


@pytest.fixture
def standby(ports):
    """The standby's app over the same storage."""
    found = ports.in_region("northeurope")
    if "backups" in vars(ports):
        found.backups = ports.backups
    return found


def test_a_point_is_copied_into_a_container_that_was_not_there(ports, standby):
    """Record, blob, manifest and documents, with the ETag that the standby's storage has."""
    point = add_original(ports, 1)

    assert copy(standby, point.name).value["bytes"] == point.size_bytes

    made = record(standby, point.name)
    blobs = standby.backups(made.account, made.container)
    seen = blobs.measure(point.name)
    assert (seen.sha256, seen.etag) == (point.sha256, made.etag)
    assert RestorePoint.from_bytes(blobs.read(layout.manifest_key(point.name))[0]) == made
    assert traces(standby, made) == ALIVE


def test_a_copy_is_made_once(ports, standby):
    """The second time it is there; nothing is written."""
    point = add_original(ports, 1)
    copy(standby, point.name)
    before = record(standby, point.name)
    standby.clock.advance(60)

    assert copy(standby, point.name).value["bytes"] == 0
    assert record(standby, point.name) == before


def test_a_blob_of_an_earlier_execution_is_used(ports, standby):
    """The record was not written any more: the blob is read through, and keeps its ETag."""
    point = add_original(ports, 1)
    copy(standby, point.name)
    before = record(standby, point.name)
    standby.records().delete(layout.restore_point_key("contoso", point.name))

    assert copy(standby, point.name).value == {"copied": True, "bytes": 0, "runId": point.run_id}
    assert record(standby, point.name).etag == before.etag


def test_a_changed_source_leaves_no_blob(ports, standby):
    """Storage discards what was staged: there is no blob of that name, and another try begins anew."""
    point = add_original(ports, 1)
    source = ports.backups(point.account, point.container)
    content, _ = source.read(point.name)
    source.put(point.name, b"{" + content[1:].upper())

    result = copy(standby, point.name)

    assert (result.state, result.fault.code) == (StepState.END, "BlobAsRecorded")
    assert list(standby.backups("drstandby", standby.first.standby.storage.container).keys("")) == []
    source.put(point.name, content)
    assert copy(standby, point.name).value["copied"]


def test_a_copy_that_no_rule_keeps_goes(ports, standby):
    """With the ETag of its record, which is the standby's storage's own."""
    old, new = add_original(ports, 20), add_original(ports, 0)
    for point in (new, old):
        copy(standby, point.name)
    add_replica(ports, new)
    gone = record(standby, old.name)

    assert let_copies_go(standby).value["pruned"] == [old.name]
    assert copies_of(standby) == [new.name]
    assert traces(standby, gone) == PRUNED
