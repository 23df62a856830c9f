"""The night: who is started, who is looked after, and one word for everybody."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core import names
from shared.core.fleet import RETRIES_MAX, ActiveRun, Finished, FleetState, Start, looked, started, to_start
from shared.core.intervals import Intervals
from shared.core.lro import Fault
from shared.core.runs import Outcome, RunEnd
from tests.core import make

LATE = make.after(hours=4)
WAIT = Intervals()


def _started(service: str, word: str = "started", number: int = 1) -> dict[str, Any]:
    return {"started": word, "runId": f"r{number}-{service}", "instanceId": f"i-{service}"}


def _end(service: str, outcome: Outcome = Outcome.SUCCEEDED, number: int = 1, **more: Any) -> dict[str, Any]:
    run_id = f"r{number}-{service}"
    end = RunEnd(run_id=run_id, outcome=outcome, restore_point="p", fault=Fault(code="F"))
    return {"runId": run_id, "end": end.to_json() | more, "driven": False}


def _look(service: str, driven: bool) -> dict[str, Any]:
    return {"runId": f"r1-{service}", "end": None, "driven": driven}


def _names(starts: Sequence[Start]) -> tuple[str, ...]:
    return tuple(start.service for start in starts)


def _answered(
    state: FleetState, *answers: dict[str, Any], now: dt.datetime = make.NOW
) -> tuple[FleetState, tuple[Start, ...]]:
    """Start whoever's turn it is, with these answers in that order."""
    starts = to_start(state, now)[: len(answers)]
    return started(state, starts, answers, now), starts


def _all_started(state: FleetState, now: dt.datetime = make.NOW, number: int = 1) -> FleetState:
    starts = to_start(state, now)
    return started(state, starts, [_started(start.service, number=number) for start in starts], now)


def _words(state: FleetState) -> dict[str, str]:
    return {finished.service: finished.word for finished in state.ended}


def test_services_start_in_the_plans_order_up_to_the_cap() -> None:
    """Two at a time means the first two."""
    assert _names(to_start(make.fleet("c1", "a1", "b1", concurrency=2), make.NOW)) == ("c1", "a1")


def test_no_more_start_while_the_cap_is_full() -> None:
    """A third one waits."""
    state = _all_started(make.fleet("a1", "b1", "c1", concurrency=2))

    assert (to_start(state, make.NOW), state.waiting) == ((), ("c1",))


def test_the_next_starts_when_one_has_ended() -> None:
    """A place is free as soon as there is a word."""
    state = _all_started(make.fleet("a1", "b1", "c1", concurrency=2))
    state = looked(state, [_end("a1"), _look("b1", True)], make.NOW)

    assert _names(to_start(state, make.NOW)) == ("c1",)


def test_a_cap_that_shrank_starts_nobody() -> None:
    """More active than allowed is not a negative number of places."""
    state = _all_started(make.fleet("a1", "b1", "c1", "d1", concurrency=2))
    state = state.model_copy(update={"concurrency": 1})

    assert to_start(state, make.NOW) == ()


def test_a_run_that_takes_long_gives_its_place_back() -> None:
    """After slot_s it no longer counts against the cap, and is looked after all the same."""
    state = _all_started(make.fleet("a1", "b1", concurrency=1))
    almost = make.after(seconds=WAIT.slot_s - 1)

    assert to_start(state, almost) == ()
    assert _names(to_start(state, make.after(seconds=WAIT.slot_s))) == ("b1",)
    assert [run.service for run in state.active] == ["a1"]


@pytest.mark.parametrize("word", ["started", "running", "ended"])
def test_a_run_that_exists_is_looked_after(word: str) -> None:
    """Whether it was started now or before, its word is fetched by looking."""
    state, _ = _answered(make.fleet("a1"), _started("a1", word))

    assert (state.waiting, [run.run_id for run in state.active]) == ((), ["r1-a1"])


TROUBLE = [
    pytest.param({"started": "busy", "runId": "r", "instanceId": "i"}, "ServiceBusy", id="busy"),
    pytest.param({"fault": {"code": "StartFailed"}}, "StartFailed", id="fault"),
]


@pytest.mark.parametrize(("answer", "code"), TROUBLE)
def test_a_service_that_cannot_start_takes_no_place(answer: dict[str, Any], code: str) -> None:
    """The next one gets it at once, and its own turn comes again after a pause that grows."""
    state = make.fleet("a1", "b1", concurrency=1)
    now, pauses = make.NOW, []
    state, _ = _answered(state, answer)
    assert (_names(to_start(state, now)), state.active, state.ended) == (("b1",), (), ())
    for _ in range(7):
        due = state.later[0].due_at
        pauses.append((due - now).total_seconds())
        now = due
        assert _names(to_start(state, now))[0] == "a1"
        state, _ = _answered(state, answer, now=now)

    assert pauses == [30, 60, 120, 240, 480, 600, 600]


