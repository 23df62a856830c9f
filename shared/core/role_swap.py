"""
The plan with the roles of one service swapped: what served as the standby is the primary, and back. Pure.

Rules of the file:
1. The name stays: it is the name of what is protected, not of one Azure resource.
2. Where the standby kept copies, the new primary's backups go beside them, with the access that it had; and
   the copies of those go to where the old primary's backups were.
3. Whatever else the entry says stays as it is.
"""

from __future__ import annotations

import json
from typing import Any

from shared.core.documents import Value
from shared.core.errors import ConfigError
from shared.core.plan import Plan, PlannedService, ProtectedService, parse_plan

NEW_CONTAINER = "apim-backups"
"""Of the new primary's backups, where the plan names none for its region."""


def swapped_entry(plan: Plan, service: ProtectedService) -> dict[str, Any]:
    """
    Return the plan's entry of a service with its roles swapped, as JSON.

    Raises:
        ValueError: the plan does not name the service, or it has no standby.
    """
    entry = next((entry for entry in plan.entries if entry.name == service.name), None)
    if entry is None or entry.standby is None:
        raise ValueError(f"the plan names no standby of {service.name}")
    said = _said(entry)
    standby = {**said["standby"], "resourceId": service.resource_id, "region": service.region}
    storage = standby.pop("storage", None)
    standby["access"] = _said(service.storage.access)
    if storage is not None:
        place = _said(service.storage)
        standby["storage"] = {name: place[name] for name in place if name != "access"}
        storage = {**storage, "access": said["standby"]["access"]}
    else:
        storage = _storage_without_copies(plan, entry.standby.region, said["standby"]["access"])
    swapped = {
        **said,
        "resourceId": entry.standby.resource_id,
        "region": entry.standby.region,
        "standby": standby,
    }
    swapped.pop("storage", None)
    return swapped if storage is None else {**swapped, "storage": storage}


def swapped_plan(plan: Plan, service: ProtectedService) -> dict[str, Any]:
    """Return the whole plan with the roles of one service swapped; raises as swapped_entry does."""
    said = _said(plan)
    entry = swapped_entry(plan, service)
    return {**said, "services": [entry if one["name"] == service.name else one for one in said["services"]]}


def faults_of_swap(plan: Plan, service: ProtectedService) -> tuple[str, ...]:
    """Return what would be wrong with the plan if the roles were swapped; nothing if it can be used."""
    try:
        parse_plan(json.dumps(swapped_plan(plan, service)))
    except ConfigError as err:
        return tuple(f"{where} {what}" for where, what in err.faults)
    return ()


def _storage_without_copies(plan: Plan, region: str, access: dict[str, Any]) -> dict[str, Any] | None:
    """Return where the new primary's backups go, None where its region says so already."""
    place = plan.regions[region]
    if place.storage is not None:
        return None
    container = NEW_CONTAINER if place.container != NEW_CONTAINER else f"{NEW_CONTAINER}-2"
    return {"account": place.account, "container": container, "access": access, "createContainer": True}


def _said(value: Value | PlannedService) -> dict[str, Any]:
    """Return a part of the plan as it was written: what was not said must not come back as null."""
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
