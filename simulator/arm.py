"""
Azure Resource Manager: who may do what to which resource, and the headers around every answer.

The order of the checks is the real one: token (401), api-version (400), right (403), lock (409), resource
(404), and only then what the resource itself says.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping

from simulator import errors, ids, regions
from simulator.arm_deleted import DeletedServiceRoutes
from simulator.arm_entities import EntityRoutes
from simulator.arm_extensions import ExtensionRoutes
from simulator.arm_operations import OperationRoutes
from simulator.arm_reports import ReportRoutes
from simulator.arm_services import ServiceRoutes
from simulator.arm_storage import StorageRoutes
from simulator.extensions import LOCKS
from simulator.ids import Noun, Target
from simulator.runner import OperationRunner
from simulator.tokens import Claims
from simulator.wire import Answer, Call, refused
from simulator.world import World

API_VERSION_MIN = "2021-08-01"
"""Documented: older versions of Microsoft.ApiManagement are retired."""

_API_VERSION = re.compile(r"^\d{4}-\d{2}-\d{2}(?:-[a-z]+)?$")

_LIMITS = {"reads": 12_000, "writes": 1_200, "deletes": 15_000}
"""Recorded: the first write leaves 1199. Counted for each principal and subscription, from the start."""


class ArmRoutes:
    """Answers every call to Azure Resource Manager."""

    def __init__(self, world: World, runner: OperationRunner) -> None:
        self._world = world
        self._services = ServiceRoutes(world)
        self._entities = EntityRoutes(world)
        self._operations = OperationRoutes(world, runner)
        self._storage = StorageRoutes(world)
        self._deleted = DeletedServiceRoutes(world)
        self._extensions = ExtensionRoutes(world)
        self._below: Mapping[str, Callable[[Call, Target], Answer]] = {"reports": ReportRoutes(world).answer}
        """What stands below a service and is no entity: first part of the path, lower case → its routes."""
        self._used: dict[tuple[str, str, str], int] = {}

    async def answer(self, call: Call) -> Answer:
        """Answer one call; errors of the catalogue become answers here."""
        target = ids.parse(call.segments)
        try:
            claims = self._world.tokens.read(
                call.headers.get("Authorization"), audiences=self._world.arm_audiences()
            )
        except errors.WireError as err:
            return refused(err).with_headers(self._tracing_headers(call, None))
        try:
            answer = await self._dispatch(call, target, claims)
        except errors.WireError as err:
            answer = refused(err)
        rate = self._rate_header(call, target, claims)
        return answer.with_headers({**self._tracing_headers(call, target), **rate})

    async def _dispatch(self, call: Call, target: Target | None, claims: Claims) -> Answer:
        if target is None:
            raise errors.no_such_route(call.method, call.path)
        _check_api_version(call, target)
        self._check_right(call, target, claims)
        self._check_locks(call, target)
        match target.noun:
            case Noun.BACKUP | Noun.RESTORE | Noun.OPERATION_RESULT:
                return await self._operations.answer(call, target)
            case Noun.BELOW:
                answer = self._below.get(target.below[0].lower(), self._entities.answer)
                return answer(call, target)
            case Noun.STORAGE_ACCOUNTS | Noun.STORAGE_ACCOUNT | Noun.BLOB_SERVICE:
                return self._storage.answer(call, target)
            case Noun.DELETED_SERVICES | Noun.DELETED_SERVICE:
                return self._deleted.answer(call, target)
            case Noun.EXTENSION:
                return self._extensions.answer(call, target, claims)
            case _:
                return self._services.answer(call, target)

    def _check_right(self, call: Call, target: Target, claims: Claims) -> None:
        action = target.action(call.method)
        if action is not None and not self._world.principals.may(claims.object_id, action):
            raise errors.authorization_failed(
                client_id=claims.client_id, object_id=claims.object_id, action=action, scope=target.scope()
            )

    def _check_locks(self, call: Call, target: Target) -> None:
        if target.noun is Noun.EXTENSION and target.extension == LOCKS:
            return  # a lock does not keep from taking it away
        lock = self._world.extensions.lock_against(call.method, target.scope())
        if lock is not None:
            verb = "delete" if call.method == "DELETE" else "write"
            raise errors.scope_locked(target.scope(), lock.scope, verb=verb)

    def _tracing_headers(self, call: Call, target: Target | None) -> dict[str, str]:
        request_id = str(uuid.uuid4())
        service = self._world.services.get(target.service) if target and target.service else None
        region = regions.region_key(service.location).upper() if service else "WESTEUROPE"
        stamp = self._world.clock.now().strftime("%Y%m%dT%H%M%SZ")
        headers = {
            "Cache-Control": "no-cache",
            "x-ms-request-id": request_id,
            "x-ms-correlation-request-id": call.headers.get("x-ms-correlation-request-id", request_id),
            "x-ms-routing-request-id": f"{region}:{stamp}:{uuid.uuid4()}",
        }
        if call.headers.get("x-ms-return-client-request-id", "").lower() == "true":
            headers["x-ms-client-request-id"] = call.headers.get("x-ms-client-request-id", "")
        return headers

    def _rate_header(self, call: Call, target: Target | None, claims: Claims) -> dict[str, str]:
        kind = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(call.method, "writes")
        scope = "subscription" if target and target.subscription else "tenant"
        key = (claims.object_id, target.subscription if target else "", kind)
        self._used[key] = self._used.get(key, 0) + 1
        left = max(0, _LIMITS[kind] - self._used[key])
        return {f"x-ms-ratelimit-remaining-{scope}-{kind}": str(left)}


def _check_api_version(call: Call, target: Target) -> None:
    version = call.query.get("api-version", "")
    if not version:
        raise errors.missing_api_version()
    if not _API_VERSION.match(version):
        raise errors.invalid_api_version(version)
    if target.noun in _WITHOUT_FLOOR:
        return
    if version[:10] < API_VERSION_MIN:
        raise errors.retired_api_version(version, API_VERSION_MIN)


_WITHOUT_FLOOR = (
    Noun.SUBSCRIPTIONS,
    Noun.SUBSCRIPTION,
    Noun.TENANTS,
    Noun.STORAGE_ACCOUNTS,
    Noun.STORAGE_ACCOUNT,
    Noun.BLOB_SERVICE,
    Noun.EXTENSION,
)
"""Answered by others than API Management, whose versions are others and taken as given."""
