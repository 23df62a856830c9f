"""
How Azure Resource Manager shows a service.

The fields, their order and their idle values (`targetProvisioningState` is an empty text, `location` is a
display name) follow recordings of the production service.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from simulator import regions
from simulator.gateways import gateway_url
from simulator.ids import made_up_guid
from simulator.services import Service

_PROTOCOLS = "Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Protocols."
_CUSTOM_PROPERTIES = {
    f"{_PROTOCOLS}Tls10": "False",
    f"{_PROTOCOLS}Tls11": "False",
    f"{_PROTOCOLS}Ssl30": "False",
    "Microsoft.WindowsAzure.ApiManagement.Gateway.Protocols.Server.Http2": "False",
}

_WRITE_ONLY = ("encodedCertificate", "certificatePassword")


def shown(service: Service, tenant: str, origin: str) -> dict[str, Any]:
    """Return the service as Azure Resource Manager shows it; `origin` is where its gateway answers."""
    return {
        "id": str(service.id),
        "name": service.id.name,
        "type": "Microsoft.ApiManagement/service",
        "tags": service.tags,
        "location": service.location,
        "etag": service.etag,
        "properties": _properties(service, origin),
        "sku": service.sku,
        "identity": _identity(service, tenant),
        "zones": service.zones,
        "systemData": {
            "createdBy": "simulator",
            "createdByType": "Application",
            "createdAt": service.created_at.isoformat(),
            "lastModifiedBy": "simulator",
            "lastModifiedByType": "Application",
            "lastModifiedAt": service.created_at.isoformat(),
        },
    }


def _properties(service: Service, origin: str) -> dict[str, Any]:
    name, busy, own = service.id.name, service.operation_id is not None, service.properties
    region = regions.region_key(service.location)
    # Addresses from the block reserved for documentation.
    address = f"203.0.113.{int(hashlib.sha256(service.id.key.encode()).hexdigest(), 16) % 254 + 1}"
    return {
        "publisherEmail": own.get("publisherEmail"),
        "publisherName": own.get("publisherName"),
        "notificationSenderEmail": own.get(
            "notificationSenderEmail", "apimgmt-noreply@mail.windowsazure.com"
        ),
        "provisioningState": "Updating" if busy else service.state,
        "targetProvisioningState": "Updating" if busy else "",
        "createdAtUtc": service.created_at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z",
        "gatewayUrl": gateway_url(service, origin),
        "gatewayRegionalUrl": f"https://{name}-{region}-01.regional.azure-api.net",
        "portalUrl": f"https://{name}.portal.azure-api.net",
        "developerPortalUrl": f"https://{name}.developer.azure-api.net",
        "managementApiUrl": f"https://{name}.management.azure-api.net",
        "scmUrl": f"https://{name}.scm.azure-api.net",
        "hostnameConfigurations": [
            {
                "type": "Proxy",
                "hostName": f"{name}.azure-api.net",
                "negotiateClientCertificate": False,
                "defaultSslBinding": True,
                "certificateSource": "BuiltIn",
            },
            *_without_secrets(own.get("hostnameConfigurations", [])),
        ],
        "publicIPAddresses": [address],
        "privateIPAddresses": None,
        "additionalLocations": own.get("additionalLocations"),
        "virtualNetworkConfiguration": own.get("virtualNetworkConfiguration"),
        "customProperties": {**_CUSTOM_PROPERTIES, **own.get("customProperties", {})},
        "virtualNetworkType": own.get("virtualNetworkType", "None"),
        "certificates": _without_secrets(own.get("certificates", [])) or None,
        "disableGateway": own.get("disableGateway", False),
        "natGatewayState": own.get("natGatewayState", "Disabled"),
        "outboundPublicIPAddresses": [address],
        "apiVersionConstraint": own.get("apiVersionConstraint", {"minApiVersion": None}),
        "publicIpAddressId": own.get("publicIpAddressId"),
        "publicNetworkAccess": own.get("publicNetworkAccess", "Enabled"),
        "privateEndpointConnections": None,
        "platformVersion": "stv2",
    }


def _without_secrets(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return certificates and host names without what can be written only."""
    return [{k: v for k, v in one.items() if k not in _WRITE_ONLY} for one in found]


def _identity(service: Service, tenant: str) -> dict[str, Any] | None:
    identity = service.identity
    if identity is None or identity["type"] == "None":
        return None
    shown: dict[str, Any] = {"type": identity["type"]}
    if "SystemAssigned" in identity["type"].split(", "):
        shown["principalId"] = made_up_guid(f"principal:{service.id.key}")
        shown["tenantId"] = tenant
    if identity.get("userAssignedIdentities"):
        # Recorded: the keys come back with "resourcegroups" in lower case.
        shown["userAssignedIdentities"] = {
            re.sub("/resourcegroups/", "/resourcegroups/", one, flags=re.IGNORECASE): {
                "principalId": made_up_guid(f"principal:{one.lower()}"),
                "clientId": made_up_guid(f"client:{one.lower()}"),
            }
            for one in identity["userAssignedIdentities"]
        }
    return shown
