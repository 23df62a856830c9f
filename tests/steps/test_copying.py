"""Copying a restore point into the standby's region: what is written in which order, and what never is."""

from __future__ import annotations

import pytest

from shared.core import layout
from shared.core.errors import AccessError, ConflictError, UnavailableError
from shared.core.ports import BlobFacts
from shared.core.steps import StepState
from tests.fakes import MemoryBlobs
from tests.fakes.clock import START
from tests.fakes.stormy import DiedError, Fault
from tests.steps.copies import (
    STORAGE,
    add_original,
    copies_of,
    copy,
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


def source(ports, point):
    """Return the container of the originals."""
    return ports.backups(point.account, point.container)


def test_a_copy_is_a_restore_point_of_its_own_region(standby, point):
    """Record, blob, manifest, inventory and sidecar lie there, and the record names these, and no others."""
    result = copy(standby, point.name)

    made, records = record(standby, point.name), standby.records()
    assert result.value == {"copied": True, "bytes": point.size_bytes, "runId": point.run_id}
    assert (made.account, made.container) == (STORAGE["account"], STORAGE["container"])
    assert made.etag == target(standby).look(point.name).etag
    for place in (made.inventory, made.sidecar):
        assert (place.account, place.container) == (records.account, records.container)
        assert records.exists(place.key)
    assert target(standby).read(layout.manifest_key(point.name))[0] == made.to_bytes()
    assert (made.copied.account, made.copied.container, made.copied.at) == (
        point.account,
        point.container,
        START,
    )


def test_everything_else_of_the_record_is_the_original_s(standby, point):
    """Times, expiry, hash, tier, run and what the inventory said are those of the backup."""
    copy(standby, point.name)

    changed = {"account", "container", "etag", "inventory", "sidecar", "copied"}
    made = record(standby, point.name)
    assert made.model_dump(exclude=changed) == point.model_dump(exclude=changed)
    assert (made.inventory.digest, made.inventory.counts) == (point.inventory.digest, point.inventory.counts)
    content = source(standby, point).read(point.name)[0]
    assert target(standby).read(point.name)[0] == content


def test_the_record_is_written_last(standby, point):
    """Documents, blob, manifest, record: whoever sees the record can use everything that it names."""
    copy(standby, point.name)

    assert [call.key for call in storm(standby).changes()] == [
        layout.inventory_key("contoso", point.name),
        layout.sidecar_key("contoso", point.name),
        point.name,
        layout.manifest_key(point.name),
        layout.restore_point_key("contoso", point.name),
    ]


def test_the_backup_is_never_held_as_a_whole(standby, point):
    """It goes from piece to piece, and is measured; it is not read, put or created in one."""
    copy(standby, point.name)

    methods = {call.method for call in storm(standby).calls if call.key == point.name}
    assert methods == {"look", "chunks", "create_from", "measure"}


def test_the_primary_s_region_is_only_read(standby, point):
    """Nothing is written or deleted there."""
    copy(standby, point.name)

    assert {call.place.split("/")[0] for call in storm(standby).changes()} == {"drstandby"}


def test_a_copy_that_is_there_costs_one_read(standby, point):
    """The second event of a point finds its record, and asks the primary's region nothing."""
    copy(standby, point.name)
    storm(standby).calm()

    assert copy(standby, point.name).value == {"copied": True, "bytes": 0, "runId": point.run_id}
    assert [(call.method, call.place) for call in storm(standby).calls] == [("read", "drstandby/apim-dr")]


@pytest.mark.parametrize("takes_effect", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [DiedError(), UnavailableError("ServerBusy")], ids=["death", "fault"])
def test_whatever_happens_at_any_call_is_made_good_by_the_next_step(takes_effect, error):
    """At each single call of storage the process ends, or storage fails: one whole copy in the end."""
    for at in range(100):
        ports = copying_ports(createContainer=True)
        point = add_original(ports, 1)
        standby = standby_of(ports)
        target(ports).is_there = False
        storm(ports).calm({at: Fault(error=error, takes_effect=takes_effect)})
        try:
            first = copy(standby, point.name)
        except DiedError:
            first = None
        if len(storm(ports).calls) <= at:
            break
        assert first is None or first.state is not StepState.END
        assert not copies_of(standby) or target(ports).exists(point.name)

        storm(ports).calm()
        assert copy(standby, point.name).value["copied"]
        made = record(standby, point.name)
        assert made.etag == target(ports).look(point.name).etag
        assert standby.records().exists(made.inventory.key)
        assert standby.records().exists(made.sidecar.key)
        assert not made.warnings

    assert at >= 15


def test_a_manifest_that_is_there_is_taken_and_not_written_again(standby, point, monkeypatch):
    """An execution died before the record, and a policy lets nobody replace what the container holds."""
    copy(standby, point.name)
    left, _ = target(standby).read(layout.manifest_key(point.name))
    key = layout.restore_point_key("contoso", point.name)
    standby.records().delete(key)
    standby.clock.advance(300)

    def refuse(*_):
        raise AccessError("BlobImmutableDueToPolicy")

    monkeypatch.setattr(MemoryBlobs, "put", refuse)

    assert copy(standby, point.name).value["copied"]
    assert standby.records().read(key)[0] == left


def test_a_manifest_that_says_something_else_is_replaced(standby, point):
    """What is left of a former copy of that name would mislead a rebuild."""
    target(standby).put(layout.manifest_key(point.name), b"{}")

    assert copy(standby, point.name).value["copied"]
    manifest, _ = target(standby).read(layout.manifest_key(point.name))
    assert manifest == record(standby, point.name).to_bytes()


def test_two_executions_at_once_are_one_copy():
    """Whenever the second one comes in, call by call: both say that the copy is there, and it is whole."""
    tried = 0
    for at in range(100):
        ports = copying_ports()
        point = add_original(ports, 1)
        standby, other = standby_of(ports), []

        def listener(_call, ports=ports, point=point, other=other, at=at):
            if len(storm(ports).calls) == at and not other:
                other.append(copy(standby_of(ports), point.name))

        storm(ports).calm()
        storm(ports).on_call = listener
        first = copy(standby, point.name)
        if not other:
            break
        tried += 1
        assert first.value["copied"]
        assert other[0].value["copied"]
        assert record(standby, point.name).etag == target(ports).look(point.name).etag

    assert tried >= 12


@pytest.mark.parametrize("content", [b"another content", b"{}", b"", b"x" * 100_000])
def test_a_source_that_is_not_what_was_recorded_is_never_a_copy(standby, point, content):
    """Changed, cut short, emptied, grown: refused as BlobAsRecorded, and nothing is left behind."""
    source(standby, point).put(point.name, content)

    result = copy(standby, point.name)

    assert (result.state, result.fault.code) == (StepState.END, "BlobAsRecorded")
    assert list(target(standby).keys("")) == []
    assert copies_of(standby) == []


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda blobs, point: blobs.delete(point.name), "not there any more"),
        (lambda blobs, _: blobs.faults["chunks"].append(ConflictError("ConditionNotMet")), "replaced"),
    ],
)
def test_a_source_that_goes_while_it_is_read_is_never_a_copy(standby, point, break_it, said):
    """Deleted or replaced: the reason is the source's, and not one of the blob that is written."""
    break_it(source(standby, point), point)

    result = copy(standby, point.name)

    assert result.fault.code == "BlobAsRecorded"
    assert said in result.fault.message
    assert list(target(standby).keys("")) == []


