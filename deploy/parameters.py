"""Parameter files of both templates, and what the foundation answers. Pure but for the writing."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.faults import DeployFault
from deploy.plan_file import ROOT
from shared.core.plan import Plan

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
FOUNDATION_TEMPLATE = ROOT / "infra" / "foundation.bicep"
MAIN_PARAMETERS = ROOT / "infra" / "main.parameters.json"
"""What azd fills in."""

NEW_PLAN = "APIM_DR_NEW_PLAN"
"""Carries a plan that a hook has just written past azd, which compiled the templates before."""

_VARIABLE = re.compile(r"\$\{(\w+)(?:=([^}]*))?\}")

STORED = {
    "identityId": "APIM_DR_IDENTITY_ID",
    "identityClientId": "APIM_DR_IDENTITY_CLIENT_ID",
    "identityPrincipalId": "APIM_DR_IDENTITY_PRINCIPAL_ID",
    "hostStorageName": "APIM_DR_HOST_STORAGE",
    "deploymentContainerUrl": "APIM_DR_DEPLOYMENT_CONTAINER_URL",
    "subnetId": "APIM_DR_SUBNET_ID",
}
"""Outputs of the foundation that the main template takes, and the variables of azd that carry them."""


def file_of(environment: str, template: str) -> Path:
    """Return where the parameters of a template are written for an environment; git ignores it."""
    return ROOT / "build" / "deploy" / environment / f"{template}.parameters.json"


def write(file: Path, values: Mapping[str, Any]) -> None:
    """Write a parameter file as Azure Resource Manager reads it."""
    document = {
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "parameters": {name: {"value": value} for name, value in values.items()},
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def outputs_of(deployment: Mapping[str, Any] | None) -> dict[str, str]:
    """
    Return the outputs of the foundation's deployment.

    Raises:
        DeployFault: it does not have them.
    """
    shown = ((deployment or {}).get("properties") or {}).get("outputs") or {}
    values = {name: str((shown.get(name) or {}).get("value") or "") for name in STORED}
    missing = [name for name, value in values.items() if not value and name != "subnetId"]
    if missing:
        raise DeployFault(
            f"the foundation's deployment has no {', '.join(missing)}; was it made from "
            "infra/foundation.bicep of this release, and did it succeed?"
        )
    return values


def main_parameters(plan: Plan, variables: Mapping[str, str]) -> dict[str, Any]:
    """
    Return the parameters of infra/main.bicep, from the file that azd fills in.

    Args:
        plan: for this region.
        variables: the environment, with the outputs of the foundation under their names in it.
    """
    document = json.loads(MAIN_PARAMETERS.read_text(encoding="utf-8"))
    said = {name: _filled(str(entry["value"]), variables) for name, entry in document["parameters"].items()}
    return {**said, "plan": plan.model_dump(mode="json", by_alias=True, exclude_unset=True)}


def in_base64(plan: Plan) -> str:
    """Return the plan as `base64ToJson` of Bicep reads it."""
    said = plan.model_dump_json(by_alias=True, exclude_unset=True)
    return base64.b64encode(said.encode()).decode()


def _filled(text: str, variables: Mapping[str, str]) -> str:
    """Put values for `${NAME}` and `${NAME=default}`."""
    return _VARIABLE.sub(lambda match: variables.get(match[1]) or match[2] or "", text)
