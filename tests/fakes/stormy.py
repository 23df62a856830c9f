"""Storage in memory that keeps a journal, and can fail or end the process at any call that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.core.ports import BACKUP_TYPE, JSON_TYPE, BlobFacts, BlobLook
from tests.fakes.blobs import MemoryBlobs, MemoryStorage


class DiedError(Exception):
    """The process ended here. None of our errors, so nothing of ours catches it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of storage: what, where, and what with."""

    method: str
    place: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens at a call: the error, and whether the call had taken effect before."""

    error: Exception
    takes_effect: bool = False


class StormyStorage(MemoryStorage):
    """
    All containers, with one journal.

    `faults` says at which call, counted from the last `calm`, what goes wrong; `on_call` is told of each
    call before it happens.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.faults: Mapping[int, Fault] = {}
        self.on_call: Callable[[Call], None] | None = None

    def container(self, account: str, container: str) -> MemoryBlobs:
        """Return one container, always the same."""
        return self._containers.setdefault((account, container), _StormyBlobs(self, account, container))

    def calm(self, faults: Mapping[int, Fault] | None = None) -> None:
        """Forget the journal, and begin to count anew."""
        self.calls, self.faults = [], faults or {}

    def changes(self) -> list[Call]:
        """Return the calls that write or delete."""
        return [
            call
            for call in self.calls
            if call.method in {"create", "create_from", "put", "replace", "delete"}
        ]

    def contents(self) -> dict[tuple[str, str, str], bytes]:
        """Return everything that is stored now, by account, container and key."""
        return {
            (*place, key): content
            for place, blobs in self._containers.items()
            for key, (content, _) in blobs._blobs.items()
        }

    def meet(self, call: Call, act: Callable[[], Any]) -> Any:
        """Do one call, or what was chosen to happen instead."""
        if self.on_call is not None:
            listener, self.on_call = self.on_call, None  # what it does itself is not told
            listener(call)
            self.on_call = self.on_call or listener
        fault = self.faults.get(len(self.calls))
        self.calls.append(call)
        if fault is None:
            return act()
        if fault.takes_effect:
            act()
        raise fault.error


class _StormyBlobs(MemoryBlobs):
    """One container; every method of the port goes through the storm."""

    def __init__(self, storm: StormyStorage, account: str, container: str) -> None:
        super().__init__(account, container)
        self._storm = storm

    def _meet(self, method: str, key: str, act: Callable[[], Any]) -> Any:
        return self._storm.meet(Call(method=method, place=f"{self.account}/{self.container}", key=key), act)

    def exists(self, key: str) -> bool:
        """Tell whether a blob is there."""
        return self._meet("exists", key, lambda: super(_StormyBlobs, self).exists(key))

    def look(self, key: str) -> BlobLook | None:
        """Return what a blob's properties show."""
        return self._meet("look", key, lambda: super(_StormyBlobs, self).look(key))

    def measure(self, key: str) -> BlobFacts:
        """Say what a blob is."""
        return self._meet("measure", key, lambda: super(_StormyBlobs, self).measure(key))

    def container_exists(self) -> bool:
        """Tell whether the container is there."""
        return self._meet("container_exists", "", super().container_exists)

    def create_container(self) -> None:
        """Create the container; one that is there stays."""
        self._meet("create_container", "", super().create_container)

    def chunks(self, key: str) -> Iterator[bytes]:
        """Yield the content in pieces of few bytes; the call happens when the first one is asked for."""
        yield from self._meet("chunks", key, lambda: super(_StormyBlobs, self).chunks(key))

    def create_from(self, key: str, chunks: Iterable[bytes], *, content_type: str = BACKUP_TYPE) -> str:
        """Write a blob that must not exist from pieces, which are read before the call takes effect."""
        pieces = list(chunks)
        return self._meet("create_from", key, lambda: super(_StormyBlobs, self).create_from(key, pieces))

    def read(self, key: str) -> tuple[bytes, str]:
        """Return content and ETag."""
        return self._meet("read", key, lambda: super(_StormyBlobs, self).read(key))

    def create(self, key: str, content: bytes, *, content_type: str = JSON_TYPE) -> str:
        """Write a blob that must not exist; return its ETag."""
        return self._meet("create", key, lambda: super(_StormyBlobs, self).create(key, content))

    def put(self, key: str, content: bytes, *, content_type: str = JSON_TYPE) -> None:
        """Write a blob whether it exists or not."""
        self._meet("put", key, lambda: super(_StormyBlobs, self).put(key, content))

    def replace(self, key: str, content: bytes, etag: str) -> str:
        """Write a blob that must still have this ETag."""
        return self._meet("replace", key, lambda: super(_StormyBlobs, self).replace(key, content, etag))

    def keys(self, prefix: str) -> Iterator[str]:
        """List names in order."""
        return self._meet("keys", prefix, lambda: iter(list(super(_StormyBlobs, self).keys(prefix))))

    def delete(self, key: str, *, etag: str | None = None) -> bool:
        """Delete a blob, and only if it has this ETag."""
        return self._meet("delete", key, lambda: super(_StormyBlobs, self).delete(key, etag=etag))
