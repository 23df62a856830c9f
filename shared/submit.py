"""
Sending a POST once, whatever happens: the protocol that backup and restore share.

The run record is written before the POST and holds the Location after it. A step that runs again
reads it first, and repeats the POST only where the evidence says that it never took effect.
"""

from __future__ import annotations

from collections.abc import Callable

from shared import telemetry
from shared.core import submission
from shared.core.errors import (
    AccessError,
    ConfigError,
    ConflictError,
    DrError,
    ProtocolError,
    TemporaryError,
    UnavailableError,
)
from shared.core.lro import Fault, read_submission
from shared.core.ports import Ports
from shared.core.preflight_facts import Check
from shared.core.requests import BackupRequest, RestoreRequest
from shared.core.runs import Outcome, RunPhase, RunRecord
from shared.core.steps import StepResult, StepState, done, end, fault_of, retry
from shared.core.submission import Evidence, Weighed

_DIFFERS = Fault(
    code="AnswerLost",
    message=(
        "the answer to the request was lost, and the target does not equal the restore point now; it is "
        "not sent again, because that could undo what was changed since"
    ),
    hint="Compare the target with the restore point; restore again if it does not hold what it should.",
)

_EQUAL_ONLY = Fault(
    code="AnswerLost",
    message=(
        "the answer to the request was lost, and nobody saw the target at work since; it equals the restore "
        "point, as it may have done before, so it is not known whether Azure restored it. Secret values are "
        "in no digest, and so in no comparison"
    ),
    hint="Restore again if secret values may differ, or if a proof is needed.",
)


def submit_once(
    ports: Ports,
    request: BackupRequest | RestoreRequest,
    action: str,
    backup_name: str,
    look: Callable[[], Evidence],
    last_check: Callable[[RunRecord], StepResult] = lambda _run: done(),
) -> StepResult:
    """
    Start the operation of a run, or find out that it was started before.

    Args:
        ports: run records, Azure Resource Manager, clock.
        request: the wish; its run record exists.
        action: `backup` or `restore`.
        backup_name: the blob.
        look: finds the evidence; called only when a POST of unknown fate is on record.
        last_check: asked right before a POST is sent; DONE lets it pass, with the verdicts of the `guards`,
            which are written down with it.

    Returns:
        DONE with `operation` to poll, or with `settled` when nothing is left to poll, and with `resumes`;
        RETRY while it cannot be told or the service is busy; END with the word.
    """
    before, etag = ports.runs.read(request.run_id)
    earlier = _look_back(ports, request, before, etag, look)
    if earlier is not None:
        return _numbered(earlier, before)
    checked = last_check(before)
    if checked.state is not StepState.DONE:
        return checked
    guards = [Check.model_validate(one) for one in checked.value.get("guards", [])]
    run = submission.intend(before, ports.clock.now(), guards)
    etag = replace_run(ports, run, etag)  # another execution of this very step has the right of way
    changed, result = _post(ports, request, action, backup_name, before, run)
    unwritten = _keep(ports, changed, etag) if changed is not run else None
    telemetry.log(
        telemetry.Event.RUN_SUBMITTED,
        run_id=run.run_id,
        service=run.service,
        reason=result.state.value,
        code=result.fault.code if result.fault else None,
        message=f"the record could not be written: {unwritten.code}" if unwritten else None,
        posts=changed.posts,
    )
    return _numbered(result, before)


def replace_run(ports: Ports, run: RunRecord, etag: str) -> str:
    """
    Write a run that must not have changed since it was read; return the new ETag.

    Raises:
        TemporaryError: it changed; the step runs again and reads what is there now. That may be our own
            write: storage clients repeat one whose answer was lost, and then find another ETag.
    """
    try:
        return ports.runs.replace(run, etag)
    except ConflictError as err:
        raise TemporaryError("the run record changed meanwhile", code="Conflict") from err


def _numbered(result: StepResult, run: RunRecord) -> StepResult:
    """Say with it how often the run was taken up again: each time it is followed by another instance."""
    if result.state is not StepState.DONE:
        return result
    return result.model_copy(update={"value": {**result.value, "resumes": run.resumes}})


def _keep(ports: Ports, run: RunRecord, etag: str) -> DrError | None:
    """
    Write what the answer to the POST changed; return why that was not possible.

    Raising here would throw away an answer that cannot be had again. The orchestration has it all the
    same, and if even that is lost the record still says that a POST is on its way.
    """
    try:
        ports.runs.replace(run, etag)
    except DrError as err:
        return err
    return None


def _look_back(
    ports: Ports,
    request: BackupRequest | RestoreRequest,
    run: RunRecord,
    etag: str,
    look: Callable[[], Evidence],
) -> StepResult | None:
    """Return what an earlier execution of this step already came to; None: the POST may be sent."""
    ended = submission.word_on_record(run)
    if ended is not None:
        return ended
    if run.phase is RunPhase.VERIFYING:  # its end was read, or seen by its effect
        return done(settled=True)
    if run.operation is not None:
        return done(operation=run.operation.to_json())
    if run.posted_at is None:
        return None
    now = ports.clock.now()
    evidence = look()
    weighed = submission.weigh(run, evidence, now, request.intervals)
    if weighed is Weighed.POST:
        return None
    if weighed is Weighed.SETTLED:
        replace_run(ports, submission.settle(run, now), etag)
        return done(settled=True)
    if weighed is Weighed.GIVE_UP:
        fault = Fault(code="NoTrace", message=f"{run.posts} requests left no trace")
        return end(Outcome.OUTCOME_UNKNOWN, fault)
    if weighed is Weighed.UNPROVEN:
        return end(Outcome.OUTCOME_UNKNOWN, _EQUAL_ONLY if evidence.effect_seen else _DIFFERS)
    if submission.needs_note(run, evidence.in_transition):
        replace_run(ports, run.model_copy(update={"transition_seen_at": now}), etag)
    fault = Fault(code="AnswerLost", message="the answer to the request was lost; looking for its effect")
    # with growing pauses: an operation of hours is looked for a hundred times, not five hundred
    return retry(fault, unproven=Outcome.OUTCOME_UNKNOWN)


def _post(
    ports: Ports,
    request: BackupRequest | RestoreRequest,
    action: str,
    backup_name: str,
    before: RunRecord,
    run: RunRecord,
) -> tuple[RunRecord, StepResult]:
    """
    Send the POST and return what it changes.

    Args:
        ports: Azure Resource Manager and the clock.
        request: the wish.
        action: `backup` or `restore`.
        backup_name: the blob.
        before: the run as it was; it is so again if this POST was certainly never sent. An earlier one of
            unknown fate stays on record then, and the run cannot be called refused.
        run: the run as written, which says that a POST may be on its way.
    """
    unsent = Outcome.REFUSED if before.posted_at is None else Outcome.OUTCOME_UNKNOWN
    try:
        response = ports.arm.start(request.subject, action, request.storage, backup_name)
        answer = read_submission(
            response, request_url=ports.arm.start_url(request.subject, action), now=ports.clock.now()
        )
    except UnavailableError as err:
        if err.maybe_sent:
            return run, retry(fault_of(err), unproven=Outcome.OUTCOME_UNKNOWN)
        return before, retry(fault_of(err), unproven=unsent)
    except (AccessError, ConfigError) as err:  # no token or no key: nothing was sent
        return before, end(unsent, fault_of(err))
    except ProtocolError as err:
        # accepted, but the Location cannot be trusted: only evidence can tell how it ends
        return run, retry(fault_of(err), unproven=Outcome.OUTCOME_UNKNOWN)
    return submission.after_post(run, answer, ports.clock.now())
