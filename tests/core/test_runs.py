"""A run's phases and its word."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from shared.core.runs import (
    TRANSITIONS,
    Outcome,
    Resolution,
    RunEnd,
    RunPhase,
    RunRecord,
    advance,
    transitions_diagram,
    word_of,
)
from tests.core import make

PAIRS = list(itertools.product(RunPhase, RunPhase))
LATER = make.after(minutes=1)


def test_every_phase_says_where_it_leads() -> None:
    """TRANSITIONS has a row for each phase, and names only phases."""
    assert set(RunPhase) == set(TRANSITIONS)
    assert set().union(*TRANSITIONS.values()) <= set(RunPhase)


def test_every_phase_can_be_reached_and_left() -> None:
    """From Requested there is a way to each phase, and from each phase one step to Ended."""
    reached = {RunPhase.REQUESTED}
    for _ in RunPhase:
        reached |= set().union(*(TRANSITIONS[phase] for phase in reached))

    assert reached == set(RunPhase)
    assert all(RunPhase.ENDED in nexts for phase, nexts in TRANSITIONS.items() if phase is not RunPhase.ENDED)


@pytest.mark.parametrize(("phase", "after"), PAIRS, ids=[f"{a}-{b}" for a, b in PAIRS])
def test_a_phase_changes_only_along_the_table(phase: RunPhase, after: RunPhase) -> None:
    """An illegal step raises and changes nothing; a run may stay where it is unless it has ended."""
    run = make.run(phase)
    is_legal = after in TRANSITIONS[phase] or (after is phase and phase is not RunPhase.ENDED)

    if is_legal:
        assert advance(run, after, LATER).phase is after
    else:
        with pytest.raises(ValueError, match=f"from {phase} to {after}"):
            advance(run, after, LATER)
    assert run == make.run(phase)


def test_an_ended_run_keeps_its_word() -> None:
    """Not even another end changes it."""
    run = advance(make.run(), RunPhase.ENDED, LATER, outcome=Outcome.REFUSED)

    with pytest.raises(ValueError, match="from Ended"):
        advance(run, RunPhase.ENDED, LATER, outcome=Outcome.SUCCEEDED)


def test_a_step_notes_its_time_and_facts() -> None:
    """What is known with the step is written with it."""
    run = advance(make.run(), RunPhase.SUBMITTING, LATER, posts=1)

    assert (run.phase_at, run.posts, run.requested_at) == (LATER, 1, make.NOW)


def test_the_diagram_shows_the_table_and_no_more() -> None:
    """One line for each step, from the first phase to the last."""
    steps = {f"{phase.value} --> {after.value}" for phase in RunPhase for after in TRANSITIONS[phase]}

    lines = [line.strip() for line in transitions_diagram().splitlines()]

    assert lines[0] == "stateDiagram-v2"
    assert steps | {"[*] --> Requested", "Ended --> [*]"} == set(lines[1:])
    assert len(lines) == len(set(lines))


def test_a_record_survives_its_bytes() -> None:
    """What was written is what is read."""
    run = make.run(RunPhase.RUNNING, operation=make.operation(), warnings=("w",))

    assert run == RunRecord.from_bytes(run.to_bytes())


def test_the_first_record_of_a_backup_names_its_source() -> None:
    """Nothing was sent yet, and no restore point is named."""
    run = make.backup_request().first_record()

    assert (run.kind, run.subject, run.phase) == ("backup", make.service(), RunPhase.REQUESTED)
    assert (run.posts, run.posted_at, run.restore_point, run.outcome) == (0, None, None, None)


def test_the_first_record_of_a_restore_names_its_target() -> None:
    """The operation runs on the target, and the point is known."""
    request = make.restore_request()

    run = request.first_record()

    assert (run.kind, run.subject, run.restore_point) == ("restore", request.target, request.point.name)


def test_runs_of_one_service_share_an_instance() -> None:
    """Backup and restore of one service exclude each other, whatever the case of its id."""
    request = make.backup_request()
    upper = request.source.model_copy(update={"resource_id": request.source.resource_id.upper()})
    other = make.restore_request().model_copy(update={"target": upper})

    assert request.first_record().instance_id == other.first_record().instance_id


def test_a_restore_reads_the_blob_where_it_lies() -> None:
    """The point says where, the target's access says how."""
    request = make.restore_request()

    assert request.storage == make.storage()
    assert (request.function, request.subject) == ("restore_service", request.target)
    assert (make.backup_request().function, make.backup_request().subject) == (
        "back_up_service",
        make.service(),
    )


SENT = {"posts": 1, "posted_at": make.NOW}

WORDS = {
    "unknown, and nothing was sent": ({}, Outcome.OUTCOME_UNKNOWN, Outcome.REFUSED),
    "unknown, and a POST is on record": (SENT, Outcome.OUTCOME_UNKNOWN, Outcome.OUTCOME_UNKNOWN),
    "unknown, and it was accepted": (
        {"operation": make.operation()},
        Outcome.OUTCOME_UNKNOWN,
        Outcome.OUTCOME_UNKNOWN,
    ),
    "refused, and nothing was sent": ({"resumes": 1}, Outcome.REFUSED, Outcome.REFUSED),
    "refused at the POST, whose record could not be taken back": (SENT, Outcome.REFUSED, Outcome.REFUSED),
    "refused after it was taken up, with a POST on record": (
        {**SENT, "resumes": 1},
        Outcome.REFUSED,
        Outcome.OUTCOME_UNKNOWN,
    ),
    "failed": ({}, Outcome.FAILED, Outcome.FAILED),
    "denied": (SENT, Outcome.POLL_DENIED, Outcome.POLL_DENIED),
    "succeeded": ({**SENT, "resumes": 2}, Outcome.SUCCEEDED, Outcome.SUCCEEDED),
}


@pytest.mark.parametrize(("facts", "ended", "expected"), WORDS.values(), ids=WORDS)
def test_a_word_says_no_more_than_the_record_bears_out(
    facts: dict[str, Any], ended: Outcome, expected: Outcome
) -> None:
    """Without a POST nothing was changed; after one that is out a check cannot refuse any more."""
    end = RunEnd(run_id=make.run_id(), outcome=ended)

    assert word_of(make.run(**facts), end) is expected


def test_an_operation_that_only_the_orchestration_knows_was_sent() -> None:
    """The record could not be written after the POST, and the end says what was followed."""
    end = RunEnd(run_id=make.run_id(), outcome=Outcome.OUTCOME_UNKNOWN, operation=make.operation())

    assert word_of(make.run(), end) is Outcome.OUTCOME_UNKNOWN


@pytest.mark.parametrize("first", Outcome)
def test_which_words_are_proven(first: Outcome) -> None:
    """Two of the five are not, until a later look finds a proven one."""
    run = make.run(RunPhase.ENDED, outcome=first)
    resolved = run.model_copy(update={"resolution": Resolution(outcome=Outcome.FAILED, at=LATER)})

    assert run.is_proven is (first not in {Outcome.POLL_DENIED, Outcome.OUTCOME_UNKNOWN})
    assert (resolved.is_proven, resolved.word, resolved.outcome) == (True, Outcome.FAILED, first)


def test_a_run_at_work_is_not_proven() -> None:
    """It has no word at all."""
    assert (make.run().word, make.run().is_proven) == (None, False)
