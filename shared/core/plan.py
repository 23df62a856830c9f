"""
The plan: which services are protected, where their backups go, and who stands by.

One document for all regions: an app looks after the services whose region is its own, and
replicates to the standbys whose region is its own. Only `region` differs between the apps.
The JSON Schema in docs/plan.schema.json is generated from this file.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationError

from shared.core.access import BackupStorage
from shared.core.clouds import CLOUDS, Cloud
from shared.core.documents import Document, Utc, Value, faults_of
from shared.core.ends import Drill, DrillTarget, End, Standby
from shared.core.errors import ConfigError
from shared.core.fields import (
    AccountName,
    ApiVersion,
    ContainerName,
    PlanName,
    Region,
    ResourceId,
    SubscriptionId,
)
from shared.core.plan_checks import (
    RECORDS_CONTAINER,
    RPO_HOURS_DEFAULT,
    RPO_HOURS_MAX,
    VALIDITY_DAYS_MAX,
    JsonObject,
    disagreements,
)
from shared.core.services import ServiceRef
from shared.core.usage import UsageExport

API_VERSION_DEFAULT = "2024-05-01"
SERVICES_MAX = 2000
SETTING = "DR_PLAN"


def _cloud_tag(value: Any) -> str:
    """Tell a cloud's name from endpoints, so that a fault in the endpoints is not one of the name as well."""
    return "endpoints" if isinstance(value, dict | Cloud) else "name"


CloudChoice = Annotated[
    Annotated[Literal["public", "usgovernment", "china"], Tag("name")] | Annotated[Cloud, Tag("endpoints")],
    Discriminator(_cloud_tag),
]


TagName = Annotated[str, Field(min_length=1, max_length=512)]


class RegionPlace(Value):
    """Where the app of one region keeps its records, and where backups of its services go by default."""

    account: AccountName
    container: ContainerName = RECORDS_CONTAINER
    storage: BackupStorage | None = None


class Retention(Value):
    """Keep rules. A restore point dies only when every rule agrees, and the newest usable one never does."""

    keep_last: int = Field(default=7, ge=1, le=10_000, strict=True)
    keep_within_days: int = Field(default=30, ge=0, le=3650, strict=True)
    keep_at_least: int = Field(default=3, ge=1, le=10_000, strict=True)
    """The floor: never fewer usable points than this are left."""


class AfterChanges(Value):
    """Back up after changes: when it has been quiet for a while, and not too often."""

    quiet_minutes: int = Field(default=30, ge=1, le=1440, strict=True)
    min_interval_hours: int = Field(default=4, ge=1, le=168, strict=True)


class Pause(Value):
    """No backups by themselves meanwhile; the reason is shown wherever the service is."""

    reason: str = Field(min_length=1, max_length=200)
    until: Utc | None = None


class ServiceSettings(Value):
    """What may be said of one service, or of all of them in `defaults`."""

    storage: BackupStorage | None = None
    rpo_hours: int | None = Field(default=None, ge=1, le=RPO_HOURS_MAX, strict=True)
    validity_days: int | None = Field(default=None, ge=1, le=VALIDITY_DAYS_MAX, strict=True)
    retention: Retention | None = None
    after_changes: AfterChanges | None = None
    again_if_changed: bool | None = Field(default=None, strict=True)
    paused: Pause | None = None
    usage: UsageExport | None = None
    drill: Drill | None = None


class PlannedService(ServiceSettings):
    """One service as the plan names it."""

    name: PlanName
    resource_id: ResourceId
    region: Region
    standby: Standby | None = None
    drill_target: DrillTarget | None = None


class Discovery(Value):
    """Services that are found by their tags instead of being named."""

    subscriptions: tuple[SubscriptionId, ...] = Field(min_length=1, max_length=500)
    tag: dict[TagName, str] = Field(min_length=1, max_length=10)
    """All of these tags, names and values; names without regard to case, as in Azure."""


