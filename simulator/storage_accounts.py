"""
Storage accounts as resources of Azure Resource Manager: what is put of them and what is shown.

They describe; the blobs are elsewhere. An account that was never put is not restricted by anything here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator import regions
from simulator.errors import invalid_request_content

KINDS = ("StorageV2", "Storage", "BlobStorage", "BlockBlobStorage", "FileStorage")

_NETWORK: dict[str, Any] = {
    "resourceAccessRules": [],
    "bypass": "AzureServices",
    "virtualNetworkRules": [],
    "ipRules": [],
    "defaultAction": "Allow",
}
_BLOB_SERVICE: dict[str, Any] = {
    "cors": {"corsRules": []},
    "deleteRetentionPolicy": {"enabled": False, "allowPermanentDelete": False},
}


@dataclass(slots=True, kw_only=True)
class StorageAccount:
    """
    One account, as put. `is_guarded` from the first role assignment on: then roles count, as in Azure.
    """

    id: str
    name: str
    location: str
    kind: str
    sku: dict[str, Any]
    created_at: dt.datetime
    properties: dict[str, Any] = field(default_factory=dict)
    blob_service: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    is_guarded: bool = False

    def shown(self) -> dict[str, Any]:
        """Return the account as Azure Resource Manager shows it; what was never set is left out."""
        given = dict(self.properties)
        return {
            "sku": {"tier": self.sku["name"].partition("_")[0], **self.sku},
            "kind": self.kind,
            "id": self.id,
            "name": self.name,
            "type": "Microsoft.Storage/storageAccounts",
            "location": self.location,
            "tags": self.tags,
            "properties": {
                "minimumTlsVersion": "TLS1_2",
                "allowBlobPublicAccess": False,
                "supportsHttpsTrafficOnly": True,
                "accessTier": "Hot",
                **given,
                "networkAcls": {**_NETWORK, **(given.get("networkAcls") or {})},
                "provisioningState": "Succeeded",
                "creationTime": self.created_at.isoformat(),
                "primaryEndpoints": {"blob": f"https://{self.name}.blob.core.windows.net/"},
                "primaryLocation": self.location,
                "statusOfPrimary": "available",
            },
        }

    def shown_blob_service(self) -> dict[str, Any]:
        """Return the blob service as Azure Resource Manager shows it."""
        return {
            "sku": self.sku,
            "id": f"{self.id}/blobServices/default",
            "name": "default",
            "type": "Microsoft.Storage/storageAccounts/blobServices",
            "properties": {**_BLOB_SERVICE, **self.blob_service},
        }


class StorageAccounts:
    """The register of accounts; names are global."""

    def __init__(self) -> None:
        self._by_name: dict[str, StorageAccount] = {}

    def __iter__(self) -> Iterator[StorageAccount]:
        return iter(list(self._by_name.values()))

    def named(self, name: str) -> StorageAccount | None:
        """Return the account of that name, wherever it is."""
        return self._by_name.get(name.lower())

    def get(self, resource_id: str) -> StorageAccount | None:
        """Return the account with that id."""
        found = self.named(resource_id.rpartition("/")[2])
        return found if found and found.id.lower() == resource_id.lower() else None

    def put(self, resource_id: str, body: Mapping[str, Any], *, now: dt.datetime) -> StorageAccount:
        """
        Create or replace an account; it keeps its blob service.

        Raises:
            WireError: 400 with every fault.
        """
        location = regions.display_name(str(body.get("location")))
        kind, sku = body.get("kind", "StorageV2"), body.get("sku") or {"name": "Standard_LRS"}
        faults = []
        if location is None:
            faults.append("location must be an Azure region")
        if kind not in KINDS:
            faults.append(f"kind must be one of {', '.join(KINDS)}")
        if not isinstance(sku, dict) or not isinstance(sku.get("name"), str):
            faults.append("sku.name is required")
        if faults:
            raise invalid_request_content("; ".join(faults))
        old = self.get(resource_id)
        made = StorageAccount(
            id=old.id if old else resource_id,
            name=resource_id.rpartition("/")[2],
            # Storage, unlike API Management, answers with the short form.
            location=regions.region_key(location or ""),
            kind=kind,
            sku=sku,
            created_at=old.created_at if old else now,
            properties=dict(body.get("properties") or {}),
            blob_service=old.blob_service if old else {},
            tags=body.get("tags") or {},
            is_guarded=old.is_guarded if old else False,
        )
        self._by_name[made.name.lower()] = made
        return made