@pytest.mark.parametrize(("answer", "code"), TROUBLE)
def test_a_service_that_cannot_start_is_refused_when_patience_ends(answer: dict[str, Any], code: str) -> None:
    """Nothing was changed, and the reason stands in the night's record. Patience begins with the trouble."""
    begins = make.after(hours=9)
    state, _ = _answered(make.fleet("a1"), answer, now=begins)
    assert not state.is_over
    state, _ = _answered(state, answer, now=begins + dt.timedelta(seconds=WAIT.busy_patience_s))

    assert state.is_over
    assert [(one.word, one.fault and one.fault.code) for one in state.ended] == [(Outcome.REFUSED, code)]


def test_a_start_that_can_never_work_is_not_tried_again() -> None:
    """A service that the plan no longer names is refused at once."""
    state, _ = _answered(make.fleet("a1"), {"fault": {"code": "ServiceNotFound"}, "isFinal": True})

    assert _words(state) == {"a1": Outcome.REFUSED}


def test_a_start_whose_answer_was_lost_is_asked_for_under_the_same_name() -> None:
    """It may have come through; another second would make another run of it."""
    state, first = _answered(make.fleet("a1"), {"fault": {"code": "StartFailed"}})
    state, again = _answered(state, _started("a1", "busy"), now=make.after(minutes=1))
    _, third = _answered(state, _started("a1"), now=make.after(minutes=9))

    assert [one[0].requested_at for one in (first, again, third)] == [make.NOW] * 3


def test_a_start_that_was_busy_is_named_anew() -> None:
    """Nothing exists of it, and the run that had the service may have the blob of that second."""
    state, _ = _answered(make.fleet("a1"), _started("a1", "busy"))
    _, again = _answered(state, _started("a1"), now=make.after(minutes=1, milliseconds=300))

    assert again[0].requested_at == make.after(minutes=1)


def test_a_service_that_was_busy_may_have_been_backed_up_by_this_night() -> None:
    """A night that was started twice asks before it does so again; a plain start costs no look."""
    state, first = _answered(make.fleet("a1"), _started("a1", "busy"))
    again = to_start(state, make.after(minutes=1))
    restarted = to_start(make.fleet("a1", wish=make.night_wish(starts=2)), make.NOW)

    assert [start.look_first for start in (*first, *again, *restarted)] == [False, True, True]


def test_a_word_is_taken_as_it_is() -> None:
    """With the run that it belongs to; everything else stands in that run's record."""
    state = looked(_all_started(make.fleet("a1")), [_end("a1", Outcome.POLL_DENIED)], make.NOW)

    assert state.ended == (Finished(service="a1", word=Outcome.POLL_DENIED, run_ids=("r1-a1",)),)


def test_a_failure_is_tried_again_twice_and_spaced() -> None:
    """Three runs at most, each half an hour after the last one's end."""
    state, now = make.fleet("a1"), make.NOW
    for number in range(1, RETRIES_MAX + 2):
        assert not state.is_over
        state = _all_started(state, now, number)
        ended_at = now + dt.timedelta(minutes=11)
        state = looked(state, [_end("a1", Outcome.FAILED, number)], ended_at)
        now = ended_at + dt.timedelta(seconds=WAIT.retry_failed_s)
        assert to_start(state, now - dt.timedelta(seconds=1)) == ()

    assert state.ended == (Finished(service="a1", word=Outcome.FAILED, run_ids=("r1-a1", "r2-a1", "r3-a1")),)


def test_a_second_try_can_succeed() -> None:
    """The word is the last run's, and the first run is named."""
    state = looked(_all_started(make.fleet("a1")), [_end("a1", Outcome.FAILED)], make.NOW)
    state = looked(_all_started(state, LATE, 2), [_end("a1", number=2)], LATE)

    assert state.ended == (Finished(service="a1", word=Outcome.SUCCEEDED, run_ids=("r1-a1", "r2-a1")),)


def test_a_second_try_that_is_refused_leaves_the_verdict() -> None:
    """A service that Azure left at Failed is refused from then on; the word of the night is Failed."""
    state = looked(_all_started(make.fleet("a1")), [_end("a1", Outcome.FAILED)], make.NOW)
    state = looked(_all_started(state, LATE, 2), [_end("a1", Outcome.REFUSED, 2)], LATE)

    assert state.ended == (Finished(service="a1", word=Outcome.FAILED, run_ids=("r1-a1", "r2-a1")),)


