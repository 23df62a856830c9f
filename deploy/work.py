"""One run of the foundation: what is deployed, what speaks against it, what is left to do. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from deploy.inputs import Inputs
from deploy.needs import Needs, Place, backup_places
from deploy.surroundings import Surroundings
from shared.core.plan import Plan


@dataclass(slots=True, kw_only=True)
class Work:
    """
    What one run of the foundation does.

    `faults` stop it before anything is made. `left` is what somebody has to do afterwards, in sentences.
    `places` are the containers that must be there, with whether they are this region's own matter.
    """

    plan: Plan
    inputs: Inputs
    needs: Needs
    around: Surroundings
    creates_account: bool
    has_new_plan: bool = False
    """Whether this run has written the plan file."""
    faults: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    container_access: list[dict[str, str]] = field(default_factory=list)
    places: dict[Place, bool] = field(default_factory=dict)
    change_groups: list[tuple[str, str]] = field(default_factory=list)
    record_sources: list[dict[str, str]] = field(default_factory=list)
    who: dict[str, str] = field(default_factory=dict)
    """What the terminal calls a principal id."""
    records_topic: str = ""
    """The system topic that the account made here has already; empty for one that is made here as well."""
    warnings: list[str] = field(default_factory=list)
    """What stops nothing, and should be known before."""

    @property
    def account(self) -> str:
        """The account of this region's records."""
        return self.plan.regions[self.plan.region].account

    @property
    def plan_bytes(self) -> int:
        """The size of the plan as the app's setting."""
        return len(self.plan.model_dump_json(by_alias=True, exclude_unset=True).encode())

    @property
    def keyless(self) -> set[str]:
        """The accounts that refuse keys: those that say so, and those that foundations make."""
        unmade = {place.account for place in self.plan.regions.values()} - self.around.accounts.keys()
        return {*self.around.keyless, *unmade, *([self.account] if self.creates_account else [])}

    @property
    def account_ids(self) -> dict[str, str]:
        """The ids of all accounts, that of the one which is made here included."""
        made = (
            f"/subscriptions/{self.inputs.subscription}/resourceGroups/{self.inputs.kept_group}"
            f"/providers/Microsoft.Storage/storageAccounts/{self.account}"
        )
        return {**self.around.accounts, **({self.account: made} if self.creates_account else {})}

    @property
    def backup_containers(self) -> list[str]:
        """The containers of backups and copies in the account that is made here."""
        return [container for account, container in backup_places(self.plan) if account == self.account]

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of infra/foundation.bicep."""
        ids = self.account_ids
        accounts = [ids[name] for name in self.needs.accounts if name in ids]
        scopes = [*self.seen_services(), *accounts]
        subscriptions = {scope.split("/")[2].lower() for scope in scopes} | set(self.needs.discovery)
        return {
            "environmentName": self.inputs.environment,
            "location": self.inputs.location,
            "recordsAccount": self.account,
            "createRecordsAccount": self.creates_account,
            "recordsContainer": self.plan.regions[self.plan.region].container,
            "backupContainers": self.backup_containers if self.creates_account else [],
            "storageSku": self.inputs.storage_sku,
            "softDeleteDays": self.inputs.soft_delete_days,
            "versionDays": self.inputs.version_days,
            "immutabilityDays": self.inputs.immutability_days,
            "serviceAccess": [
                {**split_id(resource_id), "roles": list(roles)}
                for resource_id, roles in self.seen_services().items()
            ],
            "discoverySubscriptions": [
                {"subscriptionId": one, "roles": list(roles)} for one, roles in self.needs.discovery.items()
            ],
            "containerAccess": self.container_access,
            "accountAccess": [split_id(resource_id, "account") for resource_id in accounts],
            "roleSubscriptions": sorted(subscriptions),
            "recordsTopicName": self.records_topic,
            "recordSources": self.record_sources,
            "changeSources": [
                {
                    "subscriptionId": subscription,
                    "resourceGroup": group,
                    "topicName": self.topic_name(subscription, group),
                }
                for subscription, group in self.change_groups
            ],
            "vnetAddressPrefix": self.inputs.vnet_prefix,
        }

    def topic_name(self, subscription: str, group: str) -> str:
        """Return the system topic that a group has already, unless this environment made it."""
        source = f"/subscriptions/{subscription}/resourcegroups/{group.lower()}"
        name = str(self.around.topics.get(source, {}).get("name", ""))
        return "" if name == self.own_topic else name

    @property
    def own_topic(self) -> str:
        """The name of the system topics that infra/foundation.bicep makes for changes."""
        return f"evgt-{self.inputs.environment}-changes"

    @property
    def own_records_topic(self) -> str:
        """The name of the system topic that infra/foundation.bicep makes for records."""
        return f"evgt-{self.inputs.environment}-records"

    def group_as_shown(self, subscription: str, group: str) -> str:
        """Return a resource group as Azure spells it in the id of a service."""
        for resource in self.around.services.values():
            parts = str(resource["id"]).split("/")
            if (parts[2].lower(), parts[4].lower()) == (subscription, group.lower()):
                return parts[4]
        return group

    def seen_services(self) -> dict[str, tuple[str, ...]]:
        """Return the roles on each service that is there, by its id as Azure spells it."""
        there = self.around.services
        return {
            str(there[one.lower()]["id"]): roles
            for one, roles in self.needs.services.items()
            if one.lower() in there
        }


def split_id(resource_id: str, name: str = "name") -> dict[str, str]:
    """Return an ARM id as the parameters of the foundation have it."""
    parts = resource_id.split("/")
    return {"subscriptionId": parts[2].lower(), "resourceGroup": parts[4], name: parts[8]}
