"""A restore that was sent and not compared leaves its report as well: why, and what is left to do."""

from __future__ import annotations

from typing import Any

import pytest

from restore_http.verify import report_failed_restore
from shared.core import layout
from shared.core.errors import AccessError, UnavailableError
from shared.core.runs import Outcome
from shared.core.steps import StepResult, StepState
from tests.steps.test_verify_restore import Scene

FAULT = {"code": "RestoreFailed", "message": "the tier differs"}


def drop_inventory(scene: Scene) -> None:
    """Take the point's inventory away."""
    assert scene.request.point.inventory is not None
    scene.shelf.delete(scene.request.point.inventory.key)


def forbid_inventory(scene: Scene) -> None:
    """Take the right to read it away."""
    scene.shelf.faults["read"].append(AccessError("no right", code="AuthorizationFailure"))


def fail_target(scene: Scene) -> None:
    """Have the target stand at Failed."""
    scene.target.resting_state = "Failed"


UNCOMPARED = {
    "no inventory": (drop_inventory, Outcome.OUTCOME_UNKNOWN, "NotCompared", "no inventory"),
    "forbidden": (forbid_inventory, Outcome.OUTCOME_UNKNOWN, "AuthorizationFailure", "no right"),
    "not well": (fail_target, Outcome.FAILED, "TargetNotSucceeded", "provisioning state is Failed"),
}


@pytest.mark.parametrize(("spoil", "word", "code", "why"), UNCOMPARED.values(), ids=UNCOMPARED)
def test_a_restore_that_is_not_compared_leaves_its_report(
    spoil: Any, word: Outcome, code: str, why: str
) -> None:
    """Guards, settings, gateway and fix-ups are there; the comparison says why there is none."""
    scene = Scene(rto_s=3600)
    spoil(scene)

    result = scene.verify()

    report, text = scene.report(), scene.text()
    assert (result.outcome, result.fault and result.fault.code) == (word, code)
    assert report.fault == result.fault
    assert (report.outcome, why in report.uncompared) == (word, True)
    assert (report.entities, report.restore_duration_s, report.rto_kept) == (None, None, None)
    assert report.guards and report.settings and report.gateway and report.fix_ups
    assert "Not compared, because" in text
    assert "No entity differs" not in text


@pytest.mark.parametrize("spoil", [drop_inventory, fail_target])
def test_what_is_not_compared_says_what_to_do(spoil: Any) -> None:
    """Whoever reads the word is told the next step."""
    scene = Scene()
    spoil(scene)

    fault = scene.verify().fault

    assert fault is not None
    assert fault.hint


def test_what_cannot_be_read_is_named_in_the_report_of_a_failure() -> None:
    """The target is gone: the report is left all the same."""
    scene = Scene()
    scene.ports.arm.on_state.append(AccessError("no right on the target", code="AuthorizationFailed"))

    assert _report_failed(scene).state is StepState.DONE

    report = scene.report()
    assert (report.settings, report.gateway) == (None, None)
    assert any("no right on the target" in line for line in report.not_compared)
    assert report.fix_ups


def test_the_report_of_a_failure_has_the_verdict_of_azure() -> None:
    """Its code and its text, and everything that can be read."""
    scene = Scene()

    assert _report_failed(scene).state is StepState.DONE

    report = scene.report()
    assert report.fault is not None
    assert (report.outcome, report.fault.code) == (Outcome.FAILED, "RestoreFailed")
    assert report.uncompared == "Azure failed the operation: the tier differs"
    assert report.guards and report.settings and report.fix_ups


def test_a_report_of_a_failure_that_cannot_be_written_is_tried_again() -> None:
    """For as long as the run has patience."""
    scene = Scene()
    scene.ports.records().faults["put"].append(UnavailableError("storage is down"))

    assert _report_failed(scene).state is StepState.RETRY
    assert list(scene.ports.records().keys(layout.EVIDENCE)) == []


def _report_failed(scene: Scene) -> StepResult:
    wish = {**scene.request.to_json(), "fault": FAULT, "safetyBackup": None}
    return StepResult.from_json(report_failed_restore(wish, scene.ports))
