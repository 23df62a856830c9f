"""What steps need from the world, as protocols, fulfilled by the adapters and by the fakes of the tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from shared.core.access import Access, BackupStorage
from shared.core.intervals import Intervals
from shared.core.inventory import Inventory
from shared.core.plan import Plan
from shared.core.reports import GatewayProbe
from shared.core.response import Response
from shared.core.runs import OpenMark, RunRecord
from shared.core.services import ServiceRef, ServiceState
from shared.core.unfinished import UnfinishedInventory

JSON_TYPE = "application/json"
BACKUP_TYPE = "application/octet-stream"


class Clock(Protocol):
    """The time."""

    def now(self) -> dt.datetime:
        """Return the time as aware UTC."""
        ...


class Arm(Protocol):
    """Azure Resource Manager, as far as backup and restore need it."""

    @property
    def api_version(self) -> str:
        """The version that is used for every call."""
        ...

    def service_state(self, service: ServiceRef) -> ServiceState:
        """Read a service. Raises NotFoundError, AccessError, TemporaryError, ProtocolError."""
        ...

    def start_url(self, service: ServiceRef, action: str) -> str:
        """Return the absolute URL of the POST for `backup` or `restore`."""
        ...

    def start(self, service: ServiceRef, action: str, storage: BackupStorage, backup_name: str) -> Response:
        """Send the POST, once, and return whatever was answered. Raises UnavailableError, ConfigError."""
        ...

    def read(
        self,
        path: str,
        *,
        what: str,
        api_version: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """
        Return the JSON of a GET.

        Args:
            path: below Azure Resource Manager, such as the id of a resource.
            what: the thing that is read, for the error's text.
            api_version: of another provider than API Management.
            query: further parameters, unescaped.

        Raises:
            NotFoundError, AccessError, TemporaryError, ProtocolError.
        """
        ...

    def read_all(
        self,
        path: str,
        *,
        what: str,
        api_version: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, page after page; raises as `read` does, never ends early."""
        ...

    def poll(self, location_url: str, *, refresh_token: bool) -> Response:
        """Ask an operation's URL, refused unless at our origin. Raises UnavailableError, ProtocolError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobFacts:
    """A blob as found: size in bytes, ETag, SHA-256 of its content in hex."""

    size_bytes: int
    etag: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobLook:
    """A blob as its properties show it, without reading it: size in bytes, ETag, written when (UTC)."""

    size_bytes: int
    etag: str
    modified_at: dt.datetime
    """By the clock of storage."""


class Blobs(Protocol):
    """One container. All methods raise AccessError or TemporaryError besides what they name."""

    @property
    def account(self) -> str:
        """The storage account's name."""
        ...

    @property
    def container(self) -> str:
        """The container's name."""
        ...

    def container_exists(self) -> bool:
        """Tell whether the container is there."""
        ...

    def create_container(self) -> None:
        """Create the container without public access; one that is there is left as it is."""
        ...

    def exists(self, key: str) -> bool:
        """Tell whether a blob is there."""
        ...

    def look(self, key: str) -> BlobLook | None:
        """Return what a blob's properties show; None if it, or its container, is not there."""
        ...

    def measure(self, key: str) -> BlobFacts:
        """Read a blob through, in constant memory, and say what it is. Raises NotFoundError."""
        ...

    def read(self, key: str) -> tuple[bytes, str]:
        """Return content and ETag of a small blob. Raises NotFoundError."""
        ...

    def chunks(self, key: str) -> Iterator[bytes]:
        """Yield a blob's content, some MB at once; one replaced meanwhile fails. Raises NotFoundError."""
        ...

    def create(self, key: str, content: bytes, *, content_type: str = JSON_TYPE) -> str:
        """Write a blob that must not exist; return its ETag. Raises ConflictError."""
        ...

    def create_from(self, key: str, chunks: Iterable[bytes], *, content_type: str = BACKUP_TYPE) -> str:
        """
        Write a blob that must not exist from pieces, in constant memory; return its ETag.

        It is there as a whole or not at all: where the pieces end early, with an exception, nothing is.

        Raises:
            ConflictError: there is one of that name. Besides, whatever the pieces raise.
        """
        ...

    def put(self, key: str, content: bytes, *, content_type: str = JSON_TYPE) -> None:
        """Write a blob whether it exists or not."""
        ...

    def delete(self, key: str, *, etag: str | None = None) -> bool:
        """
        Delete a blob; False if it was not there.

        With an ETag, in quotation marks or not, only the blob that still has it is deleted.

        Raises:
            ConflictError: it has another ETag, or storage does not let it go (a lease, immutability).
        """
        ...

    def replace(self, key: str, content: bytes, etag: str, *, content_type: str = JSON_TYPE) -> str:
        """Write a blob that must still have this ETag; return the new one. Raises ConflictError."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """List names in order. Raises in the middle rather than ending early."""
        ...


class Runs(Protocol):
    """The run records of this app's region."""

    def create(self, run: RunRecord) -> str | None:
        """Write a run that must not exist, and return its ETag; None if it did: nothing was written."""
        ...

    def read(self, run_id: str) -> tuple[RunRecord, str]:
        """Return a run and its ETag. Raises NotFoundError."""
        ...

    def replace(self, run: RunRecord, etag: str) -> str:
        """Write a run that must not have changed meanwhile; return the new ETag. Raises ConflictError."""
        ...

    def newest(self, count_max: int, now: dt.datetime) -> list[RunRecord]:
        """Return the newest runs, newest first."""
        ...

    def discard(self, run_id: str, etag: str) -> None:
        """Take back a run that nothing was started for, unless anybody has written it since this ETag."""
        ...

    def ids_since(self, at: dt.datetime, now: dt.datetime) -> list[str]:
        """Return the ids of all runs that were wished for at this time or later, oldest first."""
        ...

    def open_ids(self) -> list[str]:
        """Return the ids of all runs without a final word: under way, abandoned, or without proof."""
        ...

    def mark(self, run_id: str) -> tuple[OpenMark, str] | None:
        """Return what is kept beside an open run, with its ETag; None if the run is not open any more."""
        ...

    def note(self, run_id: str, seen_at: dt.datetime, etag: str) -> None:
        """Write down when an open run was seen, unless its mark has changed since this ETag."""
        ...

    def close(self, run_id: str, etag: str | None = None) -> None:
        """Take a run off the list of open ones, unless its mark changed since the ETag. Idempotent."""
        ...


