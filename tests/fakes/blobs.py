"""Containers in memory, with ETags, conditions and scripted faults."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator

from shared.core.errors import ConflictError, NotFoundError, UnavailableError
from shared.core.ports import BACKUP_TYPE, JSON_TYPE, BlobFacts, BlobLook
from tests.fakes.clock import START


class MemoryBlobs:
    """
    The port Blobs.

    `faults[method]` is a queue: each call of that method takes one entry and raises it; None lets it pass.
    `written` remembers every content that was ever stored.
    """

    def __init__(self, account: str = "drprimary", container: str = "apim-dr") -> None:
        self.account = account
        self.container = container
        self.is_there = True
        self.is_lost = False
        """Whether its region is: then every call fails, and is counted in `asked_in_vain`."""
        self.asked_in_vain = 0
        self.faults: defaultdict[str, deque[Exception | None]] = defaultdict(deque)
        self.written: list[tuple[str, bytes]] = []
        self.now: Callable[[], dt.datetime] = lambda: START
        """The clock of storage."""
        self._blobs: dict[str, tuple[bytes, str]] = {}
        self._modified: dict[str, dt.datetime] = {}
        self._versions = itertools.count(1)

    def container_exists(self) -> bool:
        """Tell whether the container is there."""
        self._fault("container_exists")
        return self.is_there

    def create_container(self) -> None:
        """Create the container; one that is there stays."""
        self._fault("create_container")
        self.is_there = True

    def exists(self, key: str) -> bool:
        """Tell whether a blob is there."""
        self._fault("exists")
        return self.is_there and key in self._blobs

    def look(self, key: str) -> BlobLook | None:
        """Return what a blob's properties show; None if it, or its container, is not there."""
        self._fault("look")
        if not self.is_there or key not in self._blobs:
            return None
        content, etag = self._blobs[key]
        return BlobLook(size_bytes=len(content), etag=etag.strip('"'), modified_at=self._modified[key])

    def measure(self, key: str) -> BlobFacts:
        """Say what a blob is."""
        self._fault("measure")
        content, etag = self._found(key)
        return BlobFacts(
            size_bytes=len(content), etag=etag.strip('"'), sha256=hashlib.sha256(content).hexdigest()
        )

    def read(self, key: str) -> tuple[bytes, str]:
        """Return content and ETag."""
        self._fault("read")
        return self._found(key)

    def create(self, key: str, content: bytes, *, content_type: str = JSON_TYPE) -> str:
        """Write a blob that must not exist; return its ETag."""
        self._fault("create")
        self._there(key)
        if key in self._blobs:
            raise ConflictError(f"{key}: BlobAlreadyExists")
        return self._store(key, content)

    def chunks(self, key: str) -> Iterator[bytes]:
        """Yield the content in pieces: few bytes each, or a fiftieth of a large one."""
        self._fault("chunks")
        content, _ = self._found(key)
        length = max(7, len(content) // 50)
        for start in range(0, len(content), length):
            yield content[start : start + length]

    def create_from(self, key: str, chunks: Iterable[bytes], *, content_type: str = BACKUP_TYPE) -> str:
        """Write a blob that must not exist from pieces; return its ETag."""
        self._fault("create_from")
        content = b"".join(chunks)
        self._there(key)
        if key in self._blobs:
            raise ConflictError(f"{key}: BlobAlreadyExists")
        return self._store(key, content)

    def put(self, key: str, content: bytes, *, content_type: str = JSON_TYPE) -> None:
        """Write a blob whether it exists or not."""
        self._fault("put")
        self._there(key)
        self._store(key, content)

    def replace(self, key: str, content: bytes, etag: str, *, content_type: str = JSON_TYPE) -> str:
        """Write a blob that must still have this ETag."""
        self._fault("replace")
        self._there(key)
        if key not in self._blobs or self._blobs[key][1] != etag:
            raise ConflictError(f"{key}: ConditionNotMet")
        return self._store(key, content)

    def keys(self, prefix: str) -> Iterator[str]:
        """List names in order."""
        self._fault("keys")
        self._there(prefix)
        yield from sorted(key for key in list(self._blobs) if key.startswith(prefix))

    def delete(self, key: str, *, etag: str | None = None) -> bool:
        """Delete a blob, and only if it has this ETag; False if it was not there."""
        self._fault("delete")
        if not self.is_there or key not in self._blobs:
            return False
        if etag is not None and self._blobs[key][1].strip('"') != etag.strip('"'):
            raise ConflictError(f"{key}: ConditionNotMet")
        del self._blobs[key]
        return True

    def _store(self, key: str, content: bytes) -> str:
        etag = f'"0x{next(self._versions):08X}"'
        self._blobs[key] = (content, etag)
        self._modified[key] = self.now()
        self.written.append((key, content))
        return etag

    def _found(self, key: str) -> tuple[bytes, str]:
        self._there(key)
        if key not in self._blobs:
            raise NotFoundError(f"{key}: BlobNotFound", code="BlobNotFound")
        return self._blobs[key]

    def _there(self, key: str) -> None:
        if not self.is_there:
            raise NotFoundError(f"{key}: ContainerNotFound", code="ContainerNotFound")

    def _fault(self, method: str) -> None:
        if self.is_lost:
            self.asked_in_vain += 1
            raise UnavailableError(f"{self.account} cannot be reached")
        if self.faults[method] and (fault := self.faults[method].popleft()) is not None:
            raise fault


class MemoryStorage:
    """All accounts and containers of a test; each container is made when it is first asked for."""

    def __init__(self) -> None:
        self._containers: dict[tuple[str, str], MemoryBlobs] = {}
        self._lost: set[str] = set()

    def container(self, account: str, container: str) -> MemoryBlobs:
        """Return one container, always the same."""
        found = self._containers.setdefault((account, container), MemoryBlobs(account, container))
        found.is_lost = account in self._lost
        return found

    def lose(self, *accounts: str) -> None:
        """Take these accounts away, and bring all others back."""
        self._lost = set(accounts)
        for (account, _), blobs in self._containers.items():
            blobs.is_lost = account in self._lost

    def is_lost(self, account: str) -> bool:
        """Tell whether an account was taken away."""
        return account in self._lost

    def asked_in_vain(self) -> int:
        """Return how many calls met an account that was taken away."""
        return sum(blobs.asked_in_vain for blobs in self._containers.values())

    def everything_written(self) -> str:
        """Return all that was ever stored anywhere, as one text."""
        return "\n".join(
            f"{key} {content.decode(errors='replace')}"
            for blobs in self._containers.values()
            for key, content in blobs.written
        )
