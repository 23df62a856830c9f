"""
A run: one execution of a backup, a restore or a replication, from wish to word.

Rules of the file:
1. A phase changes only along TRANSITIONS; an illegal step changes nothing.
2. A run ends in exactly one word, and each word says whether the result can be used.
3. The record is written before the POST, so that a crash finds it, and holds the Location after it.

The diagram in docs/runs.md is generated from TRANSITIONS.
"""

from __future__ import annotations

import datetime as dt
import enum
from typing import Any, Literal

from pydantic import Field

from shared.core.documents import Document, Utc, Value
from shared.core.lro import Fault, Operation
from shared.core.preflight_facts import Check
from shared.core.services import ServiceRef

RunKind = Literal["backup", "restore", "replicate", "drill"]


class RunPhase(enum.StrEnum):
    """Where a run stands. Until it has ended nothing of it can be used."""

    REQUESTED = "Requested"
    """Written down; nothing was sent."""
    SUBMITTING = "Submitting"
    """The POST may have been sent; whether it took effect is not known."""
    RUNNING = "Running"
    """Azure Resource Manager accepted it; there is a URL to poll."""
    VERIFYING = "Verifying"
    """The operation is over; its result is being compared."""
    ENDED = "Ended"
    """There is an outcome."""


class Outcome(enum.StrEnum):
    """The word that a run ends in."""

    SUCCEEDED = "Succeeded"
    """Proven: a backup was verified and recorded, a restore was compared. Can be used."""
    FAILED = "Failed"
    """There is a verdict: of Azure Resource Manager, or of our comparison. Cannot be used."""
    REFUSED = "Refused"
    """A check before the POST said no; nothing was changed."""
    POLL_DENIED = "PollDenied"
    """It was started, but we may not read how it ended. May be usable; nobody has proven it."""
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    """No proof either way; the Location is kept. May be usable; nobody has proven it."""


TRANSITIONS: dict[RunPhase, frozenset[RunPhase]] = {
    RunPhase.REQUESTED: frozenset({RunPhase.SUBMITTING, RunPhase.ENDED}),
    RunPhase.SUBMITTING: frozenset(
        {RunPhase.REQUESTED, RunPhase.RUNNING, RunPhase.VERIFYING, RunPhase.ENDED}
    ),
    RunPhase.RUNNING: frozenset({RunPhase.VERIFYING, RunPhase.ENDED}),
    RunPhase.VERIFYING: frozenset({RunPhase.ENDED}),
    RunPhase.ENDED: frozenset(),
}


PROVEN = frozenset({Outcome.SUCCEEDED, Outcome.FAILED, Outcome.REFUSED})
"""Words that no later look changes."""


class Resolution(Value):
    """What a later look at a run without proof found. The run's first word stays beside it."""

    outcome: Outcome
    at: Utc
    fault: Fault | None = None
    restore_point: str | None = None


class Look(Value):
    """When a run without proof was looked at last, and why its word stayed what it was."""

    at: Utc
    said: str


class RunRecord(Document):
    """What is stored of a run. No secrets; the Location is worth nothing without a token."""

    run_id: str
    kind: RunKind
    service: str
    subject: ServiceRef
    """The service that the operation runs on: the source of a backup, the target of a restore."""
    instance_id: str
    part_of: str | None = None
    """Id of the run that has this one done first, in its own orchestration; None for a run of its own."""
    trigger: Literal["timer", "http", "event"]
    phase: RunPhase = RunPhase.REQUESTED
    requested_at: Utc
    phase_at: Utc
    posts: int = 0
    """POSTs that may have reached Azure Resource Manager."""
    posted_at: Utc | None = None
    """When the last of them was about to be sent; None while it is certain that none is on its way."""
    first_posted_at: Utc | None = None
    """When the first of them was: whatever the operation captured is not older than that."""
    transition_seen_at: Utc | None = None
    """When the target of a restore without a verdict was seen at work after its POST: perhaps by it."""
    guards: tuple[Check, ...] = ()
    """What the guards of a restore said right before its last POST."""
    operation: Operation | None = None
    polls: int = 0
    restore_point: str | None = None
    outcome: Outcome | None = None
    fault: Fault | None = None
    warnings: tuple[str, ...] = ()
    changed_while_running: bool = False
    """Whether a backup's service was found changed at its end: the plan may ask for one more."""
    ended_at: Utc | None = None
    resolution: Resolution | None = None
    last_look: Look | None = None
    resumes: int = 0
    """How often it was taken up again after its orchestration was lost."""
    wish: dict[str, Any] = Field(default_factory=dict)
    """The request as its orchestration got it, so that a run that nothing drives can be taken up again."""

    @property
    def word(self) -> Outcome | None:
        """The word that counts: a later look's, else the first one; None while the run is under way."""
        return self.resolution.outcome if self.resolution else self.outcome

    @property
    def is_proven(self) -> bool:
        """Whether it has a word that no later look changes."""
        return self.word in PROVEN

    @property
    def is_under_way(self) -> bool:
        """Whether a POST of this run was accepted, or may have been."""
        return self.operation is not None or self.posted_at is not None


class OpenMark(Document):
    """What is kept beside a run without a final word, so that it is found without reading all runs."""

    seen_at: Utc | None = None
    """When it was last seen to be driven or looked after; None: not since it was written down."""


class RunEnd(Document):
    """How a run ended, as its orchestration returns it and its record keeps it."""

    run_id: str
    outcome: Outcome
    fault: Fault | None = None
    polls: int = 0
    operation: Operation | None = None
    """What was followed last, if anything was: its URL may have moved since the POST."""
    running_at: Utc | None = None
    """When it was last seen at work, if it was."""
    restore_point: str | None = None
    warnings: tuple[str, ...] = ()
    changed_while_running: bool = False


def advance(run: RunRecord, phase: RunPhase, at: dt.datetime, **changes: Any) -> RunRecord:
    """
    Return the run in its next phase, or in the same one with other facts.

    Raises:
        ValueError: the table does not know this step, or the run has ended: its word stays.
    """
    if phase not in TRANSITIONS[run.phase] and (phase is not run.phase or phase is RunPhase.ENDED):
        raise ValueError(f"a run does not go from {run.phase} to {phase}")
    return run.model_copy(update={"phase": phase, "phase_at": at, **changes})


def word_of(run: RunRecord, end: RunEnd) -> Outcome:
    """
    Return the word that a run ends in, as far as its record bears it out.

    Where the record proves that no POST was ever on its way, nothing was changed, whatever stopped the
    run. And a run that was taken up again after a POST is not refused by a check that now says no.
    """
    was_sent = run.is_under_way or end.operation is not None
    if end.outcome is Outcome.OUTCOME_UNKNOWN and not was_sent:
        return Outcome.REFUSED
    if end.outcome is Outcome.REFUSED and was_sent and run.resumes:
        return Outcome.OUTCOME_UNKNOWN
    return end.outcome


def transitions_diagram() -> str:
    """Return the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> Requested"]
    for phase, nexts in TRANSITIONS.items():
        lines += [f"    {phase.value} --> {after.value}" for after in RunPhase if after in nexts]
    return "\n".join([*lines, "    Ended --> [*]"]) + "\n"
