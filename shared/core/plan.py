"""
The plan: which services are protected, where their backups go, and who stands by.

One document for all regions: an app looks after the services whose region is its own, and
replicates to the standbys whose region is its own. Only `region` differs between the apps.
The JSON Schema in docs/plan.schema.json is generated from this file.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from shared.core.clouds import CLOUDS, Cloud
from shared.core.documents import Document, Value, faults_of
from shared.core.errors import ConfigError
from shared.core.fields import (
    AccountName,
    ApiVersion,
    ClientId,
    ContainerName,
    PlanName,
    Region,
    ResourceId,
    SettingName,
)
from shared.core.services import ServiceRef, canonical_region

API_VERSION_DEFAULT = "2024-05-01"
SERVICES_MAX = 2000
SETTING = "DR_PLAN"


class SystemAssignedAccess(Value):
    """The service reaches the storage account with its system-assigned identity (preferred)."""

    type: Literal["SystemAssignedManagedIdentity"]


class UserAssignedAccess(Value):
    """The service reaches the storage account with a user-assigned identity, named by its client id."""

    type: Literal["UserAssignedManagedIdentity"]
    client_id: ClientId


class AccessKeyAccess(Value):
    """The account key, read from the app setting named here at the moment of the call, and never stored."""

    type: Literal["AccessKey"]
    key_setting: SettingName


Access = Annotated[SystemAssignedAccess | UserAssignedAccess | AccessKeyAccess, Field(discriminator="type")]


class BackupStorage(Value):
    """Where a service's backups are written, and how the service itself reaches it."""

    account: AccountName
    container: ContainerName
    access: Access


class RecordsStorage(Value):
    """Where the app of one region keeps its records."""

    account: AccountName
    container: ContainerName = "apim-dr"


class Standby(Value):
    """The service that takes over; it must exist and have the same tier."""

    resource_id: ResourceId
    region: Region
    access: Access

    @property
    def ref(self) -> ServiceRef:
        """The standby as a service."""
        return ServiceRef(resource_id=self.resource_id, region=self.region)


class ProtectedService(Value):
    """One service of the plan: the primary, its storage, and its standby if it has one."""

    name: PlanName
    resource_id: ResourceId
    region: Region
    storage: BackupStorage
    standby: Standby | None = None

    @property
    def ref(self) -> ServiceRef:
        """The primary as a service."""
        return ServiceRef(resource_id=self.resource_id, region=self.region)


class Plan(Document):
    """The whole plan of one app."""

    region: Region
    cloud: Literal["public", "usgovernment", "china"] | Cloud = "public"
    api_version: ApiVersion = API_VERSION_DEFAULT
    concurrency: int = Field(default=10, ge=1, le=100, strict=True)
    deadline_hours: int = Field(default=8, ge=1, le=48, strict=True)
    regions: dict[Region, RecordsStorage] = Field(min_length=1)
    services: tuple[ProtectedService, ...] = Field(min_length=1, max_length=SERVICES_MAX)

    @property
    def endpoints(self) -> Cloud:
        """The cloud's endpoints, looked up or given."""
        return CLOUDS[self.cloud] if isinstance(self.cloud, str) else self.cloud

    def service(self, name: str) -> ProtectedService | None:
        """Return the service of that name in the plan."""
        return next((service for service in self.services if service.name == name), None)

    def own_primaries(self) -> tuple[ProtectedService, ...]:
        """Return the services that this app backs up."""
        return tuple(service for service in self.services if service.region == self.region)


def parse_plan(text: str, *, origin: str = SETTING) -> Plan:
    """
    Read a plan.

    Args:
        text: the JSON document.
        origin: where it came from, named in the error.

    Raises:
        ConfigError: lists every fault with its JSON path.
    """
    hint = "See docs/plan.md; docs/plan.schema.json lets an editor check the plan while it is written."
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as err:
        where = f"line {err.lineno}, column {err.colno}" if isinstance(err, json.JSONDecodeError) else "$"
        raise ConfigError(f"the plan in {origin} is not JSON", faults=[(where, str(err))], hint=hint) from err
    faults: list[tuple[str, str]] = []
    plan: Plan | None = None
    try:
        plan = Plan.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as err:
        faults = faults_of(err, data)
    faults += _disagreements(data)
    if plan is None or faults:
        raise ConfigError(f"the plan in {origin} is not usable", faults=faults, hint=hint)
    return plan


def _disagreements(data: Any) -> list[tuple[str, str]]:
    """
    Find where parts of a plan contradict each other.

    Works on the parsed JSON and passes over what has no usable shape, so that these faults are
    named together with those of shape.
    """
    plan = _as_dict(data)
    spelt = [(f"$.regions.{name}", canonical_region(name)) for name in _as_dict(plan.get("regions"))]
    regions = {region for _, region in spelt}
    services = plan.get("services")
    ends: list[tuple[str, Any]] = [("$", {"region": plan.get("region")})]
    names: list[tuple[str, Any]] = []
    for index, service in enumerate(services if isinstance(services, list) else []):
        at = f"$.services[{index}]"
        names.append((f"{at}.name", _as_dict(service).get("name")))
        ends.append((at, _as_dict(service)))
        ends.append((f"{at}.standby", _as_dict(_as_dict(service).get("standby"))))
    faults = _repeated(names, "is used twice; every service has a name of its own")
    faults += _repeated(
        [(f"{at}.resourceId", end.get("resourceId")) for at, end in ends],
        "is named twice; a service has one part in one plan",
    )
    faults += _repeated(spelt, "is named twice; West Europe and westeurope are one region")
    for at, end in ends:
        region = end.get("region")
        if isinstance(region, str) and canonical_region(region) not in regions:
            faults.append((f"{at}.region", f"{region} has no entry in $.regions"))
    return faults


def _repeated(values: list[tuple[str, Any]], what: str) -> list[tuple[str, str]]:
    seen: set[str] = set()
    faults = []
    for path, value in values:
        if isinstance(value, str):
            if value.lower() in seen:
                faults.append((path, what))
            seen.add(value.lower())
    return faults


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def plan_schema() -> dict[str, Any]:
    """Return the JSON Schema of a plan, as published."""
    schema = Plan.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "apim-dr plan",
        "$comment": "Generated by `make schema` from shared/core/plan.py; do not edit.",
        **{key: value for key, value in schema.items() if key != "title"},
    }
