"""
The world of the demo: two regions, two services, the plan, and how each process is started.

Names and ids are made up once; ports, keys and secrets are made up for each run.
"""

from __future__ import annotations

import base64
import datetime as dt
import os
import secrets
import shutil
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.faults import DemoFault

ROOT = Path(__file__).resolve().parent.parent
SUBSCRIPTION = "3b1f6a52-8c0e-4d5e-9a77-52c4d0e1b9f6"
PROTECTED = "nordhav"
"""The name of the protected service in the plan."""

TIER = "Premium"
"""One of the two tiers that have self-hosted gateways."""
RECORDS = "apim-dr"
BACKUPS = "apim-backups"
QUEUE = "apim-dr-events"
TIMER = "backup_timer"

# Settings of a developer's own shell that would change what the processes do.
FOREIGN_PREFIXES = (
    "AZURE_",
    "AZUREWEBJOBS",
    "BACKUP_SCHEDULE",
    "DR_",
    "FUNCTIONS_",
    "IDENTITY_",
    "MSI_",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One region with its API Management service and its storage account."""

    name: str
    region: str
    group: str
    service: str
    account: str

    @property
    def account_id(self) -> str:
        """The storage account's ARM id."""
        return (
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{self.group}"
            f"/providers/Microsoft.Storage/storageAccounts/{self.account}"
        )

    @property
    def resource_id(self) -> str:
        """The service's ARM id."""
        return (
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{self.group}"
            f"/providers/Microsoft.ApiManagement/service/{self.service}"
        )


PRIMARY = Side(
    name="primary", region="westeurope", group="rg-nordhav-weu", service="nordhav-weu", account="drprimary"
)
STANDBY = Side(
    name="standby", region="northeurope", group="rg-nordhav-neu", service="nordhav-neu", account="drstandby"
)
SIDES = (PRIMARY, STANDBY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Azurite:
    """Where one region's Azurite listens."""

    blobs: str
    queues: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """
    The addresses and keys of the two accounts; the keys live as long as the demo.

    `blobs` is the one address in front of both; each side's host uses its own Azurite directly.
    """

    blobs: str
    azurites: Mapping[str, Azurite]
    keys: Mapping[str, str]

    def account_url(self, side: Side) -> str:
        """Return the blob address of a side's account."""
        return f"{self.blobs}/{side.account}"

    def connection_string(self, side: Side) -> str:
        """Return what the Functions host needs for its queues."""
        own = self.azurites[side.name]
        return (
            f"DefaultEndpointsProtocol=https;AccountName={side.account};AccountKey={self.keys[side.account]};"
            f"BlobEndpoint={own.blobs}/{side.account};QueueEndpoint={own.queues}/{side.account};"
        )


def make_keys() -> dict[str, str]:
    """Make up a key for each storage account."""
    return {side.account: base64.b64encode(secrets.token_bytes(32)).decode() for side in SIDES}


def plan(side: Side, *, arm: str, blobs: str) -> dict[str, Any]:
    """
    Return the plan of one side's app; only `region` differs between the two.

    Args:
        arm: base URL of the simulator's https side.
        blobs: base URL of the blob accounts.
    """
    identity = {"type": "SystemAssignedManagedIdentity"}
    return {
        "v": 1,
        "region": side.region,
        "cloud": {
            "resourceManager": arm,
            "audience": arm,
            "authority": arm,
            "blobEndpoint": f"{blobs}/{{account}}",
        },
        "regions": {one.region: {"account": one.account, "container": RECORDS} for one in SIDES},
        "services": [
            {
                "name": PROTECTED,
                "resourceId": PRIMARY.resource_id,
                "region": PRIMARY.region,
                "storage": {
                    "account": PRIMARY.account,
                    "resourceId": PRIMARY.account_id,
                    "container": BACKUPS,
                    "access": identity,
                },
                "standby": {
                    "resourceId": STANDBY.resource_id,
                    "region": STANDBY.region,
                    "access": identity,
                    "storage": {
                        "account": STANDBY.account,
                        "resourceId": STANDBY.account_id,
                        "container": BACKUPS,
                    },
                },
            }
        ],
    }


def clean_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the shell's environment without what would lead the demo's processes astray."""
    return {
        name: value for name, value in environment.items() if not name.upper().startswith(FOREIGN_PREFIXES)
    } | {"PYTHONUNBUFFERED": "1"}


def trusting(environment: Mapping[str, str], ca: Path) -> dict[str, str]:
    """Return an environment whose programs trust the demo's own certificate authority."""
    return {
        **environment,
        "REQUESTS_CA_BUNDLE": str(ca),
        "SSL_CERT_FILE": str(ca),
        "NODE_EXTRA_CA_CERTS": str(ca),
    }


def identity_settings(simulator: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings by which App Service gives an app its managed identity."""
    return {
        "IDENTITY_ENDPOINT": str(simulator["identityEndpoint"]),
        "IDENTITY_HEADER": str(simulator["identityHeader"]),
    }


def app_settings(
    side: Side,
    *,
    storage: Storage,
    simulator: Mapping[str, Any],
    plan_file: Path,
    speed: float,
    now: dt.datetime,
) -> dict[str, str]:
    """
    Return the function app's settings.

    The timer is set to a time twelve hours away: the demo fires it by hand, and must not meet it by chance.
    """
    return {
        "DR_PLAN": str(plan_file),
        "DR_SPEED": f"{speed:g}",
        "BACKUP_SCHEDULE": f"0 0 {(now.hour + 12) % 24} * * *",
        "AzureWebJobsStorage": storage.connection_string(side),
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AZURE_FUNCTIONS_DURABLE_STRICT_TYPING": "1",
        **identity_settings(simulator),
    }


def disabling(timers: Collection[str]) -> dict[str, str]:
    """
    Return the settings that keep timers from firing by themselves.

    They belong into a settings file: a shell may drop variables with dots in their names.
    """
    return {f"AzureWebJobs.{timer}.Disabled": "1" for timer in timers}


def node() -> str:
    """
    Return the node to run Azurite with: the one that set-up put into `.venv`, else the machine's.

    Raises:
        DemoFault: there is none.
    """
    folders = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    found = shutil.which("node", path=folders)
    if found is None:
        raise DemoFault("there is no node to run Azurite with: run make demo, which installs one")
    return found


def azurite_script() -> Path:
    """
    Return Azurite's entry.

    Raises:
        DemoFault: it is not installed.
    """
    script = ROOT / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
    if not script.exists():
        raise DemoFault("Azurite is not installed in node_modules: run make demo, which installs it")
    return script
