"""Two services with everything that a restore leaves out, as Azure Resource Manager shows them."""

from __future__ import annotations

from typing import Any

from shared.core.sidecar import PROTOCOLS_PREFIX, Sidecar, read_parts
from tests.core import make

TARGET = make.service("contoso-neu", "northeurope")
TLS10 = f"{PROTOCOLS_PREFIX}Security.Protocols.Tls10"
SOURCE_PRINCIPAL = "5d1a9a52-6f3a-4d0b-8a5e-0c6f6f4a1c11"
TARGET_PRINCIPAL = "77a5b8e4-0f4d-4b8e-9b57-3f6f1f0f7b21"
WORKSPACE = f"{make.GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs"
IDENTITY = f"{make.GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/dr"
KEY_VAULT_HOST = {
    "type": "Proxy",
    "hostName": "api.contoso.example",
    "certificateSource": "KeyVault",
    "keyVaultId": "https://contoso.vault.azure.net/secrets/api",
}
UPLOADED_HOST = {
    "type": "DeveloperPortal",
    "hostName": "portal.contoso.example",
    "certificateSource": "Custom",
    "certificate": {"thumbprint": "AB12"},
}
ROOT = {"storeName": "Root", "certificate": {"thumbprint": "CD34", "subject": "CN=Contoso Root"}}
LOGS = {
    "name": "all",
    "properties": {
        "workspaceId": WORKSPACE,
        "logAnalyticsDestinationType": "Dedicated",
        "logs": [{"category": "GatewayLogs", "enabled": True}],
    },
}


def source(**changes: Any) -> Sidecar:
    """Return the sidecar of a service that has everything."""
    full = {
        "hostnameConfigurations": [_default("contoso-weu"), KEY_VAULT_HOST, UPLOADED_HOST],
        "certificates": [ROOT],
        "customProperties": {TLS10: "True"},
        "virtualNetworkType": "External",
        "virtualNetworkConfiguration": {"subnetResourceId": f"{make.GROUP}/subnets/apim"},
        "additionalLocations": [{"location": "East US", "sku": {"name": "Premium", "capacity": 1}}],
        "publisherName": "Contoso",
        **changes,
    }
    identities = {IDENTITY: {"clientId": make.UUID, "principalId": SOURCE_PRINCIPAL}}
    identity = {
        "type": "SystemAssigned, UserAssigned",
        "principalId": SOURCE_PRINCIPAL,
        "userAssignedIdentities": identities,
    }
    return _sidecar("contoso-weu", "West Europe", 2, identity, full, [LOGS])


def target(**changes: Any) -> Sidecar:
    """Return the same of a service that has nothing but an identity of its own."""
    bare = {"hostnameConfigurations": [_default("contoso-neu")], "customProperties": {TLS10: "False"}}
    identity = {"type": "SystemAssigned", "principalId": TARGET_PRINCIPAL}
    return _sidecar("contoso-neu", "North Europe", 1, identity, {**bare, **changes}, [])


def alike() -> Sidecar:
    """Return the settings of a target in which everything has been seen to."""
    found = source(hostnameConfigurations=[_default("contoso-neu"), KEY_VAULT_HOST, UPLOADED_HOST])
    return found.model_copy(update={"source": TARGET})


def _default(name: str) -> dict[str, Any]:
    return {"type": "Proxy", "hostName": f"{name}.azure-api.net", "certificateSource": "BuiltIn"}


def _sidecar(
    name: str,
    location: str,
    units: int,
    identity: dict[str, Any],
    properties: dict[str, Any],
    diagnostics: list[dict[str, Any]],
) -> Sidecar:
    resource = {
        "location": location,
        "sku": {"name": "Premium", "capacity": units},
        "identity": identity,
        "properties": properties,
    }
    return Sidecar(
        service="contoso",
        source=make.service("contoso-weu") if name == "contoso-weu" else TARGET,
        backup="b",
        taken_at=make.NOW,
        tier="Premium",
        api_version="2024-05-01",
        **read_parts(resource, diagnostics),
    )
