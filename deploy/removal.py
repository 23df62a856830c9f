"""`predown` and `postdown`: say what azd down leaves alone, and delete that too only when told so by name."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from deploy.az import Az, store
from deploy.faults import DeployFault, DeployFaults
from deploy.inputs import Inputs, read_inputs

WORD = "APIM_DR_DELETE_KEPT"
ROLE_PREFIX = "apim-dr "
"""How the names of the custom roles begin."""


def stays(environment: Mapping[str, str]) -> int:
    """Say what azd down is about to delete, and what stays."""
    inputs = read_inputs(environment, with_options=False)
    group = inputs.kept_group
    print(
        f"azd down deletes the resource group rg-{inputs.environment}: the function app with its plan, logs,"
    )
    print("alerts and workbook. All of it can be made again with azd up.")
    if environment.get(WORD) == inputs.environment:
        print(f"{WORD} is {inputs.environment}: afterwards {group} is deleted AS WELL, with all records")
        print(f"and all backups in it, for good. To keep them, stop here: azd env set {WORD} ''")
    else:
        print(f"It does not touch {group}, nor any right. There stay:")
    for line in _contents(inputs):
        print(f"  {line}")
    if environment.get(WORD) != inputs.environment:
        print("With the next azd up the app goes on where it was, runs in flight included. Storage costs on.")
        for line in _how_to_delete(environment, inputs):
            print(line)
    return 0


def remove_kept(environment: Mapping[str, str]) -> int:
    """
    Delete the group that azd down leaves alone, if the environment's name was said; else say that it stays.

    Raises:
        DeployFault: it was asked for, and could not be done.
    """
    inputs = read_inputs(environment, with_options=False)
    group = inputs.kept_group
    if environment.get(WORD) != inputs.environment:
        print(f"{group} stays, with the records and the backups.")
        for line in _how_to_delete(environment, inputs):
            print(line)
        return 0
    az = Az(inputs.subscription)
    if az.found(f"looking for {group}", ["group", "show", "--name", group]) is None:
        print(f"{group} is not there (any more); nothing was deleted.")
        return 0
    protected = _protected(az, group)
    if protected:
        raise DeployFaults(
            f"{group} was not deleted, although {WORD} asks for it",
            protected,
            "Azure keeps what such a policy protects until its days are over; nothing can hurry it. Wait, or "
            "delete what is no longer protected, and run azd down again.",
        )
    remains = list(_remains(az, environment, inputs))
    print(f"Deleting {group}, because {WORD} is {inputs.environment} …", flush=True)
    az.json(f"deleting {group}", ["group", "delete", "--name", group, "--yes"])
    if az.found(
        "looking for the foundation's deployment", ["deployment", "sub", "show", "--name", inputs.deployment]
    ):
        az.json("forgetting the deployment", ["deployment", "sub", "delete", "--name", inputs.deployment])
    store(inputs.environment, {WORD: ""})
    print(f"{group} is deleted, with the records and backups in it.")
    if remains:
        print("These remain elsewhere, and do nothing any more; to remove them:")
        for line in remains:
            print(f"  {line}")
    return 0


def _contents(inputs: Inputs) -> list[str]:
    """Return what lies in the kept group; where it cannot be listed, that it was not."""
    try:
        command = ["resource", "list", "--resource-group", inputs.kept_group]
        listed = Az(inputs.subscription).found(f"listing {inputs.kept_group}", command)
    except DeployFault as fault:
        return [f"(what exactly could not be listed: {fault})"]
    if not listed:
        return ["(nothing: the group is not there)"]
    return sorted(f"{one['name']} ({str(one['type']).rsplit('/', 1)[-1]})" for one in listed)


def _how_to_delete(environment: Mapping[str, str], inputs: Inputs) -> Iterator[str]:
    said = environment.get(WORD, "")
    if said:
        yield f"{WORD} is {said!r}, which is not this environment's name: it counts for nothing."
    yield f"To delete it as well, for good: azd env set {WORD} {inputs.environment}, then azd down."


def _protected(az: Az, group: str) -> list[str]:
    """Return the containers that a policy or a legal hold protects."""
    found = []
    for account in (
        az.json("listing storage accounts", ["storage", "account", "list", "--resource-group", group]) or []
    ):
        name = account["name"]
        command = ["storage", "container-rm", "list", "--storage-account", name, "--resource-group", group]
        for container in az.json(f"listing containers of {name}", command) or []:
            reasons = [
                what
                for what, is_so in (
                    ("an immutability policy", container.get("hasImmutabilityPolicy")),
                    ("a legal hold", container.get("hasLegalHold")),
                    (
                        "immutable versions",
                        (container.get("immutableStorageWithVersioning") or {}).get("enabled"),
                    ),
                )
                if is_so
            ]
            if reasons:
                found.append(f"the container {container['name']} of {name} has {' and '.join(reasons)}")
    return found


def _remains(az: Az, environment: Mapping[str, str], inputs: Inputs) -> Iterator[str]:
    """Yield the commands that remove what is elsewhere: assignments, custom roles, topics, subscriptions."""
    principal = environment.get("APIM_DR_IDENTITY_PRINCIPAL_ID", "")
    kept = f"/subscriptions/{inputs.subscription}/resourcegroups/{inputs.kept_group}/".lower()
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
