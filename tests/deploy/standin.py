"""
A stand-in for `az` and `azd` on the PATH: keeps a small Azure in a JSON file, and writes down every call.

Run as a copy of this file that is called `az` or `azd`. The state lies beside it in `state.json`,
the calls in `calls.jsonl`. A fault of the state is told instead of an answer: {"command": "az account show",
"stderr": "…", "exit": 1}; with "hangs" it never ends by itself. Standard library only.
"""

import json
import signal
import sys
from pathlib import Path

HERE = Path(sys.argv[0]).resolve().parent


def option(arguments, name):
    """Return what follows an option."""
    return arguments[arguments.index(name) + 1] if name in arguments else ""


def of(resource_id):
    """Return subscription and resource group of an ARM id, in lower case."""
    parts = resource_id.lower().split("/")
    return parts[2], parts[4]


def deploy(state, arguments):
    """Make what the foundation would make, and answer its outputs."""
    file = Path(option(arguments, "--parameters").removeprefix("@"))
    values = {name: one["value"] for name, one in json.loads(file.read_text())["parameters"].items()}
    subscription, env = option(arguments, "--subscription"), values["environmentName"]
    group = f"/subscriptions/{subscription}/resourceGroups/rg-apim-dr-{env}-keep"
    identity = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-{env}"
    if all(one["id"] != identity for one in state["identities"]):
        tags = {"apim-dr-env": env, "apim-dr-region": values["location"]}
        state["identities"].append({"id": identity, "principalId": f"principal-of-{env}", "tags": tags})
    account = values["recordsAccount"]
    if values["createRecordsAccount"] and all(one["name"] != account for one in state["accounts"]):
        made = f"{group}/providers/Microsoft.Storage/storageAccounts/{account}"
        state["accounts"].append({"id": made, "name": account})
        topic = {"id": f"{group}/x/evgt-{env}-records", "name": f"evgt-{env}-records", "source": made}
        topic |= {"resourceGroup": f"rg-apim-dr-{env}-keep", "identity": {"principalId": "of-the-topic"}}
        state["topics"].append(topic)
    if values["createRecordsAccount"]:
        names = [values["recordsContainer"], *values["backupContainers"]]
        state["containers"] += [f"{account}/{name}" for name in names]
    outputs = {
        "identityId": identity,
        "identityClientId": "c",
        "identityPrincipalId": f"principal-of-{env}",
        "hostStorageName": "sthost",
        "deploymentContainerUrl": "https://sthost.blob.core.windows.net/app",
        "subnetId": "",
    }
    shown = {"properties": {"outputs": {name: {"value": value} for name, value in outputs.items()}}}
    state["deployments"][option(arguments, "--name")] = shown
    state["groups"].append(group)
    return shown


def show_service(state, asked):
    """Return one service."""
    return one_of(state["services"], asked.name, "ResourceNotFound")


def one_of(listed, name, code):
    """Return what has an ARM id that ends with a name."""
    for one in listed:
        if one["id"].endswith(f"/{name}"):
            return one
    raise LookupError(f"ERROR: ({code}) '{name}' could not be found.")


def list_accounts(state, asked):
    """Return the accounts of a subscription, or of one of its groups."""
    group = option(asked.arguments, "--resource-group").lower()
    return [one for one in asked.here(state["accounts"]) if group in ("", of(one["id"])[1])]


def list_resources(state, asked):
    """Return what lies in a group."""
    group = option(asked.arguments, "--resource-group").lower()
    listed = [one["id"].split("/") for one in (*state["accounts"], *state["identities"])]
    return [
        {"name": parts[-1], "type": "/".join(parts[6:8])} for parts in listed if parts[4].lower() == group
    ]


def show_deployment(state, asked):
    """Return a deployment."""
    if asked.name not in state["deployments"]:
        raise LookupError("ERROR: (DeploymentNotFound) Deployment could not be found.")
    return state["deployments"][asked.name]


