"""Replication beside operators: stops, restores by hand, approvals, content that nobody brought."""

from __future__ import annotations

import pytest

from shared.core import layout
from shared.core.replication import ReplicationWord
from shared.core.runs import Outcome
from tests.fakes.arm import error
from tests.fakes.clock import START
from tests.fakes.ports import ENTITIES
from tests.orchestrators.replicating import HOUR, MINUTE, finish, instance, let_pass, restored, said, target

NEW = {**ENTITIES, "/apis/new": "2" * 16}
OWN = {"/apis/last-change": "3" * 16}


@pytest.fixture
def stage(standby_stage):
    """The app of the standby's region."""
    return standby_stage


def approve(stage, point):
    """Let a point through, as an operator does."""
    body = {"restorePoint": point.name, "reason": "a test", "confirm": "REPLICATE contoso"}
    return stage.ask("POST", "ask_replication", body, service="contoso")


def stop(stage):
    """Stop replication, as the failover's step says."""
    return stage.ask("PUT", "stop_replication", {"reason": "failover"}, service="contoso")


def test_a_point_that_an_operator_restored_is_not_restored_again(stage):
    """It was brought, whoever asked for it; what was changed after it stays."""
    stage.put_point(START - 5 * HOUR)
    finish(stage)
    newest = stage.put_point(START - HOUR, NEW)
    assert stage.restore(newest).word is Outcome.SUCCEEDED
    target(stage).entities |= OWN

    finish(stage)
    let_pass(stage, 2 * HOUR)

    assert restored(stage).count(newest.name) == 1
    assert said(stage).word is ReplicationWord.IN_SYNC
    assert "/apis/last-change" in target(stage).entities
    assert approve(stage, newest)[0] == 409


def test_an_older_point_that_an_operator_restored_stays_until_a_newer_one_comes(stage):
    """He went back on purpose: what was brought before is not brought again, and that is said."""
    older = stage.put_point(START - 5 * HOUR)
    stage.put_point(START - 3 * HOUR, NEW)
    finish(stage)
    stage.restore(older)

    finish(stage)
    let_pass(stage, 2 * HOUR)
    assert (said(stage).word, target(stage).entities) == (ReplicationWord.HELD_BACK, ENTITIES)
    assert older.name in said(stage).reasons[0]

    newer = stage.put_point(stage.ports.clock.now(), {**NEW, "/apis/newer": "4" * 16})
    finish(stage)
    assert (restored(stage)[-1], said(stage).word) == (newer.name, ReplicationWord.IN_SYNC)


@pytest.mark.parametrize("minutes", [0, 1, 5])
def test_a_stop_reaches_a_replication_that_is_at_work(stage, minutes):
    """Nothing is sent after it unless its run is named in the answer; the way on is the call back."""
    stage.put_point(START - HOUR)
    stage.replicate()
    stage.host.run_for(minutes * MINUTE)

    status, answer = stop(stage)
    stage.host.run_until_done(instance(stage), 3 * HOUR)
    let_pass(stage, 3 * HOUR)

    assert status == 200
    assert len(restored(stage)) == (0 if answer["underWay"] is None else 1)
    assert (answer["underWay"] is None) == (minutes < 2)
    assert "stopped by hand: failover" in said(stage).reasons[0]
    assert said(stage).word is (ReplicationWord.WAITING if minutes < 2 else ReplicationWord.IN_SYNC)
    assert stage.ask("DELETE", "resume_replication", service="contoso")[0] == 200
    let_pass(stage, HOUR)
    assert (len(restored(stage)), said(stage).reasons) == (1, ())


def test_a_run_that_waits_with_its_post_heeds_the_stop(stage):
    """Azure took nothing yet, because the standby was busy: Refused, and the standby is as it was."""
    stage.put_point(START - HOUR)
    busy = error(409, "ServiceLocked", "The API Service is transitioning at this time.")
    stage.ports.arm.on_post.append(lambda _accept: busy)
    stage.replicate()
    stage.host.run_for(2 * MINUTE + MINUTE / 30)
    assert len(restored(stage)) == 1

    _, answer = stop(stage)
    stage.host.run_until_done(instance(stage), 3 * HOUR)

    run = stage.ports.runs.read(answer["underWay"])[0]
    assert (run.outcome, run.fault.code) == (Outcome.REFUSED, "Superseded")
    assert (len(restored(stage)), target(stage).entities) == (1, {})


def test_content_that_nobody_brought_is_held_back_and_then_backed_up(stage):
    """A former primary: its last change is nowhere else. Let through, a safety backup comes first."""
    target(stage).entities = dict(OWN)
    point = stage.put_point(START - HOUR)

    output = finish(stage)
    let_pass(stage, 12 * HOUR)
    assert (output["word"], restored(stage)) == ("HeldBack", [])
    assert "content of its own" in output["reasons"][0]

    assert approve(stage, point)[0] == 202
    stage.host.run_until_done(instance(stage), 5 * HOUR)

    assert [post.action for post in stage.ports.arm.posts] == ["backup", "restore"]
    assert said(stage).word is ReplicationWord.IN_SYNC
    records = stage.ports.records()
    assert len(list(records.keys(layout.restore_points_prefix("safety-of-contoso")))) == 1


def test_a_spoilt_newest_point_hides_no_older_one(stage):
    """Its blob is another one: the next point is brought, and the spoilt one is named."""
    good = stage.put_point(START - 3 * HOUR)
    bad = stage.put_point(START - HOUR, NEW)
    stage.ports.backups(bad.account, bad.container).put(bad.name, b"other")

    finish(stage)

    assert (restored(stage), said(stage).word) == ([good.name], ReplicationWord.HELD_BACK)
    assert "BlobAsRecorded" in said(stage).reasons[0]
    assert bad.name in said(stage).reasons[0]


def test_a_look_that_cannot_be_made_is_said(stage, monkeypatch):
    """In sync is no truth while nobody can look: the word is Waiting, with the fault."""
    stage.put_point(START - HOUR)
    finish(stage)
    key = layout.restore_points_prefix("contoso")
    monkeypatch.setattr("replicate_event.surveying._names", lambda *_: 1 // 0 if key else None)

    finish(stage)

    assert said(stage).word is ReplicationWord.WAITING
    assert "survey_replication failed" in said(stage).reasons[0]
