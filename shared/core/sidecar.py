"""
The sidecar: what a backup does not contain, as far as Azure Resource Manager shows it without a secret.

Rules of the file:
1. A field is kept only if a class here names it. Whatever else Azure sends, now or later, is dropped.
2. No class names a field that can hold a certificate, a password or a key.
3. A part that could not be read, or is not of the documented shape, is named in `not_read`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from shared.core.documents import Document, Utc, Value
from shared.core.preflight_facts import Unseen
from shared.core.services import ServiceRef

PROTOCOLS_PREFIX = "Microsoft.WindowsAzure.ApiManagement.Gateway."
"""Custom properties are protocols and ciphers, and their names begin with this."""

_P = TypeVar("_P", bound=BaseModel)


class _Part(Value):
    """A piece of Azure's answer: the fields that are named here, and nothing else of it."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


class Certificate(_Part):
    """How a certificate is told from others. Never the certificate."""

    thumbprint: str | None = None
    subject: str | None = None
    expiry: str | None = None


class HostName(_Part):
    """One host name, and where its certificate comes from."""

    type: str
    host_name: str
    certificate_source: str | None = None
    certificate_status: str | None = None
    key_vault_id: str | None = None
    """The URL of a secret in a key vault; the secret itself needs a right of its own."""
    identity_client_id: str | None = None
    default_ssl_binding: bool | None = None
    negotiate_client_certificate: bool | None = None
    certificate: Certificate | None = None


class CaCertificate(_Part):
    """One certificate of an authority that the service trusts."""

    store_name: str
    certificate: Certificate | None = None


class UserAssignedIdentity(_Part):
    """The ids of one identity."""

    client_id: str | None = None
    principal_id: str | None = None


class Identity(_Part):
    """The identities of the service; user-assigned ones by their ARM ids."""

    type: str = "None"
    principal_id: str | None = None
    tenant_id: str | None = None
    user_assigned_identities: dict[str, UserAssignedIdentity] | None = None


class Subnet(_Part):
    """Where the service, or one of its locations, stands in a virtual network."""

    subnet_resource_id: str | None = None


class Network(_Part):
    """Virtual network and addresses, as far as they are settings."""

    virtual_network_type: str | None = None
    virtual_network_configuration: Subnet | None = None
    public_ip_address_id: str | None = None
    public_network_access: str | None = None
    nat_gateway_state: str | None = None


class Sku(_Part):
    """Tier and units."""

    name: str | None = None
    capacity: int | None = None


class Location(_Part):
    """One further region of the service."""

    location: str
    sku: Sku | None = None
    zones: tuple[str, ...] | None = None
    virtual_network_configuration: Subnet | None = None
    public_ip_address_id: str | None = None
    nat_gateway_state: str | None = None
    disable_gateway: bool | None = None


class Places(_Part):
    """Region, zones, units, and further regions."""

    location: str
    sku: Sku | None = None
    zones: tuple[str, ...] | None = None
    disable_gateway: bool | None = None
    additional_locations: tuple[Location, ...] | None = None


class ApiVersionConstraint(_Part):
    """The oldest api-version that the service accepts."""

    min_api_version: str | None = None


class General(_Part):
    """What else is set on the service itself."""

    publisher_name: str | None = None
    publisher_email: str | None = None
    notification_sender_email: str | None = None
    platform_version: str | None = None
    enable_client_certificate: bool | None = None
    developer_portal_status: str | None = None
    legacy_portal_status: str | None = None
    api_version_constraint: ApiVersionConstraint | None = None
    tags: dict[str, str] | None = None


class DiagnosticCategory(_Part):
    """One category of logs or metrics, and whether it is sent."""

    category: str | None = None
    category_group: str | None = None
    enabled: bool | None = None


class DiagnosticSetting(_Part):
    """One diagnostic setting: what is sent where. Ids only; no key of a hub or an account."""

    name: str | None = None
    workspace_id: str | None = None
    storage_account_id: str | None = None
    event_hub_authorization_rule_id: str | None = None
    event_hub_name: str | None = None
    marketplace_partner_id: str | None = None
    log_analytics_destination_type: str | None = None
    logs: tuple[DiagnosticCategory, ...] | None = None
    metrics: tuple[DiagnosticCategory, ...] | None = None


class NotRead(Value):
    """One part that is missing, and why."""

    part: str
    reason: str


class Sidecar(Document):
    """What stood beside one backup, right before it. A part that is null is named in `not_read`."""

    service: str
    source: ServiceRef
    backup: str
    taken_at: Utc
    tier: str
    api_version: str
    host_names: tuple[HostName, ...] | None = None
    ca_certificates: tuple[CaCertificate, ...] | None = None
    identity: Identity | None = None
    network: Network | None = None
    protocols: dict[str, str] | None = None
    places: Places | None = None
    general: General | None = None
    diagnostics: tuple[DiagnosticSetting, ...] | None = None
    not_read: tuple[NotRead, ...] = ()
    remarks: tuple[str, ...] = ()
    """What preflight remarked and did not refuse; the restore point's record repeats it."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the parts that could not be read."""
        return tuple(missing.part for missing in self.not_read)


def read_parts(
    resource: Mapping[str, Any], diagnostics: Sequence[Mapping[str, Any]] | Unseen
) -> dict[str, Any]:
    """
    Return the parts of a sidecar by their field names, with `not_read`.

    Args:
        resource: the service as Azure Resource Manager shows it.
        diagnostics: its diagnostic settings, or why they could not be read.
    """
    parts: dict[str, Any] = {}
    not_read: list[NotRead] = []
    for name, read in _READERS.items():
        try:
            parts[name] = read(resource)
        except (ValidationError, TypeError, KeyError, AttributeError):
            not_read.append(NotRead(part=name, reason="not of the documented shape"))
    if isinstance(diagnostics, Unseen):
        not_read.append(NotRead(part="diagnostics", reason=diagnostics.reason))
    else:
        try:
            parts["diagnostics"] = tuple(map(_diagnostic_setting, diagnostics))
        except (ValidationError, TypeError, KeyError, AttributeError):
            not_read.append(NotRead(part="diagnostics", reason="not of the documented shape"))
    return {**parts, "not_read": tuple(not_read)}


def _each(kind: type[_P], field: str) -> Callable[[Mapping[str, Any]], tuple[_P, ...]]:
    """Return a reader of a list among the properties; Azure sends null for an empty one."""
    return lambda resource: tuple(
        kind.model_validate(item) for item in resource["properties"].get(field) or ()
    )


def _protocols(resource: Mapping[str, Any]) -> dict[str, str]:
    found = resource["properties"].get("customProperties") or {}
    return {
        name: str(value) for name, value in sorted(found.items()) if str(name).startswith(PROTOCOLS_PREFIX)
    }


def _diagnostic_setting(setting: Mapping[str, Any]) -> DiagnosticSetting:
    return DiagnosticSetting.model_validate({**setting["properties"], "name": setting.get("name")})


_READERS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "host_names": _each(HostName, "hostnameConfigurations"),
    "ca_certificates": _each(CaCertificate, "certificates"),
    "identity": lambda resource: Identity.model_validate(resource.get("identity") or {}),
    "network": lambda resource: Network.model_validate(resource["properties"]),
    "protocols": _protocols,
    "places": lambda resource: Places.model_validate({**resource["properties"], **resource}),
    "general": lambda resource: General.model_validate(
        {**resource["properties"], "tags": resource.get("tags")}
    ),
}
PARTS = (*_READERS, "diagnostics")
"""Names of the parts, as fields of Sidecar."""