@pytest.mark.parametrize("word", [Outcome.REFUSED, Outcome.POLL_DENIED, Outcome.OUTCOME_UNKNOWN])
def test_what_is_no_verdict_is_not_tried_again(word: Outcome) -> None:
    """A refusal needs a hand, and what may be running must not be started twice."""
    state = looked(_all_started(make.fleet("a1")), [_end("a1", word)], make.NOW)

    assert _words(state) == {"a1": word}


def test_whoever_had_no_turn_goes_before_a_second_try() -> None:
    """One service's failure does not hold up the others, a busy one's patience does not lose its turn."""
    state = make.fleet("failed", "busy", "fresh", concurrency=2)
    state, _ = _answered(state, _started("failed"), _started("busy", "busy"))
    state = looked(state, [_end("failed", Outcome.FAILED)], make.NOW)

    due = to_start(state.model_copy(update={"concurrency": 9}), LATE)

    assert _names(due) == ("busy", "fresh", "failed")


def test_a_failure_that_cannot_be_tried_again_stays_a_failure() -> None:
    """That no further run could be started says less than the verdict."""
    state = looked(_all_started(make.fleet("a1")), [_end("a1", Outcome.FAILED)], make.NOW)
    for hours in (1, 6):
        state, _ = _answered(state, _started("a1", "busy"), now=make.after(hours=hours))

    assert [(one.word, one.fault and one.fault.code) for one in state.ended] == [
        (Outcome.FAILED, "ServiceBusy")
    ]


def test_a_change_while_running_is_backed_up_once_more_where_the_plan_says_so() -> None:
    """At once, only once, and only for the services that ask for it."""
    state = _all_started(make.fleet("a1", "b1", again_for=("a1",)))
    changed = {"changedWhileRunning": True}
    state = looked(state, [_end("a1", **changed), _end("b1", **changed)], make.NOW)
    assert _words(state) == {"b1": Outcome.SUCCEEDED}
    later = make.after(seconds=30)
    state = looked(_all_started(state, later, 2), [_end("a1", number=2, **changed)], later)

    assert state.ended[-1] == Finished(service="a1", word=Outcome.SUCCEEDED, run_ids=("r1-a1", "r2-a1"))
    assert state.is_over


def test_a_success_without_a_change_is_enough() -> None:
    """againIfChanged costs nothing where nothing changed, nor where an older release ended the run."""
    state = _all_started(make.fleet("a1", "b1", again_for=("a1", "b1")))
    without = _end("b1")
    without["end"].pop("changedWhileRunning", None)
    state = looked(state, [_end("a1", changedWhileRunning=False), without], make.NOW)

    assert state.is_over


@pytest.mark.parametrize("word", [Outcome.FAILED, Outcome.OUTCOME_UNKNOWN, Outcome.REFUSED])
def test_what_becomes_of_one_more_backup_does_not_take_the_first_ones_word(word: Outcome) -> None:
    """There is a restore point; a further one that failed is not tried again either."""
    state = _all_started(make.fleet("a1", again_for=("a1",)))
    state = looked(state, [_end("a1", changedWhileRunning=True)], make.NOW)
    state = looked(_all_started(state, make.NOW, 2), [_end("a1", word, 2)], LATE)

    assert state.ended == (Finished(service="a1", word=Outcome.SUCCEEDED, run_ids=("r1-a1", "r2-a1")),)


def test_a_run_that_nothing_drives_is_given_up_after_a_while() -> None:
    """It may be taken up again within minutes; after that it was lost."""
    state = _all_started(make.fleet("a1"))
    state = looked(state, [_look("a1", driven=False)], make.NOW)
    state = looked(state, [_look("a1", driven=False)], make.after(seconds=WAIT.lost_patience_s - 1))
    assert not state.is_over

    state = looked(state, [_look("a1", driven=False)], make.after(seconds=WAIT.lost_patience_s))

    assert [(one.word, one.fault and one.fault.code) for one in state.ended] == [
        (Outcome.OUTCOME_UNKNOWN, "RunAbandoned")
    ]


def test_a_run_that_is_driven_again_is_not_lost() -> None:
    """Only looks in a row count."""
    state, now = _all_started(make.fleet("a1")), make.NOW
    for driven in [False, False, True] * 20:
        now += dt.timedelta(seconds=WAIT.lost_patience_s / 2)
        state = looked(state, [_look("a1", driven)], now)

    assert state.active


