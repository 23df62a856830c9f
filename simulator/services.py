"""
API Management services: what is stored of one, and what may be written to it. `service_resource` shows it.
"""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator import entity_kinds, regions
from simulator.entities import EntityStore
from simulator.errors import Fault, service_exists, service_soft_deleted, validation
from simulator.ids import ServiceId, made_up_guid

TIERS = (
    "Developer",
    "Basic",
    "Standard",
    "Premium",
    "Isolated",
    "Consumption",
    "BasicV2",
    "StandardV2",
    "PremiumV2",
)

KEPT_DELETED = dt.timedelta(hours=48)
"""So long a deleted service can be brought back, and its name is taken."""

TIERS_WITH_BACKUP = frozenset({"Developer", "Basic", "Standard", "Premium"})

_NAME = re.compile(r"^[a-zA-Z](?:[a-zA-Z0-9-]{0,48}[a-zA-Z0-9])?$")

_IDENTITY_TYPES = ("None", "SystemAssigned", "UserAssigned", "SystemAssigned, UserAssigned")

_WRITABLE = (
    "publisherEmail",
    "publisherName",
    "notificationSenderEmail",
    "hostnameConfigurations",
    "virtualNetworkConfiguration",
    "additionalLocations",
    "customProperties",
    "certificates",
    "enableClientCertificate",
    "disableGateway",
    "natGatewayState",
    "virtualNetworkType",
    "apiVersionConstraint",
    "publicIpAddressId",
    "publicNetworkAccess",
    "developerPortalStatus",
)


@dataclass(slots=True, kw_only=True)
class Service:
    """One service with its entities. `operation_id` is set while it is in transition."""

    id: ServiceId
    location: str
    sku: dict[str, Any]
    properties: dict[str, Any]
    created_at: dt.datetime
    entities: EntityStore
    etag: str
    identity: dict[str, Any] | None = None
    tags: dict[str, str] = field(default_factory=dict)
    zones: list[str] | None = None
    operation_id: str | None = None
    state: str = "Succeeded"
    """provisioningState when it is not in transition."""

    @property
    def tier(self) -> str:
        """The SKU's name, such as Developer."""
        return str(self.sku["name"])

    def system_principal_id(self) -> str | None:
        """Return the object id of the system-assigned identity, None if it is not enabled."""
        if self.identity is None or "SystemAssigned" not in self.identity["type"].split(", "):
            return None
        return made_up_guid(f"principal:{self.id.key}")

    def user_principal_id(self, client_id: str) -> str | None:
        """
        Return the object id of the user-assigned identity with that client id, None if it is not assigned.
        """
        for resource_id in (self.identity or {}).get("userAssignedIdentities") or {}:
            if made_up_guid(f"client:{resource_id.lower()}") == client_id.lower():
                return made_up_guid(f"principal:{resource_id.lower()}")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedService:
    """A service that was deleted, and is not purged yet."""

    service: Service
    deleted_at: dt.datetime

    @property
    def purged_at(self) -> dt.datetime:
        """When nothing can bring it back any more."""
        return self.deleted_at + KEPT_DELETED


