"""
The simulator inside a test: its own thread, real https on a free loopback port, and a clock from outside.

Nothing ever waits. Operations end at their moment by the clock that is handed in; the simulator looks at it
whenever it is asked something, and in `settle`. An operation is said to have ended at its own moment, however
late somebody looked. Backups go through an object that is handed in, for example into memory:

    class Memory:
        def __init__(self, storage):  # tests.fakes.blobs.MemoryStorage
            self.storage = storage

        def write(self, account, container, name, content):
            self.storage.container(account, container).put(name, content)

        def read(self, account, container, name):
            blobs = self.storage.container(account, container)
            return blobs.read(name)[0] if blobs.exists(name) else None

    with VirtualSimulator(clock=host.clock.now, blobs=Memory(storage), ca_dir=tmp_path) as simulator:
        simulator.arm("PUT", service_id, {"location": "westeurope", ...})
        simulator.control("POST", "progression", {"operation": "backup", "seconds": 18000})
        ...  # the app calls simulator.https_url, with REQUESTS_CA_BUNDLE=simulator.ca and
        ...  # simulator.authorization() as its Authorization header
        host.run_until_done(...)
        simulator.settle()  # blobs of operations that nobody polled any more are there too
        account = simulator.account()[service_id]

`control` takes what the routes under `/_sim/` take (docs/development.md, "The simulator"). Tokens live in
real time; `authorization` of a test that is over within the hour does not expire.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from simulator import certificates
from simulator.backup_request import BackupRequest
from simulator.clock import DrivenClock
from simulator.operations import Operation
from simulator.server import Simulator
from simulator.storage import BackupMissingError
from simulator.wire import Answer, Call
from simulator.world import World

API_VERSION = "2024-05-01"

_PATIENCE_S = 60
"""Nothing here waits for time; a call that takes this long is stuck."""

_T = TypeVar("_T")


class Blobs(Protocol):
    """Where backups are written to. Called in the simulator's thread."""

    def write(self, account: str, container: str, name: str, content: bytes) -> None:
        """Write a blob; one of the same name is replaced."""

    def read(self, account: str, container: str, name: str) -> bytes | None:
        """Return a blob's content, None if it is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationAccount:
    """What became of one accepted operation. `state` is Running, Succeeded or Failed; `error` is a code."""

    kind: str
    state: str
    error: str | None
    started_at: dt.datetime
    ended_at: dt.datetime | None
    polls: int
    account: str
    container: str
    blob: str
    blob_bytes: int | None
    """None if nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """
    What happened to one service. The counts are of POSTs that arrived, whatever was answered;
    `operations` are those that were accepted, in the order of their starts.
    """

    service: str
    state: str
    """The provisioningState now."""
    backup_posts: int
    restore_posts: int
    operations: tuple[OperationAccount, ...]


