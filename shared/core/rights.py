"""Reading what an identity may do: permissions with wildcards, and role assignments with scopes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

BLOB_WRITERS = {
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
}
"""Built-in roles that may write blobs. See docs/azure-facts.md, "Permissions"."""

BLOB_READERS = {
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    **BLOB_WRITERS,
}
"""Built-in roles that may read blobs."""

NO_BLOB_WRITERS = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "acdd72a7-3385-48ef-bd42-f606fba818e7": "Reader",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "17d1049b-9a84-46fb-8f53-869881c3d3ab": "Storage Account Contributor",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "312a565d-c81f-4fd8-895a-4e21e48d571c": "API Management Service Contributor",
    "e022efe7-f5ba-4159-bbe4-b44f577e9b61": "API Management Service Operator Role",
    "71522526-b88f-4d52-b57f-d31fc3546d0d": "API Management Service Reader Role",
}
"""Built-in roles that an identity often holds and that write no blobs; Owner only manages the account."""


def allows(permissions: Iterable[Mapping[str, Any]], action: str) -> bool:
    """
    Tell whether permissions allow an action.

    Each entry is what one role gives: its `actions` less its own `notActions`. What one role leaves out
    another may give.

    Raises:
        TypeError: an entry is not of the documented shape.
    """
    return any(
        _names(entry.get("actions"), action) and not _names(entry.get("notActions"), action)
        for entry in permissions
    )


def _names(patterns: Any, action: str) -> bool:
    if patterns is None:
        return False
    if not isinstance(patterns, list):
        raise TypeError("actions are not a list")
    return any(_matches(str(pattern), action) for pattern in patterns)


def _matches(pattern: str, action: str) -> bool:
    """Compare as Azure does: `*` stands for any text, slashes included, and case does not matter."""
    wanted = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(wanted, action, re.IGNORECASE) is not None


def role_id(assignment: Mapping[str, Any]) -> str:
    """Return the GUID of an assignment's role in lower case."""
    return str(assignment["properties"]["roleDefinitionId"]).rsplit("/", 1)[-1].lower()


def covers(scope: str, resource_id: str) -> bool:
    """
    Tell whether a right at `scope` holds for a resource: it is the resource itself or lies above it.

    Management groups and the root, which no resource's id shows, lie above everything that a list at the
    resource names.
    """
    above = scope.rstrip("/").lower()
    if not above or above.startswith("/providers/microsoft.management/managementgroups/"):
        return True
    return f"{resource_id.lower()}/".startswith(f"{above}/")
