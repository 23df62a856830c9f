"""Making records anew from manifests: what comes back, what does not, and that nothing is ever lost by it."""

from __future__ import annotations

import json

import pytest

from catalog_keeping import rebuild
from shared.core import layout
from shared.core.errors import AccessError, ConflictError, UnavailableError
from shared.core.rebuilding import RebuildRecord, RebuildWord, ServiceRebuild
from shared.core.restore_points import RestorePoint
from shared.core.services import ServiceRef
from shared.core.steps import StepResult, StepState
from shared.core.tombstones import Tombstone
from tests.fakes.clock import START
from tests.fakes.ports import resource_id
from tests.fakes.stormy import DiedError, Fault
from tests.steps.keeping import add_point, keeping_ports, prune, recorded, storm

ID = "rebuild-20261123T020000Z-0123abcd"


@pytest.fixture
def ports():
    """The primary's app, one service without a standby, and the strictest rules."""
    return keeping_ports()


@pytest.fixture
def points(ports):
    """Three complete points, oldest first."""
    return [add_point(ports, age) for age in (20, 10, 0)]


def step(ports, after=None, service="contoso"):
    """Run the step once."""
    wish = {"rebuildId": ID, "service": service, "after": after}
    return StepResult.from_json(rebuild.rebuild_service(wish, ports))


def words(ports):
    """Return what the part of the service says of each blob."""
    content, _ = ports.records().read(layout.rebuild_part_key(ID, "contoso"))
    return {blob.name: blob.word for blob in ServiceRebuild.from_bytes(content).blobs}


def why(ports, name):
    """Return the reason that is given for one blob."""
    content, _ = ports.records().read(layout.rebuild_part_key(ID, "contoso"))
    return next(blob.why for blob in ServiceRebuild.from_bytes(content).blobs if blob.name == name)


def forget(ports, *points):
    """Lose the records of points."""
    for point in points:
        ports.records().delete(layout.restore_point_key(point.service, point.name))


def stored(ports):
    """Return the records of all points as they are stored, but for the time of a rebuild."""
    return {
        key: content if content == b"broken" else {**json.loads(content), "rebuiltAt": None}
        for (_, _, key), content in storm(ports).contents().items()
        if key.startswith(layout.RESTORE_POINTS)
    }


def test_a_catalogue_that_was_lost_comes_back_equal(ports, points):
    """Every field of every record, but for the time when it was made anew."""
    before = stored(ports)
    forget(ports, *points)

    assert step(ports).state is StepState.DONE
    assert stored(ports) == before
    assert set(words(ports).values()) == {RebuildWord.RESTORED}


def test_the_newest_comes_back_first(ports, points):
    """A standby that hears of the records takes the newest, and ignores the others."""
    forget(ports, *points)
    storm(ports).calm()

    step(ports)

    created = [call.key for call in storm(ports).changes() if call.method == "create"]
    assert created == [layout.restore_point_key("contoso", point.name) for point in points[::-1]]


def test_a_record_that_is_there_is_left_as_it_is(ports, points):
    """Also one that differs from its manifest, and one that cannot be read."""
    changed = points[0].model_copy(update={"warnings": ("by hand",)})
    ports.records().put(layout.restore_point_key("contoso", points[0].name), changed.to_bytes())
    ports.records().put(layout.restore_point_key("contoso", points[1].name), b"broken")
    before = stored(ports)

    step(ports)

    assert stored(ports) == before
    assert set(words(ports).values()) == {RebuildWord.ALREADY_THERE}


def test_a_record_that_appears_meanwhile_is_left_as_it_is(ports, points):
    """Somebody else was faster: create-only."""
    forget(ports, points[0])
    key = layout.restore_point_key("contoso", points[0].name)

    def listener(call):
        if (call.method, call.key) == ("create", key):
            ports.records().put(key, b"faster")

    storm(ports).on_call = listener

    step(ports)

    assert ports.records().read(key)[0] == b"faster"
    assert words(ports)[points[0].name] is RebuildWord.ALREADY_THERE


def test_a_blob_without_a_manifest_is_no_restore_point(ports, points):
    """Nobody ever verified it: it gets no record."""
    stray = "contoso_20261101T000000Z.apimbackup"
    ports.backups(points[0].account, points[0].container).put(stray, b"a stray backup")

    step(ports)

    assert words(ports)[stray] is RebuildWord.NO_MANIFEST
    assert stray not in recorded(ports)


