"""The plan of a later look, as a generator. Only yields, pure calls and returns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from typing import Any

from run_control.later import Finding, Recalled
from shared.core.intervals import Intervals
from shared.core.lro import Fault, OperationStatus, PollState
from shared.core.requests import BackupRequest, RestoreRequest
from shared.core.runs import Outcome
from shared.core.steps import Patience, StepResult, StepState, repeat

NOT_READ = "azure's own verdict could not be read any more; the backup was found by its blob"

Looking = Generator[Any, Any, Finding]


def resolve_run(context: Any) -> Generator[Any, Any, dict[str, Any]]:
    """
    Look once more at a run that ended without proof, and write what is found beside its first word.

    It runs on the instance that all runs of the service share, so nothing else of ours works on the
    service meanwhile.

    Input: {"v", "runId", "intervals"}. Output: {"v", "runId", "word", "said"}.

    Raises:
        RuntimeError: what was found could not be written; the orchestration fails, which alerts see.
    """
    wish = context.get_input()
    run_id, intervals = str(wish["runId"]), Intervals.model_validate(wish["intervals"])
    patience = _while(context, intervals)
    recalled = yield from repeat(context, "recall_run", {"v": 1, "runId": run_id}, patience)
    if recalled.state is StepState.END:
        return {"v": 1, "runId": run_id, "word": None, "said": _reason(recalled)}
    memory = Recalled.from_json(recalled.value)
    finding = Finding(run_id=run_id, said="its word is proven already")
    if not memory.is_proven:
        finding = yield from _look(context, memory, patience)
    written = yield from repeat(context, "write_resolution", finding.to_json(), patience)
    if written.state is StepState.END:
        raise RuntimeError(f"what a later look at run {run_id} found could not be written")
    return {"v": 1, "runId": run_id, "word": written.value["word"], "said": finding.said}


def _look(context: Any, memory: Recalled, patience: Patience) -> Looking:
    """Ask for Azure's verdict first; where it cannot be had, or is good, evidence decides."""
    was_read = False
    if memory.operation is not None:
        status = yield from _verdict(context, memory)
        if status.state is PollState.RUNNING:
            return _nothing(memory, "the operation is still running")
        if status.state is PollState.FAILED:
            if memory.kind != "backup" and memory.wish:
                # best effort: the verdict is Azure's, whether its report can be written or not
                report = {**memory.wish, "fault": status.fault.to_json() if status.fault else None}
                yield from repeat(context, "report_failed_restore", report, patience)
            return Finding(run_id=memory.run_id, outcome=Outcome.FAILED, fault=status.fault)
        was_read = status.state is PollState.SUCCEEDED
    if not memory.wish:
        return _nothing(memory, "its wish was not written down, so nothing can be verified")
    if not was_read:
        effect = yield from repeat(context, "find_effect", {"v": 1, "runId": memory.run_id}, patience)
        if effect.state is StepState.END:
            return _nothing(memory, _reason(effect))
        if effect.value["inTransition"]:
            return _nothing(memory, "the service is in transition; that may be this operation")
        if memory.kind == "backup" and not effect.value["isThere"]:
            return _no_backup(memory)
    prove = _prove_backup if memory.kind == "backup" else _prove_restore
    finding = yield from prove(context, memory, was_read, patience)
    return finding


def _verdict(context: Any, memory: Recalled) -> Generator[Any, Any, OperationStatus]:
    """Ask the kept Location once, and once more with a new token if the old one was refused."""
    if memory.operation is None:
        raise ValueError("only a run with an operation has a verdict to read")
    status = OperationStatus(state=PollState.FAULT, operation=memory.operation)
    for refresh in (False, True):
        question = {"operation": memory.operation.to_json(), "refreshToken": refresh}
        try:
            answer = yield context.call_activity("poll_once", question)
        except Exception:  # noqa: BLE001 - Durable raises nothing more precise for a failed activity
            return status  # the read died, not the operation
        status = OperationStatus.from_json(answer)
        if status.state is not PollState.UNAUTHENTICATED:
            break
    return status


def _prove_backup(context: Any, memory: Recalled, was_read: bool, patience: Patience) -> Looking:
    """Verify and record the backup as its run would have done."""
    request = BackupRequest.from_json(memory.wish)
    prepared = yield from repeat(context, "prepare_backup", memory.wish, patience)
    if prepared.state is StepState.END:
        return _nothing(memory, _reason(prepared))
    facts = {"request": memory.wish, "prepared": prepared.value, "polls": memory.polls}
    verified = yield from repeat(context, "verify_backup", facts, patience)
    if verified.state is StepState.END:
        return _judged(memory, verified)
    value = verified.value
    if not was_read:
        point = value["point"]
        value = {**value, "point": {**point, "warnings": _added(point.get("warnings", []))}}
    recorded = yield from repeat(context, "record_restore_point", value, patience)
    if recorded.state is StepState.END:
        return _nothing(memory, _reason(recorded))
    return Finding(
        run_id=memory.run_id, outcome=Outcome.SUCCEEDED, restore_point=request.backup_name, said=""
    )


def _prove_restore(context: Any, memory: Recalled, was_read: bool, patience: Patience) -> Looking:
    """Compare the target as the run would have done, unless another run has changed it since."""
    if memory.is_superseded:
        return _nothing(memory, "a later run has changed the target, so comparing it would say nothing")
    request = RestoreRequest.from_json(memory.wish)
    wish = {**memory.wish, "isVerdictRead": was_read}
    verified = yield from repeat(context, "verify_restore", wish, patience)
    if verified.state is StepState.END:
        # without a verdict a difference may only say that the operation has not begun
        return (
            _judged(memory, verified) if was_read or memory.is_late else _nothing(memory, _reason(verified))
        )
    if memory.kind == "replicate":
        recorded = yield from repeat(context, "record_replica", memory.wish, patience)
        if recorded.state is StepState.END:
            return _nothing(memory, _reason(recorded))
    return Finding(run_id=memory.run_id, outcome=Outcome.SUCCEEDED, restore_point=request.point.name)


def _judged(memory: Recalled, result: StepResult) -> Finding:
    """Return what a verification says that did not succeed: only a verdict counts."""
    if result.outcome is Outcome.FAILED:
        return Finding(run_id=memory.run_id, outcome=Outcome.FAILED, fault=result.fault)
    return _nothing(memory, _reason(result))


def _no_backup(memory: Recalled) -> Finding:
    if not memory.is_late:
        return _nothing(memory, "the service is idle and there is no blob; its deadline has not passed yet")
    fault = Fault(
        code="NoBackup",
        message="the service is idle, the deadline has passed, and there is no blob",
        hint="Nothing was recorded. Back up again.",
    )
    return Finding(run_id=memory.run_id, outcome=Outcome.FAILED, fault=fault)


def _added(warnings: list[str]) -> list[str]:
    return [*warnings, NOT_READ] if not any("verdict" in text for text in warnings) else warnings


def _nothing(memory: Recalled, said: str) -> Finding:
    return Finding(run_id=memory.run_id, said=said)


def _reason(result: StepResult) -> str:
    fault = result.fault
    return (fault.message or fault.code) if fault else "a step of the look did not come to an end"


def _while(context: Any, intervals: Intervals) -> Patience:
    """Return the patience of a whole look, all its steps together: it keeps other runs from the service."""
    until = context.current_utc_datetime + dt.timedelta(seconds=intervals.resolve_patience_s)
    return Patience(until=until, intervals=intervals)