class ProtectedService(Value):
    """
    One service with everything filled in: its own words first, then its region's, then the defaults.

    `retention` None: nothing is ever pruned. `after_changes` None: changes start nothing. `usage` None:
    no reports are exported. `drill` None: no restore is rehearsed.
    """

    name: PlanName
    resource_id: ResourceId
    region: Region
    storage: BackupStorage
    standby: Standby | None = None
    drill_target: DrillTarget | None = None
    rpo_hours: int = RPO_HOURS_DEFAULT
    validity_days: int = VALIDITY_DAYS_MAX
    retention: Retention | None = None
    after_changes: AfterChanges | None = None
    again_if_changed: bool = False
    paused: Pause | None = None
    usage: UsageExport | None = None
    drill: Drill | None = None

    @property
    def ref(self) -> ServiceRef:
        """The primary as a service."""
        return ServiceRef(resource_id=self.resource_id, region=self.region)

    @property
    def drill_into(self) -> End | None:
        """The service that its drills restore into; None if it has no drills, or no such service."""
        if self.drill is None:
            return None
        return self.standby if self.drill.into == "standby" else self.drill_target

    def shelf(self, region: str) -> str:
        """
        Return the region whose records the app of `region` takes restore points from.

        Its own, if the service's backups or copies of them are kept there: then nothing of another region
        is needed. Else the primary's.
        """
        has_copies = (
            self.standby is not None and self.standby.storage is not None and self.standby.region == region
        )
        return region if has_copies else self.region

    def is_paused(self, now: dt.datetime) -> bool:
        """Whether nothing is to be started for it by itself."""
        return self.paused is not None and (self.paused.until is None or now < self.paused.until)


class Plan(Document):
    """The whole plan of one app."""

    region: Region
    cloud: CloudChoice = "public"
    api_version: ApiVersion = API_VERSION_DEFAULT
    concurrency: int = Field(default=10, ge=1, le=100, strict=True)
    deadline_hours: int = Field(default=8, ge=1, le=48, strict=True)
    regions: dict[Region, RegionPlace] = Field(min_length=1)
    defaults: ServiceSettings = ServiceSettings()
    discover: Discovery | None = None
    entries: tuple[PlannedService, ...] = Field(default=(), alias="services", max_length=SERVICES_MAX)

    @property
    def endpoints(self) -> Cloud:
        """The cloud's endpoints, looked up or given."""
        return CLOUDS[self.cloud] if isinstance(self.cloud, str) else self.cloud

    @functools.cached_property
    def services(self) -> tuple[ProtectedService, ...]:
        """The services that the plan names; those that are discovered are added by shared.roster."""
        return tuple(self.fill_in(entry) for entry in self.entries)

    def fill_in(self, entry: PlannedService) -> ProtectedService:
        """
        Return a service with everything filled in.

        A null in the service's own words takes back what the defaults say.

        Raises:
            ValueError: no storage is named for it anywhere; parse_plan has refused such a plan.
        """
        storage = self.storage_of(entry)
        if storage is None:
            raise ValueError(f"no storage is named for {entry.name}")
        said = self.defaults.model_dump(exclude_none=True, exclude={"storage"} | entry.model_fields_set)
        own = {name: value for name, value in entry if value is not None and name != "storage"}
        return ProtectedService.model_validate({**said, **own, "storage": storage}, by_name=True)

    def storage_of(self, entry: PlannedService) -> BackupStorage | None:
        """Return where backups of a service go: its own word, its region's, or the default."""
        place = self.regions.get(entry.region)
        return entry.storage or (place.storage if place else None) or self.defaults.storage

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
        data = json.loads(text, object_pairs_hook=JsonObject)
    except (ValueError, RecursionError) as err:
        where, what = "$", str(err)
        if isinstance(err, json.JSONDecodeError):
            where, what = f"line {err.lineno}, column {err.colno}", err.msg
        raise ConfigError(f"the plan in {origin} is not JSON", faults=[(where, what)], hint=hint) from err
    faults: list[tuple[str, str]] = []
    plan: Plan | None = None
    try:
        plan = Plan.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as err:
        faults = faults_of(err, data)
    faults += disagreements(data)
    if plan is None or faults:
        raise ConfigError(f"the plan in {origin} is not usable", faults=faults, hint=hint)
    return plan


def plan_schema() -> dict[str, Any]:
    """Return the JSON Schema of a plan, as published."""
    schema = Plan.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "apim-dr plan",
        "$comment": "Generated by `make schema` from shared/core/plan.py; do not edit.",
        **{key: value for key, value in schema.items() if key != "title"},
    }
