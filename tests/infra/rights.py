"""The custom roles as the templates would make them, and a simulator in which nobody has any other right."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import bicep
import deploying
import pytest

from shared.core.rights import allows, covers
from simulator import errors
from simulator.arm import ArmRoutes
from simulator.arm_extensions import ExtensionRoutes
from simulator.extensions import PERMISSIONS
from simulator.ids import Target
from simulator.tokens import Claims
from simulator.wire import Answer, Call

ROOT = Path(__file__).resolve().parents[2]
ROLES_FILE = "infra/foundation/roles.bicep"

STARTS = {
    "Microsoft.ApiManagement/service/backup/action",
    "Microsoft.ApiManagement/service/restore/action",
}
"""All that the app starts."""

Grant = tuple[str, str]
"""Name of a role, and the scope that it is given on."""


def roles_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the permissions of each role that a folder's roles.bicep defines, by its name there."""
    deployment = deploying.deploy(bicep.read(folder), folder / ROLES_FILE, {})
    found = {}
    for definition in deployment.of("Microsoft.Authorization/roleDefinitions"):
        (permission,) = definition.get("properties", "permissions")
        found[_name(definition.get("properties", "roleName"))] = dict(permission)
    return found


@functools.cache
def roles() -> dict[str, dict[str, Any]]:
    """Return the permissions of the repository's roles."""
    return roles_of(ROOT)


def actions(name: str) -> set[str]:
    """Return the actions of a role."""
    return set(roles()[name]["actions"])


def faults(permissions: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    """Name everything that is too wide in a role's permissions; `known` are the actions on the list."""
    said = [f"{action} is not on the list" for action in permissions["actions"] if action not in known]
    said += [f"{action} has a wildcard" for action in permissions["actions"] if "*" in action]
    said += [
        f"{action} is more than reading"
        for action in permissions["actions"]
        if not action.endswith("/read") and action not in STARTS
    ]
    # what is taken away again was given too widely
    kinds = ("notActions", "dataActions", "notDataActions")
    return said + [f"{kind} are not empty" for kind in kinds if permissions[kind]]


def _name(display_name: str) -> str:
    """Return `backupOperator` for `apim-dr backup operator (0b1f6471)`."""
    first, second = display_name.removeprefix("apim-dr ").partition(" (")[0].split()
    return first + second.capitalize()


class Rights:
    """What the app may do in a simulator, and what it has asked for: (action, scope), in order."""

    def __init__(self, app_id: str) -> None:
        self.app_id = app_id
        self.grants: tuple[Grant, ...] = ()
        self.asked: list[tuple[str, str]] = []
        self.refused: list[tuple[str, str]] = []

    def give(self, services: Mapping[str, Iterable[str]], accounts: Iterable[str] = ()) -> None:
        """Take away what the app has, and give it roles on services (or subscriptions) and accounts."""
        given = [(role, scope) for scope, names in services.items() for role in names]
        self.grants = (*given, *(("preflightReader", account) for account in accounts))

    def at(self, scope: str) -> list[dict[str, Any]]:
        """Return the permissions that hold at a scope."""
        return [roles()[role] for role, given in self.grants if covers(given, scope)]

    def used(self) -> set[str]:
        """Return the actions that were asked for, spelt as in the roles."""
        spelt = {action.lower(): action for name in roles() for action in actions(name)}
        return {spelt.get(action.lower(), action) for action, _ in self.asked}


def enforce(monkeypatch: pytest.MonkeyPatch, app_id: str) -> Rights:
    """Let the simulator answer the app as Azure does that has been given these roles and no other right."""
    rights = Rights(app_id)
    before = ExtensionRoutes.answer

    def check(_: ArmRoutes, call: Call, target: Target, claims: Claims) -> None:
        action = target.action(call.method)
        if action is None or claims.object_id != rights.app_id:
            return
        asked = (action, target.scope())
        rights.asked.append(asked)
        if not allows(rights.at(target.scope()), action):
            rights.refused.append(asked)
            raise errors.authorization_failed(
                client_id=claims.client_id, object_id=claims.object_id, action=action, scope=target.scope()
            )

    def answer(self: ExtensionRoutes, call: Call, target: Target, claims: Claims) -> Answer:
        if target.extension == PERMISSIONS and claims.object_id == rights.app_id:
            return Answer(status=200, content={"value": rights.at(target.extended)})
        return before(self, call, target, claims)

    monkeypatch.setattr(ArmRoutes, "_check_right", check)
    monkeypatch.setattr(ExtensionRoutes, "answer", answer)
    return rights
