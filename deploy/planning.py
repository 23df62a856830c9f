"""Putting needs and surroundings together, and judging what was found. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploy import services
from deploy.inputs import Inputs
from deploy.needs import CONTRIBUTOR, PREFLIGHT, ContainerNeed, Place, needs_of
from deploy.surroundings import RECORDS_TAG, Surroundings
from deploy.work import Work, split_id
from shared.core.errors import ProtocolError
from shared.core.plan import Plan


def plan_work(plan: Plan, inputs: Inputs, around: Surroundings, *, is_name_free: bool) -> Work:
    """
    Return what is to be done for the app of the plan's region.

    Args:
        plan: for this environment's region.
        inputs: of this environment.
        around: what there is.
        is_name_free: whether the account of the records could be made; asked for only if it is not there.
    """
    account = plan.regions[plan.region].account
    kept = f"/subscriptions/{inputs.subscription}/resourcegroups/{inputs.kept_group}/"
    known = around.accounts.get(account, "")
    found = around.discovered(plan)
    work = Work(
        plan=plan,
        inputs=inputs,
        needs=needs_of(plan, plan.region, found),
        around=around,
        creates_account=not known or known.lower().startswith(kept),
    )
    if not known and not is_name_free:
        work.faults.append(
            f"the storage account {account}, which the plan names for {plan.region}, is in no subscription "
            "that this account can see, and its name is taken: choose another one in $.regions"
        )
    _judge_services(work)
    for need in work.needs.containers:
        _grant(work, need)
    for region in plan.regions:
        if region in around.peers:
            for need in needs_of(plan, region, found).containers:
                if need.account == account:
                    _grant(work, need)
            if not known and plan.region in needs_of(plan, region).record_regions:
                work.left.append(
                    f"the app of {region} looks for new restore points here every ten minutes; for it to be "
                    f"told of them at once, deploy the environment of {region} again"
                )
        elif region != plan.region:
            work.left.append(_no_peer(region, plan.regions[region].account in around.accounts))
    _judge_keys(work)
    _judge_topics(work)
    _judge_records(work)
    _judge_immutability(work)
    return work


def container_faults(work: Work, missing: list[Place]) -> None:
    """Note containers that are not there: a fault where they are this region's matter, else left to do."""
    for account, container in missing:
        resource_id = work.account_ids[account]
        _, _, subscription, _, group, *_ = resource_id.split("/")
        command = (
            f"az storage container-rm create --storage-account {account} --name {container} "
            f"--resource-group {group} --subscription {subscription}"
        )
        said = f"the container {container} is missing in the storage account {account}, which is there"
        if work.places[account, container]:
            work.faults.append(f"{said}: {command}")
        else:
            work.left.append(f"{said}; its own region's environment makes it, then deploy this one again")
        work.container_access = [
            one for one in work.container_access if (one["account"], one["container"]) != (account, container)
        ]


def _judge_services(work: Work) -> None:
    region = work.plan.region
    ours = {one.resource_id.lower() for one in work.plan.services if one.region == region}
    for resource_id in work.needs.services:
        resource = work.around.services.get(resource_id.lower())
        is_elsewhere = work.needs.services[resource_id] == (PREFLIGHT,)
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


def _grant(work: Work, need: ContainerNeed) -> None:
    """Turn one need into a role assignment, or say why there is none."""
    account_id = work.account_ids.get(need.account)
    is_own = need.region == work.plan.region
    if account_id is None:
        others = {place.account: region for region, place in work.plan.regions.items()}
        if need.account not in others:
            sentence = (
                f"the storage account {need.account}, where the plan puts backups, is in no subscription "
                "that this account can see: create it first, or say its resourceId in the plan"
            )
            if sentence not in work.faults:
                work.faults.append(sentence)
        return  # that of another region is made by its environment, which gives this right as well
    principal = "" if is_own else work.around.peers[need.region]
    work.who[principal] = "the app" if is_own else f"the app of {need.region}"
    if need.identity is not None:
        resource = work.around.services.get(need.identity.service)
        if resource is None:
            return  # said of the service already, or a matter of its own region
        found = services.principal_of(resource, need.identity)
        if found is None:
            _no_identity(work, need, resource)
            return
        principal = found
        work.who[principal] = str(resource["id"]).rsplit("/", 1)[-1]
    if need.account != work.account or not work.creates_account:
        place = need.account, need.container
        work.places[place] = work.places.get(place, False) or (is_own and need.role == CONTRIBUTOR)
    entry = {
        **split_id(account_id, "account"),
        "container": need.container,
        "principalId": principal,
        "role": need.role,
    }
    if entry not in work.container_access:
        work.container_access.append(entry)


