"""
Guards: pure checks before a dangerous step. All are run, none hides another, and their answer is data.

Those of one service belong to restores and, in shared/core/preflight.py, to backups as well.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from shared.core.documents import Value
from shared.core.plan import SETTING, ProtectedService
from shared.core.restore_points import RestorePoint
from shared.core.services import TIERS_WITH_BACKUP, ServiceRef, ServiceState

_BROKEN = frozenset({"Failed", "Stopped", "Deleted", "Terminating", "TerminationFailed"})


class Refusal(Value):
    """One guard's no: which guard, why, and what to do."""

    guard: str
    target: str
    message: str
    hint: str = ""


def restore_refusals(
    point: RestorePoint, target: ServiceState, expected: ServiceRef, api_version: str, now: dt.datetime
) -> list[Refusal]:
    """Return why this point must not be restored into this target; empty: nothing speaks against it."""
    found = [
        *tier_refusals(target),
        *region_refusals(target, expected),
        *api_version_refusals(target, api_version),
        *state_refusals(target),
    ]
    if target.tier != point.tier:
        found.append(
            Refusal(
                guard="TierEqual",
                target=target.resource_id,
                message=f"the target's tier is {target.tier}, the backup's is {point.tier}",
                hint="A backup can only be restored into a service of exactly the same tier.",
            )
        )
    if point.is_expired(now):
        found.append(
            Refusal(
                guard="PointNotExpired",
                target=point.name,
                message=f"the restore point expired at {point.expires_at:%Y-%m-%d %H:%M} UTC",
                hint="Choose a newer one: GET /api/restore-points lists them.",
            )
        )
    if target.resource_id.lower() == point.source.resource_id.lower():
        found.append(
            Refusal(
                guard="TargetIsNotSource",
                target=target.resource_id,
                message="the target is the service that the backup was taken from",
                hint="Restore into its standby.",
            )
        )
    return found


def known_target(plan_service: ProtectedService, target: str) -> ServiceRef | None:
    """
    Return the service that a caller's `target` means, or None if the plan does not name it as a standby.

    Args:
        plan_service: the service whose point is to be restored.
        target: name or ARM id of the standby, without regard to case.
    """
    standby = plan_service.standby
    if standby is None:
        return None
    wanted = target.lower()
    return standby.ref if wanted in {standby.ref.name.lower(), standby.resource_id.lower()} else None


def describe(refusals: Sequence[Refusal]) -> str:
    """Return all refusals in one line."""
    return "; ".join(f"{refusal.guard}: {refusal.message}" for refusal in refusals)


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