class VirtualSimulator:
    """A simulator on a driven clock. Use it in a `with` statement."""

    def __init__(self, *, clock: Callable[[], dt.datetime], blobs: Blobs, ca_dir: Path) -> None:
        """
        Start listening.

        Args:
            clock: tells the time, aware and UTC; asked in the simulator's thread. It never goes back.
            blobs: takes the backups.
            ca_dir: folder of the certificates, made if missing; one folder serves a whole test session.
        """
        self.world = World(clock=DrivenClock(clock))
        found = certificates.ensure(ca_dir, now=dt.datetime.now(dt.UTC))
        self.ca = str(found.ca)
        self._server = Simulator(self.world, certificates=found, storage=_HandedStorage(blobs))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulator", daemon=True)
        self._thread.start()
        self.world.principals.add("app")
        self.world.principals.add("scene")
        try:
            self._run(self._server.start())
        except BaseException:
            self._end_thread()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._server.stop())
        self._end_thread()

    @property
    def https_url(self) -> str:
        """The endpoint of Azure Resource Manager, without a slash at the end."""
        return self.world.https_url

    def authorization(self, principal: str = "app") -> str:
        """Return an Authorization header for Azure Resource Manager."""
        found = self.world.principals.find(principal)
        assert found is not None, principal
        audience = "https://management.azure.com"
        token = self.world.tokens.issue(
            object_id=found.object_id, client_id=found.client_id, audience=audience
        )
        return f"Bearer {token.text}"

    def arm(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """
        Make one call to Azure Resource Manager as the scene's builder; return its JSON.

        Not over the network: it meets no fault, stands in no journal and counts nowhere.

        Raises:
            ValueError: the answer is an error.
        """
        headers = {"Authorization": self.authorization("scene")}
        call = self._call(method, path, body, {"api-version": API_VERSION, **query}, headers)
        return _content(call, self._run(self._settled(self._server.arm.answer, call)))

    def control(self, method: str, name: str, body: Any = None, **query: str) -> Any:
        """
        Make one call to `/_sim/{name}`; return its JSON.

        Raises:
            ValueError: the scene cannot be; every fault is named.
        """
        call = self._call(method, f"/_sim/{name}", body, query, {})
        return _content(call, self._run(self._settled(self._server.control.answer, call)))

    def settle(self) -> None:
        """Let everything happen whose time has come."""
        self._run(self._server.runner.settle())

    def account(self) -> dict[str, ServiceAccount]:
        """Return what happened to each service, by its resource id as it was first written."""
        return self._run(self._account())

    async def _account(self) -> dict[str, ServiceAccount]:
        await self._server.runner.settle()
        operations: dict[str, list[OperationAccount]] = {}
        for one in self.world.operations.values():
            operations.setdefault(one.service.id.key, []).append(_account_of(one))
        return {
            str(one.id): ServiceAccount(
                service=str(one.id),
                state="Updating" if one.operation_id else one.state,
                backup_posts=(counted := self.world.journal.counts(str(one.id)))["POST backup"],
                restore_posts=counted["POST restore"],
                operations=tuple(operations.get(one.id.key, ())),
            )
            for one in self.world.services
        }

    def _call(
        self, method: str, path: str, body: Any, query: dict[str, str], headers: dict[str, str]
    ) -> Call:
        return Call(
            method=method,
            base_url=self.https_url,
            path=path,
            segments=tuple(part for part in path.split("/") if part),
            query={name.lower(): value for name, value in query.items()},
            headers=headers,
            body=b"" if body is None else json.dumps(body).encode(),
        )

    async def _settled(self, answer: Callable[[Call], Coroutine[Any, Any, Answer]], call: Call) -> Answer:
        await self._server.runner.catch_up()
        return await answer(call)

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()


class _HandedStorage:
    """Storage behind a handed-in object, which refuses nobody."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def check(self, request: BackupRequest, *, principal_id: str, create_container: bool) -> None:
        """Let everybody in."""

    async def write(self, request: BackupRequest, content: bytes, *, principal_id: str) -> None:
        """Hand the content over."""
        self._blobs.write(request.account, request.container, request.blob, content)

    async def read(self, request: BackupRequest, *, principal_id: str) -> bytes:
        """Return the content. Raises BackupMissingError."""
        found = self._blobs.read(request.account, request.container, request.blob)
        if found is None:
            raise BackupMissingError(f"blob '{request.blob}' was not found")
        return found


def _content(call: Call, answer: Answer) -> Any:
    content, _ = answer.encoded()
    if answer.status >= 400:
        raise ValueError(f"{call.method} {call.path}: {answer.status} {content.decode()}")
    return json.loads(content) if content else None


def _account_of(one: Operation) -> OperationAccount:
    return OperationAccount(
        kind=one.kind.value,
        state=one.state.value,
        error=one.failure.code if one.failure else None,
        started_at=one.started_at,
        ended_at=one.ended_at,
        polls=one.polls,
        account=one.request.account,
        container=one.request.container,
        blob=one.request.blob,
        blob_bytes=one.blob_bytes,
    )
