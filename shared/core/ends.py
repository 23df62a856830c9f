"""The services that are restored into: standbys, drill targets, and how often drills are held."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.core.access import Access
from shared.core.documents import Value
from shared.core.fields import AccountName, ContainerName, Region, ResourceId, StorageAccountId
from shared.core.plan_checks import RPO_HOURS_MAX, STANDBY_RPO_HOURS_DEFAULT
from shared.core.services import ServiceRef


class End(Value):
    """A service that is restored into: it must exist and have the same tier."""

    resource_id: ResourceId
    region: Region
    access: Access

    @property
    def ref(self) -> ServiceRef:
        """It as a service."""
        return ServiceRef(resource_id=self.resource_id, region=self.region)


class CopyStorage(Value):
    """Where copies of restore points go, so that the loss of the primary's region takes nothing with it."""

    account: AccountName
    container: ContainerName
    resource_id: StorageAccountId | None = None
    create_container: bool = False


class Standby(End):
    """
    The service that takes over.

    With `storage`, each restore point is first copied there, and `access` is how the standby reaches the
    copies; without it, how it reaches the account of the backups.
    """

    storage: CopyStorage | None = None
    rpo_hours: int = Field(default=STANDBY_RPO_HOURS_DEFAULT, ge=1, le=RPO_HOURS_MAX, strict=True)
    """How old what the standby holds may become."""
    uncounted_traffic: Literal["holdBack", "replicate"] = "holdBack"
    """What is done while the standby's usage report cannot be read, so that it may serve."""
    shrink_percent_max: int = Field(default=20, ge=1, le=100, strict=True)
    """A point that lost a larger share of the entities than this is not replicated by itself."""


class DrillTarget(End):
    """A service that exists to be restored into, so that restores are rehearsed."""


class Drill(Value):
    """Rehearse restores by themselves."""

    every_days: int = Field(default=30, ge=1, le=365, strict=True)
    into: Literal["drillTarget", "standby"] = "drillTarget"
    point: Literal["newest", "random"] = "newest"
    rto_hours: int = Field(default=8, ge=1, le=48, strict=True)
    """How long a restore may take, from the request until it is compared."""
