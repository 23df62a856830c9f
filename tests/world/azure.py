"""Azure for a test: the simulator in this process, on the host's virtual clock, its backups in memory."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken

from shared.core.services import ServiceRef
from simulator import errors
from simulator.faults import Fault
from simulator.storage import StorageRefusedError
from simulator.testing import OperationAccount, VirtualSimulator
from simulator.wire import Answer
from tests.fakes import FakeClock, MemoryBlobs, MemoryStorage
from tests.fakes.ports import ACCOUNTS

TIER = "Standard"
SOMEBODY = "somebody"
"""The storage account of another client's backups."""
ENTITIES = {
    "apis/orders": {"displayName": "Orders", "path": "orders", "protocols": ["https"]},
    "products/gold": {"displayName": "Gold", "state": "published"},
    "tags/blue": {"displayName": "blue"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenBlob:
    """A blob that the simulator wrote, and when by the virtual clock."""

    account: str
    container: str
    name: str
    sha256: str
    at: dt.datetime


class Vault:
    """Takes the simulator's backups into the same memory that the app reads, and remembers each."""

    def __init__(self, storage: MemoryStorage, clock: FakeClock) -> None:
        self.storage = storage
        self.now = clock.now
        self.written: list[WrittenBlob] = []

    def write(self, account: str, container: str, name: str, content: bytes) -> None:
        """Write a blob; the service itself makes a container that is missing."""
        blobs = self._reached(account, container)
        blobs.is_there = True
        blobs.put(name, content)
        self.written.append(
            WrittenBlob(
                account=account,
                container=container,
                name=name,
                sha256=hashlib.sha256(content).hexdigest(),
                at=self.now(),
            )
        )

    def read(self, account: str, container: str, name: str) -> bytes | None:
        """Return a blob's content, None if it is not there."""
        blobs = self._reached(account, container)
        return blobs.read(name)[0] if blobs.exists(name) else None

    def _reached(self, account: str, container: str) -> MemoryBlobs:
        if self.storage.is_lost(account):
            raise StorageRefusedError(f"storage account '{account}' cannot be reached")
        return self.storage.container(account, container)


class Credentials:
    """Makes credentials of the app's identity, each with one token; counts how many were made."""

    def __init__(self, simulator: VirtualSimulator) -> None:
        self._simulator = simulator
        self.made = 0

    def __call__(self) -> Credentials._One:
        """Make one, as after a token that was refused."""
        self.made += 1
        return self._One(self._simulator.authorization("app").removeprefix("Bearer "))

    class _One:
        def __init__(self, token: str) -> None:
            self._token = token

        def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
            return AccessToken(self._token, 4102444800)

        def close(self) -> None: ...


class Lagging(Fault):
    """Reads of a service that show it at rest, as a read that lags behind does, while `lasts` says so."""

    lasts: Callable[[], bool]

    def matches(self, method: str, path: str) -> bool:
        """Tell whether a call reads the service itself, and not something below it."""
        return method == "GET" and path.lower().endswith(self.path_contains.lower()) and self.lasts()

    def spoil(self, answer: Answer, _rotate: Callable[[str], str]) -> Answer:
        """Return the true answer with another state."""
        properties = {**answer.content["properties"], "provisioningState": "Succeeded"}
        return replace(answer, content={**answer.content, "properties": properties})


class Azure:
    """The simulator with the words that tests use."""

    def __init__(self, simulator: VirtualSimulator, vault: Vault) -> None:
        self.simulator = simulator
        self.vault = vault
        self.credentials = Credentials(simulator)
        self._lost_after = 0

    @property
    def url(self) -> str:
        """The endpoint."""
        return self.simulator.https_url

    # Scenes.

    def add(self, service: ServiceRef, *, tier: str = TIER, entities: dict[str, Any] | None = None) -> None:
        """Make a service with some entities."""
        body = {
            "location": service.region,
            "sku": {"name": tier, "capacity": 1},
            "identity": {"type": "SystemAssigned"},
            "properties": {"publisherEmail": "owner@contoso.example", "publisherName": "Contoso"},
        }
        self.simulator.arm("PUT", service.resource_id, body)
        for path, properties in (ENTITIES if entities is None else entities).items():
            self.simulator.arm("PUT", f"{service.resource_id}/{path}", {"properties": properties})

    def has(self, service: ServiceRef) -> bool:
        """Tell whether a service is there."""
        return service.resource_id.lower() in {one.id.key for one in self.simulator.world.services}

    def takes(self, action: str, *, service: ServiceRef | None = None, **progression: Any) -> None:
        """Say how long operations take: `seconds=`, `polls=` or `immediate=True`; `retryAfter=` is a text."""
        body = {"operation": action, **progression}
        if service is not None:
            body["service"] = service.resource_id
        self.simulator.control("POST", "progression", body)

    def fault(self, method: str, path: str, **fault: Any) -> None:
        """Script what goes wrong with the next calls that match; see the simulator's `faults`."""
        match = {"method": method, "pathContains": path}
        self.simulator.control("POST", "faults", {"match": match, **fault})

    def post_fault(self, **fault: Any) -> None:
        """Script the next POST of a backup."""
        self.fault("POST", "/backup", **fault)

    def poll_fault(self, **fault: Any) -> None:
        """Script the next polls."""
        self.fault("GET", "/operationresults/", **fault)

    def lags(self, service: ServiceRef) -> None:
        """Show the service at rest, whatever runs, until a POST has been answered with 409."""
        fault = Lagging(path_contains=service.resource_id, times=99_999, has_effect=True)
        fault.lasts = lambda: all(one["status"] != 409 for one in self.calls("POST", service.name))
        self.simulator.world.faults.add(fault)

    def expire_tokens_at(self, at: dt.datetime) -> None:
        """Refuse, from that virtual moment on, every token that was issued before it."""
        tokens, now = self.simulator.world.tokens, self.vault.now
        issue, read = tokens.issue, tokens.read
        fresh: set[str] = set()

        def issue_and_note(**claims: str) -> Any:
            token = issue(**claims)
            if now() >= at:
                fresh.add(token.text)
            return token

        def read_unless_expired(authorization: str | None, *, audiences: tuple[str, ...]) -> Any:
            claims = read(authorization, audiences=audiences)
            if now() >= at and (authorization or "").partition(" ")[2] not in fresh:
                raise errors.expired_authentication_token(at, now(), authority=tokens.authority_url)
            return claims

        vars(tokens).update(issue=issue_and_note, read=read_unless_expired)

    def ends(self, service: ServiceRef, *, action: str = "backup", **outcome: Any) -> None:
        """Say how its next operation ends: `error=`, `blob=`, `changed=`, `stateAfter=`, `times=`."""
        body = {"operation": action, "service": service.resource_id, **outcome}
        self.simulator.control("POST", "outcomes", body)

    def lose(self, region: str, state: str = "unreachable") -> None:
        """
        Lose a region: connections are cut, or with "unavailable" answered with 503; "up" brings it back.

        Its accounts are gone for the app and for services of other regions.
        """
        self.simulator.control("POST", "regions", {"region": region, "state": state})
        self.vault.storage.lose(*([] if state == "up" else [ACCOUNTS[region]]))
        self._lost_after = self._calls_made()

    def calls_to(self, region: str, services: Iterable[ServiceRef]) -> list[dict[str, Any]]:
        """Return the calls to services of a region since it was lost."""
        lost = [one.resource_id.lower() for one in services if one.region == region]
        made = self.simulator.world.journal.entries(after=self._lost_after)
        return [one for one in made if one["path"].lower().startswith(tuple(lost))]

    def _calls_made(self) -> int:
        made = self.simulator.world.journal.entries()
        return int(made[-1]["number"]) if made else 0

    def holds(self, service: ServiceRef, *, seconds: float) -> None:
        """Put a service in transition because somebody else changes it."""
        body = {"service": service.resource_id, "state": "Updating", "seconds": seconds}
        self.simulator.control("POST", "states", body)

    def deny(self, *actions: str) -> None:
        """Take rights from the app."""
        names = [f"Microsoft.ApiManagement/service/{action}" for action in actions]
        self.simulator.control("POST", "rights", {"principal": "app", "deny": names})

    def somebody_else_backs_up(self, service: ServiceRef, *, seconds: float) -> None:
        """Let another client start a backup of its own, into a blob of its own."""
        self.takes("backup", seconds=seconds, service=service)
        body = {
            "storageAccount": SOMEBODY,
            "containerName": "else",
            "backupName": "theirs",
            "accessType": "SystemAssignedManagedIdentity",
        }
        path = f"{service.resource_id}/backup"
        self.simulator.arm("POST", path, body)
        self.takes("backup", seconds=660, service=service)

    def change(self, service: ServiceRef) -> None:
        """Change the configuration of a service."""
        body = {"properties": {"displayName": "green"}}
        self.simulator.arm("PUT", f"{service.resource_id}/tags/green", body)

    # What happened.

    def posts(self, service: ServiceRef, action: str = "backup") -> int:
        """Return the simulator's counter: POSTs that arrived, whatever was answered."""
        count: int = self.simulator.world.journal.counts(service.resource_id)[f"POST {action}"]
        return count

    def operations(self, service: ServiceRef) -> list[OperationAccount]:
        """Return the operations of a service that the app has started."""
        return self.own(self.simulator.account()[service.resource_id].operations)

    def own(self, operations: Iterable[OperationAccount]) -> list[OperationAccount]:
        """Leave out the operations that somebody else has started."""
        return [one for one in operations if one.account != SOMEBODY]

    def calls(self, method: str, path: str) -> list[dict[str, Any]]:
        """Return the calls whose path contains a text, in order."""
        found: list[dict[str, Any]] = self.simulator.world.journal.entries(method=method, contains=path)
        return found

    def polls(self, service: ServiceRef) -> list[dict[str, Any]]:
        """Return the calls to operation results: time, path and status, in order."""
        entries: list[dict[str, Any]] = self.simulator.world.journal.entries(
            method="GET", contains="/operationresults/", service=service.resource_id
        )
        return [{**one, "time": dt.datetime.fromisoformat(one["time"])} for one in entries]

    def poll_pauses(self, service: ServiceRef) -> list[float]:
        """Return the virtual seconds between one poll and the next."""
        times = [one["time"] for one in self.polls(service)]
        return [(after - before).total_seconds() for before, after in itertools.pairwise(times)]


@contextlib.contextmanager
def running(
    clock: FakeClock, storage: MemoryStorage, ca_dir: Path, trust: Callable[[str, str], None]
) -> Iterator[Azure]:
    """Yield a simulator on that clock; `trust` sets the variable that makes clients trust it."""
    vault = Vault(storage, clock)
    with VirtualSimulator(clock=clock.now, blobs=vault, ca_dir=ca_dir) as simulator:
        trust("REQUESTS_CA_BUNDLE", simulator.ca)
        yield Azure(simulator, vault)
