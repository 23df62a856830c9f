"""The manifest: the record's copy beside the backup, written just before the record."""

from __future__ import annotations

import contextlib

import pytest

from backup_timer import after
from shared.core import layout
from shared.core.errors import AccessError, UnavailableError
from shared.core.restore_points import RestorePoint
from shared.core.steps import StepResult, StepState
from tests.fakes.stormy import DiedError, Fault
from tests.steps.keeping import add_point, keeping_ports, storm


@pytest.fixture
def ports():
    """The primary's app."""
    return keeping_ports()


@pytest.fixture
def point(ports):
    """A point that is verified and neither recorded nor copied yet."""
    made = add_point(ports, 0)
    ports.records().delete(layout.restore_point_key(made.service, made.name))
    ports.backups(made.account, made.container).delete(layout.manifest_key(made.name))
    storm(ports).calm()
    return made


def record(ports, point):
    """Run the step that records."""
    return StepResult.from_json(after.record_restore_point({"point": point.to_json()}, ports))


def manifest(ports, point):
    """Return what lies beside the backup."""
    return ports.backups(point.account, point.container).read(layout.manifest_key(point.name))[0]


def test_the_manifest_comes_first_and_is_the_record(ports, point):
    """The same bytes, in this order."""
    record(ports, point)

    assert [(call.method, call.key) for call in storm(ports).changes()] == [
        ("put", layout.manifest_key(point.name)),
        ("create", layout.restore_point_key("contoso", point.name)),
    ]
    assert manifest(ports, point) == point.to_bytes()


@pytest.mark.parametrize("takes_effect", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [DiedError(), UnavailableError("ServerBusy")], ids=["death", "fault"])
def test_whatever_interrupts_the_step_both_are_the_same_in_the_end(error, takes_effect, ports, point):
    """At each call; the step runs again, perhaps with the same backup verified anew."""
    for at in range(3):
        storm(ports).calm({at: Fault(error=error, takes_effect=takes_effect)})
        with contextlib.suppress(DiedError):
            assert record(ports, point).state is StepState.RETRY
        storm(ports).calm()
        verified_again = point.model_copy(update={"polls": point.polls + 1 + at})

        assert record(ports, verified_again).state is StepState.DONE
        content, _ = ports.records().read(layout.restore_point_key("contoso", point.name))
        assert manifest(ports, point) == content
        ports.records().delete(layout.restore_point_key("contoso", point.name))


def test_the_manifest_of_another_runs_point_is_not_written_over(ports, point):
    """The name is taken: neither its record nor its manifest changes."""
    other = point.model_copy(update={"run_id": "another"})
    record(ports, other)

    assert record(ports, point).state is StepState.END
    assert RestorePoint.from_bytes(manifest(ports, point)) == other


def test_a_manifest_that_may_not_be_written_is_a_warning(ports, point):
    """The backup is recorded all the same, and its record says what is missing."""
    ports.backups(point.account, point.container).faults["put"].append(AccessError("403"))

    result = record(ports, point)

    content, _ = ports.records().read(layout.restore_point_key("contoso", point.name))
    assert result.state is StepState.DONE
    assert list(RestorePoint.from_bytes(content).warnings) == result.value["warnings"]
    assert "manifest" in result.value["warnings"][0]
