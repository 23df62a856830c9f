"""How runs stand, and writing how one ended."""

from __future__ import annotations

import logging
from typing import Any

from shared import telemetry
from shared.core.errors import NotFoundError, ProtocolError
from shared.core.fleet import ActiveRun
from shared.core.ports import Ports
from shared.core.runs import Outcome, RunEnd, RunPhase, RunRecord, advance, word_of
from shared.core.steps import StepResult, attempt, done
from shared.instances import DurableClient, instance_state
from shared.submit import replace_run
from shared.threads import in_thread


async def run_states(question: dict[str, Any], client: DurableClient, ports: Ports) -> dict[str, Any]:
    """
    Look at runs. The run record is the truth; Durable is asked only whether something still drives it.

    Args:
        question: {"runs": [ActiveRun]}.
        client: Durable's client.
        ports: the run records.

    Returns:
        {"runs": [{"runId", "end": RunEnd or None, "driven": bool}]}.
    """
    looks = []
    for item in question["runs"]:
        run = ActiveRun.model_validate(item)
        # in this order: a run that ends between the two looks is seen as driven, not as lost
        state = await instance_state(client, run.instance_id)
        end = await in_thread(_end_of, run.run_id, ports)
        looks.append({"runId": run.run_id, "end": end, "driven": state.drives(run.run_id)})
    return {"v": 1, "runs": looks}


def end_run(end: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Write the word that a run ended in. Idempotent: a run that has ended keeps its first word.

    Returns:
        StepResult; DONE carries {"outcome": the word on record}.
    """
    return attempt(lambda: _end(RunEnd.from_json(end), ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _end(end: RunEnd, ports: Ports) -> StepResult:
    run, etag = ports.runs.read(end.run_id)
    return done(outcome=write_end(run, etag, end, ports))


def write_end(run: RunRecord, etag: str, end: RunEnd, ports: Ports) -> Outcome | None:
    """
    Write the word of a run unless it has one, and close its mark if the word needs no proof any more.

    A crash in between leaves a mark, which the watch clears away.

    Returns:
        The first word on record.

    Raises:
        TemporaryError: the record has changed since it was read.
    """
    if run.phase is not RunPhase.ENDED:
        now = ports.clock.now()
        changes = {
            "outcome": word_of(run, end),
            "fault": end.fault,
            "polls": end.polls,
            "operation": end.operation or run.operation,
            "restore_point": end.restore_point or run.restore_point,
            "warnings": end.warnings,
            "changed_while_running": end.changed_while_running,
            "ended_at": now,
        }
        if run.kind != "backup" and run.transition_seen_at is None:
            changes["transition_seen_at"] = end.running_at
        run = advance(run, RunPhase.ENDED, now, **changes)
        replace_run(ports, run, etag)
        _log(run)
    if run.is_proven:
        ports.runs.close(run.run_id)
    return run.outcome


def _log(run: RunRecord) -> None:
    telemetry.log(
        telemetry.Event.RUN_ENDED,
        level=logging.INFO if run.outcome is Outcome.SUCCEEDED else logging.ERROR,
        run_id=run.run_id,
        kind=run.kind,
        service=run.service,
        outcome=run.outcome,
        code=run.fault.code if run.fault else None,
        message=run.fault.message if run.fault else None,
        polls=run.polls,
    )


def _end_of(run_id: str, ports: Ports) -> dict[str, Any] | None:
    try:
        run, _ = ports.runs.read(run_id)
    except (NotFoundError, ProtocolError):
        return None  # gone or not readable: one such record must not hide the other runs from the night
    if run.word is None:
        return None
    later = run.resolution
    return RunEnd(
        run_id=run.run_id,
        outcome=run.word,
        fault=later.fault if later else run.fault,
        polls=run.polls,
        restore_point=(later.restore_point if later else None) or run.restore_point,
        warnings=run.warnings,
        changed_while_running=run.changed_while_running,
    ).to_json()