def test_a_blob_that_was_not_stored_as_it_was_sent_is_deleted(standby, point, monkeypatch):
    """What is read back differs: that blob goes, by its ETag, and the step is tried again."""
    measure = target(standby).measure

    def corrupt(key):
        monkeypatch.undo()
        return BlobFacts(size_bytes=1, etag=measure(key).etag, sha256="0" * 64)

    monkeypatch.setattr(target(standby), "measure", corrupt)

    assert copy(standby, point.name).state is StepState.RETRY
    assert not target(standby).exists(point.name)
    assert copy(standby, point.name).value["copied"]


def test_a_foreign_blob_is_left_alone(standby, point):
    """Somebody has put another blob there under that name: refused, and neither overwritten nor deleted."""
    target(standby).put(point.name, b"foreign")

    result = copy(standby, point.name)

    assert (result.state, result.fault.code) == (StepState.END, "CopyExists")
    assert target(standby).read(point.name)[0] == b"foreign"
    assert copies_of(standby) == []


def test_a_blob_that_is_right_is_adopted(standby, point):
    """An earlier execution wrote it, or somebody copied it by hand: it is read through only."""
    target(standby).put(point.name, source(standby, point).read(point.name)[0])

    assert copy(standby, point.name).value["bytes"] == 0
    assert record(standby, point.name).etag == target(standby).look(point.name).etag


def test_a_missing_container_is_named(standby, point):
    """The plan does not say that it may be made: what to do is said, and nothing is written anywhere."""
    target(standby).is_there = False

    result = copy(standby, point.name)

    assert (result.state, result.fault.code) == (StepState.END, "ContainerNotFound")
    assert "createContainer" in result.fault.hint
    assert storm(standby).changes() == []


def test_a_missing_container_is_made_where_the_plan_says_so():
    """Private, as everywhere."""
    ports = copying_ports(createContainer=True)
    point = add_original(ports, 1)
    target(ports).is_there = False

    assert copy(standby_of(ports), point.name).value["copied"]


def test_documents_that_are_lost_cost_no_copy(standby, point):
    """The blob is what counts; the copy says what it lacks."""
    for place in (point.inventory, point.sidecar):
        standby.backups(place.account, place.container).delete(place.key)

    copy(standby, point.name)

    made = record(standby, point.name)
    assert made.sidecar is None
    assert made.inventory.digest == point.inventory.digest
    assert [what for what in ("inventory", "sidecar") if any(what in line for line in made.warnings)] == [
        "inventory",
        "sidecar",
    ]


@pytest.mark.parametrize(
    ("error", "state"),
    [(UnavailableError("ServerBusy"), StepState.RETRY), (AccessError("403"), StepState.END)],
)
@pytest.mark.parametrize("method", ["chunks", "create_from"])
def test_storage_that_fails_is_tried_again_if_that_may_help(standby, point, method, error, state):
    """A time-out is; a missing right is not."""
    blobs = source(standby, point) if method == "chunks" else target(standby)
    blobs.faults[method].append(error)

    assert copy(standby, point.name).state is state
