"""What only Azure knows: which services and accounts there are, whose identities, which topics."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.az import Az, AzFault
from deploy.faults import DeployFault
from deploy.inputs import Inputs
from deploy.needs import Place, account_ids
from deploy.plan_file import CLOUDS
from shared.core import roster
from shared.core.plan import Plan, ProtectedService
from shared.core.services import canonical_region

REGION_TAG, RECORDS_TAG = "apim-dr-region", "apim-dr-records"
"""On an app's identity: where it is; and, where its records are not beside it, their account."""

SUBNET_PROVIDER = "Microsoft.App"
"""To which the subnet of an app on Flex Consumption is delegated."""

EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Who deploys, where: the names are for the terminal."""

    user: str
    subscription: str
    cloud: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What was found. Keys are in lower case."""

    services: Mapping[str, Mapping[str, Any]]
    """By ARM id."""
    accounts: Mapping[str, str]
    """ARM ids of storage accounts by name."""
    peers: Mapping[str, str]
    """Principal ids of the apps of other regions, by region."""
    topics: Mapping[str, Mapping[str, Any]]
    """System topics by the ARM id of the source whose events they carry."""
    keyless: frozenset[str] = frozenset()
    """Names of storage accounts that refuse keys."""
    skus: frozenset[str] = frozenset()
    """Redundancies of storage that the region has for the subscription; empty where nobody could say."""
    unregistered: tuple[str, ...] = ()
    """Providers that the foundation needs and the subscription is not registered for."""

    def discovered(self, plan: Plan) -> tuple[ProtectedService, ...]:
        """Return the services that discovery finds today, filled in."""
        if plan.discover is None:
            return ()
        resources: dict[str, list[Any]] = {one: [] for one in roster.subscriptions(plan)}
        for resource_id, resource in self.services.items():
            if resource_id.split("/")[2] in resources:
                resources[resource_id.split("/")[2]].append(resource)
        lists = roster.Lists(resources=resources, unread={})
        found = roster.assemble(plan, roster.Roster(taken_at=EPOCH), lists, {}, EPOCH)
        return roster.filled_in(plan, found)


def signed_in(az: Az) -> SignIn:
    """
    Return who is signed in.

    Raises:
        DeployFault: nobody is, `az` is missing, or its cloud is one that no plan names.
    """
    shown = az.json("asking az who is signed in", ["account", "show"])
    cloud = CLOUDS.get(str(shown.get("environmentName", "AzureCloud")), "")
    if not cloud:
        raise DeployFault(f"az is set to the cloud {shown.get('environmentName')!r}; az cloud set --name …")
    user = str((shown.get("user") or {}).get("name", "somebody"))
    return SignIn(user=user, subscription=str(shown.get("name", "")), cloud=cloud)


def look(az: Az, plan: Plan, inputs: Inputs) -> Surroundings:
    """
    Read all that the foundation is made from; nothing is changed.

    Raises:
        DeployFault: something could not be read.
    """
    services: dict[str, Mapping[str, Any]] = {}
    accounts: dict[str, str] = {}
    keyless: set[str] = set()
    ours = inputs.subscription
    named = _subscriptions(one.resource_id for one in plan.services)
    ends = _subscriptions(
        end.resource_id for one in plan.services for end in (one.standby, one.drill_target) if end
    )
    searched = roster.subscriptions(plan)
    for subscription in dict.fromkeys([*named, *ends, *searched]):
        for one in _list(az, "the API Management services", ["apim", "list"], subscription):
            services[str(one["id"]).lower()] = one
    said = account_ids(plan)
    for subscription in dict.fromkeys([ours, *named, *ends, *searched, *_subscriptions(said.values())]):
        for one in _list(az, "the storage accounts", ["storage", "account", "list"], subscription):
            accounts[str(one["name"]).lower()] = str(one["id"])
            if one.get("allowSharedKeyAccess") is False:
                keyless.add(str(one["name"]).lower())
    return Surroundings(
        services=services,
        accounts=accounts,
        peers=_peers(az, plan, accounts),
        topics=_topics(az, plan, services, accounts),
        keyless=frozenset(keyless),
        skus=_skus(az, inputs.location),
        unregistered=_unregistered(az) if inputs.vnet_prefix else (),
    )


