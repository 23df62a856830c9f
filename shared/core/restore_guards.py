"""
The guards of a restore: everything that is asked before a target is overwritten. Pure.

Rules of the file:
1. All guards are asked, whatever the others say; none hides another.
2. What could not be read is never ok. Where Azure itself would refuse the POST, or nothing is lost by
   sending it, the guard says notChecked; where nobody else would stop a wrong restore, it refuses.
3. Whatever is not ok names the line that mends it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.core import preflight_service as service
from shared.core import preflight_storage as storage
from shared.core import restore_point_guards as point
from shared.core import restore_target_guards as target
from shared.core.lro import Fault
from shared.core.preflight import refusal_fault
from shared.core.preflight_facts import Check, Facts, Finding, NotCheckedError, Unseen, Verdict, make
from shared.core.restore_facts import RestoreFacts

_LEARN = "https://learn.microsoft.com/azure/"
_RESTORE = f"{_LEARN}api-management/api-management-howto-disaster-recovery-backup-restore"
_ROLES = f"{_LEARN}api-management/api-management-role-based-access-control"
_SOFT_DELETE = f"{_LEARN}api-management/soft-delete"
_VERSIONS = f"{_LEARN}api-management/breaking-changes/api-version-retirement-sep-2023"
_REPORTS = "https://learn.microsoft.com/rest/api/apimanagement/reports/list-by-api"
_RESULT = "https://github.com/Azure/azure-powershell/issues/26536"
_LOCKS = f"{_LEARN}azure-resource-manager/management/lock-resources"
_BLOBS = f"{_LEARN}storage/blobs/authorize-access-azure-active-directory"
_FIREWALL = f"{_LEARN}storage/common/storage-network-security-limitations"
_KEYS = f"{_LEARN}storage/common/shared-key-authorization-prevent"
_SETTINGS = f"{_LEARN}app-service/app-service-key-vault-references"
_HOST_NAMES = f"{_LEARN}api-management/configure-custom-domain"

IN_TRANSITION = "TargetNotInTransition"
"""The guard whose no is waited for inside a run."""

_EVERY = frozenset({"restore", "replicate", "drill"})
_DRILL = frozenset({"drill"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    name: str
    judge: Callable[[RestoreFacts], Finding]
    link: str
    kinds: frozenset[str]


def _around(judge: Callable[[Facts], Finding]) -> Callable[[RestoreFacts], Finding]:
    """Return a check of preflight as a guard: it asks the same of the target and of the blob's account."""

    def ask(facts: RestoreFacts) -> Finding:
        if facts.is_missing and judge is not storage.lets_service_in and judge is not storage.has_key:
            raise NotCheckedError("the target does not exist")
        return judge(facts.around)

    return ask


GUARDS = tuple(
    _Row(name=name, judge=judge, link=link, kinds=kinds)
    for name, judge, link, kinds in (
        ("TargetExists", target.exists, _SOFT_DELETE, _EVERY),
        ("TierHasBackup", target.has_restore, _RESTORE, _EVERY),
        ("RegionAsPlanned", target.is_where_planned, _RESTORE, _EVERY),
        ("ApiVersionAllowed", target.takes_api_version, _VERSIONS, _EVERY),
        ("ServiceUsable", target.is_usable, _RESTORE, _EVERY),
        (IN_TRANSITION, target.is_at_rest, _RESTORE, _EVERY),
        ("NoWorkspaceGateways", _around(service.has_no_workspace_gateways), _RESTORE, _EVERY),
        ("TargetUnlocked", _around(service.is_not_read_only), _LOCKS, _EVERY),
        ("RestoreAllowed", target.may_be_restored, _ROLES, _EVERY),
        ("ResultReadable", target.may_read_result, _RESULT, _EVERY),
        ("TargetIsNotSource", target.is_not_source, _RESTORE, _EVERY),
        ("NoTraffic", target.has_no_traffic, _REPORTS, _EVERY),
        ("TargetIsNoPrimary", target.is_no_primary, _RESTORE, _EVERY),
        ("NoCustomHostName", target.has_no_custom_host_name, _HOST_NAMES, _DRILL),
        ("TierEqual", point.has_equal_tier, _RESTORE, _EVERY),
        ("SourceAsPlanned", point.is_of_primary, _RESTORE, _EVERY),
        ("PointRecorded", point.is_recorded, _RESTORE, _EVERY),
        ("PointNotPruned", point.is_not_pruned, _RESTORE, _EVERY),
        ("PointNotExpired", point.is_not_expired, _RESTORE, _EVERY),
        ("BlobAsRecorded", point.has_recorded_blob, _BLOBS, _EVERY),
        ("KeyPresent", _around(storage.has_key), _SETTINGS, _EVERY),
        ("SharedKeyAllowed", _around(storage.takes_shared_key), _KEYS, _EVERY),
        ("FirewallLetsIn", _around(storage.lets_service_in), _FIREWALL, _EVERY),
        ("IdentityEnabled", _around(storage.has_identity), _RESTORE, _EVERY),
        ("IdentityMayRead", _around(storage.may_read_as_service), _BLOBS, _EVERY),
    )
)
"""In the order in which an operator reads them: the target, the point, the road between them."""


def judge(facts: RestoreFacts) -> tuple[Check, ...]:
    """Ask every guard of this kind of restore, in the order of GUARDS."""
    return tuple(
        make(row.name, row.link, row.judge, facts) for row in GUARDS if facts.request.kind in row.kinds
    )


def pending(facts: RestoreFacts, found: tuple[Check, ...]) -> str:
    """
    Return why it cannot be told yet, if that is all that speaks against the restore; else nothing.

    A refusal that the next try may take back is no answer, unless another guard refuses as well.
    """
    waiting: Mapping[str, Unseen] = facts.pending()
    refusals = [check.name for check in found if check.verdict is Verdict.REFUSAL]
    if not refusals or any(name not in waiting for name in refusals):
        return ""
    return "; ".join(f"{name}: {waiting[name].reason}" for name in refusals)


def fault_of(refusals: tuple[Check, ...]) -> Fault:
    """Return all refusals as one fault."""
    fault = refusal_fault(refusals)
    if fault is None:
        raise ValueError("nothing refuses")
    return fault
