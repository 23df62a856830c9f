"""What the demo does in storage: makes the containers, and reads blobs to see for itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from demo import clock, environment
from demo.environment import PROTECTED, STANDBY, Side, Storage
from demo.faults import DemoFault

CALL_S_MAX = 30.0
VERSION = "2021-12-02"
MADE_OR_THERE = (201, 409)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A restore point's record, and what really lies in storage."""

    name: str
    started_at: str
    size_bytes: int
    sha256: str
    found_size_bytes: int | None
    found_sha256: str | None
    copied_after_s: float | None = None
    """From the verified backup to its copy; None: it is no copy."""

    @property
    def faults(self) -> list[str]:
        """What the record says that is not so."""
        if self.found_size_bytes is None:
            return ["the blob that the record names does not exist"]
        faults = []
        if self.found_size_bytes != self.size_bytes:
            faults.append(f"the record says {self.size_bytes} bytes, the blob has {self.found_size_bytes}")
        if self.found_sha256 != self.sha256:
            faults.append("the SHA-256 in the record is not the one of the blob")
        return faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The report of one restore, as it lies in storage: for programs, and for people."""

    report: Json
    text: str

    @property
    def fix_ups(self) -> list[Json]:
        """What no restore brings, as the report lists it."""
        return list(self.report.get("fixUps") or [])


class Blobs:
    """Blobs over REST with a token, as the app reaches them."""

    def __init__(self, storage: Storage, *, token: str, ca: Path) -> None:
        self._storage = storage
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(ca)
        self._session.headers.update({"Authorization": f"Bearer {token}", "x-ms-version": VERSION})

    def make_containers(self) -> None:
        """
        Make what infrastructure code makes in Azure.

        Raises:
            DemoFault: Azurite refused it.
        """
        for side in environment.SIDES:
            for container in (environment.RECORDS, environment.BACKUPS):
                url = f"{self._storage.account_url(side)}/{container}?restype=container"
                status = self._session.put(url, timeout=CALL_S_MAX).status_code
                if status not in MADE_OR_THERE:
                    raise DemoFault(f"Azurite does not make the container {container}: status {status}")

    def read_recorded(self, name: str, side: Side) -> Recorded | None:
        """Read a restore point's record in one region and the blob it speaks of; None: no such record."""
        said = self._read_json(side, f"restore-points/{PROTECTED}/{name}.json")
        if said is None:
            return None
        blob = self._read(f"{self._storage.blobs}/{said['account']}/{said['container']}/{said['name']}")
        copied = said.get("copied") or {}
        after = clock.parse(copied["at"]) - clock.parse(said["verifiedAt"]) if copied else None
        return Recorded(
            name=str(said["name"]),
            started_at=str(said["startedAt"]),
            size_bytes=int(said["sizeBytes"]),
            sha256=str(said["sha256"]),
            found_size_bytes=None if blob is None else len(blob),
            found_sha256=None if blob is None else hashlib.sha256(blob).hexdigest(),
            copied_after_s=None if after is None else after.total_seconds(),
        )

    def read_replication(self) -> Json | None:
        """Read what replication says of the service; None: nothing yet."""
        return self._read_json(STANDBY, f"replications/{PROTECTED}.json")

    def read_evidence(self, run_id: str) -> Evidence | None:
        """Read what a restore in the standby's region left; None: nothing, or not both parts of it."""
        report = self._read_json(STANDBY, f"evidence/{run_id}.json")
        text = self._read(f"{self._storage.account_url(STANDBY)}/{environment.RECORDS}/evidence/{run_id}.md")
        return Evidence(report=report, text=text.decode()) if report and text else None

    def _read_json(self, side: Side, key: str) -> Json | None:
        content = self._read(f"{self._storage.account_url(side)}/{environment.RECORDS}/{key}")
        return None if content is None else json.loads(content)

    def _read(self, url: str) -> bytes | None:
        answer = self._session.get(url, timeout=CALL_S_MAX)
        if answer.status_code == requests.codes.not_found:
            return None
        if answer.status_code != requests.codes.ok:
            raise DemoFault(f"Azurite does not give {url}: status {answer.status_code}")
        return answer.content