def test_what_was_pruned_does_not_come_back(ports, points):
    """Neither while its blobs are still there, nor after they were put back."""
    storm(ports).calm()
    prune(ports, points[-1])
    backups = ports.backups(points[0].account, points[0].container)
    backups.put(points[0].name, b"{}")
    backups.put(layout.manifest_key(points[0].name), points[0].to_bytes())

    step(ports)

    assert words(ports)[points[0].name] is RebuildWord.PRUNED_BEFORE
    assert recorded(ports) == [points[-1].name]


def test_what_was_announced_and_never_pruned_is_not_called_pruned(ports, points):
    """Tombstone and mark are there, and so is the backup: the word says that it was begun, and what to do."""
    lost = points[0]
    tombstone = Tombstone(point=lost, reasons=(), pruned_at=START, run_id="r")
    ports.records().put(layout.pruned_key("contoso", lost.name), tombstone.to_bytes())
    ports.records().put(layout.open_prune_key("contoso", lost.name), b"")
    forget(ports, lost)

    step(ports)

    assert words(ports)[lost.name] is RebuildWord.PRUNE_BEGUN
    assert layout.open_prune_key("contoso", lost.name) in why(ports, lost.name)
    assert lost.name not in recorded(ports)


def test_a_pruning_at_any_moment_is_not_undone():
    """Whenever the pruning comes in, call by call: no record is left of what it let go."""
    tried = 0
    for at in range(100):
        ports = keeping_ports()
        old, fresh = add_point(ports, 20), add_point(ports, 0)
        seen = []

        def listener(_call, ports=ports, fresh=fresh, seen=seen, at=at):
            if len(storm(ports).calls) == at and not seen:
                seen.append(prune(ports, fresh))

        storm(ports).calm()
        storm(ports).on_call = listener
        step(ports)
        if not seen:
            break
        tried += 1
        assert recorded(ports) == [fresh.name]
        assert words(ports).get(old.name) in {None, RebuildWord.ALREADY_THERE, RebuildWord.PRUNED_BEFORE}

    assert tried >= 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"service": "other"}, "service other"),
        ({"source": ServiceRef(resource_id=resource_id("stranger"), region="westeurope")}, "stranger"),
        ({"account": "elsewhere"}, "elsewhere/"),
        ({"container": "elsewhere"}, "/elsewhere"),
        ({"name": "contoso_20200101T000000Z.apimbackup"}, "contoso_20200101T000000Z"),
        ({"size_bytes": 1}, "bytes"),
        ({"sha256": "0" * 64}, "SHA-256"),
    ],
)
def test_a_manifest_that_is_not_of_this_blob_is_not_believed(ports, points, change, said):
    """Another service, another resource, another place, another name, another content."""
    lost = points[0]
    forget(ports, lost)
    backups = ports.backups(lost.account, lost.container)
    backups.put(layout.manifest_key(lost.name), lost.model_copy(update=change).to_bytes())

    step(ports)

    assert words(ports)[lost.name] is RebuildWord.DIFFERS
    assert said in why(ports, lost.name)
    assert lost.name not in recorded(ports)


def test_a_manifest_that_cannot_be_read_is_named(ports, points):
    """It stops no other one."""
    forget(ports, *points)
    backups = ports.backups(points[1].account, points[1].container)
    backups.put(layout.manifest_key(points[1].name), b'{"v": 9}')

    step(ports)

    assert words(ports)[points[1].name] is RebuildWord.DIFFERS
    assert layout.manifest_key(points[1].name) in why(ports, points[1].name)
    assert recorded(ports) == [points[0].name, points[2].name]


def test_a_blob_that_changes_while_it_is_read_gets_no_record(ports, points):
    """Somebody writes it at this moment."""
    forget(ports, points[2])
    backups = ports.backups(points[2].account, points[2].container)
    backups.faults["measure"].append(ConflictError("ConditionNotMet"))

    step(ports)

    assert words(ports)[points[2].name] is RebuildWord.DIFFERS


def test_a_backup_that_was_copied_back_can_be_pruned_later(ports, points):
    """Its ETag is a new one: the record has the present one, else nothing could ever delete it again."""
    old, backups = points[0], ports.backups(points[0].account, points[0].container)
    backups.put(old.name, backups.read(old.name)[0])
    forget(ports, old)

    step(ports)
    prune(ports, points[-1])

    assert not backups.exists(old.name)


