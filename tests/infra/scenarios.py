"""
What the templates are deployed with in these tests: as little as can be, and everything at once.

Between the two every resource of the templates is deployed at least once; a test says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bicep
import deploying

ROOT = Path(__file__).resolve().parents[2]
OWN, OTHER = "00000000-0000-0000-0000-0000000000aa", "00000000-0000-0000-0000-000000000004"
GROUP = {"subscriptionId": OTHER, "resourceGroup": "rg-contoso"}
ALL_ROLES = ["backupOperator", "restoreOperator", "usageReader", "preflightReader"]
PRINCIPAL = "00000000-0000-0000-0000-0000000000bb"
RECORDS = "apim-dr"
LONGEST = "a-234567890123456-20"
KEYS = ("FABRIKAM_BACKUP_KEY", "FABRIKAM_COPIES_KEY")
"""Settings that the plan of the largest scenario names."""

FOUNDATION: dict[str, dict[str, Any]] = {
    "smallest": {
        "environmentName": "a",
        "location": "uksouth",
        "recordsAccount": "abc",
        "createRecordsAccount": False,
    },
    "largest": {
        "environmentName": LONGEST,
        "location": "germanywestcentral",
        "recordsAccount": "a" * 24,
        "createRecordsAccount": True,
        "backupContainers": ["apim-backups", "a" * 63],
        "immutabilityDays": 14,
        "serviceAccess": [{**GROUP, "name": name, "roles": ALL_ROLES} for name in ("contoso", "fabrikam")],
        "discoverySubscriptions": [
            {"subscriptionId": one, "roles": ALL_ROLES[:1] + ALL_ROLES[2:]} for one in (OWN, OTHER)
        ],
        "containerAccess": [
            {**GROUP, "account": "abc", "container": "apim-backups", "principalId": PRINCIPAL, "role": role}
            for role in ("reader", "contributor")
        ]
        + [{**GROUP, "account": "abc", "container": "apim-dr", "principalId": "", "role": "contributor"}],
        "accountAccess": [{**GROUP, "account": name} for name in ("abc", "def")],
        "roleSubscriptions": [OWN, OTHER],
        "recordSources": [
            {**GROUP, "topicName": f"evgt-{place}-records", "container": RECORDS} for place in ("weu", "neu")
        ],
        "recordsTopicName": "",
        "changeSources": [
            {**GROUP, "topicName": ""},
            {**GROUP, "resourceGroup": "rg-two", "topicName": "made"},
        ],
        "vnetAddressPrefix": "10.0.0.0/25",
    },
}

_GIVEN_BY_THE_FOUNDATION = {
    "identityId": f"/subscriptions/{OWN}/resourceGroups/rg-a-keep/providers/"
    "Microsoft.ManagedIdentity/userAssignedIdentities/id-a",
    "identityClientId": "00000000-0000-0000-0000-0000000000cc",
    "identityPrincipalId": PRINCIPAL,
    "hostStorageName": "st0123456789abc",
    "deploymentContainerUrl": "https://st0123456789abc.blob.core.windows.net/deployments",
}

MAIN: dict[str, dict[str, Any]] = {
    "smallest": {"environmentName": "a", "location": "uksouth", **_GIVEN_BY_THE_FOUNDATION},
    "largest": {
        "environmentName": LONGEST,
        "location": "germanywestcentral",
        **_GIVEN_BY_THE_FOUNDATION,
        "plan": json.loads((ROOT / "docs/examples/every-field.json").read_text(encoding="utf-8")),
        "subnetId": f"/subscriptions/{OWN}/resourceGroups/rg-a-keep/providers/"
        "Microsoft.Network/virtualNetworks/vnet-a/subnets/app",
        "alertEmail": "operators@contoso.example",
        "backupSchedule": "0 0 1 * * *",
        "usageSchedule": "0 0 3 * * *",
        "drillSchedule": "0 0 9 * * 1",
        "keySettings": ";".join(f"{name}=https://kv-a.vault.azure.net/secrets/{name}" for name in KEYS),
        "alwaysReadyDurable": 1,
    },
}

TOPS = {"infra/foundation.bicep": FOUNDATION, "infra/main.bicep": MAIN}


def deployments(
    folder: Path, files: Mapping[Path, bicep.File] | None = None
) -> dict[tuple[str, str], deploying.Deployment]:
    """Work out every deployment of a folder, by template and scenario."""
    files = bicep.read(folder) if files is None else files
    return {
        (top, name): deploying.deploy(files, folder / top, parameters)
        for top, given in TOPS.items()
        for name, parameters in given.items()
    }