def is_name_free(az: Az, account: str) -> bool:
    """Tell whether a storage account of that name can be made; names are worldwide."""
    answer = az.json(
        f"asking whether the name {account} is free", ["storage", "account", "check-name", "--name", account]
    )
    return bool(answer and answer.get("nameAvailable"))


def missing_containers(az: Az, places: Iterable[Place], accounts: Mapping[str, str]) -> list[Place]:
    """Return which of the containers are not there, in accounts that are."""
    missing = []
    for account, container in sorted(set(places)):
        _, _, subscription, _, group, *_ = accounts[account].split("/")
        of = ["--storage-account", account, "--resource-group", group, "--name", container]
        doing = f"looking for the container {container} in {account}"
        shown = az.json(doing, ["storage", "container-rm", "exists", *of], subscription=subscription)
        if not (shown or {}).get("exists"):
            missing.append((account, container))
    return missing


def _list(az: Az, what: str, command: Sequence[str], subscription: str) -> list[Mapping[str, Any]]:
    doing = f"listing {what} of subscription {subscription}"
    try:
        return list(az.json(doing, command, subscription=subscription) or [])
    except AzFault as fault:
        if fault.is_absent or fault.is_forbidden:
            raise DeployFault(
                f"{doing}: this account may not read it, or it does not exist; Reader on the subscription is "
                f"enough for this step, docs/rights.md says what the next ones need. {fault}"
            ) from fault
        raise


def _peers(az: Az, plan: Plan, accounts: Mapping[str, str]) -> dict[str, str]:
    """Return the apps of the plan's other regions; apps of other plans have other records."""
    found: dict[str, str] = {}
    for region, place in plan.regions.items():
        if region == plan.region or place.account not in accounts:
            continue
        records = accounts[place.account]
        listed = _list(az, "the identities", ["identity", "list"], records.split("/")[2])
        for one in listed:
            tags = one.get("tags") or {}
            is_beside = _group(str(one["id"])) == _group(records)
            if tags.get(REGION_TAG) == region and (is_beside or tags.get(RECORDS_TAG) == place.account):
                found[region] = str(one["principalId"])
    return found


def _topics(
    az: Az, plan: Plan, services: Iterable[str], accounts: Mapping[str, str]
) -> dict[str, Mapping[str, Any]]:
    """Return the system topics where changes of services, or records of other regions, may be wanted."""
    found: dict[str, Mapping[str, Any]] = {}
    hears_changes = plan.defaults.after_changes is not None or any(one.after_changes for one in plan.services)
    sources = list(services) if hears_changes else []
    sources += [accounts[place.account] for place in plan.regions.values() if place.account in accounts]
    for subscription in _subscriptions(sources):
        command = ["eventgrid", "system-topic", "list"]
        for topic in _list(az, "the Event Grid system topics", command, subscription):
            found[str(topic.get("source", "")).lower()] = topic
    return found


def _skus(az: Az, region: str) -> frozenset[str]:
    """Return the redundancies of general storage accounts in a region; an older az cannot say."""
    try:
        listed = az.json("listing kinds of storage", ["storage", "sku", "list"]) or []
    except AzFault:
        return frozenset()
    return frozenset(
        str(one["name"])
        for one in listed
        if one.get("resourceType") == "storageAccounts"
        and one.get("kind") == "StorageV2"
        and region in map(canonical_region, one.get("locations") or [])
        and not one.get("restrictions")
    )


def _unregistered(az: Az) -> tuple[str, ...]:
    """Return what the subscription has to be registered for before a subnet can be delegated."""
    command = ["provider", "show", "--namespace", SUBNET_PROVIDER]
    shown = az.json(f"asking whether {SUBNET_PROVIDER} is registered", command) or {}
    return () if shown.get("registrationState") == "Registered" else (SUBNET_PROVIDER,)


def _subscriptions(resource_ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.split("/")[2].lower() for one in resource_ids))


def _group(resource_id: str) -> str:
    """Return subscription and resource group of a resource, comparable."""
    return "/".join(resource_id.split("/")[:5]).lower()
