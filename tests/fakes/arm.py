"""Azure Resource Manager in memory: services, operations that take virtual time, and scripted answers."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.contents import LISTS
from shared.core.access import AccessKeyAccess, BackupStorage
from shared.core.errors import AccessError, DrError, NotFoundError, ProtocolError
from shared.core.locations import same_origin
from shared.core.response import Response
from shared.core.services import ServiceRef, ServiceState, split_resource_id
from shared.settings import read_access_key
from tests.fakes.blobs import MemoryStorage
from tests.fakes.clock import FakeClock

ORIGIN = "https://management.azure.com"
RETRY_AFTER_S = 60
BACKUP_S = 660.0
RESTORE_S = 1140.0
API_VERSION = "2024-05-01"
PRINCIPAL = "5d1a9a52-6f3a-4d0b-8a5e-0c6f6f4a1c11"
"""The object id of a service's own identity."""
HANGS = math.inf
"""A duration that never ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One POST that arrived, whatever became of it."""

    service: str
    action: str
    backup_name: str
    access_key: str = ""


@dataclass(slots=True, kw_only=True)
class FakeService:
    """One service: how it is, and how its operations go."""

    ref: ServiceRef
    tier: str = "Standard"
    region: str = ""
    resting_state: str = "Succeeded"
    entities: dict[str, str] = field(default_factory=dict)
    """What an inventory finds: relative id to digest."""
    duration_s: dict[str, float] = field(default_factory=lambda: {"backup": BACKUP_S, "restore": RESTORE_S})
    failure: tuple[str, str] | None = None
    """Code and message in which operations end; None: they succeed."""
    loses: frozenset[str] = frozenset()
    """Entities that a restore into this service forgets."""
    foreign_until: dt.datetime | None = None
    """Until then somebody else's operation runs."""
    identity: dict[str, Any] = field(
        default_factory=lambda: {"type": "SystemAssigned", "principalId": PRINCIPAL, "tenantId": PRINCIPAL}
    )
    properties: dict[str, Any] = field(default_factory=dict)
    """What else its resource shows."""


@dataclass(slots=True, kw_only=True)
class FakeOperation:
    """One accepted operation."""

    url: str
    action: str
    service: FakeService
    storage: BackupStorage
    backup_name: str
    ends_at: dt.datetime | None
    captured: dict[str, str]
    is_over: bool = False


Accept = Callable[[], Response]
PostScript = Callable[[Accept], Response]
"""Decides one POST: calls `accept` if it is to take effect, then answers or raises."""

PollScript = Callable[[dt.datetime, Accept], Response]
"""Decides one poll; `accept` is the honest answer."""


