"""The simulator inside a test, on a clock that the test moves."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.simulator.virtual import BACKUP, SERVICE, START, Stage


def test_operation_ends_when_the_clock_says_so(stage: Stage) -> None:
    """One second before its time it runs, at its time it has ended."""
    location = stage.begin()
    statuses = []
    for seconds in (659, 1):
        stage.pass_time(seconds)
        statuses.append(stage.send("GET", location).status_code)

    assert statuses == [202, 200]


def test_blob_is_in_the_object_handed_in(stage: Stage) -> None:
    """The backup is written through it when the operation ends, and not before."""
    stage.begin()
    before = dict(stage.memory.blobs)
    stage.pass_time(660)
    stage.simulator.settle()

    assert before == {}
    assert list(stage.memory.blobs) == ["drprimary/apim-backups/contoso.apimbackup"]


def test_operation_ended_at_its_moment_however_late_somebody_looks(stage: Stage) -> None:
    """The account has the times of the clock, not of the look."""
    stage.begin()
    stage.pass_time(5 * 3600)
    (operation,) = stage.simulator.account()[SERVICE].operations

    assert (operation.started_at, operation.ended_at) == (START, START + dt.timedelta(seconds=660))


def test_account_counts_every_post_and_tells_of_the_accepted_ones(stage: Stage) -> None:
    """A refused POST counts as a POST; only the accepted one is an operation."""
    stage.begin()
    stage.send("POST", f"{SERVICE}/backup", BACKUP)
    account = stage.simulator.account()[SERVICE]

    assert (account.backup_posts, account.restore_posts, account.state) == (2, 0, "Updating")
    assert [(one.kind, one.state, one.ended_at) for one in account.operations] == [
        ("Backup", "Running", None)
    ]


def test_restore_reads_what_was_handed_in(stage: Stage) -> None:
    """A backup that the simulator wrote is restored; without the blob the restore fails."""
    stage.begin()
    stage.pass_time(660)
    results = []
    for _ in range(2):
        location = stage.send("POST", f"{SERVICE}/restore", BACKUP).headers["Location"]
        stage.pass_time(1140)
        results.append(stage.send("GET", location).status_code)
        stage.memory.blobs.clear()

    assert results == [200, 400]


def test_scene_of_the_builder_counts_nowhere(stage: Stage) -> None:
    """Calls of `arm` stand in no journal and meet no fault."""
    stage.simulator.control("POST", "faults", {"match": {"pathContains": "contoso"}, "status": 500})
    stage.simulator.arm("PATCH", SERVICE, {"tags": {"apim-dr": "nightly"}})

    assert stage.simulator.control("GET", "counts", service=SERVICE)["GET operationresults"] == 0
    assert "PATCH service" not in stage.simulator.control("GET", "counts")
    assert stage.send("GET", SERVICE).status_code == 500


def test_scene_that_cannot_be_is_an_error(stage: Stage) -> None:
    """What the control routes refuse is raised, with every fault in the message."""
    with pytest.raises(ValueError, match="polls: must be a whole number"):
        stage.simulator.control("POST", "progression", {"operation": "backup", "polls": -1})


def test_clock_from_outside_is_not_moved_from_inside(stage: Stage) -> None:
    """The control route for the clock is refused."""
    with pytest.raises(ValueError, match="driven from outside"):
        stage.simulator.control("POST", "clock", {"advanceSeconds": 1})
