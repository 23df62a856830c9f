"""The steps before and at the POST of a backup. Each may run more than once."""

from __future__ import annotations

from typing import Any

from shared import inventories, survey
from shared.core import layout, preflight
from shared.core.documents import Document
from shared.core.errors import NotFoundError, ProtocolError, ServiceBusyError, UnavailableError
from shared.core.inventory import InventoryPair
from shared.core.lro import Fault
from shared.core.ports import Ports
from shared.core.preflight_facts import Unseen
from shared.core.requests import BackupRequest
from shared.core.runs import Outcome
from shared.core.services import ServiceState
from shared.core.sidecar import Sidecar, read_parts
from shared.core.steps import StepResult, attempt, done, end
from shared.core.submission import Evidence
from shared.records import read_document
from shared.submit import submit_once


class Prepared(Document):
    """What is known before the POST and needed after it. Small, since it travels; the rest is stored."""

    tier: str
    api_version: str
    has_sidecar: bool = False
    not_read: tuple[str, ...] = ()
    """Parts of the sidecar that are missing."""
    remarks: tuple[str, ...] = ()
    """What preflight remarked and did not refuse."""
    inventory_digest: str | None = None
    """Of the inventory taken before the POST; None if it is lost."""


def prepare_backup(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Make every check, store sidecar and inventory, and make the container if the plan says so.

    Once a POST may have been sent nothing is checked or taken any more: what was stored then is what
    stands beside the backup, and a refusal would come too late.
    """
    request = BackupRequest.from_json(wish)
    return attempt(lambda: _prepare(request, ports), unproven=Outcome.REFUSED)


def _prepare(request: BackupRequest, ports: Ports) -> StepResult:
    run, _ = ports.runs.read(request.run_id)
    if run.is_under_way:
        return _taken_up(request, ports)
    resource = survey.read_service(ports.arm, request.source)
    state = ServiceState.from_resource(resource)
    about = (ports, request.service, request.source, request.storage, resource)
    if state.is_in_transition:
        fault = preflight.refusal_fault(preflight.judge(survey.glance(*about)))
        if fault is not None:
            return end(Outcome.REFUSED, fault)
        raise ServiceBusyError(f"service {request.source.name} is {state.provisioning_state}")
    facts = survey.take(*about)
    if isinstance(facts.has_container, Unseen) and facts.has_container.for_now:
        raise UnavailableError(f"container {request.storage.container}: {facts.has_container.reason}")
    checks = preflight.judge(facts)
    fault = preflight.refusal_fault(checks)
    if fault is not None:
        return end(Outcome.REFUSED, fault)
    if not facts.has_container:  # missing, and the plan says that it is to be made, or it were refused
        ports.backups(request.storage.account, request.storage.container).create_container()
    if _was_sent(request, ports):
        return _taken_up(request, ports)
    if (taken := _taken(request, ports)) is not None:
        return end(Outcome.REFUSED, taken)
    return _store(request, state, resource, preflight.remarks(checks, request.service), ports)


def _taken(request: BackupRequest, ports: Ports) -> Fault | None:
    """Return why nothing may be written under the name of this backup: no run of ours has sent a POST yet."""
    backups = ports.backups(request.storage.account, request.storage.container)
    key = layout.restore_point_key(request.service, request.backup_name)
    if ports.records().exists(key):
        what = f"the record {key} exists already"
    elif backups.exists(request.backup_name):
        what = f"the blob {request.storage.container}/{request.backup_name} exists already"
    else:
        return None
    hint = "It belongs to another run, and was left as it is. Ask for the backup again: it gets another name."
    return Fault(code="BackupExists", message=what, hint=hint)


def _store(
    request: BackupRequest,
    state: ServiceState,
    resource: dict[str, Any],
    remarks: tuple[str, ...],
    ports: Ports,
) -> StepResult:
    """
    Keep what stands beside the backup. The inventory, which costs most, is taken last.

    That takes minutes, and another execution of the step may have been faster: what stands beside a backup
    that was sent is left alone.
    """
    sidecar = Sidecar(
        service=request.service,
        source=request.source,
        backup=request.backup_name,
        taken_at=ports.clock.now(),
        tier=state.tier,
        api_version=ports.arm.api_version,
        remarks=remarks,
        **read_parts(resource, survey.read_diagnostics(ports.arm, request.source)),
    )
    records = ports.records()
    records.put(layout.sidecar_key(request.service, request.backup_name), sidecar.to_bytes())
    key = layout.inventory_key(request.service, request.backup_name)
    inventory = inventories.take(ports, request.source, layout.part_key(key), "before")
    if _was_sent(request, ports):
        return _taken_up(request, ports)
    records.put(key, InventoryPair(before=inventory).to_bytes())
    return done(**_prepared(sidecar, inventory.digest).to_json())


def _was_sent(request: BackupRequest, ports: Ports) -> bool:
    return ports.runs.read(request.run_id)[0].is_under_way


def _taken_up(request: BackupRequest, ports: Ports) -> StepResult:
    result = attempt(lambda: _take_up(request, ports), unproven=Outcome.OUTCOME_UNKNOWN)
    return StepResult.from_json(result)


def _take_up(request: BackupRequest, ports: Ports) -> StepResult:
    """Return what an earlier execution of the step found, before the POST."""
    key = layout.sidecar_key(request.service, request.backup_name)
    try:
        sidecar = read_document(ports.records(), key, Sidecar)[0]
        return done(**_prepared(sidecar, _stored_digest(request, ports)).to_json())
    except (NotFoundError, ProtocolError):
        tier = ports.arm.service_state(request.source).tier
        remark = "what preflight found is lost, and so is the sidecar: it could not be read again"
        lost = Prepared(
            tier=tier,
            api_version=ports.arm.api_version,
            remarks=(remark,),
            inventory_digest=_stored_digest(request, ports),
        )
        return done(**lost.to_json())


def _stored_digest(request: BackupRequest, ports: Ports) -> str | None:
    key = layout.inventory_key(request.service, request.backup_name)
    try:
        return read_document(ports.records(), key, InventoryPair)[0].before.digest
    except (NotFoundError, ProtocolError):
        return None


def _prepared(sidecar: Sidecar, inventory_digest: str | None) -> Prepared:
    return Prepared(
        tier=sidecar.tier,
        api_version=sidecar.api_version,
        has_sidecar=True,
        not_read=sidecar.missing,
        remarks=sidecar.remarks,
        inventory_digest=inventory_digest,
    )


def begin_backup(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Start the backup once; see shared.submit."""
    request = BackupRequest.from_json(wish)

    def look() -> Evidence:
        state = ports.arm.service_state(request.source)
        if state.is_in_transition:
            return Evidence(in_transition=True, effect_seen=None)
        backups = ports.backups(request.storage.account, request.storage.container)
        return Evidence(in_transition=False, effect_seen=backups.exists(request.backup_name))

    return attempt(
        lambda: submit_once(ports, request, "backup", request.backup_name, look),
        unproven=Outcome.OUTCOME_UNKNOWN,
    )
