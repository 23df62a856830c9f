"""Steps as data, and the loop that repeats them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shared.core import errors
from shared.core.intervals import Intervals
from shared.core.lro import Fault
from shared.core.runs import Outcome
from shared.core.steps import (
    CRASHES_MAX,
    Patience,
    StepResult,
    StepState,
    attempt,
    done,
    end,
    fault_of,
    repeat,
    retry,
)
from tests.core import make

UNKNOWN = Outcome.OUTCOME_UNKNOWN
BUSY = retry(Fault(code="Busy"), unproven=Outcome.REFUSED)


class FakeContext:
    """Durable's context as far as the loop uses it: activities answer from a list, timers move the clock."""

    def __init__(self, answers: list[StepResult | Exception]) -> None:
        self.current_utc_datetime = make.NOW
        self.calls: list[tuple[str, Any]] = []
        self.waits_s: list[float] = []
        self.shown: list[Any] = []
        self._answers = answers

    def call_activity(self, name: str, input_: Any) -> tuple[str, Any]:
        """Note the call; the answer is given by play."""
        self.calls.append((name, input_))
        return ("activity", None)

    def create_timer(self, fire_at: dt.datetime) -> tuple[str, Any]:
        """Note the wait; play moves the clock."""
        self.waits_s.append((fire_at - self.current_utc_datetime).total_seconds())
        return ("timer", fire_at)

    def set_custom_status(self, status: Any) -> None:
        """Note what an operator is shown."""
        self.shown.append(status)

    def play(self, hours: float = 1, **intervals: int) -> StepResult:
        """Run the loop to its end; the last answer is given again and again."""
        patience = Patience(until=make.after(hours=hours), intervals=Intervals(**intervals))
        loop = repeat(self, "step", {"v": 1}, patience)
        task = next(loop)
        try:
            while True:
                if task[0] == "timer":
                    self.current_utc_datetime = task[1]
                    task = loop.send(None)
                    continue
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                is_crash = isinstance(answer, Exception)
                task = loop.throw(answer) if is_crash else loop.send(answer.to_json())
        except StopIteration as stop:
            result: StepResult = stop.value
            return result


def test_a_step_that_is_done_is_called_once() -> None:
    """Its value is handed on."""
    context = FakeContext([done(answer=42)])

    assert context.play() == done(answer=42)
    assert (context.calls, context.waits_s) == ([("step", {"v": 1})], [])


def test_a_step_that_ends_the_run_is_not_repeated() -> None:
    """Its word stands."""
    verdict = end(Outcome.FAILED, Fault(code="No"))
    context = FakeContext([verdict, done()])

    assert context.play() == verdict
    assert len(context.calls) == 1


def test_a_retry_waits_as_long_as_the_step_asked() -> None:
    """And the same payload is sent again."""
    context = FakeContext([retry(Fault(code="F"), unproven=UNKNOWN, after_s=17), done()])

    assert context.play().state is StepState.DONE
    assert (context.waits_s, context.calls) == ([17], [("step", {"v": 1})] * 2)


def test_a_retry_without_a_time_backs_off() -> None:
    """15 s, doubling, capped."""
    context = FakeContext([BUSY] * 7 + [done()])

    context.play()

    assert context.waits_s == [15, 30, 60, 120, 240, 300, 300]


def test_patience_ends_in_the_word_that_the_step_named() -> None:
    """The last try is at the end of patience itself, and its fault is told."""
    context = FakeContext([BUSY])

    result = context.play(hours=1)

    assert (result.state, result.outcome, result.fault) == (
        StepState.END,
        Outcome.REFUSED,
        Fault(code="Busy"),
    )
    assert context.current_utc_datetime == make.after(hours=1)


def test_success_on_the_last_try_counts() -> None:
    """The answer is looked at before the clock."""
    context = FakeContext([retry(Fault(code="F"), unproven=UNKNOWN, after_s=7200), done()])

    assert context.play(hours=1).state is StepState.DONE


def test_patience_that_is_over_before_the_first_try_allows_one() -> None:
    """A step is always tried once."""
    assert FakeContext([done()]).play(hours=-1).state is StepState.DONE
    assert FakeContext([BUSY]).play(hours=-1).outcome is Outcome.REFUSED