def test_foreign_blobs_are_not_even_asked_for(ports, points):
    """Names of others, and of services whose names begin alike."""
    backups = ports.backups(points[0].account, points[0].container)
    for key in ("contoso_x.apimbackup", "contoso-b_20261101T000000Z.apimbackup", "other.txt"):
        backups.put(key, b"foreign")

    step(ports)

    assert set(words(ports)) == {point.name for point in points}


def test_a_step_does_so_many_and_says_where_to_go_on(ports, points, monkeypatch):
    """The next step takes the next ones; the last one says that it was the last."""
    monkeypatch.setattr(rebuild, "BLOBS_PER_STEP", 2)
    forget(ports, *points)

    first = step(ports)
    assert first.value["after"] == points[1].name
    assert recorded(ports) == [points[1].name, points[2].name]
    assert step(ports, first.value["after"]).value["after"] is None
    assert len(recorded(ports)) == 3


def test_a_step_that_runs_twice_keeps_its_first_words(ports, points):
    """What it has restored is not called "already there" because it was asked again."""
    forget(ports, *points)
    step(ports)

    step(ports)

    assert set(words(ports).values()) == {RebuildWord.RESTORED}


@pytest.mark.parametrize("takes_effect", [False, True], ids=["before", "after"])
def test_a_death_at_any_call_is_made_good_by_the_next_step(takes_effect):
    """At each single call the process ends; the step runs again, and the catalogue is whole."""
    for at in range(200):
        ports = keeping_ports()
        points = [add_point(ports, age) for age in (20, 0)]
        before = stored(ports)
        forget(ports, *points)
        storm(ports).calm({at: Fault(error=DiedError(), takes_effect=takes_effect)})
        try:
            step(ports)
        except DiedError:
            storm(ports).calm()
            step(ports)
        else:
            break
        assert stored(ports) == before

    assert at >= 10


@pytest.mark.parametrize(
    ("error", "state"),
    [(UnavailableError("ServerBusy"), StepState.RETRY), (AccessError("403"), StepState.END)],
)
def test_a_list_that_cannot_be_had_is_no_empty_list(ports, points, error, state):
    """The step is repeated, or ends with the reason."""
    ports.backups(points[0].account, points[0].container).faults["keys"].append(error)

    assert step(ports).state is state


def test_a_service_that_left_the_plan_meanwhile_ends_with_that_reason(ports):
    """The others go on."""
    assert step(ports, service="former").fault.code == "ServiceNotFound"


def begin(ports, *services):
    """Write a rebuild down as the call does."""
    record = RebuildRecord(rebuild_id=ID, requested_at=START, services=services)
    ports.records().put(layout.rebuild_key(ID), record.to_bytes())


def finish(ports, faults=None):
    """Run the last step."""
    return StepResult.from_json(rebuild.end_rebuild({"rebuildId": ID, "faults": faults or {}}, ports))


def test_the_end_holds_every_blob_of_every_service(ports, points):
    """Also of a service that could not be gone on with, with the reason."""
    begin(ports, "contoso", "fabrikam")
    step(ports)

    result = finish(ports, {"fabrikam": {"code": "AccessDenied", "message": "403"}})

    record = RebuildRecord.from_bytes(ports.records().read(layout.rebuild_key(ID))[0])
    assert result.value == {"counts": {"alreadyThere": 3}, "faults": 1}
    assert record.ended_at == START
    assert [(one.service, len(one.blobs)) for one in record.results] == [("contoso", 3), ("fabrikam", 0)]
    assert record.results[1].fault.code == "AccessDenied"


def test_the_first_end_stays(ports, points):
    """The step may run twice, and its write may meet itself."""
    begin(ports, "contoso")
    step(ports)
    ports.records().faults["replace"].append(ConflictError("ConditionNotMet"))

    assert finish(ports).state is StepState.RETRY
    finish(ports)
    ports.clock.advance(60)
    finish(ports)

    record = RebuildRecord.from_bytes(ports.records().read(layout.rebuild_key(ID))[0])
    assert record.ended_at == START


def test_a_rebuilt_record_says_that_and_when_it_was_made_anew(ports, points):
    """It is the record's own shape; whoever hears of its creation can tell it from a backup's."""
    forget(ports, points[0])
    step(ports)

    content, _ = ports.records().read(layout.restore_point_key("contoso", points[0].name))
    assert RestorePoint.from_bytes(content) == points[0].model_copy(update={"rebuilt_at": START})
