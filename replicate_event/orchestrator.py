"""The plan of a standby's replication, as a generator. Only yields, pure calls and returns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from typing import Any, Literal

from pydantic import Field

from shared.core.documents import Document, Utc
from shared.core.fleet import LOOKS_PER_GENERATION, ActiveRun
from shared.core.intervals import Intervals, backoff_s
from shared.core.replicating import Decision, Move, decide, state_of, to_copy_now
from shared.core.replication import ReplicationWord
from shared.core.replication_survey import Attempt, Survey
from shared.core.steps import Patience, StepResult, StepState, repeat


class Replicating(Document):
    """What a replication carries from generation to generation; whoever starts it gives the first three."""

    service: str
    trigger: Literal["timer", "http", "event"]
    intervals: Intervals
    is_settled: bool = False
    busy_tries: int = 0
    run: ActiveRun | None = None
    """The restore that is followed."""
    copy_faults: dict[str, str] = Field(default_factory=dict)
    """Points that could not be copied this time, with the reason."""
    copy_again_at: Utc | None = None
    """Before this no copy is tried: the other region did not answer."""
    is_pruning_due: bool = False
    """Whether there are fresh copies."""
    refused: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Points that a guard of points has refused this time, with what it said."""
    unlike: str | None = None
    """The point that the standby was asked for, and does not equal."""


Step = Generator[Any, Any, Replicating | dict[str, Any]]


def replicate_service(context: Any) -> Generator[Any, Any, dict[str, Any] | None]:
    """
    Bring a standby the newest good restore point, and copy what is to be copied; then look again.

    Everything is looked at anew before each decision, so whatever began this, and however often, comes to
    the same. What cannot be done now is written down with the time of the next look, which the timer keeps.

    Input: Replicating. Output: {"word", "reasons"} as they were left; or "ignored" or "fault" with the
    reason why nothing could be decided.
    """
    state = Replicating.from_json(context.get_input())
    if not state.is_settled:
        pause = dt.timedelta(seconds=state.intervals.replicate_settle_s)
        yield context.create_timer(context.current_utc_datetime + pause)
        state = state.model_copy(update={"is_settled": True})
    for _ in range(LOOKS_PER_GENERATION):
        step = _look if state.run is None else _follow
        result = yield from step(context, state)
        if isinstance(result, dict):
            return result
        state = result
    context.continue_as_new(state.to_json())
    return None


def _look(context: Any, state: Replicating) -> Step:
    """Look at everything, decide, and do the next thing."""
    looked = yield from _repeat(context, "survey_replication", {"v": 1, "service": state.service}, state)
    if looked.state is StepState.END:
        reason = looked.fault.message if looked.fault else "replication could not look"
        fault = {"v": 1, "service": state.service, "reason": reason}
        yield from _repeat(context, "note_blind_look", fault, state)
        return _stopped(looked)
    if "ignored" in looked.value:
        return {"ignored": looked.value["ignored"]}
    survey = Survey.from_json(looked.value["survey"])
    decision = decide(
        survey,
        state.intervals,
        copies_tried=state.copy_faults,
        copies_rest=state.copy_again_at is not None,
        unlike=state.unlike,
        refused=state.refused,
    )
    if decision.move is Move.COPY:
        result = yield from _copy(context, state, decision.copies)
    elif decision.move is Move.RECORD and decision.attempt is not None:
        wish = {"v": 1, "runId": decision.attempt.run_id}
        recorded = yield from _repeat(context, "record_replica", wish, state)
        result = _stopped(recorded) if recorded.state is StepState.END else state
    elif decision.move is Move.FOLLOW and decision.attempt is not None:
        result = yield from _begin_to_follow(context, state, survey, decision, decision.attempt)
    elif decision.move is Move.CONFIRM:
        result = yield from _confirm(context, state, decision)
    elif decision.move is Move.RESTORE:
        result = yield from _restore(context, state, survey, decision)
    elif state.is_pruning_due:
        # whatever comes of it: the next fresh copy brings the next pruning
        wish = {"v": 1, "service": state.service}
        yield from _repeat(context, "prune_copies", wish, state, state.intervals.copy_patience_s)
        result = state.model_copy(update={"is_pruning_due": False})
    else:
        result = yield from _rest(context, state, survey, decision)
    return result


def _copy(context: Any, state: Replicating, points: tuple[str, ...]) -> Step:
    """
    Copy some points; one that cannot be copied keeps no other one from it.

    One of which that could not be told, because the other region does not answer, ends all copying: what
    is here already does not wait for it.
    """
    faults, is_fresh, again_at = dict(state.copy_faults), state.is_pruning_due, None
    for name in points:
        wish = {"v": 1, "service": state.service, "name": name}
        patience_s = state.intervals.copy_patience_s
        begun_at = context.current_utc_datetime
        copied = yield from _repeat(context, "copy_restore_point", wish, state, patience_s)
        if copied.state is StepState.DONE and copied.value["copied"]:
            is_fresh = True
            continue
        faults[name] = copied.fault.message if copied.fault else str(copied.value.get("reason", ""))
        # only what may pass by itself is repeated until patience ends
        now = context.current_utc_datetime
        if copied.state is StepState.END and now - begun_at >= dt.timedelta(seconds=patience_s):
            again_at = now + dt.timedelta(seconds=state.intervals.replicate_again_s)
            break
    update = {"copy_faults": faults, "is_pruning_due": is_fresh, "copy_again_at": again_at}
    return state.model_copy(update=update)


