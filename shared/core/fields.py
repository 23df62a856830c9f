"""The kinds of text that a plan may hold, each with a sentence for the operator as its error."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from shared.core.services import canonical_region, check_resource_id

API_VERSION_FLOOR = "2021-08-01"
"""Older versions are retired; see docs/azure-facts.md, "API versions"."""


def _region(text: str) -> str:
    region = canonical_region(text)
    if not re.fullmatch(r"[a-z][a-z0-9]{2,40}", region):
        raise ValueError("is not an Azure region such as westeurope")
    return region


def _api_version(text: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?", text):
        raise ValueError("is not an api-version such as 2024-05-01")
    try:
        dt.date.fromisoformat(text[:10])
    except ValueError as err:
        raise ValueError("is not an api-version such as 2024-05-01: there is no such day") from err
    if text < API_VERSION_FLOOR:
        raise ValueError(f"is older than {API_VERSION_FLOOR}, and older versions are retired")
    return text


def _matching(pattern: str, what: str) -> Any:
    """Return a type of strings that match `pattern`, with a sentence instead of the pattern as its error."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"is not {what}")
        return text

    return Annotated[
        str, AfterValidator(check), WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})
    ]


ApiVersion = Annotated[str, AfterValidator(_api_version)]
Region = Annotated[str, AfterValidator(_region)]
ResourceId = Annotated[str, AfterValidator(check_resource_id)]

if TYPE_CHECKING:  # made by a call below, which a type checker cannot follow
    AccountName = str
    ContainerName = str
    PlanName = str
    SettingName = str
    ClientId = str
    SubscriptionId = str
    StorageAccountId = str
else:
    AccountName = _matching(
        r"[a-z0-9]{3,24}", "the name of a storage account: 3 to 24 lower-case letters and digits"
    )
    ContainerName = _matching(
        r"(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*",
        "the name of a container: 3 to 63 lower-case letters, digits and single hyphens",
    )
    PlanName = _matching(
        r"(?!safety-of-)[a-z](?:[a-z0-9-]{0,48}[a-z0-9])?",
        "a name for this plan: 1 to 50 lower-case letters, digits and hyphens, beginning with a letter "
        "and not with safety-of-",
    )
    SettingName = _matching(
        r"[A-Za-z_][A-Za-z0-9_]*", "the name of an app setting (the key itself is not wanted here)"
    )
    ClientId = _matching(
        r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        "a client id (a GUID); the principal id and the resource id of the identity do not work",
    )
    SubscriptionId = _matching(
        r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "a subscription id (a GUID)"
    )
    StorageAccountId = _matching(
        r"(?i:/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]{1,90}"
        r"/providers/Microsoft\.Storage/storageAccounts/[a-z0-9]{3,24})",
        "the id of a storage account; it looks like /subscriptions/<guid>/resourceGroups/<group>"
        "/providers/Microsoft.Storage/storageAccounts/<name>",
    )
