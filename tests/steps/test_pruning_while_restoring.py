"""While any point of a service is being restored, its points are read-only for pruning."""

from __future__ import annotations

import pytest

from shared.core.runs import Outcome, RunPhase
from tests.fakes.stormy import DiedError
from tests.steps.keeping import (
    ALIVE,
    PRUNED,
    add_point,
    keeping_ports,
    open_restore,
    prune,
    storm,
    traces,
)


@pytest.fixture
def ports():
    """The primary's app, one service without a standby, and the strictest rules."""
    return keeping_ports()


@pytest.fixture
def old(ports):
    """A complete point that no rule keeps."""
    return add_point(ports, 20)


@pytest.fixture
def fresh(ports, old):
    """The point that was just recorded."""
    return add_point(ports, 0)


@pytest.mark.parametrize("region", ["westeurope", "northeurope"])
def test_a_restore_of_another_point_keeps_this_one(ports, fresh, old, region):
    """Any region's restore of the service counts, until it has ended."""
    run = open_restore(ports, fresh, region)
    assert prune(ports, fresh).value["pruned"] == []
    assert traces(ports, old) == ALIVE
    ports.in_region(region).runs.close(run.run_id)

    assert prune(ports, fresh).value["pruned"] == [old.name]


@pytest.mark.parametrize("kind", ["restore", "replicate", "drill"])
def test_every_kind_of_restore_counts(ports, fresh, old, kind):
    """A rehearsal and a replication read the points as well."""
    open_restore(ports, fresh, kind=kind, run_id=f"20261123T020000Z-{kind}-contoso")

    assert prune(ports, fresh).value["pruned"] == []


def test_a_restore_that_ended_without_proof_keeps_its_own_point_only(ports, fresh, old):
    """It has ended: what it restored stays, and the others go."""
    open_restore(ports, fresh, phase=RunPhase.ENDED, outcome=Outcome.POLL_DENIED)

    assert prune(ports, fresh).value["pruned"] == [old.name]


def test_a_restore_of_another_point_that_begins_at_the_last_moment_is_seen(ports, fresh, old):
    """It began after the catalogue was read: what was announced is taken back."""

    def listener(call):
        if call.method == "create":
            open_restore(ports, fresh)

    storm(ports).on_call = listener

    result = prune(ports, fresh)

    assert traces(ports, old) == ALIVE
    assert "began to restore another point at the last moment" in result.value["warnings"][0]


def test_what_was_begun_waits_for_the_restore_of_another_point(ports, fresh, old):
    """The record is gone already; the backup stays until no restore of the service is at work."""

    def dies_at_the_backup(call):
        if call.method == "delete" and call.key == old.name:
            raise DiedError

    storm(ports).on_call = dies_at_the_backup
    with pytest.raises(DiedError):
        prune(ports, fresh)
    storm(ports).on_call = None
    run = open_restore(ports, fresh)
    prune(ports, fresh)
    found = traces(ports, old)
    assert (found["record"], found["backup"]) == (False, True)
    ports.runs.close(run.run_id)

    prune(ports, fresh)

    assert traces(ports, old) == PRUNED