def wait_for_deployment(state, asked):
    """Let a deployment come to its end."""
    show_deployment(state, asked)["properties"]["provisioningState"] = state["ends_as"]
    if state["ends_as"] == "Failed":
        (HERE / "state.json").write_text(json.dumps(state))
        raise LookupError("ERROR: The operation failed")


def delete_group(state, asked):
    """Delete a group with all that is in it."""
    for kind in ("accounts", "identities"):
        state[kind] = [one for one in state[kind] if of(one["id"])[1] != asked.name.lower()]
    state["groups"] = [one for one in state["groups"] if not one.endswith(f"/{asked.name}")]


class Asked:
    """A call."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.subscription = option(arguments, "--subscription").lower()
        self.name = option(arguments, "--name")

    def here(self, listed):
        """Return what is in the subscription that is asked for."""
        return [one for one in listed if of(one["id"])[0] == self.subscription]

    def is_there(self, state):
        """Tell whether a container is there."""
        return f"{option(self.arguments, '--storage-account')}/{self.name}" in state["containers"]


USER = {"name": "jo@contoso.example"}
ANSWERS = {
    "account show": lambda s, _: {"name": "Contoso", "environmentName": s["cloud"], "user": USER},
    "account list": lambda s, _: [{"id": one} for one in sorted({of(x["id"])[0] for x in s["services"]})],
    "apim list": lambda s, asked: asked.here(s["services"]),
    "apim show": show_service,
    "storage account list": list_accounts,
    "storage account check-name": lambda s, asked: {"nameAvailable": asked.name not in s["taken"]},
    "storage container-rm exists": lambda s, asked: {"exists": asked.is_there(s)},
    "storage container-rm list": lambda s, _: s["policies"],
    "storage container immutability-policy show": lambda s, asked: s["immutability"][
        option(asked.arguments, "--container-name")
    ],
    "storage sku list": lambda s, _: s["skus"],
    "provider show": lambda s, asked: {
        "registrationState": s["providers"].get(option(asked.arguments, "--namespace"), "NotRegistered")
    },
    "identity show": lambda s, asked: one_of(s["identities"], asked.name, "ResourceNotFound"),
    "identity list": lambda s, asked: asked.here(s["identities"]),
    "eventgrid system-topic list": lambda s, asked: asked.here(s["topics"]),
    "eventgrid system-topic event-subscription list": lambda s, _: [{"name": one} for one in s["listeners"]],
    "deployment sub create": lambda s, asked: deploy(s, asked.arguments),
    "deployment sub show": show_deployment,
    "deployment sub wait": wait_for_deployment,
    "deployment sub delete": lambda s, asked: s["deployments"].pop(asked.name) and None,
    "group show": lambda s, asked: one_of(
        [{"id": x} for x in s["groups"]], asked.name, "ResourceGroupNotFound"
    ),
    "group delete": delete_group,
    "resource list": list_resources,
    "role assignment list": lambda s, _: s["assignments"],
    "role definition list": lambda s, _: s["roles"],
}


def main():
    """Write the call down, and answer it."""
    program, arguments = Path(sys.argv[0]).name, sys.argv[1:]
    with (HERE / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps([program, *arguments]) + "\n")
    state = json.loads((HERE / "state.json").read_text())
    words = arguments[: next((i for i, one in enumerate(arguments) if one.startswith("-")), len(arguments))]
    for fault in state["faults"]:
        if " ".join([program, *arguments]).startswith(fault["command"]):
            if fault.get("hangs"):
                signal.pause()
            if "times" in fault:
                fault["times"] -= 1
                if fault["times"] < 0:
                    continue
                (HERE / "state.json").write_text(json.dumps(state))
            sys.stderr.write(fault["stderr"] + "\n")
            return fault["exit"]
    if program == "azd":
        state["stored"][arguments[2]] = arguments[3]
        shown = None
    else:
        try:
            shown = ANSWERS[" ".join(words)](state, Asked(arguments))
        except LookupError as err:
            sys.stderr.write(f"{err}\n")
            return 3
    (HERE / "state.json").write_text(json.dumps(state))
    if shown is not None:
        print(json.dumps(shown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
