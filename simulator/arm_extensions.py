"""
Locks, role assignments, permissions and diagnostic settings of any resource, over Azure's own routes.

A scene is set the way Azure's is: with PUT and DELETE of these resources.
"""

from __future__ import annotations

import re
from typing import Any

from simulator import errors
from simulator.extensions import (
    DIAGNOSTIC_SETTINGS,
    LOCKS,
    PERMISSIONS,
    ROLE_ASSIGNMENTS,
    Extension,
)
from simulator.ids import STORAGE, Target
from simulator.tokens import Claims
from simulator.wire import Answer, Call
from simulator.world import World

_FILTER = re.compile(r"^(?:assignedTo\('(?P<assigned>[^']+)'\)|principalId eq '(?P<principal>[^']+)')$")
_REQUIRED = {LOCKS: ("level",), ROLE_ASSIGNMENTS: ("roleDefinitionId", "principalId")}
_LEVELS = ("CanNotDelete", "ReadOnly")


class ExtensionRoutes:
    """Answers calls about what hangs on a resource."""

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, call: Call, target: Target, claims: Claims) -> Answer:
        """Answer one call; `claims` are the caller's, whose permissions can be asked for."""
        self._check_resource(target)
        if target.extension == PERMISSIONS and not target.name and call.method == "GET":
            return self._permissions(claims)
        if not target.name and call.method == "GET":
            return Answer(status=200, content={"value": [one.shown() for one in self._list(call, target)]})
        if target.extension == PERMISSIONS or not target.name:
            raise errors.method_not_allowed(call.method, call.path)
        match call.method:
            case "GET":
                return Answer(status=200, content=self._find(target).shown())
            case "PUT":
                return self._put(call, target)
            case "DELETE":
                found = self._world.extensions.delete(target.extended, target.extension, target.name)
                return Answer(status=200 if found else 204)
            case _:
                raise errors.method_not_allowed(call.method, call.path)

    def _permissions(self, claims: Claims) -> Answer:
        """Return what the caller may do: everything but what is denied."""
        denied = list(self._world.principals.denied(claims.object_id))
        shown = {"actions": ["*"], "notActions": denied, "dataActions": [], "notDataActions": []}
        return Answer(status=200, content={"value": [shown]})

    def _list(self, call: Call, target: Target) -> list[Extension]:
        found = list(self._world.extensions.of(target.extension))
        if target.extension == DIAGNOSTIC_SETTINGS:
            return [one for one in found if one.scope.lower() == target.extended.lower()]
        terms = [one.strip() for one in call.query.get("$filter", "").split(" and ") if one.strip()]
        is_at_scope = "atScope()" in terms
        found = [
            one
            for one in found
            if one.holds_at(target.extended) or (not is_at_scope and one.hangs_below(target.extended))
        ]
        for term in terms:
            if term == "atScope()":
                continue
            match = _FILTER.match(term) if target.extension == ROLE_ASSIGNMENTS else None
            if match is None:
                raise errors.invalid_request_content(f"the $filter {term!r} is not known here")
            principal_id = (match["assigned"] or match["principal"]).lower()
            found = [one for one in found if one.properties["principalId"].lower() == principal_id]
        return found

    def _find(self, target: Target) -> Extension:
        found = self._world.extensions.get(target.extended, target.extension, target.name)
        if found is None:
            raise errors.resource_not_found(f"{target.extension}/{target.name}", target.group)
        return found

    def _put(self, call: Call, target: Target) -> Answer:
        given: dict[str, Any] = dict(call.json_object().get("properties") or {})
        faults = [
            f"properties.{name} is required"
            for name in _REQUIRED.get(target.extension, ())
            if not given.get(name)
        ]
        if target.extension == LOCKS and given.get("level") not in _LEVELS:
            faults.append(f"properties.level must be one of {', '.join(_LEVELS)}")
        if faults:
            raise errors.invalid_request_content("; ".join(faults))
        if target.extension == ROLE_ASSIGNMENTS:
            given = {"principalType": "ServicePrincipal", **given, "scope": target.extended}
            self._guard(target.extended)
        made = Extension(scope=target.extended, type=target.extension, name=target.name, properties=given)
        is_new = self._world.extensions.put(made)
        is_created = is_new and target.extension != DIAGNOSTIC_SETTINGS
        return Answer(status=201 if is_created else 200, content=made.shown())

    def _guard(self, scope: str) -> None:
        """From its first role assignment on, a storage account lets in only who has a role."""
        for account in self._world.storage_accounts:
            if (scope + "/").lower().startswith(account.id.lower() + "/"):
                account.is_guarded = True

    def _check_resource(self, target: Target) -> None:
        """Refuse what is asked about a service or storage account that is not there."""
        if target.service is not None and self._world.services.get(target.service) is None:
            raise errors.resource_not_found(
                f"Microsoft.ApiManagement/service/{target.service.name}", target.group
            )
        account_id = "/".join(target.extended.split("/")[:9])
        if f"/providers/{STORAGE}/storageAccounts/".lower() not in account_id.lower():
            return
        if self._world.storage_accounts.get(account_id) is None:
            name = account_id.rpartition("/")[2]
            raise errors.resource_not_found(f"{STORAGE}/storageAccounts/{name}", target.group)
