"""
Guards that backups and restores have in common: what speaks against a service, and which targets there are.

All are asked, none hides another, and their answer is data. The tables that ask them are
shared/core/preflight.py and shared/core/restore_guards.py.
"""

from __future__ import annotations

from shared.core.documents import Value
from shared.core.ends import End
from shared.core.plan import SETTING, ProtectedService
from shared.core.services import TIERS_WITH_BACKUP, ServiceRef, ServiceState

_BROKEN = frozenset({"Failed", "Stopped", "Deleted", "Terminating", "TerminationFailed"})


class Refusal(Value):
    """One guard's no: which guard, why, and what to do."""

    guard: str
    target: str
    message: str
    hint: str = ""


def known_target(service: ProtectedService, target: str) -> End | None:
    """
    Return the service that a caller's `target` means, or None if the plan names it nowhere.

    Args:
        service: the service whose point is to be restored.
        target: name or ARM id, without regard to case, of its standby, of its drill target, or of itself:
            whether it may be overwritten is for the guards to say.
    """
    wanted = target.lower()
    return next(
        (end for end in ends(service) if wanted in {end.ref.name.lower(), end.resource_id.lower()}), None
    )


def ends(service: ProtectedService) -> tuple[End, ...]:
    """Return what points of a service can be restored into: its standby, its drill target, itself."""
    itself = End(resource_id=service.resource_id, region=service.region, access=service.storage.access)
    return tuple(end for end in (service.standby, service.drill_target, itself) if end is not None)


def tier_refusals(state: ServiceState) -> list[Refusal]:
    """Refuse a tier without backup and restore."""
    if state.tier in TIERS_WITH_BACKUP:
        return []
    return [
        Refusal(
            guard="TierHasBackup",
            target=state.resource_id,
            message=f"tier {state.tier} has no backup and restore",
            hint=f"Only {', '.join(TIERS_WITH_BACKUP)} have; see docs/limits.md.",
        )
    ]


def region_refusals(state: ServiceState, expected: ServiceRef) -> list[Refusal]:
    """Refuse a service that is elsewhere than the plan says."""
    if state.region == expected.region:
        return []
    return [
        Refusal(
            guard="RegionAsPlanned",
            target=state.resource_id,
            message=f"the service is in {state.region}, the plan says {expected.region}",
            hint=f"Correct the region in {SETTING}; it decides which app looks after the service.",
        )
    ]


def api_version_refusals(state: ServiceState, api_version: str) -> list[Refusal]:
    """Refuse an api-version below the service's own floor."""
    floor = state.min_api_version
    # by date: a preview is no newer than the stable version of its day
    if floor is None or api_version[:10] >= floor[:10]:
        return []
    return [
        Refusal(
            guard="ApiVersionAllowed",
            target=state.resource_id,
            message=f"the service refuses api-versions before {floor}, the plan uses {api_version}",
            hint=f"Set apiVersion in {SETTING} to {floor} or newer.",
        )
    ]


def state_refusals(state: ServiceState) -> list[Refusal]:
    """Refuse a service that does not work."""
    if state.provisioning_state not in _BROKEN:
        return []
    return [
        Refusal(
            guard="ServiceUsable",
            target=state.resource_id,
            message=f"the service's provisioning state is {state.provisioning_state}",
            hint="Bring the service back to Succeeded first; Azure support can tell what failed.",
        )
    ]
