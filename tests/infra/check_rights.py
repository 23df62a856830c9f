"""Roles and actions: only those on the list in `known_rights.json`, and none too wide."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deploying import Deployment

KNOWN: Mapping[str, Any] = json.loads(
    (Path(__file__).parent / "known_rights.json").read_text(encoding="utf-8")
)
TOO_WIDE = re.compile(r"\*|/(write|delete)$|/(listKeys|listSecrets|regenerate\w*)/action$", re.I)
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
    made = {str(role.name) for role in deployment.of("Microsoft.Authorization/roleDefinitions")}
    for assignment in deployment.of("Microsoft.Authorization/roleAssignments"):
        role = str(assignment.get("properties", "roleDefinitionId"))
        (*_, guid) = GUID.findall(role) or [role]
        if guid not in KNOWN["roles"] and guid not in made:
            yield assignment.at(f"the role {guid} is neither in known_rights.json nor made here")
