"""Replication where the plan names storage for copies: from the own region, whatever becomes of the other."""

from __future__ import annotations

import pytest

from shared import copying
from shared.core import layout
from shared.core.errors import UnavailableError
from shared.core.replication import ReplicationWord
from shared.core.restore_points import RestorePoint
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.ports import ENTITIES, plan_json
from tests.orchestrators.conftest import Stage
from tests.orchestrators.replicating import (
    COPIES,
    HOUR,
    MINUTE,
    finish,
    instance,
    let_pass,
    replicas,
    restored,
    said,
    target,
)

DOWN = UnavailableError("the records: connection refused")


@pytest.fixture
def stage(monkeypatch):
    """The app of the standby's region, which keeps copies; replayed from scratch at the end."""
    plan = plan_json(region="northeurope")
    plan["services"][0]["standby"]["storage"] = COPIES
    stage = Stage(monkeypatch, FakePorts(plan))
    try:
        yield stage
        stage.check_determinism()
    finally:
        stage.host.close()


def copies(stage):
    """Return the records of copies in the own region, in order."""
    records = stage.ports.records()
    keys = records.keys(layout.restore_points_prefix("contoso"))
    return [RestorePoint.from_bytes(records.read(key)[0]) for key in keys]


def lose_region(stage):
    """Take the primary's region away: its records and its backups answer nothing more."""
    for blobs in (stage.ports.records("westeurope"), stage.ports.backups("drprimary", "apim-backups")):
        for method in ("keys", "read", "exists", "look", "measure", "chunks"):
            blobs.faults[method].extend([DOWN] * 10_000)


def test_a_point_is_copied_and_its_copy_restored(stage):
    """The restore reads the standby's own region; the state counts the copies."""
    point = stage.put_point(START - HOUR)

    finish(stage)

    (copy,) = copies(stage)
    run = stage.ports.runs.read(replicas(stage)[0].run_id)[0]
    assert (copy.name, copy.account, copy.copied.account) == (point.name, "drcopies", "drprimary")
    assert run.wish["point"]["account"] == "drcopies"
    assert (said(stage).copies, said(stage).not_copied) == (1, ())


def test_all_points_are_copied_newest_first_and_one_is_restored(stage):
    """What replication skips is kept all the same: the loss of the region takes no point with it."""
    points = [stage.put_point(START - hours * HOUR) for hours in (3, 2, 1)]

    finish(stage)

    wishes = [given["name"] for name, given in stage.host.calls if name == "copy_restore_point"]
    assert wishes == [point.name for point in reversed(points)]
    assert [copy.name for copy in copies(stage)] == [point.name for point in points]
    assert restored(stage) == [points[-1].name]


def test_a_point_that_is_held_back_is_copied(stage):
    """The breaker keeps the standby as it is, and not the copy from being made."""
    stage.put_point(START - 2 * HOUR, {f"/apis/a{number}": "1" for number in range(20)})
    finish(stage)
    stage.put_point(START - HOUR, {"/apis/a1": "1"})

    output = finish(stage)

    assert (output["word"], len(copies(stage))) == ("HeldBack", 2)


def test_a_copy_that_fails_is_named_and_tried_again(stage):
    """Another point is brought meanwhile; an hour later the copy is made."""
    stage.put_point(START - 2 * HOUR)
    newest = stage.put_point(START - HOUR, {**ENTITIES, "/apis/new": "1"})
    good = stage.ports.backups("drprimary", "apim-backups").read(newest.name)[0]
    stage.ports.backups("drprimary", "apim-backups").put(newest.name, b"something else")

    output = finish(stage)
    assert (output["word"], len(restored(stage)), len(copies(stage))) == ("Waiting", 1, 1)
    assert said(stage).not_copied[0].startswith(f"{newest.name}: ")
    stage.ports.backups("drprimary", "apim-backups").put(newest.name, good)
    let_pass(stage, 2 * HOUR)

    assert (restored(stage)[-1], len(copies(stage))) == (newest.name, 2)
    assert (said(stage).word, said(stage).not_copied) == (ReplicationWord.IN_SYNC, ())


def test_the_loss_of_the_primary_region_stops_no_restore_from_a_copy(stage):
    """The copy is there, then the region is gone: restored, verified, recorded, and the reason is said."""
    point = stage.put_point(START - HOUR, {"/apis/new": "1"})
    target(stage).foreign_until = START + HOUR / 2
    finish(stage)
    assert (said(stage).word, restored(stage)) == (ReplicationWord.WAITING, [])
    lose_region(stage)

    let_pass(stage, 3 * HOUR)

    assert restored(stage) == [replica.name for replica in replicas(stage)] == [point.name]
    assert target(stage).entities == {"/apis/new": "1"}
    assert said(stage).word is ReplicationWord.IN_SYNC
    assert said(stage).reasons == (
        "the records of westeurope cannot be read: the records: connection refused",
    )


def test_without_copies_the_loss_of_the_region_is_said_and_the_word_stays(standby_stage):
    """A restore under way is followed to its end and recorded; nothing else can be seen."""
    stage = standby_stage
    point = stage.put_point(START - HOUR)
    stage.replicate()
    stage.host.run_for(10 * MINUTE)
    lose_records = stage.ports.records("westeurope").faults["keys"]
    lose_records.extend([DOWN] * 1000)

    stage.host.run_until_done(instance(stage), 3 * HOUR)

    assert [replica.name for replica in replicas(stage)] == [point.name]
    assert said(stage).word is ReplicationWord.WAITING
    assert "westeurope cannot be read" in said(stage).reasons[0]
    lose_records.clear()
    let_pass(stage, HOUR)
    assert (said(stage).word, said(stage).reasons) == (ReplicationWord.IN_SYNC, ())
    assert len(restored(stage)) == 1


def test_a_region_that_dies_while_copying_keeps_no_copy_from_being_restored(stage, monkeypatch):
    """The newest of ten is copied alone and restored at once; what was known of copies is not forgotten."""
    points = [
        stage.put_point(START - hours * HOUR, {**ENTITIES, f"/apis/n{hours}": "1"})
        for hours in range(10, 0, -1)
    ]
    copy = copying._copy

    def copy_and_die(wish, ports):
        made = copy(wish, ports)
        if wish.name == points[-1].name and len(copies(stage)) == 1:
            lose_region(stage)
        return made

    monkeypatch.setattr(copying, "_copy", copy_and_die)
    stage.replicate()

    stage.host.run_for(HOUR / 2)

    assert restored(stage) == [points[-1].name]
    let_pass(stage, HOUR)
    assert (said(stage).word, said(stage).copies) == (ReplicationWord.IN_SYNC, 1)


def test_backups_that_do_not_answer_end_the_copying_for_an_hour(stage):
    """The records can be read, the blobs cannot: one copy is tried, and what is here is restored."""
    points = [stage.put_point(START - hours * HOUR) for hours in (4, 3, 2, 1)]
    copying.copy_restore_point({"service": "contoso", "name": points[0].name}, stage.ports)
    for method in ("chunks", "read", "look", "exists", "measure"):
        stage.ports.backups("drprimary", "apim-backups").faults[method].extend([DOWN] * 1000)

    finish(stage)

    tried = {given["name"] for name, given in stage.host.calls if name == "copy_restore_point"}
    assert (tried, restored(stage)) == ({points[-1].name}, [points[0].name])
    assert said(stage).copy_again_at is not None
    assert said(stage).not_copied[0].startswith(f"{points[-1].name}: ")
