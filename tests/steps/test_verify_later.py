"""What a later look at a restore may call proven, and what it keeps of the report that the run left."""

from __future__ import annotations

import pytest

from shared.core.runs import Outcome, RunPhase, advance
from shared.core.steps import StepState
from tests.fakes.clock import START
from tests.steps.test_verify_restore import Scene

HOUR_S = 3600


def ended(**changes: object) -> Scene:
    """Return the scene of a restore that ended without proof and left no report."""
    scene = Scene(rto_s=HOUR_S)
    scene.end_run(**changes)
    scene.ports.clock.advance(6 * HOUR_S)
    return scene


def test_equality_alone_is_no_proof() -> None:
    """No verdict, and nobody saw the target at work: it may have equalled the point before."""
    scene = ended()

    result = scene.verify()

    assert (result.outcome, result.fault and result.fault.code) == (Outcome.OUTCOME_UNKNOWN, "NoVerdict")
    assert (scene.report().outcome, scene.report().differences_total) == (Outcome.OUTCOME_UNKNOWN, 0)
    assert "secret values" in scene.text()


def test_equality_of_a_target_that_was_seen_at_work_is_proof() -> None:
    """Something restored it after the POST of this run."""
    assert ended(transition_seen_at=START).verify().state is StepState.DONE


def test_a_look_alone_measures_no_duration() -> None:
    """It counts until the look, and whether the promise was kept nobody knows."""
    scene = ended()

    result = scene.look()

    report = scene.report()
    assert (result.state, result.value["warnings"]) == (StepState.DONE, [])
    assert (report.restore_duration_s, report.is_seen_late) == (1200 + 6 * HOUR_S, True)
    assert (report.rto_kept, report.restored_at) == (None, None)
    assert "until" in scene.text() or "later look" in scene.text()
    assert "missed" not in scene.text()


def test_a_second_look_keeps_what_the_first_one_said() -> None:
    """It is no better at measuring."""
    scene = ended()
    scene.look()
    scene.ports.clock.advance(HOUR_S)

    scene.look()

    assert (scene.report().restore_duration_s, scene.report().is_seen_late) == (1200 + 6 * HOUR_S, True)


@pytest.mark.parametrize(("rto_s", "is_kept"), [(HOUR_S, True), (600, False)])
def test_a_look_keeps_what_the_run_measured(rto_s: int, is_kept: bool) -> None:
    """The restore did not take longer because somebody proved it days later."""
    scene = Scene(rto_s=rto_s)
    scene.ports.unreadable[scene.request.target.name] = ("tags: 403",)
    assert scene.verify().outcome is Outcome.OUTCOME_UNKNOWN
    first = scene.report()
    scene.end_run()
    scene.ports.unreadable.clear()
    scene.ports.clock.advance(5 * 24 * HOUR_S)

    assert scene.look().state is StepState.DONE

    report = scene.report()
    assert (report.outcome, report.restore_duration_s, report.rto_kept) == (Outcome.SUCCEEDED, 1200, is_kept)
    assert (report.restored_at, report.is_seen_late) == (first.restored_at, False)


def test_a_target_that_is_not_well_days_later_is_no_verdict() -> None:
    """Somebody else may have brought it there."""
    scene = ended()
    scene.target.resting_state = "Failed"

    result = scene.look()

    assert (result.outcome, result.fault and result.fault.code) == (
        Outcome.OUTCOME_UNKNOWN,
        "TargetNotSucceeded",
    )


def test_a_target_that_is_not_well_after_a_later_run_says_nothing() -> None:
    """Whether a later run has changed the target is asked before its state."""
    scene = Scene()
    scene.target.resting_state = "Failed"
    scene.end_run()
    other = scene.request.model_copy(update={"run_id": "20261123T023000Z-restore-contoso-00000000"})
    run = advance(other.first_record(), RunPhase.SUBMITTING, scene.ports.clock.now())
    scene.ports.runs.create(run.model_copy(update={"posted_at": scene.ports.clock.now()}))

    result = scene.look()

    assert (result.outcome, result.fault and result.fault.code) == (Outcome.OUTCOME_UNKNOWN, "Superseded")


def test_a_look_without_a_comparison_keeps_the_report_of_one() -> None:
    """Differences that were found once are not thrown away."""
    scene = Scene()
    scene.target.entities = {}
    scene.verify()
    scene.end_run()
    scene.target.resting_state = "Failed"

    scene.look()

    assert scene.report().differences_total == 3
