"""
Real processes for the simulator's tests: Azurite with https and OAuth, and the simulator behind its command
line.

One of each for a whole test run of one worker. Tests do not disturb one another: each makes services of its
own, sets progressions for those only, and matches faults by their names. A test that moves the clock starts a
simulator of its own.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.storage.blob import BlobServiceClient, ContainerClient

from tests.azurite import running, wait_for_line
from tests.simulator.virtual import Stage

ROOT = Path(__file__).resolve().parents[2]
AZURITE = ROOT / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
SUBSCRIPTION = "0b1f6471-1bf0-4dda-aec3-cb9272f09590"
API_VERSION = "2024-05-01"
ACCOUNT = "drprimary"
ACCOUNT_KEY = base64.b64encode(b"a made-up key of the simulator's tests").decode()

_names = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service made for one test."""

    path: str
    """Its resource id."""
    group: str
    name: str
    blob: str
    """A name for backups that no other test uses."""

    def backup_body(self, **changes: Any) -> dict[str, Any]:
        """Return a good body for backup and restore, with the system-assigned identity."""
        body = {
            "storageAccount": ACCOUNT,
            "containerName": "apim-backups",
            "backupName": self.blob,
            "accessType": "SystemAssignedManagedIdentity",
        }
        return {name: value for name, value in {**body, **changes}.items() if value is not None}


class Simulator:
    """A running simulator, seen from its wire."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.https: str = ready["https"]
        self.http: str = ready["http"]
        self.ca: str = ready["ca"]
        self.tenant: str = ready["tenant"]
        self.identity_endpoint: str = ready["identityEndpoint"]
        self.identity_header: str = ready["identityHeader"]
        self.pid: int = ready["pid"]
        self.session = requests.Session()
        self.session.verify = self.ca
        self.session.trust_env = False
        self.authorization = f"Bearer {self.token()}"

    def token(self, resource: str = "https://management.azure.com", *, header: str = "") -> str:
        """Return a fresh token of the managed identity."""
        answer = self.session.get(
            self.identity_endpoint,
            params={"api-version": "2019-08-01", "resource": resource},
            headers={"X-IDENTITY-HEADER": header or self.identity_header},
        )
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def call(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        **query: str,
    ) -> requests.Response:
        """Send one call of a client with all rights; a path gets the base URL and an api-version."""
        if url.startswith("/"):
            url = self.https + url
            query = {"api-version": API_VERSION, **query}
        headers = {"Authorization": self.authorization, **(headers or {})}
        return self.session.request(
            method, url, json=body, params=query, headers=headers, allow_redirects=False
        )

    def control(self, method: str, name: str, body: Any = None, /, **query: str) -> requests.Response:
        """Send one control call."""
        return self.session.request(method, f"{self.http}/_sim/{name}", json=body, params=query)

    def scene(self, name: str, /, **body: Any) -> Any:
        """Set a scene and return what the simulator says about it."""
        answer = self.control("POST", name, body)
        assert answer.ok, answer.text
        return answer.json()

    def new_service(self, *, tier: str = "Developer", **body: Any) -> Service:
        """Make a service whose operations end at the first poll."""
        number = next(_names)
        name, group = f"contoso{number}", f"rg{number}"
        path = (
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}"
            f"/providers/Microsoft.ApiManagement/service/{name}"
        )
        answer = self.call("PUT", path, {**service_body(tier=tier), **body})
        assert answer.status_code == 201, answer.text
        for operation in ("backup", "restore"):
            self.scene("progression", operation=operation, immediate=True, service=path)
        return Service(path=path, group=group, name=name, blob=f"{name}.apimbackup")

    def run(self, operation: str, service: Service, **changes: Any) -> requests.Response:
        """Start an operation that ends at its first poll, and return that poll's answer."""
        accepted = self.call("POST", f"{service.path}/{operation}", service.backup_body(**changes))
        assert accepted.status_code == 202, accepted.text
        return self.call("GET", accepted.headers["Location"])


def service_body(*, tier: str = "Developer") -> dict[str, Any]:
    """Return a good body for creating a service."""
    return {
        "location": "westeurope",
        "sku": {"name": tier, "capacity": 1},
        "identity": {"type": "SystemAssigned"},
        "properties": {"publisherEmail": "owner@contoso.example", "publisherName": "Contoso"},
    }


@pytest.fixture(scope="session")
def ca_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make certificates the way a developer does, before anything else runs."""
    folder = tmp_path_factory.mktemp("ca")
    command = [sys.executable, "-m", "simulator", "certificates", "--ca-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def blob_endpoint(ca_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run Azurite with https and OAuth; yield its address with {account} in it."""
    assert AZURITE.is_file(), "Azurite is missing: run `npm ci` in the repository's root"
    location = tmp_path_factory.mktemp("azurite")
    command = ["node", str(AZURITE), "--location", str(location), "--silent", "--disableTelemetry"]
    command += ["--skipApiVersionCheck", "--oauth", "basic"]
    command += ["--cert", str(ca_dir / "cert.pem"), "--key", str(ca_dir / "key.pem")]
    for service in ("blob", "queue", "table"):
        command += [f"--{service}Host", "127.0.0.1", f"--{service}Port", "0"]
    with running(command, AZURITE_ACCOUNTS=f"{ACCOUNT}:{ACCOUNT_KEY}") as process:
        found = wait_for_line(process, r"Blob service is successfully listening at (https://[\d.:]+)")
        yield f"{found[1]}/{{account}}"


@pytest.fixture(scope="session")
def start_simulator(
    ca_dir: Path, blob_endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Simulator]]:
    """Return a function that starts one more simulator; all of them end with the tests."""
    with contextlib.ExitStack() as stack:

        def start(*options: str, blobs: str = blob_endpoint) -> Simulator:
            ready_file = tmp_path_factory.mktemp("simulator") / "ready.json"
            command = [sys.executable, "-m", "simulator", "--ca-dir", str(ca_dir)]
            command += ["--blob-endpoint", blobs, "--ready-file", str(ready_file), *options]
            process = stack.enter_context(running(command))
            wait_for_line(process, "^simulator: https://")
            return Simulator(json.loads(ready_file.read_text()))

        yield start


@pytest.fixture(scope="session")
def simulator(start_simulator: Callable[..., Simulator]) -> Simulator:
    """Return the simulator that most tests share."""
    return start_simulator("--client", "robot=robot-secret", "--account-key", f"{ACCOUNT}={ACCOUNT_KEY}")


@pytest.fixture
def service(simulator: Simulator) -> Service:
    """Return a service of the test's own; its operations end at the first poll."""
    return simulator.new_service()


@pytest.fixture(scope="session")
def blobs(blob_endpoint: str, ca_dir: Path) -> Iterator[BlobServiceClient]:
    """Return the storage account, opened with its key."""
    url = blob_endpoint.replace("{account}", ACCOUNT)
    credential = {"account_name": ACCOUNT, "account_key": ACCOUNT_KEY}
    with BlobServiceClient(url, credential=credential, connection_verify=str(ca_dir / "ca.pem")) as client:
        yield client


@pytest.fixture
def container(blobs: BlobServiceClient) -> ContainerClient:
    """Return the container of backups."""
    return blobs.get_container_client("apim-backups")


@pytest.fixture(scope="session")
def account_key() -> str:
    """Return the key of the storage account."""
    return ACCOUNT_KEY


@pytest.fixture
def stage(ca_dir: Path) -> Iterator[Stage]:
    """Return a simulator inside the test, with one service, on a clock that the test moves."""
    stage = Stage(ca_dir)
    with stage.simulator:
        yield stage
