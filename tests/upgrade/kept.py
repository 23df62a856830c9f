"""What is kept of a version of the orchestrators: where it lies, how it is written and read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devhost.config import load_host_config

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
HISTORIES = HERE / "histories"
DOCUMENTS = HERE / "documents"
VERSION = load_host_config(ROOT).default_version or ""


def folder(version: str) -> str:
    """Return the folder of a version's histories: "2.0" lies in v2."""
    return f"v{version.removesuffix('.0')}"


@dataclass(frozen=True, kw_only=True)
class History:
    """One generation of one instance: what its last episode was given, and what it answered."""

    orchestrator: str
    case: str
    payload: dict[str, Any]
    answer: dict[str, Any]

    @property
    def version(self) -> str | None:
        """The version that the instance was begun with."""
        started = next(event for event in self.payload["history"] if event["EventType"] == 0)
        version: str | None = started["Version"]
        return version


def write(path: Path, histories: list[History]) -> None:
    """Write the histories of one case: equal content gives equal bytes, and no stack names a machine."""
    kept = [{"payload": _without_stacks(one.payload), "answer": one.answer} for one in histories]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(kept, sort_keys=True).encode(), mtime=0))


def _without_stacks(payload: dict[str, Any]) -> dict[str, Any]:
    events = [
        {**event, "Details": event["Details"].partition("\nStack:")[0]} if event.get("Details") else event
        for event in payload["history"]
    ]
    return {**payload, "history": events}


def read(path: Path) -> list[History]:
    """Read the histories of one case."""
    orchestrator, _, case = path.name.removesuffix(".json.gz").partition("-")
    kept = json.loads(gzip.decompress(path.read_bytes()))
    return [History(orchestrator=orchestrator, case=case, **one) for one in kept]


def paths(version: str = "*") -> Iterator[Path]:
    """Yield every case that is kept, of one version or of all."""
    yield from sorted(HISTORIES.glob(f"{folder(version)}/*.json.gz"))
