"""What keeps a point from its standby: the breaker, the guards, restores that did not succeed."""

from __future__ import annotations

import itertools

import pytest

from shared.core import layout
from shared.core.errors import AccessError, UnavailableError
from shared.core.replication import ReplicationWord
from shared.core.runs import Outcome
from shared.target_survey import REPORTS_RIGHT
from tests.fakes.clock import START
from tests.fakes.ports import ENTITIES
from tests.orchestrators.replicating import (
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

MANY = {f"/apis/a{number}": "1" * 16 for number in range(20)}
FEW = dict(list(MANY.items())[:10])


@pytest.fixture
def stage(standby_stage):
    """The app of the standby's region."""
    return standby_stage


def change(stage, point, **changes):
    """Write a point's record anew."""
    key = layout.restore_point_key(point.service, point.name)
    stage.ports.records("westeurope").put(key, point.model_copy(update=changes).to_bytes())


def approve(stage, point):
    """Let a point through, as an operator does; nothing runs yet."""
    body = {"restorePoint": point.name, "reason": "a test", "confirm": "REPLICATE contoso"}
    status, _ = stage.ask("POST", "ask_replication", body, service="contoso")
    assert status == 202


def set_traffic(stage, calls):
    """Have the standby's gateway serve so many calls in the last minutes."""
    stage.ports.arm.resources[report_of(stage)] = [{"callCountTotal": calls}] if calls else []


def report_of(stage):
    """Return the key of the standby's usage report."""
    return f"{stage.ports.first.standby.resource_id}/reports/byApi".lower()


def test_a_point_that_shrank_waits_for_an_operator(stage, caplog):
    """The standby keeps what it has; the call lets exactly this point through, and is forgotten then."""
    stage.put_point(START - 3 * HOUR, MANY)
    finish(stage)
    shrunk = stage.put_point(START - 2 * HOUR, FEW)
    output = finish(stage)
    assert output["word"] == "HeldBack"
    assert "10 of 20 entities are gone (50 %" in output["reasons"][0]
    assert target(stage).entities == MANY
    assert "replication.held_back" in caplog.text

    approve(stage, shrunk)
    stage.host.run_until_done(instance(stage), HOUR)

    assert target(stage).entities == FEW
    assert said(stage).word is ReplicationWord.IN_SYNC
    assert list(stage.ports.records().keys(layout.APPROVALS)) == []


def test_a_newer_point_of_the_old_size_needs_nobody(stage):
    """Whoever emptied the service brought it back: the next point is replicated by itself."""
    stage.put_point(START - 3 * HOUR, MANY)
    finish(stage)
    stage.put_point(START - 2 * HOUR, FEW)
    finish(stage)
    good = stage.put_point(START - HOUR, {**MANY, "/apis/new": "2" * 16})

    finish(stage)

    assert restored(stage)[-1] == good.name
    assert said(stage).reasons == ()


@pytest.mark.parametrize("fault", ["no inventory", "rebuilt"])
def test_a_point_that_was_not_verified_is_held_back(stage, fault):
    """An older good one is brought meanwhile; the word says that there is a newer one."""
    good = stage.put_point(START - 2 * HOUR)
    bad = stage.put_point(START - HOUR, MANY)
    change(stage, bad, **({"rebuilt_at": START} if fault == "rebuilt" else {"inventory": None}))

    output = finish(stage)

    assert restored(stage) == [good.name]
    assert output["word"] == "HeldBack"
    assert bad.name in output["reasons"][0]


def test_a_record_that_cannot_be_read_is_named_and_hides_no_older_one(stage):
    """The newest record is broken: the one before is brought, and the broken one is a reason."""
    good = stage.put_point(START - 2 * HOUR)
    bad = stage.put_point(START - HOUR)
    key = layout.restore_point_key(bad.service, bad.name)
    stage.ports.records("westeurope").put(key, b"{")

    output = finish(stage)

    assert (restored(stage), output["word"]) == ([good.name], "HeldBack")
    assert key in output["reasons"][0]


def test_an_equal_configuration_is_in_sync_without_a_restore(stage):
    """Night after night nothing changed: the standby is asked, and a replica says so."""
    stage.put_point(START - 2 * HOUR, MANY)
    finish(stage)
    equal = stage.put_point(START - HOUR, MANY)

    output = finish(stage)

    assert (output["word"], len(stage.ports.arm.posts)) == ("InSync", 1)
    assert (replicas(stage)[-1].name, replicas(stage)[-1].in_sync) == (equal.name, True)
    assert (replicas(stage)[-1].run_id, replicas(stage)[-1].counts) == ("", equal.inventory.counts)


def test_a_standby_that_somebody_changed_is_restored_all_the_same(stage):
    """The digests are equal, but the standby is not what it was."""
    stage.put_point(START - 2 * HOUR, MANY)
    finish(stage)
    target(stage).entities = FEW
    equal = stage.put_point(START - HOUR, MANY)

    finish(stage)

    assert (restored(stage)[-1], target(stage).entities) == (equal.name, MANY)


def test_a_standby_that_carries_traffic_is_never_overwritten(stage):
    """No run is made; when the traffic is gone, the timer's look brings the point."""
    set_traffic(stage, 7)
    point = stage.put_point(START - HOUR)

    output = finish(stage)
    let_pass(stage, 3 * HOUR)

    assert output["word"] == "HeldBack"
    assert output["reasons"][0].startswith("NoTraffic: ")
    assert (stage.ports.runs.newest(9, stage.ports.clock.now()), restored(stage)) == ([], [])
    set_traffic(stage, 0)
    let_pass(stage, 2 * HOUR)
    assert restored(stage) == [point.name]


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (AccessError("403", code="AuthorizationFailed"), "HeldBack"),
        (UnavailableError("503 for the moment"), "Waiting"),
    ],
)
def test_a_standby_whose_calls_cannot_be_counted_is_not_overwritten(stage, fault, word):
    """The right that is missing is named; once they can be counted, the timer's look brings the point."""
    stage.ports.arm.resources[report_of(stage)] = fault
    point = stage.put_point(START - HOUR)

    output = finish(stage)
    let_pass(stage, 3 * HOUR)

    assert (output["word"], "NoTraffic: " in output["reasons"][0]) == (word, True)
    assert (REPORTS_RIGHT in output["reasons"][0]) == (word == "HeldBack")
    assert (stage.ports.runs.newest(9, stage.ports.clock.now()), restored(stage)) == ([], [])
    set_traffic(stage, 0)
    let_pass(stage, 2 * HOUR)
    assert restored(stage) == [point.name]


