"""
The safety backup: what a target holds is backed up before a restore replaces it.

It is a run of its own, kept under the name of a service that no plan has (names.safety_service), in the
records of this app's region. Its id and its name follow from the restore's id, so that a restore that is
taken up again finds it and makes no second one. Each step may run more than once.
"""

from __future__ import annotations

import contextlib
from typing import Any

from shared import roster
from shared.contents import has_content
from shared.core import layout, names
from shared.core.access import BackupStorage
from shared.core.documents import Document
from shared.core.errors import ConflictError, NotFoundError, ProtocolError
from shared.core.lro import Fault
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.requests import BackupRequest, RestoreRequest
from shared.core.retention import Hold
from shared.core.runs import Outcome, RunRecord
from shared.core.steps import StepResult, attempt, done, end
from shared.core.submission import word_on_record
from shared.core.watching import wish_of
from shared.submit import replace_run

REFUSE_IT = 'Or send "safetyBackup": false: then nothing of what the target holds is kept.'


class Safety(Document):
    """
    What is still to be done before the target may be overwritten.

    `wish` None: nothing. `is_open`: its run has no word yet, and is driven in the sub-orchestration
    `instance_id`. `made`: name of the backup, where it was made before the restore was sent.
    """

    wish: BackupRequest | None = None
    is_open: bool = False
    instance_id: str = ""
    made: str | None = None


def prepare_safety(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Decide whether the target is backed up first, and write that run down.

    Once the restore may have been sent nothing is decided any more: what the target holds then may be
    the restore's own.

    Returns:
        StepResult; DONE carries Safety.
    """
    request = RestoreRequest.from_json(wish)
    return attempt(lambda: _prepare(request, ports), unproven=Outcome.REFUSED)


def _prepare(request: RestoreRequest, ports: Ports) -> StepResult:
    restore, _ = ports.runs.read(request.run_id)
    ended = word_on_record(restore)
    if ended is not None:
        return ended
    found = _found(request, ports)
    if restore.is_under_way:
        made = found[0].restore_point if found and found[0].word is Outcome.SUCCEEDED else None
        return done(**Safety(made=made).to_json())
    if found is None:
        if not has_content(ports.arm, request.target):
            return done(**Safety().to_json())
        ports.runs.create(backup_wish(request, ports).first_record())
        found = ports.runs.read(safety_run_id(request))
    run, etag = found
    wish = wish_of(run)
    if not isinstance(wish, BackupRequest):
        raise ProtocolError(f"run {run.run_id} does not say what it backs up")
    if run.word is None and run.resumes < restore.resumes:
        # the part that an earlier orchestration of this restore has begun may be at work still: the next
        # one has another instance, and follows the operation in another one
        run = run.model_copy(update={"resumes": restore.resumes})
        replace_run(ports, run, etag)
    safety = Safety(
        wish=wish,
        is_open=run.word is None,
        instance_id=names.part_instance(run.run_id, run.resumes),
    )
    return done(**safety.to_json())


def keep_safety(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Hold the safety backup, or end the restore if it did not succeed. Its record is the truth.

    Returns:
        StepResult; DONE carries {"safetyBackup": its name}.
    """
    request = RestoreRequest.from_json(wish)
    return attempt(lambda: _keep(request, ports), unproven=Outcome.REFUSED)


def _keep(request: RestoreRequest, ports: Ports) -> StepResult:
    run, _ = ports.runs.read(safety_run_id(request))
    if run.word is not Outcome.SUCCEEDED:
        return end(Outcome.REFUSED, _failed(run))
    service, name = run.service, safety_backup_name(request)
    hold = Hold(
        service=service,
        name=name,
        reason=f"what {request.target.name} held before run {request.run_id} restored into it",
        held_at=ports.clock.now(),
    )
    with contextlib.suppress(ConflictError):  # an earlier execution has written it
        ports.records().create(layout.hold_key(service, name), hold.to_bytes())
    return done(safetyBackup=name)


def _failed(run: RunRecord) -> Fault:
    """Return why a restore does not go on whose target could not be backed up."""
    fault = run.resolution.fault if run.resolution else run.fault
    how = f"ended as {run.word}" if run.word else f"was lost at {run.phase}"
    why = f": {fault.code}: {fault.message}" if fault else ""
    hint = f"{fault.hint.removesuffix('.')}. {REFUSE_IT}" if fault and fault.hint else REFUSE_IT
    return Fault(
        code="SafetyBackupFailed",
        message=f"the target has content, and backing it up first failed: run {run.run_id} {how}{why}",
        hint=hint,
    )


def safety_run_id(request: RestoreRequest) -> str:
    """Return the id of the run that makes a restore's safety backup."""
    return names.run_id("backup", _kept_under(request), request.requested_at, because=request.run_id)


def safety_backup_name(request: RestoreRequest) -> str:
    """Return the name of a restore's safety backup."""
    return names.backup_name(_kept_under(request), request.requested_at, because=request.run_id)


def backup_wish(request: RestoreRequest, ports: Ports) -> BackupRequest:
    """Return the wish to back up the target of a restore."""
    service = roster.find(ports, _secured(request))
    return BackupRequest(
        run_id=safety_run_id(request),
        service=_kept_under(request),
        source=request.target,
        storage=_storage(request, service),
        backup_name=safety_backup_name(request),
        trigger=request.trigger,
        requested_at=request.requested_at,
        deadline_at=request.deadline_at,
        intervals=request.intervals,
        part_of=request.run_id,
    )


def _storage(request: RestoreRequest, service: ProtectedService | None) -> BackupStorage:
    """Return where the target can write: beside the point, which it must reach, or where its backups go."""
    if service is not None and request.target.is_same_as(service.ref):
        return service.storage
    storage = request.storage
    if service is None:
        return storage
    copies = service.standby.storage if service.standby else None
    known = {service.storage.account: service.storage.resource_id}
    if copies is not None:
        known[copies.account] = copies.resource_id
    return storage.model_copy(update={"resource_id": known.get(storage.account)})


def _secured(request: RestoreRequest) -> str:
    """Return the service of the plan: what is restored may be a safety backup itself."""
    return names.secured_service(request.service) or request.service


def _kept_under(request: RestoreRequest) -> str:
    return names.safety_service(_secured(request))


def _found(request: RestoreRequest, ports: Ports) -> tuple[RunRecord, str] | None:
    try:
        return ports.runs.read(safety_run_id(request))
    except NotFoundError:
        return None