class Services:
    """The register of services, and the etags that everything in it gets."""

    def __init__(self) -> None:
        self._by_key: dict[str, Service] = {}
        self._deleted: list[DeletedService] = []
        self._etags = itertools.count(0x26C00)

    def next_etag(self) -> str:
        """Return a new etag: Base64 of a counter of eight bytes."""
        return base64.b64encode(struct.pack(">Q", next(self._etags))).decode()

    def get(self, service_id: ServiceId) -> Service | None:
        """Return one service."""
        return self._by_key.get(service_id.key)

    def delete(self, service_id: ServiceId, *, now: dt.datetime) -> None:
        """Delete one service softly."""
        if found := self._by_key.pop(service_id.key, None):
            self._deleted.append(DeletedService(service=found, deleted_at=now))

    def deleted(self, now: dt.datetime) -> list[DeletedService]:
        """Return what can still be brought back."""
        self._deleted = [one for one in self._deleted if one.purged_at > now]
        return list(self._deleted)

    def purge(self, one: DeletedService) -> None:
        """Forget a deleted service; its name is free again."""
        self._deleted.remove(one)

    def __iter__(self) -> Iterator[Service]:
        return iter(list(self._by_key.values()))

    def create(self, service_id: ServiceId, body: Mapping[str, Any], *, now: dt.datetime) -> Service:
        """
        Create a service at once, with the entities that a new one has.

        Raises:
            WireError: 400 with every fault; 409 if the name is taken elsewhere, because names are
                global, or is kept for a deleted service.
        """
        for other in self:
            if other.id.name.lower() == service_id.name.lower():
                raise service_exists(service_id.name)
        for one in self.deleted(now):
            if one.service.id.name.lower() == service_id.name.lower():
                raise service_soft_deleted(service_id.name)
        faults = _faults(body, new=True)
        if not _NAME.match(service_id.name):
            faults.append(Fault(target="serviceName", message=f"serviceName must match {_NAME.pattern}"))
        if faults:
            raise validation(faults)
        service = Service(
            id=service_id,
            location=regions.display_name(body["location"]) or "",
            sku={"name": body["sku"]["name"], "capacity": body["sku"].get("capacity", 1)},
            properties={},
            created_at=now,
            entities=EntityStore(self.next_etag),
            etag=self.next_etag(),
        )
        _apply(service, body)
        for path, properties in entity_kinds.first_entities(
            email=service.properties["publisherEmail"], now=now
        ):
            service.entities.put(path, properties)
        self._by_key[service_id.key] = service
        return service

    def update(self, service: Service, body: Mapping[str, Any]) -> None:
        """
        Change a service at once; fields that the body leaves out stay as they are.

        Raises:
            WireError: 400 with every fault.
        """
        if faults := _faults(body, new=False):
            raise validation(faults)
        _apply(service, body)
        service.etag = self.next_etag()


def _faults(body: Mapping[str, Any], *, new: bool) -> list[Fault]:
    faults: list[Fault] = []
    location, sku, identity = body.get("location"), body.get("sku"), body.get("identity")
    if (new or location is not None) and regions.display_name(str(location)) is None:
        faults.append(Fault(target="location", message=f"location {location!r} is not an Azure region"))
    if (new or sku is not None) and (not isinstance(sku, dict) or sku.get("name") not in TIERS):
        faults.append(Fault(target="sku.name", message=f"sku.name must be one of {', '.join(TIERS)}"))
    elif isinstance(sku, dict) and not isinstance(sku.get("capacity", 1), int):
        faults.append(Fault(target="sku.capacity", message="sku.capacity must be a whole number"))
    if identity is not None and (
        not isinstance(identity, dict) or identity.get("type") not in _IDENTITY_TYPES
    ):
        faults.append(
            Fault(
                target="identity.type", message=f"identity.type must be one of {'; '.join(_IDENTITY_TYPES)}"
            )
        )
    properties = body.get("properties") or {}
    for name in ("publisherEmail", "publisherName") if new else ():
        if not isinstance(properties, dict) or not properties.get(name):
            faults.append(Fault(target=f"properties.{name}", message=f"properties.{name} is required"))
    return faults


def _apply(service: Service, body: Mapping[str, Any]) -> None:
    given = body.get("properties") or {}
    service.properties.update({name: given[name] for name in _WRITABLE if given.get(name) is not None})
    # What Azure adds by itself comes back in a PUT of what a GET returned.
    service.properties["hostnameConfigurations"] = [
        one
        for one in service.properties.get("hostnameConfigurations", [])
        if one.get("certificateSource") != "BuiltIn"
    ]
    if body.get("sku") is not None:
        service.sku = {**service.sku, **{k: v for k, v in body["sku"].items() if k in ("name", "capacity")}}
    if "identity" in body:
        service.identity = body["identity"]
    if "tags" in body:
        service.tags = body["tags"] or {}
    if "zones" in body:
        service.zones = body["zones"]
