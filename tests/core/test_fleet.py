"""The night: who is started, who is looked after, and one word for everybody."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.fleet import LOST_LOOKS_MAX, FleetState, looked, record, started, to_start
from shared.core.lro import Fault
from shared.core.runs import Outcome, RunEnd
from tests.core import make

LATE = make.after(hours=4)


def _started(service: str, word: str = "started") -> dict[str, Any]:
    return {"started": word, "runId": f"r-{service}", "instanceId": f"i-{service}"}


def _end(service: str, outcome: Outcome = Outcome.SUCCEEDED) -> dict[str, Any]:
    end = RunEnd(run_id=f"r-{service}", outcome=outcome, restore_point="p", fault=Fault(code="F"))
    return {"runId": f"r-{service}", "end": end.to_json(), "driven": False}


def _look(service: str, driven: bool) -> dict[str, Any]:
    return {"runId": f"r-{service}", "end": None, "driven": driven}


def _all_started(state: FleetState) -> FleetState:
    for service in to_start(state):
        state = started(state, service, _started(service), make.NOW)
    return state


def test_services_start_in_the_plans_order_up_to_the_cap() -> None:
    """Two at a time means the first two."""
    assert to_start(make.fleet("c1", "a1", "b1", concurrency=2)) == ("c1", "a1")


def test_no_more_start_while_the_cap_is_full() -> None:
    """A third one waits."""
    state = _all_started(make.fleet("a1", "b1", "c1", concurrency=2))

    assert (to_start(state), state.waiting) == ((), ("c1",))


def test_the_next_starts_when_one_has_ended() -> None:
    """A place is free as soon as there is a word."""
    state = looked(_all_started(make.fleet("a1", "b1", "c1", concurrency=2)), [_end("a1"), _look("b1", True)])

    assert to_start(state) == ("c1",)


def test_a_cap_that_shrank_starts_nobody() -> None:
    """More active than allowed is not a negative number of places."""
    state = _all_started(make.fleet("a1", "b1", "c1", "d1", concurrency=2)).model_copy(
        update={"concurrency": 1}
    )

    assert to_start(state) == ()


@pytest.mark.parametrize("word", ["started", "running", "ended"])
def test_a_run_that_exists_is_looked_after(word: str) -> None:
    """Whether it was started now or before, its word is fetched by looking."""
    state = started(make.fleet("a1"), "a1", _started("a1", word), make.NOW)

    assert (state.waiting, [run.run_id for run in state.active]) == ((), ["r-a1"])


@pytest.mark.parametrize(
    "answer", [_started("a1", "busy"), {"fault": {"code": "StartFailed"}}], ids=["busy", "fault"]
)
def test_a_service_that_cannot_start_goes_to_the_end_of_the_row(answer: dict[str, Any]) -> None:
    """It does not hold up the others, and gets its turn again."""
    state = started(make.fleet("a1", "b1"), "a1", answer, make.NOW)

    assert (state.waiting, state.active, state.ended) == (("b1", "a1"), (), ())


@pytest.mark.parametrize(
    ("answer", "code"),
    [(_started("a1", "busy"), "ServiceBusy"), ({"fault": {"code": "StartFailed"}}, "StartFailed")],
    ids=["busy", "fault"],
)
def test_a_service_that_cannot_start_is_refused_when_patience_ends(answer: dict[str, Any], code: str) -> None:
    """Nothing was changed, and the reason stands in the night's record."""
    state = started(make.fleet("a1"), "a1", answer, LATE)

    assert state.is_over
    assert [(night.outcome, night.fault and night.fault.code) for night in state.ended] == [
        (Outcome.REFUSED, code)
    ]


def test_a_word_is_taken_as_it_is() -> None:
    """With the restore point and the fault that belong to it."""
    state = looked(_all_started(make.fleet("a1")), [_end("a1", Outcome.FAILED)])

    night = state.ended[0]
    assert (night.service, night.run_id, night.outcome, night.restore_point) == ("a1", "r-a1", "Failed", "p")
    assert night.fault == Fault(code="F")


def test_a_run_that_nothing_drives_is_given_up_after_some_looks() -> None:
    """One look may meet a run between two states; several in a row mean that it was lost."""
    state = _all_started(make.fleet("a1"))
    for _ in range(LOST_LOOKS_MAX - 1):
        state = looked(state, [_look("a1", driven=False)])
        assert not state.is_over

    state = looked(state, [_look("a1", driven=False)])

    assert [(night.outcome, night.fault and night.fault.code) for night in state.ended] == [
        (Outcome.OUTCOME_UNKNOWN, "RunAbandoned")
    ]


def test_a_run_that_is_driven_again_is_not_lost() -> None:
    """Lost looks count in a row only."""
    state = _all_started(make.fleet("a1"))
    for driven in [False, False, True] * 5:
        state = looked(state, [_look("a1", driven)])

    assert state.active


def test_a_look_that_failed_says_nothing() -> None:
    """No answer about a run is no lost look."""
    state = _all_started(make.fleet("a1"))
    for _ in range(10):
        state = looked(state, [])

    assert state.active[0].lost_looks == 0


def test_the_record_is_in_alphabetical_order() -> None:
    """Every service with its word, whoever ended first."""
    state = looked(_all_started(make.fleet("c1", "a1", concurrency=5)), [_end("c1"), _end("a1")])

    night = record(state, LATE)

    assert [service.service for service in night.services] == ["a1", "c1"]
    assert (night.night, night.requested_at, night.ended_at) == ("2026-11-23", make.NOW, LATE)


def test_a_night_without_services_is_over() -> None:
    """A standby's app has nothing to back up."""
    assert make.fleet(waiting=()).is_over


def test_the_state_survives_its_json() -> None:
    """A new generation reads exactly what the last one wrote."""
    state = looked(_all_started(make.fleet("a1", "b1", "c1")), [_end("a1"), _look("b1", driven=False)])

    assert FleetState.from_json(state.to_json()) == state


@settings(max_examples=150, deadline=None)
@given(data=st.data(), count=st.integers(1, 8), concurrency=st.integers(1, 4))
def test_every_service_ends_with_exactly_one_word(data: st.DataObject, count: int, concurrency: int) -> None:
    """Whatever is answered to wishes and looks, the cap holds and nobody is forgotten or named twice."""
    names = [f"s{index}" for index in range(count)]
    state, now = make.fleet(*names, concurrency=concurrency), make.NOW
    for turn in range(400):
        for service in to_start(state):
            word = data.draw(st.sampled_from(["started", "running", "ended", "busy", "fault"]))
            answer = {"fault": {"code": "F"}} if word == "fault" else _started(service, word)
            state = started(state, service, answer, now)
        assert len(state.active) <= concurrency
        if state.is_over:
            break
        now += dt.timedelta(minutes=30)
        kinds = ["end", "lost"] if turn > 30 else ["end", "lost", "driven", "none"]
        looks = {
            "end": _end,
            "lost": lambda name: _look(name, driven=False),
            "driven": lambda name: _look(name, driven=True),
        }
        drawn = [(run.service, data.draw(st.sampled_from(kinds))) for run in state.active]
        state = looked(state, [looks[kind](name) for name, kind in drawn if kind != "none"])
    else:
        pytest.fail("the night does not end")

    assert Counter(service.service for service in record(state, now).services) == Counter(names)