class Ports(Protocol):
    """Everything that steps may reach, built once per worker process by shared.wiring."""

    @property
    def plan(self) -> Plan:
        """The plan. Raises ConfigError with every fault."""
        ...

    @property
    def intervals(self) -> Intervals:
        """The waiting times."""
        ...

    @property
    def clock(self) -> Clock: ...

    @property
    def arm(self) -> Arm: ...

    @property
    def runs(self) -> Runs: ...

    def take_inventory(
        self, service: ServiceRef, so_far: UnfinishedInventory | None = None, *, piece_s: int | None = None
    ) -> Inventory | UnfinishedInventory:
        """
        List what a service holds, for `piece_s` seconds or some minutes, and go on from what was read before.

        Lists that cannot be read are named in it. Raises TemporaryError while others have the turn.
        """
        ...

    def probe_gateway(self, url: str) -> GatewayProbe:
        """Ask the gateway at a URL for its status, without a token. Never raises."""
        ...

    def key_fault(self, access: Access) -> str:
        """Say what is wrong with the setting of an account key; empty if nothing is, or no key is used."""
        ...

    def records(self, region: str | None = None) -> Blobs:
        """The records container of a region; of this app's own region by default."""
        ...

    def backups(self, account: str, container: str) -> Blobs:
        """A container that holds backups."""
        ...


Json = dict[str, Any]
