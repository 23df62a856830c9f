"""Reading the app's runs: which of them is tonight's, and how a failure is told."""

from __future__ import annotations

import pytest

from demo import runs
from demo.faults import DemoFault
from demo.runs import Run


def _run(run_id: str, kind: str, outcome: str | None = None) -> Run:
    phase = "Ended" if outcome else "Running"
    return Run.from_json({"runId": run_id, "kind": kind, "phase": phase, "outcome": outcome})


def test_tonights_backup_is_the_oldest() -> None:
    """The list is newest first; a second backup would show in the counts."""
    found = runs.pick_backup([_run("b2", "backup"), _run("r", "restore"), _run("b1", "backup")])

    assert found is not None
    assert found.run_id == "b1"


@pytest.mark.parametrize(
    ("outcomes", "picked"),
    [
        ((None,), "r0"),
        (("Refused", "Succeeded"), "r1"),
        (("Refused", None), "r1"),
        (("Failed", "Refused"), "r1"),
    ],
)
def test_a_refused_duplicate_does_not_hide_the_restore(outcomes: tuple[str | None, ...], picked: str) -> None:
    """A good restore counts, then one that runs, then the oldest of the bad ones."""
    found = runs.pick_restore([_run(f"r{at}", "replicate", outcome) for at, outcome in enumerate(outcomes)])

    assert found is not None
    assert found.run_id == picked


def test_no_restore_yet() -> None:
    """A list without a restore has none to pick."""
    assert runs.pick_restore([_run("b", "backup", "Succeeded")]) is None


def test_a_failure_is_told_with_its_details() -> None:
    """Code and message of the envelope and of its details."""
    content = {
        "error": {
            "code": "OperationFailed",
            "message": "ARM ended the restore as failed",
            "details": [{"code": "RestoreFailed", "message": "Cannot restore: backup expired"}],
        }
    }

    assert runs.told_failure(502, content) == (
        "OperationFailed: ARM ended the restore as failed; RestoreFailed: Cannot restore: backup expired"
    )
    assert runs.told_failure(500, {}) == "status 500"


def test_a_time_without_a_zone_is_refused() -> None:
    """The demo does not guess what the app meant."""
    with pytest.raises(DemoFault, match="without a zone"):
        runs.seconds_until("2026-11-23T02:00:00")
