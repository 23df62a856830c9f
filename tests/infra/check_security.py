"""What must be shut: keys, public access, old TLS, secrets, other groups; and which blobs must not go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import bicep
from bicep import File
from deploying import Deployed, Deployment

from shared.core import layout

PYTHON = {"name": "python", "version": "3.13"}
MINUTES, HOURS = (1, 5, 10, 15, 30, 45), (1, 2, 3, 4, 5, 6)
DURATIONS = (*(f"PT{count}M" for count in MINUTES), *(f"PT{count}H" for count in HOURS))
"""What Azure takes: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/monitor_scheduled_query_rules_alert_v2"""
WANTED: dict[str, dict[str, tuple[Any, ...]]] = {
    "Microsoft.Storage/storageAccounts": {
        "properties.allowSharedKeyAccess": (False,),
        "properties.allowBlobPublicAccess": (False,),
        "properties.minimumTlsVersion": ("TLS1_2", "TLS1_3"),
        "properties.supportsHttpsTrafficOnly": (True,),
    },
    "Microsoft.Storage/storageAccounts/blobServices/containers": {"properties.publicAccess": ("None",)},
    "Microsoft.Insights/components": {"properties.DisableLocalAuth": (True,)},
    "Microsoft.Web/sites": {
        "properties.httpsOnly": (True,),
        "properties.siteConfig.minTlsVersion": ("1.2", "1.3"),
        "properties.functionAppConfig.runtime": (PYTHON,),
        "identity.type": ("UserAssigned",),
    },
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": {"properties.allow": (False,)},
    "Microsoft.Authorization/roleAssignments": {"properties.principalType": ("ServicePrincipal",)},
    "Microsoft.Insights/scheduledQueryRules": {
        "properties.severity": (0, 1, 2, 3, 4),
        "properties.evaluationFrequency": (*DURATIONS, "P1D"),
        "properties.windowSize": (*DURATIONS, "P1D", "P2D"),
    },
}
"""Values that a property must have; each must be written down, for Azure's defaults are not all so."""

DOMAINS = re.compile(
    r"\b(windows\.net|azure\.(com|net|us|cn)|azurewebsites\.\w+|microsoftonline\.\w+|chinacloudapi\.cn"
    r"|usgovcloudapi\.net|windowsazure\.\w+)\b"
)
SECRET_FUNCTION = re.compile(r"list([A-Z]\w*)?")
SECRET_NAME = re.compile(r"key|secret|password|sas(?![a-z])|token", re.I)

DELETABLE = (layout.REBUILDS, layout.DRY_RUNS)
"""What nothing reads afterwards; all other current blobs go when the plan's retention and the app say so."""


def settings_of(deployment: Deployment) -> Iterator[str]:
    """Name every property that is not as it must be."""
    for resource in deployment.resources:
        for path, allowed in WANTED.get(resource.type, {}).items():
            value = resource.get(*path.split("."))
            if value not in allowed:
                wanted = " or ".join(map(str, allowed))
                yield resource.at(f"{resource.type}: {path} is {value}, and must be {wanted}")


def lifecycle(deployment: Deployment, records: str) -> Iterator[str]:
    """Name rules that would delete, or put into the archive, current blobs that the app relies on."""
    for resource in deployment.of("Microsoft.Storage/storageAccounts/managementPolicies"):
        for rule in resource.get("properties", "policy", "rules"):
            actions = rule["definition"].get("actions", {})
            tiers = [name for kind in actions.values() for name in kind if name.startswith("tier")]
            if tiers:
                yield resource.at(
                    f"rule {rule['name']}: {', '.join(tiers)}: what is archived cannot be restored"
                )
            if "delete" in actions.get("baseBlob", {}):
                yield from _deletes(resource, rule, records)


def _deletes(resource: Deployed, rule: Mapping[str, Any], records: str) -> Iterator[str]:
    prefixes = rule["definition"].get("filters", {}).get("prefixMatch") or [""]
    allowed = tuple(f"{records}/{prefix}" for prefix in DELETABLE)
    for prefix in prefixes:
        if not prefix.startswith(allowed):
            what = prefix or "everything"
            yield resource.at(
                f"rule {rule['name']} deletes current blobs under {what}; when they go, the plan says"
            )


def secrets(file: File) -> Iterator[str]:
    """Name functions that read keys, outputs that tell secrets, and domains that are those of one cloud."""
    for node in bicep.walk(file.root):
        name = bicep.text(node)
        after = bicep.next_leaf(node)
        is_called = after is not None and after.type == "("
        if (
            node.type in {"identifier", "property_identifier"}
            and is_called
            and SECRET_FUNCTION.fullmatch(name)
        ):
            yield file.at(node, f"{name}() reads keys; here everything goes by identity")
        if node.type == "string_content" and not _is_decorator(node) and (found := DOMAINS.search(name)):
            yield file.at(node, f"{found[0]} is the domain of one cloud: use environment()")
    secure = {entry.name for entry in file.of("parameter") if "secure" in entry.decorators}
    for output in file.outputs.values():
        used = {bicep.text(node) for node in bicep.uses(output.node)}
        if SECRET_NAME.search(output.name) or used & secure:
            yield file.at(output.line, f"output {output.name} tells a secret; outputs are kept in plain text")


def _is_decorator(node: bicep.Node) -> bool:
    around = node.parent
    while around is not None and around.type != "decorators":
        around = around.parent
    return around is not None


def own_group_only(files: Mapping[Path, File], top: File) -> Iterator[str]:
    """
    Name what reaches out of the group that azd makes: `existing` resources, and scopes elsewhere.

    `azd down` deletes each group in which a deployment touched anything: ADR 14, what stays and what goes.
    """
    groups = {
        entry.name
        for entry in top.of("resource")
        if entry.resource_type == "Microsoft.Resources/resourceGroups" and not entry.is_existing
    }
    for file in _reached(files, top):
        own = {entry.name for entry in file.of("resource") if not entry.is_existing}
        for entry in file.of("resource", "module"):
            if entry.is_existing:
                yield file.at(entry.line, f"{entry.name} is an existing resource: azd may delete its group")
            body = bicep.properties(entry.value) if entry.value is not None else {}
            scope = bicep.text(body.get("scope"))
            allowed = groups if file is top else own
            if entry.kind == "module" and file is top and not scope:
                yield file.at(
                    entry.line, f"module {entry.name} has no scope, and would be one of the subscription"
                )
            elif scope and scope not in allowed:
                yield file.at(
                    body["scope"], f"scope of {entry.name}: {scope} is outside of the group that azd makes"
                )


def _reached(files: Mapping[Path, File], top: File) -> Iterator[File]:
    """Yield a file and all that its modules lead to."""
    yield top
    for entry in top.of("module"):
        inner = files.get((top.path.parent / entry.target).resolve())
        if inner is not None:
            yield from _reached(files, inner)
