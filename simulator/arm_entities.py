"""
Entities over Azure Resource Manager's routes: get, put, patch, delete, list with paging, and reading secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from simulator import entity_kinds, errors, openapi_import
from simulator.arm_services import find_service
from simulator.entities import Entity, kind_of
from simulator.errors import Fault
from simulator.ids import Target
from simulator.services import Service
from simulator.wire import Answer, Call
from simulator.world import World

PAGE_SIZE = 100
"""Entities on one page when the client asks for no other number."""


class EntityRoutes:
    """Answers calls about everything below a service."""

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, call: Call, target: Target) -> Answer:
        """Answer one call; a path of an odd number of parts is a collection, or an action in a POST."""
        service = find_service(self._world, target)
        path = target.below
        if not service.entities.parent_exists(path):
            raise errors.entity_not_found(_singular(path[: (len(path) - 1) // 2 * 2]))
        if len(path) % 2:
            match call.method:
                case "GET":
                    return _page(call, service, path)
                case "POST" if len(path) > 2:
                    return _secrets(call, service, path)
                case _:
                    raise errors.method_not_allowed(call.method, call.path)
        match call.method:
            case "GET":
                return _shown(service, _find(service, path))
            case "HEAD":
                return _exists(service, path)
            case "PUT":
                return self._put(call, service, path)
            case "PATCH":
                return self._patch(call, service, path)
            case "DELETE":
                return _delete(call, service, path)
            case _:
                raise errors.method_not_allowed(call.method, call.path)

    def _put(self, call: Call, service: Service, path: tuple[str, ...]) -> Answer:
        _check_precondition(call, service.entities.get(path))
        link = entity_kinds.link_target(path)
        if link is not None:
            if service.entities.get(link) is None:
                raise errors.entity_not_found(_singular(link))
            entity, is_new = service.entities.put(path, {})
            return _shown(service, entity, status=201 if is_new else 200)
        properties = _properties(call.json_object())
        if kind_of(path) == "apis" and properties.get("format") and properties.get("value") is not None:
            return self._import(service, path, properties)
        entity, is_new = self._store(service, path, properties)
        return _shown(service, entity, status=201 if is_new else 200)

    def _patch(self, call: Call, service: Service, path: tuple[str, ...]) -> Answer:
        found = _find(service, path)
        _check_precondition(call, found)
        patched = entity_kinds.merged(found.properties, _properties(call.json_object()))
        entity, _ = self._store(service, path, patched)
        return _shown(service, entity)

    def _store(
        self, service: Service, path: tuple[str, ...], properties: dict[str, Any]
    ) -> tuple[Entity, bool]:
        kind = kind_of(path)
        if faults := entity_kinds.faults_of(kind, properties):
            raise errors.validation(faults)
        old = service.entities.get(path)
        # A PUT without its keys or dates keeps those it had.
        kept = {name: old.properties[name] for name in _KEPT & old.properties.keys()} if old else {}
        completed = entity_kinds.with_defaults(kind, {**kept, **properties}, now=self._world.clock.now())
        relative = entity_kinds.with_relative_references(completed, str(service.id))
        entity, is_new = service.entities.put(path, relative)
        if is_new and kind == "products":
            service.entities.put((*path, "groups", "administrators"), {})
        return entity, is_new

    def _import(self, service: Service, path: tuple[str, ...], properties: dict[str, Any]) -> Answer:
        try:
            api = openapi_import.read_openapi(properties["value"], file_format=properties["format"])
        except openapi_import.UnreadableApiError as err:
            raise errors.validation([Fault(target="value", message=str(err))]) from err
        own = {k: v for k, v in properties.items() if k not in ("format", "value", "wsdlSelector")}
        entity, is_new = self._store(service, path, {**api.properties, **own})
        old = {one.path[-1].lower() for one in service.entities.list((*path, "operations"))}
        for name in old - {one.name for one in api.operations}:
            service.entities.delete((*path, "operations", name))
        for one in api.operations:
            self._store(service, (*path, "operations", one.name), one.properties)
        return _shown(service, entity, status=201 if is_new else 200)


_DELETED_IN_BACKGROUND = ("apis", "users")
"""From 2024-05-01 on their DELETE is declared as 202 or 204, no longer 200; 204 suits every version."""

_KEPT = frozenset({"primaryKey", "secondaryKey", "createdDate", "registrationDate"})


def _page(call: Call, service: Service, path: tuple[str, ...]) -> Answer:
    """Answer a list. `$filter`, `$orderby` and `expand…` are not looked at."""
    top, skip = _whole(call.query, "$top", low=1), _whole(call.query, "$skip", low=0)
    found = service.entities.list(path)
    first = skip or 0
    size = top or PAGE_SIZE
    shown = [service.entities.view(one, str(service.id)) for one in found[first : first + size]]
    content: dict[str, Any] = {"value": shown, "count": len(found)}
    if first + size < len(found):
        query = {**call.query, "$skip": str(first + size)}
        content["nextLink"] = f"{call.base_url}{call.path}?{urlencode(query)}"
    return Answer(status=200, content=content)


def _secrets(call: Call, service: Service, path: tuple[str, ...]) -> Answer:
    entity = _find(service, path[:-1])
    found = entity_kinds.secrets_of(entity.kind, path[-1], entity.properties)
    if found is None:
        raise errors.no_such_route(call.method, call.path)
    return Answer(status=200, content=found, headers={"ETag": f'"{entity.etag}"'})


def _delete(call: Call, service: Service, path: tuple[str, ...]) -> Answer:
    _check_precondition(call, service.entities.get(path))
    was_there = service.entities.delete(path)
    return Answer(status=200 if was_there and kind_of(path) not in _DELETED_IN_BACKGROUND else 204)


def _find(service: Service, path: tuple[str, ...]) -> Entity:
    found = service.entities.get(path)
    if found is None:
        raise errors.entity_not_found(_singular(path))
    return found


def _shown(service: Service, entity: Entity, *, status: int = 200) -> Answer:
    content = service.entities.view(entity, str(service.id))
    return Answer(status=status, content=content, headers={"ETag": f'"{entity.etag}"'})


def _exists(service: Service, path: tuple[str, ...]) -> Answer:
    """Answer a HEAD: 204 for a link, 200 with the etag for anything else, and never a body."""
    entity = service.entities.get(path)
    if entity is None:
        return Answer(status=404)
    if entity_kinds.link_target(path) is not None:
        return Answer(status=204)
    return Answer(status=200, headers={"ETag": f'"{entity.etag}"'})


def _properties(body: Mapping[str, Any]) -> dict[str, Any]:
    found = body.get("properties", {})
    if not isinstance(found, dict):
        raise errors.validation([Fault(target="properties", message="properties must be an object")])
    return found


def _check_precondition(call: Call, entity: Entity | None) -> None:
    wanted = call.headers.get("If-Match", "*")
    if wanted != "*" and (entity is None or wanted.strip('"') != entity.etag):
        raise errors.precondition_failed()


def _whole(query: Mapping[str, str], name: str, *, low: int) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isdecimal() or int(text) < low:
        message = f"{name} must be a whole number of {low} or more"
        raise errors.validation([Fault(target=name, message=message)])
    return int(text)


def _singular(path: tuple[str, ...]) -> str:
    """Return the name of an entity's kind as messages have it: `apis` is Api, `policies` is Policy."""
    name = path[-2]
    name = name[:-3] + "y" if name.lower().endswith("ies") else name.removesuffix("s")
    return name[:1].upper() + name[1:]