def test_a_step_that_keeps_crashing_is_given_up() -> None:
    """After some deaths in a row there is no proof either way, and the log is named by a short cause."""
    context = FakeContext([RuntimeError("boom\nTraceback of another process")])

    result = context.play()

    assert (result.state, result.outcome, len(context.calls)) == (StepState.END, UNKNOWN, CRASHES_MAX)
    assert result.fault == Fault(code="StepCrashed", message="step failed: boom")


def test_crashes_that_are_not_in_a_row_are_survived() -> None:
    """Three lost workers in a night do not end a run that was answered in between."""
    context = FakeContext([RuntimeError("lost"), RuntimeError("lost"), BUSY] * 5 + [done()])

    assert context.play(hours=9).state is StepState.DONE


def test_an_answer_that_cannot_be_read_is_no_success() -> None:
    """A document of an unknown version stops the loop loudly."""

    class Other(StepResult):
        def to_json(self) -> dict[str, Any]:
            return {"v": 2, "state": "done"}

    with pytest.raises(errors.ProtocolError, match="StepResult"):
        FakeContext([Other(state=StepState.DONE)]).play()


ERRORS = {
    "throttled": (errors.ThrottledError("slow", retry_after_s=7), StepState.RETRY, 7),
    "unavailable": (errors.UnavailableError("gone"), StepState.RETRY, None),
    "busy": (errors.ServiceBusyError("busy"), StepState.RETRY, None),
    "temporary": (errors.TemporaryError("later", code="X"), StepState.RETRY, None),
    "access": (errors.AccessError("no"), StepState.END, None),
    "not found": (errors.NotFoundError("no"), StepState.END, None),
    "conflict": (errors.ConflictError("no"), StepState.END, None),
    "protocol": (errors.ProtocolError("no"), StepState.END, None),
    "config": (errors.ConfigError("no", faults=[("$", "x")]), StepState.END, None),
    "refused": (errors.RefusedError("no"), StepState.END, None),
}


@pytest.mark.parametrize(("err", "state", "after_s"), ERRORS.values(), ids=ERRORS)
def test_our_errors_travel_as_data(err: errors.DrError, state: StepState, after_s: int | None) -> None:
    """Temporary ones mean again, all others end the run with the word the step has for it."""

    def step() -> StepResult:
        raise err

    result = StepResult.from_json(attempt(step, unproven=Outcome.REFUSED))

    assert (result.state, result.retry_after_s, result.outcome) == (state, after_s, Outcome.REFUSED)
    assert result.fault is not None
    assert result.fault.code == err.code


def test_a_bug_passes() -> None:
    """What is no error of ours must crash, and be seen."""

    def step() -> StepResult:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        attempt(step, unproven=UNKNOWN)


def test_a_result_is_handed_on_as_it_is() -> None:
    """A step that returns is not touched."""
    assert attempt(lambda: done(x=1), unproven=UNKNOWN) == done(x=1).to_json()


def test_an_error_with_faults_names_them_all_as_data() -> None:
    """The record says what the log would say."""
    err = errors.ConfigError("unusable", faults=[("$.a", "is missing"), ("$.b", "is odd")], hint="See docs.")

    assert fault_of(err) == Fault(
        code="ConfigurationInvalid", message="unusable: $.a is missing; $.b is odd", hint="See docs."
    )


def test_an_operator_is_shown_what_is_waited_for_and_when_it_is_over() -> None:
    """While a step waits its fault is the instance's custom status; afterwards only the step's name is."""
    busy = retry(Fault(code="ServiceBusy", message="service is Updating"), unproven=Outcome.REFUSED)
    context = FakeContext([busy, done()])

    context.play()

    assert context.shown == [{"step": "step", "waitingFor": "service is Updating"}, {"step": "step"}]


def test_patience_with_what_certainly_started_nothing_may_end_earlier() -> None:
    """A busy service is given up while a POST of unknown fate would still be waited for."""
    patience = Patience(until=make.after(hours=8), unsent_until=make.after(hours=4), intervals=Intervals())
    lost = retry(Fault(code="AnswerLost"), unproven=UNKNOWN)

    assert (patience.end_for(BUSY), patience.end_for(lost)) == (make.after(hours=4), make.after(hours=8))


def test_patience_with_what_started_nothing_is_never_the_longer_one() -> None:
    """The operation's deadline comes first where it is nearer."""
    patience = Patience(until=make.after(hours=1), unsent_until=make.after(hours=4), intervals=Intervals())

    assert patience.end_for(BUSY) == make.after(hours=1)