def test_an_approval_does_not_pass_the_guards(stage):
    """An operator lets a point through; a standby with traffic stays as it is."""
    point = stage.put_point(START - HOUR)
    change(stage, point, rebuilt_at=START)
    set_traffic(stage, 7)

    approve(stage, point)
    done = stage.host.run_until_done(instance(stage), HOUR)

    assert done.output["word"] == "HeldBack"
    assert restored(stage) == []


def test_a_standby_in_transition_is_waited_for(stage):
    """Somebody else changes it: no run is made, and it is brought when he is done."""
    target(stage).foreign_until = START + HOUR
    point = stage.put_point(START - HOUR)

    output = finish(stage)
    assert (output["word"], stage.ports.runs.open_ids()) == ("Waiting", [])
    let_pass(stage, 2 * HOUR)

    assert restored(stage) == [point.name]
    assert said(stage).word is ReplicationWord.IN_SYNC


def test_a_restore_that_differs_is_tried_three_times(stage, caplog):
    """Half an hour and an hour later; then Failed, which stays until a newer point comes."""
    target(stage).loses = frozenset({"/products/gold"})
    point = stage.put_point(START - HOUR, ENTITIES)

    finish(stage)
    let_pass(stage, 24 * HOUR)

    assert restored(stage) == [point.name] * 3
    assert (said(stage).word, replicas(stage)) == (ReplicationWord.FAILED, [])
    assert "RestoreDiffers" in caplog.text
    assert caplog.text.count("replication.failed") == 1
    runs = stage.ports.runs.newest(9, stage.ports.clock.now())
    assert [run.word for run in runs] == [Outcome.FAILED] * 3
    pauses = [after.requested_at - before.ended_at for after, before in itertools.pairwise(runs)]
    assert HOUR <= pauses[0] < HOUR + 15 * MINUTE
    assert HOUR / 2 <= pauses[1] < HOUR / 2 + 15 * MINUTE


def test_after_three_tries_an_operator_can_ask_for_more(stage):
    """Whatever was in the way is mended: the call by name has the same point tried again."""
    target(stage).loses = frozenset({"/products/gold"})
    point = stage.put_point(START - HOUR, ENTITIES)
    finish(stage)
    let_pass(stage, 6 * HOUR)
    target(stage).loses = frozenset()

    approve(stage, point)
    stage.host.run_until_done(instance(stage), HOUR)

    assert restored(stage) == [point.name] * 4
    assert said(stage).word is ReplicationWord.IN_SYNC


def test_a_newer_point_is_tried_after_one_that_failed(stage):
    """Tries count for each point."""
    target(stage).loses = frozenset({"/products/gold"})
    failed = stage.put_point(START - HOUR, ENTITIES)
    finish(stage)
    target(stage).loses = frozenset()
    newer = stage.put_point(START, ENTITIES)

    finish(stage)

    assert restored(stage) == [failed.name, newer.name]