def test_a_look_that_failed_says_nothing() -> None:
    """No answer about a run is no lost look."""
    state = _all_started(make.fleet("a1"))
    for hours in range(10):
        state = looked(state, [], make.after(hours=hours))

    assert state.active[0].lost_since is None


def test_a_night_without_services_is_over() -> None:
    """A standby's app has nothing to back up."""
    assert make.fleet(waiting=()).is_over


def test_the_state_survives_its_json() -> None:
    """A new generation reads exactly what the last one wrote."""
    state = _all_started(make.fleet("a1", "b1", "c1", "d1", concurrency=3, again_for=("c1",)))
    looks = [_end("a1", Outcome.FAILED), _look("b1", driven=False), _end("c1", changedWhileRunning=True)]
    state = looked(state, looks, make.NOW)

    assert FleetState.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_the_state_of_1000_services_stays_small() -> None:
    """Names and words: 111 kB at the end of a night, 196 kB if every service was tried three times."""
    fleet = [f"service-{number:04d}-weu" for number in range(1000)]
    waiting = make.fleet(*fleet, concurrency=100, again_for=tuple(fleet))
    runs = {
        name: tuple(names.run_id("backup", name, make.after(hours=hour)) for hour in range(3))
        for name in fleet
    }
    instance = names.service_instance(make.service().resource_id)
    active = tuple(
        ActiveRun(service=name, run_id=runs[name][0], instance_id=instance, since=make.NOW)
        for name in fleet[:100]
    )
    usual = waiting.model_copy(
        update={
            "waiting": (),
            "again_for": (),
            "ended": tuple(
                Finished(service=name, word=Outcome.SUCCEEDED, run_ids=runs[name][:1]) for name in fleet
            ),
        }
    )
    worst = usual.model_copy(
        update={"ended": tuple(Finished(service=n, word=Outcome.FAILED, run_ids=runs[n]) for n in fleet)}
    )
    sizes = {
        "beginning": len(json.dumps(waiting.to_json())),
        "middle": len(json.dumps(waiting.model_copy(update={"active": active}).to_json())),
        "end": len(json.dumps(usual.to_json())),
        "worst end": len(json.dumps(worst.to_json())),
    }

    assert {name: round(size / 1000) for name, size in sizes.items()} == {
        "beginning": 41,
        "middle": 58,
        "end": 111,
        "worst end": 196,
    }


def _drawn(data: st.DataObject, service: str, number: int) -> dict[str, Any]:
    word = data.draw(st.sampled_from(["started", "running", "ended", "busy", "fault", "final"]))
    if word in {"fault", "final"}:
        return {"fault": {"code": "F"}, "isFinal": word == "final"}
    return _started(service, word, number)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), count=st.integers(1, 8), concurrency=st.integers(1, 4))
def test_every_service_ends_with_exactly_one_word(data: st.DataObject, count: int, concurrency: int) -> None:
    """Whatever is answered to wishes and looks, the cap holds and nobody is forgotten or named twice."""
    fleet = [f"s{index}" for index in range(count)]
    state, now = make.fleet(*fleet, concurrency=concurrency, again_for=tuple(fleet[:2])), make.NOW
    runs: Counter[str] = Counter()
    for turn in range(400):
        while starts := to_start(state, now):
            for start in starts:
                runs[start.service] += 1
            answers = [_drawn(data, start.service, runs[start.service]) for start in starts]
            state = started(state, starts, answers, now)
        fresh = [
            run for run in state.active if run.since and now - run.since < dt.timedelta(seconds=WAIT.slot_s)
        ]
        assert len(fresh) <= concurrency
        if state.is_over:
            break
        now += dt.timedelta(minutes=20)
        kinds = ["end", "failed", "lost"] if turn > 30 else ["end", "failed", "lost", "driven", "none"]
        looks = []
        for run in state.active:
            kind = data.draw(st.sampled_from(kinds))
            look = {"runId": run.run_id, "end": None, "driven": kind == "driven"}
            if kind in {"end", "failed"}:
                word = Outcome.SUCCEEDED if kind == "end" else Outcome.FAILED
                end = RunEnd(run_id=run.run_id, outcome=word).to_json()
                look["end"] = end | {"changedWhileRunning": data.draw(st.booleans())}
            looks += [look] if kind != "none" else []
        state = looked(state, looks, now)
    else:
        pytest.fail("the night does not end")

    assert Counter(finished.service for finished in state.ended) == Counter(fleet)
