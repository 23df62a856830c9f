"""The steps before and at the POST of a backup. Each may run more than once."""

from __future__ import annotations

from typing import Any

from shared import survey
from shared.core import layout, preflight
from shared.core.documents import Document
from shared.core.errors import NotFoundError, ProtocolError, ServiceBusyError, UnavailableError
from shared.core.inventory import InventoryPair
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
        taken_up = attempt(lambda: _take_up(request, ports), unproven=Outcome.OUTCOME_UNKNOWN)
        return StepResult.from_json(taken_up)
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
    return _store(request, state, resource, preflight.remarks(checks, request.service), ports)


def _store(
    request: BackupRequest,
    state: ServiceState,
    resource: dict[str, Any],
    remarks: tuple[str, ...],
    ports: Ports,
) -> StepResult:
    """Keep what stands beside the backup. The inventory, which costs most, is taken last and only once."""
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
    inventory = ports.take_inventory(request.source)
    key = layout.inventory_key(request.service, request.backup_name)
    records.put(key, InventoryPair(before=inventory).to_bytes())
    return done(**_prepared(sidecar).to_json())


def _take_up(request: BackupRequest, ports: Ports) -> StepResult:
    """Return what an earlier execution of the step found, before the POST."""
    key = layout.sidecar_key(request.service, request.backup_name)
    try:
        return done(**_prepared(read_document(ports.records(), key, Sidecar)[0]).to_json())
    except (NotFoundError, ProtocolError):
        tier = ports.arm.service_state(request.source).tier
        remark = "what preflight found is lost, and so is the sidecar: it could not be read again"
        lost = Prepared(tier=tier, api_version=ports.arm.api_version, remarks=(remark,))
        return done(**lost.to_json())


def _prepared(sidecar: Sidecar) -> Prepared:
    return Prepared(
        tier=sidecar.tier,
        api_version=sidecar.api_version,
        has_sidecar=True,
        not_read=sidecar.missing,
        remarks=sidecar.remarks,
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
