"""
Resources that hang on other resources, whatever those are: locks, role assignments, diagnostic settings.

A scope is a resource id. What hangs on a scope above holds below too, except diagnostic settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LOCKS = "Microsoft.Authorization/locks"
ROLE_ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
DIAGNOSTIC_SETTINGS = "Microsoft.Insights/diagnosticSettings"
PERMISSIONS = "Microsoft.Authorization/permissions"

STORAGE_BLOB_DATA_WRITERS = (
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe",  # Storage Blob Data Contributor
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",  # Storage Blob Data Owner
)
"""Ids of the built-in roles whose holders may write blobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """One of them."""

    scope: str
    type: str
    name: str
    properties: dict[str, Any]

    def shown(self) -> dict[str, Any]:
        """Return it as Azure Resource Manager shows it."""
        return {
            "id": f"{self.scope}/providers/{self.type}/{self.name}",
            "name": self.name,
            "type": self.type,
            "properties": self.properties,
        }

    def holds_at(self, scope: str) -> bool:
        """Tell whether it hangs on a scope or above it."""
        return (scope + "/").lower().startswith(self.scope.lower() + "/")

    def hangs_below(self, scope: str) -> bool:
        """Tell whether it hangs on something inside a scope."""
        return self.scope.lower().startswith(scope.lower() + "/")


class Extensions:
    """The register of them."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str, str], Extension] = {}

    def put(self, extension: Extension) -> bool:
        """Create or replace one; tell whether it is new."""
        key = _key(extension.scope, extension.type, extension.name)
        is_new = key not in self._by_key
        self._by_key[key] = extension
        return is_new

    def get(self, scope: str, type_: str, name: str) -> Extension | None:
        """Return one."""
        return self._by_key.get(_key(scope, type_, name))

    def delete(self, scope: str, type_: str, name: str) -> Extension | None:
        """Forget one and return it, None if it was not there."""
        return self._by_key.pop(_key(scope, type_, name), None)

    def of(self, type_: str) -> Iterator[Extension]:
        """Yield all of one type, in the order in which they were first put."""
        return (one for one in list(self._by_key.values()) if one.type == type_)

    def lock_against(self, method: str, scope: str) -> Extension | None:
        """Return the lock that forbids a method at a scope; a ReadOnly one forbids all but reading."""
        if method in ("GET", "HEAD"):
            return None
        for one in self.of(LOCKS):
            is_enough = method == "DELETE" or one.properties.get("level") == "ReadOnly"
            if is_enough and one.holds_at(scope):
                return one
        return None

    def may_write_blobs(self, principal_id: str, scope: str) -> bool:
        """Tell whether a role assignment at a scope or above it lets a principal write blobs there."""
        return any(
            one.properties["principalId"].lower() == principal_id.lower()
            and one.properties["roleDefinitionId"].rpartition("/")[2].lower() in STORAGE_BLOB_DATA_WRITERS
            and one.holds_at(scope)
            for one in self.of(ROLE_ASSIGNMENTS)
        )


def _key(scope: str, type_: str, name: str) -> tuple[str, str, str]:
    return scope.lower(), type_.lower(), name.lower()
