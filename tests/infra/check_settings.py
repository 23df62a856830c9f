"""The settings of the function app: what it and its host read, all that they need, and nothing else."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

from deploying import Deployed, Deployment

from shared import settings
from shared.core.errors import ConfigError
from shared.core.plan import SETTING, parse_plan

ROOT = Path(__file__).resolve().parents[2]
CONNECTION = settings.QUEUE_CONNECTION
REFERENCE = re.compile(r"@Microsoft\.KeyVault\(SecretUri=https://[^)\s;]+\)")
NEEDED = {
    SETTING,
    "AZURE_CLIENT_ID",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    *(f"{CONNECTION}__{part}" for part in ("credential", "clientId", "blobServiceUri", "queueServiceUri")),
    f"{CONNECTION}__tableServiceUri",
}
"""What the app cannot do without in Azure; the host comes by identity, Durable needs all three."""

NOT_HERE = {
    "DR_SPEED": "is for development",
    "IDENTITY_ENDPOINT": "is set by Azure",
    "IDENTITY_HEADER": "is set by Azure",
    "FUNCTIONS_WORKER_RUNTIME": "is refused on Flex Consumption",
    "WEBSITE_RUN_FROM_PACKAGE": "is refused on Flex Consumption",
    "WEBSITE_TIME_ZONE": "would let the host fire by local time",
    CONNECTION: "is a connection string; the host comes with its identity",
}


def known() -> set[str]:
    """Return the names that shared/settings.py reads, and those of the table in docs/settings.md."""
    found = set()
    tree = ast.parse((ROOT / "shared/settings.py").read_text(encoding="utf-8"))
    for call in ast.walk(tree):
        is_get = (
            isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "get"
        )
        if is_get and getattr(call.func.value, "id", "") == "environment":
            name = call.args[0]
            value = (
                name.value
                if isinstance(name, ast.Constant)
                else getattr(settings, getattr(name, "id", ""), "")
            )
            found.add(str(value))
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8").partition("## Read by others")[2]
    for first in re.findall(r"^\| (`[^|]+) \|", page.partition("\n## ")[0], re.M):
        found |= set(re.findall(r"`(\w+)`", first))
    return found - {""}


def all_faults(deployment: Deployment) -> list[str]:
    """Check the settings of each app of a deployment."""
    return [fault for site in deployment.of("Microsoft.Web/sites") for fault in _faults(site)]


def _faults(site: Deployed) -> Iterator[str]:
    pairs = [
        (str(item["name"]), item["value"]) for item in site.get("properties", "siteConfig", "appSettings")
    ]
    names = [name for name, _ in pairs]
    values = dict(pairs)
    references = {name for name, value in pairs if REFERENCE.fullmatch(str(value))}
    allowed = known() | NEEDED | (references & _key_settings(values.get(SETTING)))
    for name in names:
        if name in NOT_HERE:
            yield site.at(f"setting {name} {NOT_HERE[name]}")
        elif name not in allowed:
            yield site.at(f"setting {name}: the app does not read it, and docs/settings.md does not know it")
        if names.count(name) > 1:
            yield site.at(f"setting {name} is there twice")
    for name in sorted(NEEDED - set(names)):
        yield site.at(f"setting {name} is missing")
    if references and site.get("properties", "keyVaultReferenceIdentity") not in site.get(
        "identity", "userAssignedIdentities"
    ):
        yield site.at("keyVaultReferenceIdentity is no identity of the app: no secret would be read")
    yield from (site.at(f"setting {name} has no value") for name, value in pairs if value in ("", None))
    if values.get(f"{CONNECTION}__credential", "managedidentity") != "managedidentity":
        yield site.at(f"setting {CONNECTION}__credential must be managedidentity")
    yield from _plan(site, values.get(SETTING))


def _key_settings(text: object) -> set[str]:
    """Return the settings that a plan names for account keys, wherever in it."""
    return set(re.findall(r'"keySetting":"(\w+)"', str(text)))


def _plan(site: Deployed, text: object) -> Iterator[str]:
    """Check that the plan comes through as the app reads it, for this region; an empty one the hook fills."""
    plan = json.loads(str(text)) if isinstance(text, str) else {}
    if plan.get("region") != site.body["location"]:
        yield site.at(
            f"{SETTING}: its region is {plan.get('region')}, and the app's is {site.body['location']}"
        )
    if plan.keys() > {"region"}:
        try:
            parse_plan(json.dumps(plan | {"region": next(iter(plan["regions"]))}))
        except ConfigError as err:
            yield site.at(f"{SETTING}: {err}")
