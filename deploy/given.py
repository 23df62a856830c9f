"""What is given already, in Azure: role assignments under other names, and roles of another release."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from deploy.az import Az, AzFault
from deploy.needs import CONTRIBUTOR, READER
from deploy.plan_file import ROOT
from deploy.work import Work

ROLE_IDS = {
    READER: "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    CONTRIBUTOR: "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
}
"""Storage Blob Data Reader and Contributor; as in infra/foundation/container-access.bicep."""

ROLE_NAMES = {READER: "Storage Blob Data Reader", CONTRIBUTOR: "Storage Blob Data Contributor"}
ROLE_PREFIX = "apim-dr "
"""How the names of the custom roles begin."""

ROLES = ROOT / "infra" / "foundation" / "roles.bicep"

_GUIDS = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
"""The namespace of Bicep's `guid`, a version 5 UUID of its arguments with hyphens between them."""


def container_id(entry: Mapping[str, str]) -> str:
    """Return the ARM id of the container of an entry in `containerAccess`."""
    return (
        f"/subscriptions/{entry['subscriptionId']}/resourceGroups/{entry['resourceGroup']}/providers"
        f"/Microsoft.Storage/storageAccounts/{entry['account']}/blobServices/default/containers"
        f"/{entry['container']}"
    )


def leave_out_given(az: Az, work: Work) -> None:
    """
    Leave out the rights on containers that somebody gave by hand: Azure refuses them a second time.

    Those that an earlier deployment gave have the name that the template makes, and stay.
    """
    subscriptions = {one["subscriptionId"] for one in work.container_access}
    there = [one for subscription in sorted(subscriptions) for one in _assignments(az, subscription)]
    own = _own_principal(az, work) if there else ""
    left_out = []
    for entry in work.container_access:
        principal = entry["principalId"] or own
        if principal and _is_given(entry, principal, there):
            left_out.append(entry)
            work.warnings.append(
                f"{work.who[entry['principalId']]} has {ROLE_NAMES[entry['role']]} on {entry['account']}/"
                f"{entry['container']} already, by an assignment that was made by hand: it is left as it is"
            )
    work.container_access = [one for one in work.container_access if one not in left_out]


def compare_roles(az: Az, work: Work) -> None:
    """Warn of custom roles in Azure that can do what those of this release cannot."""
    ours = {one.lower() for one in re.findall(r"'(Microsoft\.[\w./]+)'", ROLES.read_text(encoding="utf-8"))}
    for subscription in work.parameters()["roleSubscriptions"]:
        newer = sorted(set(_actions(_roles(az, subscription))) - ours)
        if newer:
            rest = f" and {len(newer) - 3} more" if len(newer) > 3 else ""
            work.warnings.append(
                f"the custom roles in subscription {subscription} may do what those of this release may not "
                f"({', '.join(newer[:3])}{rest}), so a newer release was deployed there: environments of one "
                "subscription share their roles, and this deployment takes that away from the newer one. "
                "Stop here and deploy the newer release, or deploy it in every environment afterwards"
            )


def _is_given(entry: Mapping[str, str], principal: str, there: Iterable[Mapping[str, Any]]) -> bool:
    scope, role = container_id(entry), ROLE_IDS[entry["role"]]
    ours = str(uuid.uuid5(_GUIDS, f"{scope}-{principal}-{role}"))
    return any(
        str(one.get("scope", "")).lower() == scope.lower()
        and str(one.get("principalId", "")).lower() == principal.lower()
        and str(one.get("roleDefinitionId", "")).lower().endswith(f"/{role}")
        and str(one.get("name", "")).lower() != ours
        for one in there
    )


def _assignments(az: Az, subscription: str) -> list[Mapping[str, Any]]:
    """Return the role assignments of a subscription; none where they may not be read, Azure will tell."""
    # the names of principals and roles would cost calls of Microsoft Graph, and rights there
    command = ["role", "assignment", "list", "--all", "--fill-principal-name", "false"]
    try:
        return list(az.json("listing role assignments", command, subscription=subscription) or [])
    except AzFault:
        return []


def _own_principal(az: Az, work: Work) -> str:
    """Return the principal id of the app's identity, empty before there is one."""
    of = ["--name", f"id-{work.inputs.environment}", "--resource-group", work.inputs.kept_group]
    shown = az.found("looking for the app's identity", ["identity", "show", *of])
    return str((shown or {}).get("principalId") or "")


def _roles(az: Az, subscription: str) -> list[Mapping[str, Any]]:
    command = ["role", "definition", "list", "--custom-role-only", "true"]
    try:
        listed = az.json("listing custom roles", command, subscription=subscription) or []
    except AzFault:
        return []
    # by name it is certain that they are of this subscription; roles are listed where they can be assigned
    mark = f"({subscription[:8]})"
    names = [(one, str(one.get("roleName", ""))) for one in listed]
    return [one for one, name in names if name.startswith(ROLE_PREFIX) and name.endswith(mark)]


def _actions(roles: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for role in roles:
        for permission in role.get("permissions") or []:
            yield from (str(action).lower() for action in permission.get("actions") or [])
