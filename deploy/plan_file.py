"""The plan as a file: read, checked with the app's own model, and written once, where it is still empty."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deploy import services
from deploy.az import Az
from deploy.faults import DeployFault, DeployFaults
from deploy.inputs import Inputs
from deploy.needs import Identity
from shared.core.errors import ConfigError
from shared.core.plan import Plan, parse_plan
from shared.core.plan_checks import RECORDS_CONTAINER, JsonObject, written_twice

ROOT = Path(__file__).resolve().parent.parent
PLAN_FILE = ROOT / "infra" / "plan.json"
BACKUPS_CONTAINER = "apim-backups"
CLOUDS = {"AzureCloud": "public", "AzureUSGovernment": "usgovernment", "AzureChinaCloud": "china"}
"""What `az` calls a cloud, and the plan."""

Ask = Callable[[str], str]


def read_plan(file: Path, region: str | None = None) -> Plan:
    """
    Read a plan file and check it as the app does.

    Args:
        file: JSON, perhaps with a byte order mark.
        region: taken instead of the region in the file, as the deployment does.

    Raises:
        DeployFault: the file cannot be read.
        ConfigError: every fault of the plan.
    """
    text = read_text(file)
    try:
        data = json.loads(text, object_pairs_hook=JsonObject)
    except (ValueError, RecursionError):
        return parse_plan(text, origin=file.name)
    if region is None or not isinstance(data, dict):
        return parse_plan(text, origin=file.name)
    # a field that stands there twice is lost when the region is put in
    twice = list(written_twice(data))
    try:
        plan = parse_plan(json.dumps({**data, "region": region}), origin=file.name)
    except ConfigError as err:
        hint = f"The region {region} is this environment's AZURE_LOCATION, whatever the file says. {err.hint}"
        raise ConfigError(err.message, faults=[*twice, *err.faults], hint=hint) from err
    if twice:
        raise ConfigError(f"the plan in {file.name} is not usable", faults=twice)
    return plan


def read_text(file: Path) -> str:
    """
    Return the text of a plan file.

    Raises:
        DeployFault: there is none.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        raise DeployFault(
            f"{file} cannot be read: write {{}} into it to be asked, or a plan (docs/plan.md)"
        ) from err


def is_empty(file: Path) -> bool:
    """Tell whether the file still holds `{}`, as it is shipped."""
    try:
        return bool(json.loads(read_text(file)) == {})
    except ValueError:
        return False


def begin_plan(file: Path, inputs: Inputs, az: Az, cloud: str, ask: Ask | None) -> str:
    """
    Write the smallest plan over `{}`.

    Args:
        file: holds `{}`.
        inputs: names the service, or nothing does.
        az: shows the service.
        cloud: as the plan calls it.
        ask: asks a question on the terminal; None where nobody answers.

    Returns:
        What was written, in a sentence.

    Raises:
        DeployFault: nobody said which service, or it cannot be protected from this environment.
    """
    group, name = _wanted(inputs, ask)
    resource = az.found(
        f"looking for the service {name}", ["apim", "show", "--resource-group", group, "--name", name]
    )
    if resource is None:
        raise DeployFault(
            f"there is no API Management service {name} in the resource group {group} of the subscription "
            f"{inputs.subscription}, or this account may not see it: az apim list --output table"
        )
    faults = services.faults_of(resource, inputs.location)
    if services.principal_of(resource, Identity(service=str(resource["id"]).lower())) is None:
        faults.append(
            f"{name} has no system-assigned identity, with which it would write its backups: "
            f"{services.how_to_give(resource)}"
        )
    if faults:
        raise DeployFaults(f"{name} cannot be protected yet", faults, f"{file.name} is still empty.")
    account = account_name(str(resource["id"]), inputs.environment)
    plan = smallest_plan(resource, inputs.location, account, cloud)
    parse_plan(json.dumps(plan), origin=file.name)
    file.write_text(json.dumps(plan, indent=2) + "\n", encoding="utf-8")
    return (
        f"{file.name} was empty and now holds the smallest plan: {name}, every night, with its backups in "
        f"the storage account {account}. docs/plan.md tells what else it can say; it is yours, keep it"
    )


def smallest_plan(resource: Mapping[str, Any], region: str, account: str, cloud: str) -> dict[str, Any]:
    """Return the plan of one service without a standby."""
    said = {} if cloud == "public" else {"cloud": cloud}
    return {
        "v": 1,
        "region": region,
        **said,
        "regions": {region: {"account": account, "container": RECORDS_CONTAINER}},
        "services": [
            {
                "name": str(resource["id"]).rsplit("/", 1)[-1].lower(),
                "resourceId": resource["id"],
                "region": region,
                "storage": {
                    "account": account,
                    "container": BACKUPS_CONTAINER,
                    "access": {"type": "SystemAssignedManagedIdentity"},
                },
            }
        ],
    }


def account_name(resource_id: str, environment: str) -> str:
    """Return a name for a storage account, always the same for the same service and environment."""
    readable = re.sub(r"[^a-z0-9]", "", resource_id.rsplit("/", 1)[-1].lower())[:10]
    digest = hashlib.sha256(f"{resource_id.lower()}\n{environment}".encode()).digest()
    return f"{readable}dr{base64.b32encode(digest).decode().lower()[:10]}"


def _wanted(inputs: Inputs, ask: Ask | None) -> tuple[str, str]:
    """Return resource group and name of the service that the plan is to begin with."""
    if inputs.service:
        group, _, name = inputs.service.partition("/")
        return group, name
    if ask is None:
        raise DeployFault(
            "infra/plan.json is empty, and nobody can be asked here which service to protect: "
            "azd env set APIM_DR_SERVICE <resource group>/<name of the API Management service>, "
            "or write the plan yourself (docs/plan.md)"
        )
    group = ask("Resource group of the API Management service: ").strip()
    name = ask("Name of the API Management service: ").strip()
    if not group or not name:
        raise DeployFault("both are needed, resource group and name; nothing was written")
    return group, name
