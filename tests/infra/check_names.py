"""
Names against Azure's rules of length and characters, with environments of the shortest and the longest name.

The rules: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
"""

from __future__ import annotations

import re
from collections import Counter

from deploying import Deployment

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ALNUM = re.compile(r"[A-Za-z0-9]+")
HYPHENS = re.compile(r"[A-Za-z0-9-]+")
BLOB_PLACE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
WORD = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
DEFAULT = re.compile("default")

RULES: dict[str, tuple[int, int, re.Pattern[str]]] = {
    "Microsoft.Resources/resourceGroups": (1, 90, re.compile(r"[\w().-]*[\w()-]", re.A)),
    "Microsoft.ManagedIdentity/userAssignedIdentities": (3, 128, re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")),
    "Microsoft.Authorization/roleAssignments": (36, 36, GUID),
    "Microsoft.Authorization/roleDefinitions": (36, 36, GUID),
    "Microsoft.Storage/storageAccounts": (3, 24, re.compile("[a-z0-9]+")),
    "Microsoft.Storage/storageAccounts/blobServices": (7, 7, DEFAULT),
    "Microsoft.Storage/storageAccounts/blobServices/containers": (3, 63, BLOB_PLACE),
    "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies": (7, 7, DEFAULT),
    "Microsoft.Storage/storageAccounts/managementPolicies": (7, 7, DEFAULT),
    "Microsoft.Storage/storageAccounts/queueServices": (7, 7, DEFAULT),
    "Microsoft.Storage/storageAccounts/queueServices/queues": (3, 63, BLOB_PLACE),
    "Microsoft.EventGrid/systemTopics": (3, 50, HYPHENS),
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": (3, 64, HYPHENS),
    "Microsoft.Network/virtualNetworks": (2, 64, WORD),
    "Microsoft.Network/networkSecurityGroups": (1, 80, WORD),
    "Microsoft.Network/privateEndpoints": (2, 64, WORD),
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": (1, 80, WORD),
    "Microsoft.Network/privateDnsZones": (1, 63, re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")),
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": (1, 80, WORD),
    "Microsoft.Web/serverfarms": (1, 60, HYPHENS),
    "Microsoft.Web/sites": (2, 60, re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")),
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": (3, 3, re.compile("ftp|scm")),
    "Microsoft.OperationalInsights/workspaces": (4, 63, re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]")),
    "Microsoft.Insights/components": (1, 260, re.compile(r"[^%&\\?/\x00-\x1f]*[^%&\\?/\x00-\x1f .]")),
    "Microsoft.Insights/workbooks": (36, 36, GUID),
    "Microsoft.Insights/actionGroups": (
        1,
        260,
        re.compile(r"[^:<>+/&%\\?|\x00-\x1f]*[^:<>+/&%\\?|\x00-\x1f .]"),
    ),
    "Microsoft.Insights/scheduledQueryRules": (1, 260, re.compile(r"[^*<>%{}&:\\?/#|\x00-\x1f]*[^ .]")),
}

DEPLOYMENT = (1, 64, re.compile(r"[\w().-]+", re.A))
SHORT_NAME_MAX = 12
"""The name of an action group in a text message."""


def all_faults(deployment: Deployment) -> list[str]:
    """Name every name that Azure would refuse, and two things with one name."""
    found = []
    for resource in deployment.resources:
        if resource.type not in RULES:
            found.append(resource.at(f"{resource.type} has no rule for names in tests/infra/check_names.py"))
            continue
        what = resource.type.rpartition("/")[2]
        found += [resource.at(f"{what} {why}") for why in _faults(resource.name, RULES[resource.type])]
        short = resource.get("properties", "groupShortName")
        if short is not None and len(short) > SHORT_NAME_MAX:
            found.append(resource.at(f"groupShortName {short!r} has more than {SHORT_NAME_MAX} characters"))
    for module in deployment.modules:
        found += [module.at(f"deployment {why}") for why in _faults(module.name, DEPLOYMENT)]
    ids = Counter(resource.id.lower() for resource in deployment.resources)
    places = Counter((module.scope, str(module.name).lower()) for module in deployment.modules)
    found += [
        resource.at(f"{resource.name!r} is made twice")
        for resource in deployment.resources
        if ids[resource.id.lower()] > 1
    ]
    found += [
        module.at(f"two deployments in one scope are called {module.name!r}")
        for module in deployment.modules
        if places[module.scope, str(module.name).lower()] > 1
    ]
    return found


def _faults(name: object, rule: tuple[int, int, re.Pattern[str]]) -> list[str]:
    least, most, characters = rule
    if not isinstance(name, str):
        return ["has a name that is not known when the deployment starts"]
    last = name.rpartition("/")[2]
    found = []
    if not least <= len(last) <= most:
        found.append(f"{last!r} has {len(last)} characters, and Azure wants {least} to {most}")
    if not characters.fullmatch(last):
        found.append(f"{last!r} has characters that Azure refuses ({characters.pattern})")
    return found
