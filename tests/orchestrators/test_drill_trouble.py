"""Drills that lose something: storage, their orchestration, their proof."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from shared.core.errors import UnavailableError
from shared.core.runs import Outcome
from tests.fakes.arm import error
from tests.fakes.drills import drilled
from tests.orchestrators.conftest import Stage
from tests.orchestrators.test_drills import DAY, HOUR, drilling, hold, next_morning


@pytest.fixture
def make(make_stage) -> Callable[..., Stage]:
    """Return a function that makes a stage whose services are drilled."""
    return functools.partial(drilling, make_stage)


@pytest.fixture
def stage(make) -> Stage:
    """The app with one service."""
    return make()


def test_storage_that_does_not_answer_is_waited_for(stage):
    """A drill is not lost because one read of the records failed."""
    stage.ports.records().faults["keys"].append(UnavailableError("no answer"))
    hold(stage)

    assert [record.outcome for record in drilled(stage.ports)] == [Outcome.SUCCEEDED]


@pytest.mark.parametrize("after", [HOUR / 60, HOUR / 4], ids=["before-its-end", "while-it-runs"])
def test_a_drill_that_lost_its_orchestration_gets_its_record_the_next_day(stage, after):
    """The run goes on by itself; the next firing finds it, records it, and does not drill again."""
    stage.fire("drill_timer")
    stage.host.run_for(after)
    for instance in {instance for instance, _ in stage.recorder}:
        if stage.host.get(instance).name in {"drill_fleet", "drill_services"}:
            stage.host.terminate(instance)
    next_morning(stage)
    assert drilled(stage.ports) == []
    hold(stage)

    (record,) = drilled(stage.ports)
    assert record.outcome is Outcome.SUCCEEDED
    assert len(stage.ports.arm.posts) == 1


def test_a_later_look_corrects_the_record(stage):
    """A drill without proof is recorded so; once the run is proven, so is the drill."""
    forbidden = error(403, "AuthorizationFailed", "no right")
    stage.ports.arm.on_poll = lambda _now, _honest: forbidden
    hold(stage, 2 * HOUR)
    (before,) = drilled(stage.ports)
    assert before.outcome is Outcome.POLL_DENIED
    stage.ports.arm.on_poll = None
    stage.ask("POST", "start_resolving", run_id=before.run_id)
    next_morning(stage)
    hold(stage, HOUR)

    (after,) = drilled(stage.ports)
    assert (after.run_id, after.outcome) == (before.run_id, Outcome.SUCCEEDED)
    assert len(stage.ports.arm.posts) == 1


def test_a_drill_is_not_compared_after_another_service_s_drill_into_the_same_target(make):
    """What the target holds then is the other service's, and no verdict on the first."""
    stage = make("alpha", "beta")
    forbidden = error(403, "AuthorizationFailed", "no right")
    stage.ports.arm.on_poll = lambda _now, honest: forbidden if len(stage.ports.arm.posts) == 1 else honest()
    hold(stage, DAY / 2)
    (first,) = drilled(stage.ports, "alpha")
    (second,) = drilled(stage.ports, "beta")
    stage.ask("POST", "start_resolving", run_id=first.run_id)
    stage.host.run_for(HOUR)

    run, _ = stage.ports.runs.read(first.run_id)
    assert (run.word, second.outcome) == (Outcome.POLL_DENIED, Outcome.SUCCEEDED)
    assert "a later run has changed the target" in run.last_look.said