def _no_peer(region: str, has_records: bool) -> str:
    if has_records:
        return (
            f"the app of {region} was not found beside its records, so it got no right on the storage of "
            f"this region: deploy its environment; if its records are in an account of your own, give its "
            f"identity the tag {RECORDS_TAG} with the name of that account, and deploy this one again"
        )
    return (
        f"{region} has no app yet: make it from an environment of its own, which also gives both apps their "
        f"rights on each other's storage: azd env new <name>, azd env set AZURE_LOCATION {region}, azd up"
    )


def _no_identity(work: Work, need: ContainerNeed, resource: Mapping[str, Any]) -> None:
    name = str(resource["id"]).rsplit("/", 1)[-1]
    again = "and deploy this environment again"
    if need.identity is not None and need.identity.client_id is not None:
        sentence = (
            f"{name} does not have the user-assigned identity with the client id {need.identity.client_id} "
            f"that the plan names: give it to the service, or correct the plan, {again}"
        )
    else:
        sentence = (
            f"{name} has no system-assigned identity, so it cannot reach its backups: "
            f"{services.how_to_give(resource)}, {again}"
        )
    if sentence not in work.left:
        work.left.append(sentence)


def _judge_keys(work: Work) -> None:
    for setting in work.needs.key_settings:
        work.left.append(
            f"the plan names the setting {setting} for an account key: put a Key Vault reference into the "
            "app's settings, and note that accounts that are made here refuse keys"
        )


def _judge_topics(work: Work) -> None:
    """Take the groups whose events can be heard; Event Grid allows one system topic for each source."""
    for subscription, group in work.needs.change_groups:
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
        elif not (topic.get("identity") or {}).get("principalId"):
            work.faults.append(
                f"the system topic {name} of the resource group {group} has no identity to deliver with: "
                f"az eventgrid system-topic update --name {name} --resource-group {place} "
                "--identity systemassigned"
            )
        else:
            work.change_groups.append((subscription, group))


def _judge_records(work: Work) -> None:
    """Take the topics on the records of regions whose services have their standby here."""
    for region in work.needs.record_regions:
        place = work.plan.regions[region]
        account_id = work.account_ids.get(place.account, "")
        made = {"name": f"evgt-{work.inputs.environment}-records", "resourceGroup": work.inputs.kept_group}
        topic = work.around.topics.get(account_id.lower())
        if account_id and account_id == work.account_ids.get(work.account) and work.creates_account:
            topic = {**made, "identity": {"principalId": "its own"}}
        if topic is not None and (topic.get("identity") or {}).get("principalId"):
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
            work.left.append(
                f"the app is not told of new restore points in {region}, and looks for them every ten "
                f"minutes: no system topic with an identity is on the account {place.account}: az eventgrid "
                f"system-topic create --name evgt-{place.account} --resource-group {group} "
                f"--location {region} --topic-type Microsoft.Storage.StorageAccounts --source {account_id} "
                "--identity systemassigned, and deploy this environment again"
            )
        else:
            work.left.append(
                f"the app looks for new restore points in {region} every ten minutes; to be told of them at "
                f"once, deploy this environment again after that of {region}"
            )


def _judge_immutability(work: Work) -> None:
    """Refuse a policy that would keep what retention lets go: pruning would fail night after night."""
    days = work.inputs.immutability_days
    short = [
        f"{one.name} ({one.retention.keep_within_days})"
        for one in work.plan.services
        if one.region == work.plan.region and one.retention and one.retention.keep_within_days < days
    ]
    if short:
        work.faults.append(
            f"APIM_DR_IMMUTABILITY_DAYS is {days}, and retention lets backups go earlier (keepWithinDays): "
            f"{', '.join(short[:5])}; make one of the two fit"
        )