class FakeArm:
    """
    The port Arm.

    `on_post` and `on_state` are queues, used up one entry for each call; `on_poll` is asked at each poll.
    """

    api_version = API_VERSION

    def __init__(self, clock: FakeClock, storage: MemoryStorage) -> None:
        self._clock = clock
        self._storage = storage
        self._services: dict[str, FakeService] = {}
        self._operations: list[FakeOperation] = []
        self._numbers = itertools.count(1)
        self.posts: list[Post] = []
        self.polled: list[tuple[dt.datetime, str]] = []
        self.refreshes = 0
        self.reads: list[str] = []
        self.resources: dict[str, Any] = {}
        """Path in lower case to JSON, to a list of items, to an error, or to a function of the query."""
        self.on_post: deque[PostScript] = deque()
        self.on_state: deque[Exception | None] = deque()
        self.on_poll: PollScript | None = None

    def add(self, service: FakeService) -> FakeService:
        """Make a service."""
        service.region = service.region or service.ref.region
        self._services[service.ref.resource_id.lower()] = service
        return service

    def service(self, ref: ServiceRef) -> FakeService:
        """Return a service as it is now. Raises NotFoundError."""
        self._settle()
        try:
            return self._services[ref.resource_id.lower()]
        except KeyError:
            raise NotFoundError(f"service {ref.name}: ResourceNotFound", code="ResourceNotFound") from None

    def posts_to(self, ref: ServiceRef) -> int:
        """Count the POSTs that one service got."""
        return sum(post.service == ref.name for post in self.posts)

    def service_state(self, service: ServiceRef) -> ServiceState:
        """Read a service."""
        if self.on_state and (fault := self.on_state.popleft()) is not None:
            raise fault
        found = self.service(service)
        return ServiceState(
            resource_id=found.ref.resource_id,
            region=found.region,
            tier=found.tier,
            provisioning_state="Updating" if self._is_busy(found) else found.resting_state,
        )

    def read(
        self,
        path: str,
        *,
        what: str,
        api_version: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Return a service, or what `resources` holds for a path; the rest we have no right to read."""
        self.reads.append(path)
        if path.lower() in self._services and path.lower() not in self.resources:
            return self._resource(path)
        found = self.resources.get(path.lower())
        if callable(found):
            found = found(dict(query or {}))
        if isinstance(found, Exception):
            raise found
        if found is None:
            found = self._listed(path)
        if found is None and is_service(path):
            raise NotFoundError(f"{what}: ResourceNotFound", code="ResourceNotFound")
        if found is None:
            raise AccessError(
                f"{what} could not be read: 403 AuthorizationFailed", code="AuthorizationFailed"
            )
        return found

    def read_all(
        self,
        path: str,
        *,
        what: str,
        api_version: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield the items of a list; `resources` holds it as a plain list."""
        yield from self.read(path, what=what, api_version=api_version, query=query)

    def start_url(self, service: ServiceRef, action: str) -> str:
        """Return the absolute URL of the POST."""
        return f"{ORIGIN}{service.resource_id}/{action}?api-version={API_VERSION}"

    def start(self, service: ServiceRef, action: str, storage: BackupStorage, backup_name: str) -> Response:
        """Take a POST."""
        key = read_access_key(storage.access) if isinstance(storage.access, AccessKeyAccess) else ""
        try:
            found = self.service(service)
        except NotFoundError:
            return error(404, "ResourceNotFound", f"{service.name} was not found")
        self.posts.append(Post(service=service.name, action=action, backup_name=backup_name, access_key=key))

        def accept() -> Response:
            return self._accept(found, action, storage, backup_name)

        return self.on_post.popleft()(accept) if self.on_post else accept()

    def poll(self, location_url: str, *, refresh_token: bool) -> Response:
        """Answer a poll. Raises ProtocolError for a foreign origin, before anything is sent."""
        if not same_origin(location_url, ORIGIN):
            raise ProtocolError("a request was about to leave azure resource manager", code="ForeignLocation")
        now = self._clock.now()
        self.polled.append((now, location_url))
        self.refreshes += refresh_token
        self._settle()

        def honest() -> Response:
            return self._poll(location_url)

        return self.on_poll(now, honest) if self.on_poll else honest()

    def _listed(self, path: str) -> list[dict[str, Any]] | None:
        """Return one of the lists of a service's entities; None: it is none."""
        service = self._services.get(path.rpartition("/")[0].lower())
        name = path.rpartition("/")[2]
        if service is None or name not in LISTS:
            return None
        self._settle()
        entities = [one.split("/") for one in service.entities]
        return [{"name": one[2]} for one in entities if one[1] == name and len(one) == 3]

    def _resource(self, path: str) -> dict[str, Any]:
        """Return a service as Azure Resource Manager shows it."""
        if self.on_state and (fault := self.on_state.popleft()) is not None:
            raise fault
        found = self._services[path.lower()]
        self._settle()
        state = "Updating" if self._is_busy(found) else found.resting_state
        return {
            "id": found.ref.resource_id,
            "name": found.ref.name,
            "type": "Microsoft.ApiManagement/service",
            "location": found.region,
            "sku": {"name": found.tier, "capacity": 1},
            "identity": found.identity,
            "properties": {
                "provisioningState": state,
                "gatewayUrl": f"https://{found.ref.name}.azure-api.net",
                **found.properties,
            },
        }

    def _accept(
        self, service: FakeService, action: str, storage: BackupStorage, backup_name: str
    ) -> Response:
        if self._is_busy(service):
            return error(409, "ServiceLocked", "The API Service is transitioning at this time.")
        seconds = service.duration_s[action]
        now = self._clock.now()
        number = next(self._numbers)
        url = (
            f"{ORIGIN}{service.ref.resource_id}/operationresults/"
            f"b3BlcmF0aW9u{number:04d}==?api-version={API_VERSION}"
        )
        self._operations.append(
            FakeOperation(
                url=url,
                action=action,
                service=service,
                storage=storage,
                backup_name=backup_name,
                ends_at=None if seconds == HANGS else now + dt.timedelta(seconds=seconds),
                captured=dict(service.entities),
            )
        )
        return Response(status=202, headers={"location": url, "retry-after": str(RETRY_AFTER_S)})

    def _poll(self, url: str) -> Response:
        self._settle()
        operation = next((one for one in self._operations if one.url == url), None)
        if operation is None:
            return error(404, "ResourceNotFound", "there is no such operation")
        if not operation.is_over:
            return Response(status=202, headers={"location": url, "retry-after": str(RETRY_AFTER_S)})
        service = operation.service
        if service.failure is not None:
            return error(400, *service.failure)
        body = {
            "id": service.ref.resource_id,
            "location": service.region,
            "sku": {"name": service.tier},
            "properties": {"provisioningState": "Succeeded"},
        }
        return Response(status=200, body=json.dumps(body).encode())

    def _is_busy(self, service: FakeService) -> bool:
        if service.foreign_until is not None and self._clock.now() < service.foreign_until:
            return True
        return any(not one.is_over for one in list(self._operations) if one.service is service)

    def _settle(self) -> None:
        for one in list(self._operations):
            is_due = one.ends_at is not None and one.ends_at <= self._clock.now()
            if is_due and not one.is_over:
                one.is_over = True
                if one.service.failure is None:
                    self._take_effect(one)

    def _take_effect(self, one: FakeOperation) -> None:
        blobs = self._storage.container(one.storage.account, one.storage.container)
        if one.action == "backup":
            blobs.put(one.backup_name, json.dumps(one.captured).encode())
            return
        entities: dict[str, str] = json.loads(blobs.read(one.backup_name)[0])
        one.service.entities = {
            name: value for name, value in entities.items() if name not in one.service.loses
        }


def is_service(path: str) -> bool:
    """Tell whether a path is a service's own, and not below it."""
    found = split_resource_id(path)
    return found is not None and not found[1]


def error(status: int, code: str, message: str, **headers: str) -> Response:
    """Return an error envelope as Azure Resource Manager sends it; `retry_after` becomes Retry-After."""
    body = {"error": {"code": code, "message": message, "details": None, "innerError": None}}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=sent, body=json.dumps(body).encode())


def lost_after(err: DrError) -> PostScript:
    """Return a script: the POST takes effect, its answer is lost."""

    def script(accept: Accept) -> Response:
        accept()
        raise err

    return script


def lost_before(err: DrError) -> PostScript:
    """Return a script: the POST is lost before it takes effect."""

    def script(_accept: Accept) -> Response:
        raise err

    return script


def answered(response: Response, *, takes_effect: bool) -> PostScript:
    """Return a script: this answer, whether the POST takes effect or not."""

    def script(accept: Accept) -> Response:
        if takes_effect:
            accept()
        return response

    return script
