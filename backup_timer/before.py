"""The steps before and at the POST of a backup. Each may run more than once."""

from __future__ import annotations

from typing import Any

from shared.core import guards, layout
from shared.core.documents import Document
from shared.core.errors import ServiceBusyError
from shared.core.inventory import InventoryPair
from shared.core.lro import Fault
from shared.core.ports import Ports
from shared.core.requests import BackupRequest
from shared.core.runs import Outcome
from shared.core.steps import StepResult, attempt, done, end
from shared.core.submission import Evidence
from shared.submit import submit_once


class Prepared(Document):
    """What is known of the service before the POST."""

    tier: str
    api_version: str


def prepare_backup(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Check service and container, and take the inventory before. Nothing is changed but our records."""
    request = BackupRequest.from_json(wish)
    return attempt(lambda: _prepare(request, ports), unproven=Outcome.REFUSED)


def _prepare(request: BackupRequest, ports: Ports) -> StepResult:
    state = ports.arm.service_state(request.source)
    refusals = guards.backup_refusals(state, request.source, ports.arm.api_version)
    if not ports.backups(request.storage.account, request.storage.container).container_exists():
        refusals.append(
            guards.Refusal(
                guard="ContainerExists",
                target=f"{request.storage.account}/{request.storage.container}",
                message=f"container {request.storage.container} does not exist in {request.storage.account}",
                hint="Create it, private, and give the service's identity Storage Blob Data Contributor.",
            )
        )
    if refusals:
        hint = " ".join(refusal.hint for refusal in refusals)
        return end(Outcome.REFUSED, Fault(code="Refused", message=guards.describe(refusals), hint=hint))
    run, _ = ports.runs.read(request.run_id)
    if not run.is_under_way:  # else the transition may be our own, and the inventory was taken before it
        if state.is_in_transition:
            raise ServiceBusyError(f"service {request.source.name} is {state.provisioning_state}")
        inventory = ports.take_inventory(request.source)
        ports.records().put(
            layout.inventory_key(request.service, request.backup_name),
            InventoryPair(before=inventory).to_bytes(),
        )
    return done(**Prepared(tier=state.tier, api_version=ports.arm.api_version).to_json())


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
