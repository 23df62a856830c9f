"""Judging what was found: what stops the deployment, what is left to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deploy import services
from deploy.needs import PREFLIGHT, Place, points_in
from deploy.work import Work
from shared.core.errors import ProtocolError
from shared.core.plan import Retention

BYTES_MAX = 32 * 1024
"""Of the setting `DR_PLAN`: beyond it nobody has said that an app still starts."""


def judge(work: Work) -> None:
    """Note every fault, and everything that somebody has to do."""
    _judge_services(work)
    _judge_keys(work)
    _judge_changes(work)
    _judge_own_topic(work)
    _judge_records(work)
    _judge_immutability(work)
    _judge_subscription(work)
    if work.plan_bytes > BYTES_MAX:
        work.warnings.append(
            f"the plan is {work.plan_bytes / 1024:.0f} kB as the setting DR_PLAN, and nobody has tried one "
            f"above {BYTES_MAX // 1024} kB: say less of each service, put what is alike into $.defaults, or "
            "let services be found by their tags ($.discover)"
        )


def _judge_services(work: Work) -> None:
    region = work.plan.region
    ours = {one.resource_id.lower() for one in work.plan.services if one.region == region}
    for resource_id, roles in work.needs.services.items():
        resource = work.around.services.get(resource_id.lower())
        is_elsewhere = roles == (PREFLIGHT,)
        name = resource_id.rsplit("/", 1)[-1]
        if resource is not None and not is_elsewhere:
            try:
                work.faults += services.faults_of(resource, region)
            except ProtocolError as err:
                work.faults.append(f"{name}: {err.message}")
        elif resource is None and is_elsewhere:
            work.left.append(
                f"{name}, a standby, was not found; without it nothing can be said of a failback"
            )
        elif resource is None:
            what = "is to be backed up" if resource_id.lower() in ours else "is to be restored into"
            work.faults.append(
                f"{name} {what}, and there is no such service in subscription {resource_id.split('/')[2]}, "
                f"or this account may not see it: {resource_id}"
            )


def _judge_keys(work: Work) -> None:
    """Demand a secret for each account key of the plan, and an account that takes keys."""
    said = work.inputs.key_settings
    for setting, account in work.needs.key_uses:
        if account in work.keyless:
            work.faults.append(
                f"the plan reaches the storage account {account} with the key in {setting}, and this account "
                "refuses keys: say SystemAssignedManagedIdentity in the plan, or use an account of your own"
            )
    missing = [one for one in work.needs.key_settings if one not in said]
    if missing:
        example = ";".join(f"{one}=https://<vault>/secrets/<name>" for one in missing)
        work.faults.append(
            f"the plan names settings for account keys, and no secret of a key vault is said for "
            f"{', '.join(missing)}: azd env set APIM_DR_KEY_SETTINGS '{example}'"
        )
    for setting in sorted(said.keys() - set(work.needs.key_settings)):
        work.faults.append(
            f"APIM_DR_KEY_SETTINGS says a secret for {setting}, and the plan names no such setting for "
            f"{work.plan.region}: correct one of the two"
        )
    for setting in work.needs.key_settings:
        if setting in said:
            work.left.append(_vault_right(work, said[setting]))


def _vault_right(work: Work, url: str) -> str:
    """Return how the app comes to read one secret, unless it may already."""
    vault, _, secret = url.removeprefix("https://").partition("/secrets/")
    secret = secret.split("/")[0]
    inputs = work.inputs
    return (
        f"the app reads the secret {secret} of {vault}, for which its identity needs Key Vault Secrets User "
        f"on that secret, if it does not have it yet: az role assignment create --role 'Key Vault Secrets "
        f"User' --assignee-object-id $(az identity show --name id-{inputs.environment} --resource-group "
        f"{inputs.kept_group} --subscription {inputs.subscription} --query principalId --output tsv) "
        f"--assignee-principal-type ServicePrincipal --scope $(az keyvault show --name {vault.split('.')[0]} "
        f"--query id --output tsv)/secrets/{secret}"
    )


def _judge_changes(work: Work) -> None:
    """Take the groups whose events can be heard; Event Grid allows one system topic for each source."""
    for subscription, named in work.needs.change_groups:
        group = work.group_as_shown(subscription, named)
        topic = work.around.topics.get(f"/subscriptions/{subscription}/resourcegroups/{group.lower()}")
        if topic is None or work.topic_name(subscription, group) == "":
            work.change_groups.append((subscription, group))
            continue
        name, place = str(topic["name"]), str(topic.get("resourceGroup", ""))
        if place.lower() != group.lower():
            work.left.append(
                f"changes in the resource group {group} are not heard of, and the nights go on: its one "
                f"system topic, {name}, is in another group ({place}), where it cannot be used"
            )
        elif not _delivers(topic):
            work.faults.append(
                f"the system topic {name} of the resource group {group} has no identity to deliver with: "
                f"{_how_to_identify(topic)}"
            )
        else:
            work.change_groups.append((subscription, group))


def _judge_own_topic(work: Work) -> None:
    """Take the topic that the account of the records has already, if it was made here."""
    topic = work.around.topics.get(work.around.accounts.get(work.account, "").lower())
    if topic is None or not work.creates_account:
        return
    name, place = str(topic["name"]), str(topic.get("resourceGroup", ""))
    said = f"the storage account {work.account} has a system topic already, {name}, and may have only one"
    if place.lower() != work.inputs.kept_group.lower():
        work.faults.append(
            f"{said}; it is in another group ({place}), where it cannot be used: if nothing else needs it, "
            f"az eventgrid system-topic delete --name {name} --resource-group {place} "
            f"--subscription {work.inputs.subscription}"
        )
    elif name == work.own_records_topic:
        return
    elif _delivers(topic):
        work.records_topic = name
    else:
        work.faults.append(f"{said}; it has no identity to deliver with: {_how_to_identify(topic)}")


def _judge_records(work: Work) -> None:
    """Take the topics on the records of regions whose services have their standby here."""
    for region in work.needs.record_regions:
        place = work.plan.regions[region]
        account_id = work.account_ids.get(place.account, "")
        topic = work.around.topics.get(account_id.lower())
        if place.account == work.account and work.creates_account:
            name = work.records_topic or work.own_records_topic
            topic = {"name": name, "resourceGroup": work.inputs.kept_group, "identity": {"principalId": "*"}}
        if topic is not None and _delivers(topic):
            work.record_sources.append(
                {
                    "subscriptionId": account_id.split("/")[2].lower(),
                    "resourceGroup": str(topic["resourceGroup"]),
                    "topicName": str(topic["name"]),
                    "container": place.container,
                }
            )
        elif account_id:
            group = account_id.split("/")[4]
            how = (
                _how_to_identify(topic)
                if topic is not None
                else f"az eventgrid system-topic create --name evgt-{place.account} --resource-group {group} "
                f"--location {region} --topic-type Microsoft.Storage.StorageAccounts --source {account_id} "
                "--identity systemassigned"
            )
            work.left.append(
                f"the app is not told of new restore points in {region}, and looks for them every ten "
                f"minutes: no system topic with an identity is on the account {place.account}: {how}, and "
                "deploy this environment again"
            )
        else:
            work.left.append(
                f"the app looks for new restore points in {region} every ten minutes; to be told of them at "
                f"once, deploy this environment again after that of {region}"
            )


def _judge_immutability(work: Work) -> None:
    """Refuse a policy that would keep what retention lets go: pruning would fail night after night."""
    days = work.inputs.immutability_days if work.creates_account else 0
    short: dict[str, None] = {}
    for name, retention, places in _kept(work):
        if retention is not None and retention.keep_within_days < days:
            for account, container in places:
                if account == work.account:
                    short[f"{name} ({retention.keep_within_days}, in {container})"] = None
    if short:
        listed = list(short)
        rest = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
        work.faults.append(
            f"APIM_DR_IMMUTABILITY_DAYS is {days}, and retention lets backups or copies go earlier "
            f"(keepWithinDays): {', '.join(listed[:5])}{rest}; make one of the two fit"
        )


def _kept(work: Work) -> Iterator[tuple[str, Retention | None, list[Place]]]:
    """Yield whose backups and copies go by which rules, and where they lie."""
    for service in work.plan.services:
        places = [points_in(service, service.region)]
        if service.standby is not None:
            places.append(points_in(service, service.standby.region))
        yield service.name, service.retention, places
    if work.plan.discover is not None:
        defaults = work.plan.defaults
        storages = [place.storage or defaults.storage for place in work.plan.regions.values()]
        found = [(one.account, one.container) for one in storages if one is not None]
        yield "whatever has the plan's tags", defaults.retention, found


def _judge_subscription(work: Work) -> None:
    """Refuse what the region or the subscription does not have."""
    wanted, skus = work.inputs.storage_sku, work.around.skus
    if skus and wanted not in skus:
        work.faults.append(
            f"APIM_DR_STORAGE_SKU is {wanted}, and {work.plan.region} has no such storage for this "
            f"subscription; there are {', '.join(sorted(skus))}: azd env set APIM_DR_STORAGE_SKU "
            f"{'Standard_LRS' if 'Standard_LRS' in skus else min(skus)}"
        )
    for namespace in work.around.unregistered:
        work.faults.append(
            f"the subscription is not registered for {namespace}, which the app's subnet is delegated to: az "
            f"provider register --namespace {namespace} --subscription {work.inputs.subscription} --wait"
        )


def _delivers(topic: Mapping[str, Any]) -> bool:
    """Whether a topic has the system-assigned identity that it delivers with."""
    return bool((topic.get("identity") or {}).get("principalId"))


def _how_to_identify(topic: Mapping[str, Any]) -> str:
    return (
        f"az eventgrid system-topic update --name {topic['name']} --resource-group "
        f"{topic.get('resourceGroup', '')} --identity systemassigned"
    )
