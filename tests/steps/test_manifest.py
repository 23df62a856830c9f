"""The manifest: the record's copy beside the backup, written just before the record."""

from __future__ import annotations

import contextlib

import pytest

from backup_timer import after
from shared.core import layout
from shared.core.errors import AccessError, ProtocolError, UnavailableError
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


def test_a_manifest_that_cannot_be_written_now_is_waited_for_and_not_for_ever(ports, point):
    """A quarter of an hour after the proof the backup is recorded without."""
    backups = ports.backups(point.account, point.container)
    backups.faults["put"].extend([UnavailableError("ServerBusy")] * 2)
    fresh = point.model_copy(update={"verified_at": ports.clock.now()})

    first = record(ports, fresh)
    ports.clock.advance(16 * 60)
    second = record(ports, fresh)

    assert (first.state, second.state) == (StepState.RETRY, StepState.DONE)
    assert "manifest" in second.value["warnings"][0]


@pytest.mark.parametrize("error", [AccessError("403"), ProtocolError("400")], ids=["403", "another-400"])
def test_a_manifest_that_may_not_be_written_is_a_warning(error, ports, point):
    """The backup is recorded all the same, and its record says what is missing."""
    ports.backups(point.account, point.container).faults["put"].append(error)

    result = record(ports, point)

    content, _ = ports.records().read(layout.restore_point_key("contoso", point.name))
    assert result.state is StepState.DONE
    assert list(RestorePoint.from_bytes(content).warnings) == result.value["warnings"]
    assert "manifest" in result.value["warnings"][0]
