"""Putting needs and surroundings together: which right becomes which role assignment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploy import services
from deploy.inputs import Inputs
from deploy.judging import judge
from deploy.needs import CONTRIBUTOR, ContainerNeed, Place, needs_of
from deploy.surroundings import RECORDS_TAG, Surroundings
from deploy.work import Work, split_id
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
    judge(work)
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
