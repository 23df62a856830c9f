"""The harness itself: one backup through everything, in virtual time."""

from __future__ import annotations

import datetime as dt

from shared.core.runs import Outcome
from tests.fakes.clock import START


def test_a_backup_runs_through_app_and_simulator(world):
    """One POST, eleven polls, a blob that the simulator wrote, and a record that names it."""
    run = world.back_up()

    assert (run.outcome, run.polls, run.posts) == (Outcome.SUCCEEDED, 11, 1)
    assert world.azure.posts(world.service) == 1
    assert [one.state for one in world.azure.operations(world.service)] == ["Succeeded"]
    assert [one.name for one in world.azure.vault.written] == [run.restore_point]


def test_the_simulators_operation_ends_when_the_hosts_clock_says_so(world):
    """Nobody slept: eleven minutes went by on the virtual clock, in the simulator too."""
    world.back_up()

    (operation,) = world.azure.operations(world.service)
    assert operation.started_at == START
    assert operation.ended_at == START + dt.timedelta(seconds=660)
