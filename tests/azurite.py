"""Azurite and the simulator as processes, with the simulator's certificates, for tests of the adapters."""

from __future__ import annotations

import base64
import collections
import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.storage.blob import BlobServiceClient

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
ACCOUNTS = {
    name: base64.b64encode(f"a made-up key of the tests of {name}".encode()).decode()
    for name in ("drprimary", "drstandby")
}


class StorageToken:
    """A credential whose token Azurite takes: it looks at the claims, not at the signature."""

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        """Return a token of an hour."""
        now = int(time.time())
        claims = {
            "iss": "https://sts.windows.net/5d9a1c2e-0f5b-4d51-9a8e-7c1d2b3a4f60/",
            "aud": "https://storage.azure.com",
            "nbf": now - 60,
            "iat": now - 60,
            "exp": now + 3600,
        }
        parts = [_encoded({"alg": "none", "typ": "JWT"}), _encoded(claims), "c2lnbmF0dXJl"]
        return AccessToken(".".join(parts), now + 3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Azurite:
    """A running Azurite."""

    endpoint: str
    """Address with {account} in it."""
    ca: Path

    def url(self, account: str) -> str:
        """Return the blob endpoint of an account."""
        return self.endpoint.replace("{account}", account)

    def service(self, account: str) -> BlobServiceClient:
        """Return an account opened with its key, to set scenes."""
        credential = {"account_name": account, "account_key": ACCOUNTS[account]}
        return BlobServiceClient(self.url(account), credential=credential, connection_verify=str(self.ca))


def make_certificates(folder: Path) -> Path:
    """Make certificates the way a developer does; return the folder."""
    command = [sys.executable, "-m", "simulator", "certificates", "--ca-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@contextlib.contextmanager
def azurite(ca_dir: Path, location: Path) -> Iterator[Azurite]:
    """Run Azurite with https and OAuth."""
    assert SCRIPT.is_file(), "Azurite is missing: run `npm ci` in the repository's root"
    command = ["node", str(SCRIPT), "--location", str(location), "--silent", "--disableTelemetry"]
    command += ["--skipApiVersionCheck", "--oauth", "basic"]
    command += ["--cert", str(ca_dir / "cert.pem"), "--key", str(ca_dir / "key.pem")]
    for service in ("blob", "queue", "table"):
        command += [f"--{service}Host", "127.0.0.1", f"--{service}Port", "0"]
    accounts = ";".join(f"{name}:{key}" for name, key in ACCOUNTS.items())
    with running(command, AZURITE_ACCOUNTS=accounts) as process:
        found = wait_for_line(process, r"Blob service is successfully listening at (https://[\d.:]+)")
        yield Azurite(endpoint=f"{found[1]}/{{account}}", ca=ca_dir / "ca.pem")


@contextlib.contextmanager
def simulator(ca_dir: Path, folder: Path, blob_endpoint: str) -> Iterator[dict[str, Any]]:
    """Run the simulator; yield what its ready file says."""
    ready_file = folder / "ready.json"
    command = [sys.executable, "-m", "simulator", "--ca-dir", str(ca_dir), "--ready-file", str(ready_file)]
    command += ["--blob-endpoint", blob_endpoint]
    for name, key in ACCOUNTS.items():
        command += ["--account-key", f"{name}={key}"]
    with running(command) as process:
        wait_for_line(process, "^simulator: https://")
        yield json.loads(ready_file.read_text())


@contextlib.contextmanager
def running(command: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process in the repository; end it by its id when the block ends."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_line(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Return the first line of output that matches; fail with what was printed if there is none."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if found := re.search(pattern, line):
            # nobody reads on otherwise, and a full pipe would stop the process
            threading.Thread(target=collections.deque, args=(process.stdout, 0), daemon=True).start()
            return found
    pytest.fail(f"{process.args} ended without saying it is ready:\n{''.join(seen)}")


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
