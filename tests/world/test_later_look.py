"""Runs that ended without proof, or that nothing drives any more: the truth is found later, with one POST."""

from __future__ import annotations

import datetime as dt

import pytest

from shared.core.runs import Outcome, RunPhase

FOR_EVER = 99_999
HOUR = dt.timedelta(hours=1)


def beyond_the_deadline(make_world, **outcome):
    """Return a world whose backup takes three hours, and the run that gave up on it after two."""
    world = make_world(deadlineHours=2)
    world.azure.takes("backup", seconds=3 * 3600)
    if outcome:
        world.azure.ends(world.service, **outcome)
    run = world.back_up()
    assert (run.outcome, run.fault.code) == (Outcome.OUTCOME_UNKNOWN, "StillRunning")
    return world, run


def recorded(world):
    """Return the blobs of the restore points that are on record."""
    points = world.ports.records().keys("restore-points/")
    return [key.rsplit("/", 1)[1].removesuffix(".json") for key in points]


def test_a_backup_beyond_the_deadline_is_settled_when_somebody_asks_again(make_world):
    """It ended well an hour after the deadline: the later look proves and records it, with one POST."""
    world, run = beyond_the_deadline(make_world)
    world.host.run_for(2 * HOUR)

    settled = world.resolve(run)

    assert (settled.outcome, settled.word) == (Outcome.OUTCOME_UNKNOWN, Outcome.SUCCEEDED)
    assert recorded(world) == [one.name for one in world.azure.vault.written]
    assert world.azure.posts(world.service) == 1


def test_a_look_while_it_still_runs_says_nothing(make_world):
    """Half an hour after the deadline the operation still runs: no word, no record, and no POST."""
    world, run = beyond_the_deadline(make_world)
    world.host.run_for(HOUR / 2)

    looked = world.resolve(run)

    assert (looked.word, recorded(world)) == (Outcome.OUTCOME_UNKNOWN, [])
    assert world.azure.posts(world.service) == 1


def test_a_backup_beyond_the_deadline_is_settled_by_the_watch(make_world):
    """Nobody asks: the watch looks by itself, and the run has its proof."""
    world, run = beyond_the_deadline(make_world)

    world.let_pass(8 * HOUR)

    assert world.again(run).word == Outcome.SUCCEEDED
    assert recorded(world) == [one.name for one in world.azure.vault.written]
    assert world.azure.posts(world.service) == 1
    assert world.ports.runs.open_ids() == []


def test_a_backup_that_failed_beyond_the_deadline_is_settled_as_failed(make_world):
    """Azure's verdict came late, and counts: Failed with its code, nothing recorded."""
    world, run = beyond_the_deadline(make_world, error={"code": "BackupFailed", "message": "no"})
    world.host.run_for(2 * HOUR)

    settled = world.resolve(run)

    assert (settled.word, settled.resolution.fault.code) == (Outcome.FAILED, "BackupFailed")
    assert recorded(world) == []


def test_poll_denied_is_settled_once_the_right_is_there(world):
    """403 for as long as the run had patience; later the right is given, and the truth is read."""
    world.azure.poll_fault(status=403, times=14)
    run = world.back_up()
    assert run.outcome == Outcome.POLL_DENIED
    world.azure.simulator.control("DELETE", "faults")

    settled = world.resolve(run)

    assert settled.word == Outcome.SUCCEEDED
    assert recorded(world) == [settled.resolution.restore_point]
    assert world.azure.posts(world.service) == 1


@pytest.mark.parametrize("minutes", [0, 3, 10])
def test_a_run_that_nothing_drives_any_more_is_taken_up_again_with_one_post(world, minutes):
    """The orchestration is lost before the POST, after it, or later: Succeeded, and one POST in all."""
    request = world.start_backup()
    if minutes:
        world.host.run_for(dt.timedelta(minutes=minutes))
    world.host.terminate(request.first_record().instance_id, "lost")

    world.let_pass(2 * HOUR)

    run = world.run_of(request)
    assert (run.phase, run.word) == (RunPhase.ENDED, Outcome.SUCCEEDED)
    assert world.azure.posts(world.service) == 1
    assert [one.state for one in world.azure.operations(world.service)] == ["Succeeded"]


def test_a_run_lost_together_with_the_answer_to_its_post_is_taken_up_again_with_one_post(world):
    """The answer is lost, and then the orchestration as well: evidence settles it, nothing is sent twice."""
    world.azure.post_fault(drop="after")
    request = world.start_backup()
    world.host.run_for(dt.timedelta(minutes=1))
    assert world.run_of(request).phase is RunPhase.SUBMITTING
    world.host.terminate(request.first_record().instance_id, "lost")

    world.let_pass(2 * HOUR)

    assert world.run_of(request).word == Outcome.SUCCEEDED
    assert world.azure.posts(world.service) == 1
