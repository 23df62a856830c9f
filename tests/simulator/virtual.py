"""A virtual simulator with one service and blobs in a dict, for tests that move its clock."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import requests

from simulator.testing import VirtualSimulator

SUBSCRIPTION = "0b1f6471-1bf0-4dda-aec3-cb9272f09590"
START = dt.datetime(2026, 11, 23, 2, tzinfo=dt.UTC)
SERVICE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.ApiManagement/service/contoso"
BACKUP = {
    "storageAccount": "drprimary",
    "containerName": "apim-backups",
    "backupName": "contoso.apimbackup",
    "accessType": "SystemAssignedManagedIdentity",
}


SERVICE_BODY = {
    "location": "westeurope",
    "sku": {"name": "Developer", "capacity": 1},
    "identity": {"type": "SystemAssigned"},
    "properties": {"publisherEmail": "owner@contoso.example", "publisherName": "Contoso"},
}


class Memory:
    """Blobs in a dict."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def write(self, account: str, container: str, name: str, content: bytes) -> None:
        self.blobs[f"{account}/{container}/{name}"] = content

    def read(self, account: str, container: str, name: str) -> bytes | None:
        return self.blobs.get(f"{account}/{container}/{name}")


class Stage:
    """A virtual simulator with one service, seen over https, and the time."""

    def __init__(self, ca_dir: Path) -> None:
        self.now = START
        self.memory = Memory()
        self.simulator = VirtualSimulator(clock=lambda: self.now, blobs=self.memory, ca_dir=ca_dir)
        self.simulator.arm("PUT", SERVICE, SERVICE_BODY)

    def send(self, method: str, url: str, body: Any = None, **query: str) -> requests.Response:
        """Send one call of the app; a path gets the base URL and an api-version."""
        if url.startswith("/"):
            url = self.simulator.https_url + url
            query = {"api-version": "2024-05-01", **query}
        return requests.request(
            method,
            url,
            json=body,
            params=query,
            headers={"Authorization": self.simulator.authorization()},
            verify=self.simulator.ca,
            timeout=60,
        )

    def begin(self) -> str:
        """Start a backup and return its Location."""
        accepted = self.send("POST", f"{SERVICE}/backup", BACKUP)
        assert accepted.status_code == 202, accepted.text
        return accepted.headers["Location"]

    def pass_time(self, seconds: float) -> None:
        """Move the clock."""
        self.now += dt.timedelta(seconds=seconds)