def _confirm(context: Any, state: Replicating, decision: Decision) -> Step:
    """Ask the standby whether it equals the point as it is; if it cannot be told, restore."""
    wish = {"v": 1, "service": state.service, "point": decision.point}
    patience_s = state.intervals.busy_patience_s
    confirmed = yield from _repeat(context, "confirm_replica", wish, state, patience_s)
    if confirmed.state is StepState.DONE and confirmed.value["inSync"]:
        return state
    return state.model_copy(update={"unlike": decision.point})


def _restore(context: Any, state: Replicating, survey: Survey, decision: Decision) -> Step:
    """Start the restore of a point, unless a guard refuses it or the standby is busy."""
    at = context.current_utc_datetime.replace(microsecond=0).isoformat()
    wish = {
        "v": 1, "service": state.service, "point": decision.point, "at": at, "trigger": state.trigger,
        "safetyBackup": survey.safety_backup,
    }  # fmt: skip
    answer = yield from _ask(context, "start_replication", wish)
    started = answer.get("started")
    if started in {"started", "running", "ended"}:
        run = ActiveRun(service=state.service, run_id=answer["runId"], instance_id=answer["instanceId"])
        result = yield from _follow_run(context, state, survey, decision, run)
        return result
    if answer.get("ofPoint") and decision.point is not None:
        refusals = {**state.refused, decision.point: tuple(answer["reasons"])}
        return state.model_copy(update={"refused": refusals})
    # what else is to be copied waits for no restore that does not begin
    copies = to_copy_now(survey, state.copy_faults, copies_rest=state.copy_again_at is not None)
    if copies:
        result = yield from _copy(context, state, copies)
        return result
    if started != "busy":
        waits = bool(answer.get("passes", True))
        again_s = 0 if waits else state.intervals.replicate_again_s
        refused = decision.model_copy(
            update={
                "word": ReplicationWord.WAITING if waits else ReplicationWord.HELD_BACK,
                "reasons": (*answer.get("reasons", ["the restore could not be started"]), *decision.reasons),
                "again_at": survey.at + dt.timedelta(seconds=again_s),
            }
        )
        result = yield from _rest(context, state, survey, refused)
        return result
    reason = f"another run is at work on {survey.target.name}"
    busy = decision.model_copy(
        update={
            "word": ReplicationWord.WAITING, "reasons": (reason, *decision.reasons), "again_at": survey.at
        }
    )  # fmt: skip
    noted = yield from _note(context, state, survey, busy)
    if noted.state is StepState.END:
        return _stopped(noted)
    pause = backoff_s(state.busy_tries, state.intervals.follow_s, state.intervals.busy_max_s)
    yield context.create_timer(context.current_utc_datetime + dt.timedelta(seconds=pause))
    return state.model_copy(update={"busy_tries": state.busy_tries + 1})


def _begin_to_follow(
    context: Any, state: Replicating, survey: Survey, decision: Decision, attempt: Attempt
) -> Step:
    run = ActiveRun(service=state.service, run_id=attempt.run_id, instance_id=attempt.instance_id)
    result = yield from _follow_run(context, state, survey, decision, run)
    return result


def _follow_run(context: Any, state: Replicating, survey: Survey, decision: Decision, run: ActiveRun) -> Step:
    noted = yield from _note(context, state, survey, decision, run.run_id)
    if noted.state is StepState.END:
        return _stopped(noted)
    return state.model_copy(update={"run": run, "busy_tries": 0})


def _follow(context: Any, state: Replicating) -> Step:
    """Look at the restore after a while; one that has ended is judged by the next look at everything."""
    run = state.run
    if run is None:
        raise ValueError("a replication follows only a restore that was started")
    pause = dt.timedelta(seconds=state.intervals.follow_s)
    yield context.create_timer(context.current_utc_datetime + pause)
    answer = yield from _ask(context, "run_states", {"v": 1, "runs": [run.to_json()]})
    look = (answer.get("runs") or [{}])[0]
    # one that nothing drives is taken up again, or ended, by the watch over runs
    return state.model_copy(update={"run": None}) if look.get("end") else state


def _rest(context: Any, state: Replicating, survey: Survey, decision: Decision) -> Step:
    noted = yield from _note(context, state, survey, decision)
    if noted.state is StepState.END:
        return _stopped(noted)
    return {"word": decision.word.value, "reasons": list(decision.reasons)}


def _note(
    context: Any, state: Replicating, survey: Survey, decision: Decision, run_id: str | None = None
) -> Generator[Any, Any, StepResult]:
    said = state_of(survey, decision, state.copy_faults, run_id, state.copy_again_at)
    noted = yield from _repeat(context, "note_replication", said.to_json(), state)
    return noted


def _repeat(
    context: Any, activity: str, payload: dict[str, Any], state: Replicating, patience_s: int | None = None
) -> Generator[Any, Any, StepResult]:
    """Repeat a step, for some minutes by default; what is not done then the timer's next look takes up."""
    seconds = dt.timedelta(seconds=patience_s or state.intervals.catalog_patience_s)
    until = context.current_utc_datetime + seconds
    patience = Patience(until=until, intervals=state.intervals)
    result = yield from repeat(context, activity, payload, patience)
    return result


def _stopped(result: StepResult) -> dict[str, Any]:
    return {"word": None, "fault": result.fault.to_json() if result.fault else None}


def _ask(context: Any, activity: str, payload: dict[str, Any]) -> Generator[Any, Any, dict[str, Any]]:
    try:
        answer: dict[str, Any] = yield context.call_activity(activity, payload)
    except Exception:  # noqa: BLE001 - asked again later; the run goes on by itself
        return {}
    return answer
