"""
Preflight: everything that can be known before a backup is sent, judged check by check. Pure.

Rules of the file:
1. All checks are made, whatever the others say; none hides another.
2. A check whose facts could not be read says so, and which right is missing. It never says ok.
3. A refusal is certain: the backup could not work, or could not be proven. Doubt is a warning.
4. Whatever is not ok names the line that mends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from shared.core import preflight_service as service
from shared.core import preflight_storage as storage
from shared.core.lro import Fault
from shared.core.preflight_facts import Check, Facts, Finding, Verdict, make

_LEARN = "https://learn.microsoft.com/azure/"
_BACKUP = f"{_LEARN}api-management/api-management-howto-disaster-recovery-backup-restore"
_ROLES = f"{_LEARN}role-based-access-control/role-assignments-list-rest"
_FIREWALL = f"{_LEARN}storage/common/storage-network-security-limitations"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    name: str
    judge: Callable[[Facts], Finding]
    link: str


CHECKS = tuple(
    _Row(name=name, judge=judge, link=link)
    for name, judge, link in (
        (
            "ServiceReadable",
            service.is_readable,
            f"{_LEARN}api-management/api-management-role-based-access-control",
        ),
        ("TierHasBackup", service.has_backup, _BACKUP),
        ("RegionAsPlanned", service.is_where_planned, _BACKUP),
        (
            "ApiVersionAllowed",
            service.takes_api_version,
            f"{_LEARN}api-management/breaking-changes/api-version-retirement-sep-2023",
        ),
        ("ServiceUsable", service.is_usable, _BACKUP),
        ("NoWorkspaceGateways", service.has_no_workspace_gateways, _BACKUP),
        (
            "BackupAllowed",
            service.may_back_up,
            f"{_LEARN}api-management/api-management-role-based-access-control",
        ),
        ("ResultReadable", service.may_read_result, "https://github.com/Azure/azure-powershell/issues/26536"),
        (
            "NoReadOnlyLock",
            service.is_not_read_only,
            f"{_LEARN}azure-resource-manager/management/lock-resources",
        ),
        (
            "NamesValid",
            service.has_valid_names,
            "https://learn.microsoft.com/rest/api/storageservices/"
            "naming-and-referencing-containers--blobs--and-metadata",
        ),
        ("ContainerExists", storage.has_container, _BACKUP),
        (
            "ContainerReadable",
            storage.may_read_blobs,
            f"{_LEARN}storage/blobs/authorize-access-azure-active-directory",
        ),
        ("AccountRaisesEvents", storage.raises_events, f"{_LEARN}event-grid/event-schema-blob-storage"),
        (
            "KeyPresent",
            storage.has_key,
            f"{_LEARN}app-service/app-service-key-vault-references",
        ),
        (
            "SharedKeyAllowed",
            storage.takes_shared_key,
            f"{_LEARN}storage/common/shared-key-authorization-prevent",
        ),
        ("NoCorsRules", storage.has_no_cors, "https://github.com/Azure/azure-powershell/issues/23411"),
        ("FirewallLetsIn", storage.lets_service_in, _FIREWALL),
        ("IdentityEnabled", storage.has_identity, _BACKUP),
        ("IdentityMayWrite", storage.may_write_blobs, _ROLES),
    )
)
"""In the order in which an operator reads them: the service, our rights, the storage, the identity."""


def judge(facts: Facts) -> tuple[Check, ...]:
    """Make every check, in the order of CHECKS."""
    return tuple(make(row.name, row.link, row.judge, facts) for row in CHECKS)


def worst(checks: Iterable[Check]) -> Verdict:
    """Return the verdict on all of them: a refusal, else a warning, else what was not checked, else ok."""
    found = {check.verdict for check in checks}
    order = (Verdict.REFUSAL, Verdict.WARNING, Verdict.NOT_CHECKED)
    return next((verdict for verdict in order if verdict in found), Verdict.OK)


def refusal_fault(checks: Sequence[Check]) -> Fault | None:
    """Return the fault that names every refusal and, in its hint, what mends each; None if there is none."""
    refusals = [check for check in checks if check.verdict is Verdict.REFUSAL]
    if not refusals:
        return None
    return Fault(
        code="Refused",
        message="; ".join(f"{check.name}: {check.cause}" for check in refusals),
        hint="; ".join(f"{check.name}: {check.command}" for check in refusals),
    )


def remarks(checks: Sequence[Check], service: str) -> tuple[str, ...]:
    """
    Return what a record keeps of checks that refused nothing: a line for each warning, one for the rest.

    Args:
        checks: all of them.
        service: its name in the plan.
    """
    lines = [
        f"preflight: {check.name}: {check.cause}" for check in checks if check.verdict is Verdict.WARNING
    ]
    missed = [check.name for check in checks if check.verdict is Verdict.NOT_CHECKED]
    if missed:
        where = f"GET /api/preflight?service={service} says why"
        lines.append(f"preflight: not checked: {', '.join(missed)} ({where})")
    return tuple(lines)
