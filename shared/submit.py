"""
Sending a POST once, whatever happens: the protocol that backup and restore share.

The run record is written before the POST and holds the Location after it. A step that runs again
reads it first, and repeats the POST only where the evidence says that it never took effect.
"""

from __future__ import annotations

from collections.abc import Callable

from shared import telemetry
from shared.core import submission
from shared.core.errors import AccessError, ConfigError, ConflictError, ProtocolError, UnavailableError
from shared.core.lro import Fault, read_submission
from shared.core.ports import Ports
from shared.core.requests import BackupRequest, RestoreRequest
from shared.core.runs import Outcome, RunPhase, RunRecord
from shared.core.steps import StepResult, done, end, fault_of, retry
from shared.core.submission import Evidence, Weighed


def submit_once(
    ports: Ports,
    request: BackupRequest | RestoreRequest,
    action: str,
    backup_name: str,
    look: Callable[[], Evidence],
) -> StepResult:
    """
    Start the operation of a run, or find out that it was started before.

    Args:
        ports: run records, Azure Resource Manager, clock.
        request: the wish; its run record exists.
        action: `backup` or `restore`.
        backup_name: the blob.
        look: finds the evidence; called only when a POST of unknown fate is on record.

    Returns:
        DONE with `operation` to poll, or with `settled` when it is over without a Location;
        RETRY while it cannot be told or the service is busy; END with the word.
    """
    run, etag = ports.runs.read(request.run_id)
    earlier = _look_back(ports, request, run, etag, look)
    if earlier is not None:
        return earlier
    try:
        run = submission.intend(run, ports.clock.now())
        etag = ports.runs.replace(run, etag)
    except ConflictError as err:
        # another execution of this very step is at work; it has the right of way
        return retry(fault_of(err), unproven=Outcome.OUTCOME_UNKNOWN)
    changed, result = _post(ports, request, action, backup_name, run)
    if changed is not run:
        ports.runs.replace(changed, etag)
    telemetry.log(
        telemetry.Event.RUN_SUBMITTED,
        run_id=run.run_id,
        service=run.service,
        reason=result.state.value,
        code=result.fault.code if result.fault else None,
        posts=changed.posts,
    )
    return result


def _look_back(
    ports: Ports,
    request: BackupRequest | RestoreRequest,
    run: RunRecord,
    etag: str,
    look: Callable[[], Evidence],
) -> StepResult | None:
    """Return what an earlier execution of this step already came to; None: the POST may be sent."""
    if run.operation is not None:
        return done(operation=run.operation.to_json())
    if run.phase is RunPhase.VERIFYING:
        return done(settled=True)
    if run.posted_at is None:
        return None
    now = ports.clock.now()
    weighed = submission.weigh(run, look(), now, request.intervals)
    if weighed is Weighed.POST:
        return None
    if weighed is Weighed.SETTLED:
        ports.runs.replace(submission.settle(run, now), etag)
        return done(settled=True)
    if weighed is Weighed.GIVE_UP:
        fault = Fault(code="NoTrace", message=f"{run.posts} requests left no trace")
        return end(Outcome.OUTCOME_UNKNOWN, fault)
    fault = Fault(code="AnswerLost", message="the answer to the request was lost; looking for its effect")
    return retry(fault, unproven=Outcome.OUTCOME_UNKNOWN, after_s=request.intervals.poll_default_s)


def _post(
    ports: Ports, request: BackupRequest | RestoreRequest, action: str, backup_name: str, run: RunRecord
) -> tuple[RunRecord, StepResult]:
    """Send the POST and return what it changes; `run` already says that one may be on its way."""
    try:
        response = ports.arm.start(request.subject, action, request.storage, backup_name)
        answer = read_submission(
            response, request_url=ports.arm.start_url(request.subject, action), now=ports.clock.now()
        )
    except UnavailableError as err:
        if err.maybe_sent:
            return run, retry(fault_of(err), unproven=Outcome.OUTCOME_UNKNOWN)
        return submission.withdraw(run, ports.clock.now()), retry(fault_of(err), unproven=Outcome.REFUSED)
    except (AccessError, ConfigError) as err:  # no token or no key: nothing was sent
        return submission.withdraw(run, ports.clock.now()), end(Outcome.REFUSED, fault_of(err))
    except ProtocolError as err:
        # accepted, but the Location cannot be trusted: only evidence can tell how it ends
        return run, retry(fault_of(err), unproven=Outcome.OUTCOME_UNKNOWN)
    return submission.after_post(run, answer, ports.clock.now(), request.intervals)
