"""The steps of a later look at a run that ended without proof. Each may run more than once."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from run_control.activities import write_end
from shared import telemetry
from shared.core.documents import Document
from shared.core.lro import Fault, Operation
from shared.core.ports import Ports
from shared.core.requests import BackupRequest
from shared.core.runs import Look, Outcome, Resolution, RunEnd, RunKind, RunPhase, RunRecord
from shared.core.steps import StepResult, attempt, done
from shared.core.submission import needs_note
from shared.core.watching import wish_of
from shared.standby import is_superseded
from shared.submit import replace_run


class Recalled(Document):
    """What a later look begins with."""

    run_id: str
    kind: RunKind
    is_proven: bool
    wish: dict[str, Any]
    """The request; empty if it was not written down, and then nothing can be verified."""
    operation: Operation | None
    polls: int
    is_late: bool
    """Whether the operation's deadline has passed."""
    is_superseded: bool
    """Whether another run has changed the target since."""


class Finding(Document):
    """What a later look came to; `outcome` None: there is no proof yet, and `said` tells why."""

    run_id: str
    outcome: Outcome | None = None
    fault: Fault | None = None
    restore_point: str | None = None
    said: str = ""


def recall_run(question: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Read the run that is looked at. One that has no word yet, and that only this look drives, ends here.

    Args:
        question: {"runId"}.
        ports: the run records and the clock.

    Returns:
        StepResult; DONE carries Recalled.
    """
    return attempt(lambda: _recall(question["runId"], ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _recall(run_id: str, ports: Ports) -> StepResult:
    run, etag = ports.runs.read(run_id)
    if run.phase is not RunPhase.ENDED:
        fault = Fault(code="RunAbandoned", message=f"nothing drove it any more; it stood at {run.phase}")
        write_end(run, etag, RunEnd(run_id=run_id, outcome=Outcome.OUTCOME_UNKNOWN, fault=fault), ports)
        run, _ = ports.runs.read(run_id)
    wish = wish_of(run)
    deadline_at = wish.deadline_at if wish else run.requested_at + _allowed(ports)
    recalled = Recalled(
        run_id=run_id,
        kind=run.kind,
        is_proven=run.is_proven,
        wish=wish.to_json() if wish else {},
        operation=run.operation,
        polls=run.polls,
        is_late=ports.clock.now() >= deadline_at,
        is_superseded=is_superseded(run, ports),
    )
    return done(**recalled.to_json())


def find_effect(question: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Look for what an operation left, where its own answer is not to be had, and note a target at work.

    Args:
        question: {"runId"} of a run whose wish is on record.
        ports: the run records, Azure Resource Manager and the backups.

    Returns:
        StepResult; DONE carries {"inTransition", "isThere": of a backup, whether there is a blob}.
    """
    return attempt(lambda: _find(question["runId"], ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _find(run_id: str, ports: Ports) -> StepResult:
    run, etag = ports.runs.read(run_id)
    wish = wish_of(run)
    state = ports.arm.service_state(run.subject)
    if wish is not None and ports.clock.now() < wish.deadline_at and needs_note(run, state.is_in_transition):
        # after the deadline it is hardly this operation any more
        replace_run(ports, run.model_copy(update={"transition_seen_at": ports.clock.now()}), etag)
    if state.is_in_transition or not isinstance(wish, BackupRequest):
        return done(inTransition=state.is_in_transition, isThere=False)
    backups = ports.backups(wish.storage.account, wish.storage.container)
    return done(inTransition=False, isThere=backups.exists(wish.backup_name))


def write_resolution(finding: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Write what was found beside the run's first word. Idempotent: a proven word stays as it is.

    Returns:
        StepResult; DONE carries {"word": the word that counts now}.
    """
    return attempt(lambda: _resolve(Finding.from_json(finding), ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _resolve(finding: Finding, ports: Ports) -> StepResult:
    run, etag = ports.runs.read(finding.run_id)
    now = ports.clock.now()
    if not run.is_proven and finding.outcome is None:
        looked = run.model_copy(update={"last_look": Look(at=now, said=finding.said)})
        replace_run(ports, looked, etag)
    elif not run.is_proven and finding.outcome is not None:
        resolution = Resolution(
            outcome=finding.outcome, at=now, fault=finding.fault, restore_point=finding.restore_point
        )
        run = run.model_copy(update={"resolution": resolution})
        replace_run(ports, run, etag)
        _log(run, resolution)
    if run.is_proven:
        ports.runs.close(run.run_id)
    return done(word=run.word)


def _log(run: RunRecord, resolution: Resolution) -> None:
    telemetry.log(
        telemetry.Event.RUN_RESOLVED,
        level=logging.INFO if resolution.outcome is Outcome.SUCCEEDED else logging.ERROR,
        run_id=run.run_id,
        kind=run.kind,
        service=run.service,
        outcome=resolution.outcome,
        restore_point=resolution.restore_point,
        code=resolution.fault.code if resolution.fault else None,
        message=resolution.fault.message if resolution.fault else None,
    )


def _allowed(ports: Ports) -> dt.timedelta:
    return dt.timedelta(seconds=ports.intervals.deadline_s)
