"""`predown` and `postdown`: say what azd down leaves alone, and delete that too only when told so by name."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from deploy.az import Az, store
from deploy.faults import DeployFault, DeployFaults
from deploy.inputs import Inputs, read_inputs
from deploy.remaining import remaining

WORD = "APIM_DR_DELETE_KEPT"
AGAIN = "Nothing was deleted. When no container is protected any more, run azd down again."


def stays(environment: Mapping[str, str]) -> int:
    """Say what azd down is about to delete, and what stays."""
    inputs = read_inputs(environment, with_options=False)
    group = inputs.kept_group
    print(f"azd down deletes the resource group {inputs.app_group}: the function app with its plan, logs,")
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
    protected = _protected(az, group, inputs.subscription)
    if protected:
        raise DeployFaults(f"{group} was not deleted, although {WORD} asks for it", protected, AGAIN)
    remains = list(remaining(az, environment, inputs))
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


def _protected(az: Az, group: str, subscription: str) -> list[str]:
    """Return the containers that a policy or a legal hold protects, each with what can be done about it."""
    found = []
    listing = ["storage", "account", "list", "--resource-group", group]
    for account in az.json("listing storage accounts", listing) or []:
        name = str(account["name"])
        command = ["storage", "container-rm", "list", "--storage-account", name, "--resource-group", group]
        for container in az.json(f"listing containers of {name}", command) or []:
            said = f"the container {container['name']} of {name} has"
            of = ["--account-name", name, "--container-name", str(container["name"])]
            of += ["--resource-group", group]
            if container.get("hasImmutabilityPolicy"):
                found.append(f"{said} {_policy(az, of, subscription)}")
            if container.get("hasLegalHold"):
                tags = f"az storage container legal-hold show {' '.join(of)} --subscription {subscription}"
                found.append(f"{said} a legal hold: whoever put it there has to take it back ({tags})")
            if (container.get("immutableStorageWithVersioning") or {}).get("enabled"):
                found.append(
                    f"{said} immutable versions: delete those whose days are over; Azure keeps the rest "
                    "until theirs are"
                )
    return found


def _policy(az: Az, of: list[str], subscription: str) -> str:
    """Return what can be done about the immutability policy of a container."""
    commands = ["storage", "container", "immutability-policy"]
    shown = az.json("reading an immutability policy", [*commands, "show", *of]) or {}
    days = shown.get("immutabilityPeriodSinceCreationInDays")
    if str(shown.get("state")) != "Unlocked":
        return (
            f"a locked immutability policy of {days} days: nobody can take it back or hurry it; wait until "
            "the days of the newest backup are over, and delete the backups"
        )
    etag = shlex.quote(str(shown.get("etag") or "*"))
    back = " ".join(["az", *commands, "delete", *of, "--if-match", etag, "--subscription", subscription])
    return f"an immutability policy of {days} days that is not locked; to take it back: {back}"
