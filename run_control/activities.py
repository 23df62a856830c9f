"""How runs stand, and writing how one ended."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from shared import telemetry
from shared.core.errors import NotFoundError, ProtocolError
from shared.core.fleet import ActiveRun
from shared.core.ports import Ports
from shared.core.runs import Outcome, RunEnd, RunPhase, RunRecord, advance
from shared.core.steps import StepResult, attempt, done
from shared.instances import DurableClient, instance_state
from shared.submit import replace_run


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
        end = await asyncio.to_thread(_end_of, run.run_id, ports)
        # all runs of a service share the instance: one that works for another run does not drive this one
        driven = state.is_running and (state.input is None or state.is_of(run.run_id))
        looks.append({"runId": run.run_id, "end": end, "driven": driven})
    return {"v": 1, "runs": looks}


def end_run(end: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Write the word that a run ended in. Idempotent: a run that has ended keeps its first word."""
    return attempt(lambda: _end(RunEnd.from_json(end), ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _end(end: RunEnd, ports: Ports) -> StepResult:
    run, etag = ports.runs.read(end.run_id)
    if run.phase is RunPhase.ENDED:
        return done()
    now = ports.clock.now()
    changes = {
        "outcome": end.outcome,
        "fault": end.fault,
        "polls": end.polls,
        "operation": end.operation or run.operation,
        "restore_point": end.restore_point or run.restore_point,
        "warnings": end.warnings,
        "ended_at": now,
    }
    replace_run(ports, advance(run, RunPhase.ENDED, now, **changes), etag)
    _log(run, end)
    return done()


def _log(run: RunRecord, end: RunEnd) -> None:
    telemetry.log(
        telemetry.Event.RUN_ENDED,
        level=logging.INFO if end.outcome is Outcome.SUCCEEDED else logging.ERROR,
        run_id=run.run_id,
        kind=run.kind,
        service=run.service,
        outcome=end.outcome,
        code=end.fault.code if end.fault else None,
        message=end.fault.message if end.fault else None,
        polls=end.polls,
    )


def _end_of(run_id: str, ports: Ports) -> dict[str, Any] | None:
    try:
        run, _ = ports.runs.read(run_id)
    except (NotFoundError, ProtocolError):
        return None  # gone or not readable: one such record must not hide the other runs from the night
    if run.outcome is None:
        return None
    return RunEnd(
        run_id=run.run_id,
        outcome=run.outcome,
        fault=run.fault,
        polls=run.polls,
        restore_point=run.restore_point,
        warnings=run.warnings,
    ).to_json()
