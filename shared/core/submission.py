"""
Whether a POST may be sent, and what its answer changes. Pure.

Backup and restore carry no idempotency key, so a POST whose answer was lost must not simply be
repeated. The run record says that one may be on its way; then only evidence decides: is the
service in transition, and is the effect there?
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Sequence

from shared.core.documents import Value
from shared.core.intervals import Intervals
from shared.core.lro import Fault, Submission, SubmissionState
from shared.core.preflight_facts import Check
from shared.core.runs import Outcome, RunPhase, RunRecord, advance
from shared.core.steps import StepResult, done, end, retry

DENIED_HINT = (
    "Give the app's identity the actions service/read, service/backup/action, service/restore/action and "
    "service/operationresults/read of Microsoft.ApiManagement on this service; see docs/azure-facts.md, "
    "Permissions."
)
POSTS_MAX = 3
"""So many POSTs without any trace, and a human should look."""

GUARDS_MAX = 60
GUARD_LENGTH_MAX = 600
"""What a run record keeps of the guards: more of them than there are, and letters of each text."""


class Evidence(Value):
    """What was found when an answer was lost. `effect_seen` None: it could not be looked for."""

    in_transition: bool
    effect_seen: bool | None


class Weighed(enum.StrEnum):
    """What the evidence allows."""

    SETTLED = "settled"
    """The POST took effect and is over: go on to verify."""
    WAIT = "wait"
    """Something runs, perhaps ours."""
    POST = "post"
    """It never took effect: it may be sent again."""
    GIVE_UP = "giveUp"
    """No trace after several POSTs."""
    UNPROVEN = "unproven"
    """Nothing shows that it took effect, and another POST could undo what was changed since."""


def weigh(run: RunRecord, evidence: Evidence, now: dt.datetime, intervals: Intervals) -> Weighed:
    """Decide what a run with a POST of unknown fate does next."""
    if evidence.in_transition or evidence.effect_seen is None:
        return Weighed.WAIT
    if evidence.effect_seen and (run.kind == "backup" or run.transition_seen_at is not None):
        # a blob of this name is this run's; a target that equals the point may have done so before
        return Weighed.SETTLED
    if run.posted_at is not None and now - run.posted_at < dt.timedelta(seconds=intervals.evidence_grace_s):
        return Weighed.WAIT
    if run.kind != "backup" and not _may_repeat(run, now, intervals):
        return Weighed.UNPROVEN
    return Weighed.GIVE_UP if run.posts >= POSTS_MAX else Weighed.POST


def needs_note(run: RunRecord, is_in_transition: bool) -> bool:
    """Tell whether it has to be written down that the target of a restore that was sent is at work."""
    return run.kind != "backup" and run.is_under_way and is_in_transition and run.transition_seen_at is None


def _may_repeat(run: RunRecord, now: dt.datetime, intervals: Intervals) -> bool:
    """
    Tell whether a restore's POST of which nothing shows that it took effect may be sent once more.

    A target that was at work since may have been restored, and then changed by people. Who looks late
    cannot know: a run that was taken up again has looked at nothing meanwhile.
    """
    if run.transition_seen_at is not None or run.posted_at is None:
        return run.posted_at is None
    within_s = intervals.abandoned_s if run.resumes else intervals.repeat_restore_s
    return now - run.posted_at <= dt.timedelta(seconds=within_s)


def word_on_record(run: RunRecord) -> StepResult | None:
    """Return the end of a step whose run has ended already: nothing is done for it any more."""
    if run.phase is not RunPhase.ENDED:
        return None
    fault = run.fault or Fault(code="RunEnded", message="the run had ended before anything was sent")
    return end(run.outcome or Outcome.OUTCOME_UNKNOWN, fault)


def intend(run: RunRecord, now: dt.datetime, guards: Sequence[Check] = ()) -> RunRecord:
    """Return the run as written just before the POST is sent, with what the guards said right before it."""
    first_posted_at = run.first_posted_at or run.posted_at or now
    return advance(
        run,
        RunPhase.SUBMITTING,
        now,
        posted_at=now,
        first_posted_at=first_posted_at,
        posts=run.posts + 1,
        guards=tuple(map(_in_bounds, guards[:GUARDS_MAX])),
    )


def _in_bounds(check: Check) -> Check:
    return check.model_copy(update={"cause": _cut(check.cause), "command": _cut(check.command)})


def _cut(text: str) -> str:
    return text if len(text) <= GUARD_LENGTH_MAX else text[: GUARD_LENGTH_MAX - 1] + "…"


def withdraw(run: RunRecord, now: dt.datetime) -> RunRecord:
    """
    Return the run after a POST that certainly started nothing.

    Earlier POSTs of unknown fate stay on record, and evidence of them is looked for again.
    """
    if run.posts > 1:
        return advance(run, run.phase, now, posts=run.posts - 1)
    return advance(run, RunPhase.REQUESTED, now, posted_at=None, first_posted_at=None, posts=run.posts - 1)


def settle(run: RunRecord, now: dt.datetime) -> RunRecord:
    """Return the run whose operation is over without a Location to read."""
    return advance(run, RunPhase.VERIFYING, now)


def after_post(run: RunRecord, submission: Submission, now: dt.datetime) -> tuple[RunRecord, StepResult]:
    """Return the run and the step's result after an answer that could be read."""
    fault = submission.fault or Fault(code="Unclear")
    state = submission.state
    if state is SubmissionState.ACCEPTED and submission.operation is not None:
        run = advance(run, RunPhase.RUNNING, now, operation=submission.operation)
        return run, done(operation=submission.operation.to_json())
    if state is SubmissionState.COMPLETED:
        return settle(run, now), done(settled=True)
    if state is SubmissionState.UNCLEAR:
        return run, retry(fault, unproven=Outcome.OUTCOME_UNKNOWN, after_s=submission.retry_after_s)
    if state is SubmissionState.BUSY:
        # an earlier POST of ours may be what the service is busy with
        unproven = Outcome.OUTCOME_UNKNOWN if run.posts > 1 else Outcome.REFUSED
        return withdraw(run, now), retry(fault, unproven=unproven, after_s=submission.retry_after_s)
    is_denied = state is SubmissionState.DENIED
    if is_denied:
        fault = fault.model_copy(update={"hint": DENIED_HINT})
    if run.posts > 1:
        # this answer is about this POST; the earlier one left no trace so far, which is no proof either way
        return run, end(Outcome.OUTCOME_UNKNOWN, fault)
    # a missing right says nothing about the backup: nothing was changed, and nobody judged it
    return withdraw(run, now), end(Outcome.REFUSED if is_denied else Outcome.FAILED, fault)
