"""API Management services as `az` shows them: where they are, of which tier, and with which identities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploy.needs import Identity
from shared.core import shell_lines
from shared.core.guards import tier_refusals
from shared.core.plan import API_VERSION_DEFAULT
from shared.core.services import ServiceRef, ServiceState

SYSTEM = "SystemAssigned"


def faults_of(resource: Mapping[str, Any], region: str) -> list[str]:
    """
    Return why a service cannot be looked after by the app of a region.

    Raises:
        ProtocolError: what `az` shows has no id, location or sku.
    """
    state = ServiceState.from_resource(resource)
    name = state.resource_id.rsplit("/", 1)[-1]
    faults = [f"{name}: {one.message}. {one.hint}" for one in tier_refusals(state)]
    if state.region != region:
        faults.append(
            f"{name} is in {state.region}, and not in {region}: the app that looks after a service is in its "
            "region; correct the plan, or AZURE_LOCATION of this environment"
        )
    return faults


def principal_of(resource: Mapping[str, Any], identity: Identity) -> str | None:
    """Return the principal id of an identity of a service, None if the service does not have it."""
    shown = resource.get("identity") or {}
    if identity.client_id is None:
        has_own = SYSTEM.lower() in str(shown.get("type") or "").lower()
        return str(shown["principalId"]) if has_own and shown.get("principalId") else None
    assigned = shown.get("userAssignedIdentities") or {}
    for one in assigned.values():
        if str((one or {}).get("clientId", "")).lower() == identity.client_id:
            return str(one["principalId"])
    return None


def how_to_give(resource: Mapping[str, Any]) -> str:
    """Return the command that gives a service a system-assigned identity, and takes nothing away."""
    has_others = "userassigned" in str((resource.get("identity") or {}).get("type") or "").lower()
    kinds = f"{SYSTEM}, UserAssigned" if has_others else SYSTEM
    ref = ServiceRef(resource_id=str(resource["id"]), region="")
    return shell_lines.change(ref, API_VERSION_DEFAULT, {"identity": {"type": kinds}})
