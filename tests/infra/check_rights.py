"""Roles, actions and scopes: only those on the list in `known_rights.json`, and none too wide."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import bicep
from bicep import File
from deploying import Deployed, Deployment

KNOWN: Mapping[str, Any] = json.loads(
    (Path(__file__).parent / "known_rights.json").read_text(encoding="utf-8")
)
TOO_WIDE = re.compile(r"\*|/(write|delete)$|/(listKeys|listSecrets|regenerate\w*)/action$", re.I)
QUEUES = "Microsoft.Storage/storageAccounts/queueServices/queues"
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def all_faults(deployment: Deployment) -> list[str]:
    """Name roles that nobody knows, actions that are on no list, and rights that are too wide."""
    return [*_actions(deployment), *_roles(deployment)]


def _actions(deployment: Deployment) -> Iterator[str]:
    for role in deployment.of("Microsoft.Authorization/roleDefinitions"):
        name = role.get("properties", "roleName")
        for permission in role.get("properties", "permissions"):
            for kind in ("actions", "dataActions"):
                for action in permission.get(kind) or []:
                    if TOO_WIDE.search(action):
                        yield role.at(f"role {name}: {action} is too wide")
                    elif action not in KNOWN["actions"]:
                        yield role.at(f"role {name}: {action} is not in known_rights.json")
            if permission.get("notActions") or permission.get("notDataActions"):
                yield role.at(f"role {name}: says what it may not, which is to say that it may all else")


def _roles(deployment: Deployment) -> Iterator[str]:
    for assignment, name, where in given(deployment):
        known = {one["name"]: one for one in KNOWN["roles"].values()} | KNOWN["custom"]
        if name not in known:
            yield assignment.at(f"the role {name} is neither in known_rights.json nor made here")
        elif where not in known[name]["scopes"]:
            allowed = ", ".join(known[name]["scopes"])
            yield assignment.at(f"role {name} on {where} is too wide: known_rights.json has {allowed}")


def given(deployment: Deployment) -> Iterator[tuple[Deployed, str, str]]:
    """Yield each assignment with the name of its role, or its id, and what it is given on."""
    made = {
        str(role.name): str(role.get("properties", "roleName"))
        for role in deployment.of("Microsoft.Authorization/roleDefinitions")
    }
    for assignment in deployment.of("Microsoft.Authorization/roleAssignments"):
        role = str(assignment.get("properties", "roleDefinitionId"))
        (*_, guid) = GUID.findall(role) or [role]
        custom = made.get(guid, guid).partition(" (")[0]
        name = KNOWN["roles"][guid]["name"] if guid in KNOWN["roles"] else custom
        yield assignment, name, _place(assignment, deployment)


def _place(assignment: Deployed, deployment: Deployment) -> str:
    """Return what a role is given on: a type, `host storage`, `resource group` or `subscription`."""
    scope = assignment.id.rpartition("/providers/Microsoft.Authorization/roleAssignments/")[0]
    group, _, resource = scope.rpartition("/providers/")
    if not group:
        return "resource group" if "/resourceGroups/" in scope else "subscription"
    if any(one.id.startswith(f"{scope}/") for one in deployment.of(QUEUES)):
        return "host storage"
    namespace, *rest = resource.split("/")
    return "/".join((namespace, *rest[::2]))


def names(file: File) -> Iterator[str]:
    """Name assignments whose name is not made of scope, principal and role: two would be one, or one two."""
    for entry in file.of("resource"):
        if entry.resource_type != "Microsoft.Authorization/roleAssignments" or entry.value is None:
            continue
        body = bicep.properties(entry.value)
        inner = bicep.properties(body["properties"])
        made_of = _used(body["name"])
        scope = {bicep.text(body["scope"])} if "scope" in body else set()
        for what, needed in (("scope", scope), ("principalId", _used(inner["principalId"]))):
            if not needed <= made_of:
                yield file.at(body["name"], f"name of {entry.name}: not made with its {what}")
        if not made_of & _used(inner["roleDefinitionId"]):
            yield file.at(body["name"], f"name of {entry.name}: not made with its role")


def _used(node: bicep.Node) -> set[str]:
    return {bicep.text(use) for use in bicep.uses(node)}
