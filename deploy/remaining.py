"""What a removal leaves in other groups: who may still do what, and the commands that take it back."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from deploy.az import Az
from deploy.faults import DeployFault
from deploy.given import ROLE_NAMES, ROLE_PREFIX, container_id
from deploy.inputs import Inputs
from deploy.plan_file import PLAN_FILE, is_empty, read_plan
from deploy.planning import plan_work
from deploy.surroundings import look
from shared.core.errors import ConfigError


def remaining(az: Az, environment: Mapping[str, str], inputs: Inputs) -> Iterator[str]:
    """
    Yield the commands that remove what is elsewhere: assignments, custom roles, topics, subscriptions.

    It is advice: what cannot be read is left out.
    """
    principal = environment.get("APIM_DR_IDENTITY_PRINCIPAL_ID", "")
    kept = f"/subscriptions/{inputs.subscription}/resourcegroups/{inputs.kept_group}/".lower()
    yield from _rights_of_others(az, inputs, kept)
    for subscription in _subscriptions(az):
        if principal:
            command = ["role", "assignment", "list", "--assignee", principal, "--all"]
            for one in _tried(az, command, subscription):
                if not f"{one['scope']}/".lower().startswith(kept):
                    yield f"az role assignment delete --ids {shlex.quote(str(one['id']))}"
        command = ["role", "definition", "list", "--custom-role-only", "true"]
        for one in _tried(az, command, subscription):
            if str(one.get("roleName", "")).lower().startswith(ROLE_PREFIX):
                role = shlex.quote(str(one["roleName"]))
                yield f"az role definition delete --name {role}  # if no other environment uses it"
        yield from _topics(az, subscription, inputs)


def _rights_of_others(az: Az, inputs: Inputs, kept: str) -> Iterator[str]:
    """Yield the commands that take back what services and other apps got in accounts outside of the group."""
    try:
        if is_empty(PLAN_FILE):
            return
        plan = read_plan(PLAN_FILE, inputs.location)
        around = look(az, plan, inputs)
    except (DeployFault, ConfigError) as fault:
        first = str(fault).splitlines()[0]
        yield f"# and what services may write in accounts of yours: the plan could not be followed ({first})"
        return
    work = plan_work(plan, inputs, around, is_name_free=True)
    for entry in work.container_access:
        scope = container_id(entry)
        if entry["principalId"] and not scope.lower().startswith(kept):
            yield (
                f"az role assignment delete --assignee {entry['principalId']} --role "
                f"{shlex.quote(ROLE_NAMES[entry['role']])} --scope {shlex.quote(scope)} "
                f" # {work.who[entry['principalId']]}, if it does not need it for another app"
            )


def _topics(az: Az, subscription: str, inputs: Inputs) -> Iterator[str]:
    """Yield the commands that end the listening in the resource groups of services."""
    for topic in _tried(az, ["eventgrid", "system-topic", "list"], subscription):
        group, name = str(topic["resourceGroup"]), str(topic["name"])
        of = f"--resource-group {shlex.quote(group)} --subscription {subscription}"
        if group.lower() == inputs.kept_group.lower():
            continue
        if name == f"evgt-{inputs.environment}-changes":
            yield f"az eventgrid system-topic delete --name {name} {of}"
            continue
        listing = ["eventgrid", "system-topic", "event-subscription", "list", "--system-topic-name", name]
        for one in _tried(az, [*listing, "--resource-group", group], subscription):
            if one["name"] == f"apim-dr-{inputs.environment}":
                yield (
                    f"az eventgrid system-topic event-subscription delete --name {one['name']} "
                    f"--system-topic-name {name} {of}"
                )


def _subscriptions(az: Az) -> list[str]:
    listed = az.json("listing the subscriptions", ["account", "list"]) or []
    return [str(one["id"]) for one in listed]


def _tried(az: Az, command: list[str], subscription: str) -> list[Mapping[str, Any]]:
    """Return a list, an empty one where it may not be read: it is only advice."""
    try:
        return list(az.json("listing rights", command, subscription=subscription) or [])
    except DeployFault:
        return []
