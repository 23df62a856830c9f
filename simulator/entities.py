"""
The entities of one service: APIs, operations, policies, products and everything else below it.

One generic store for all of them. An entity's path is the part of its id behind the service (`("apis",
"orders", "operations", "get-order")`); names of collections and entities are compared without regard to case
and answered as they were first written. What is special about a kind is in `entity_kinds`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from simulator import entity_kinds

Path = tuple[str, ...]
Properties = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Entity:
    """One entity as stored: references to its own service are kept relative, secrets are in clear."""

    path: Path
    properties: Properties
    etag: str

    @property
    def kind(self) -> str:
        """The collections of the path in lower case: `apis/operations`."""
        return kind_of(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One entity as a backup holds it."""

    path: Path
    properties: Properties


def kind_of(path: Path) -> str:
    """Return the collections of an entity's or a collection's path in lower case."""
    return "/".join(path[::2]).lower()


class EntityStore:
    """All entities of one service, in the order in which they were made."""

    def __init__(self, next_etag: Callable[[], str]) -> None:
        self._next_etag = next_etag
        self._collections: dict[str, dict[str, Entity]] = {}

    def get(self, path: Path) -> Entity | None:
        """Return one entity."""
        return self._collections.get(_key(path[:-1]), {}).get(path[-1].lower())

    def put(self, path: Path, properties: Properties) -> tuple[Entity, bool]:
        """Create or replace one entity; return it and whether it is new."""
        found = self.get(path)
        if found is not None:
            found.properties = properties
            found.etag = self._next_etag()
            return found, False
        canonical = (*self._canonical(path[:-2]), entity_kinds.collection_name(path[-2]), path[-1])
        entity = Entity(path=canonical, properties=properties, etag=self._next_etag())
        self._collections.setdefault(_key(path[:-1]), {})[path[-1].lower()] = entity
        return entity, True

    def delete(self, path: Path) -> bool:
        """Delete one entity, everything below it and every link to it; return whether it was there."""
        if self._collections.get(_key(path[:-1]), {}).pop(path[-1].lower(), None) is None:
            return False
        below = _key(path) + "/"
        for key in [key for key in self._collections if key.startswith(below)]:
            del self._collections[key]
        for collection in self._collections.values():
            linked = collection.get(path[-1].lower())
            if linked is not None and entity_kinds.link_target(linked.path) == _lower(path):
                del collection[path[-1].lower()]
        return True

    def list(self, collection: Path) -> list[Entity]:
        """Return the entities of one collection."""
        return list(self._collections.get(_key(collection), {}).values())

    def parent_exists(self, path: Path) -> bool:
        """Tell whether the entity above a collection or entity is there; the service itself always is."""
        parent = path[: (len(path) - 1) // 2 * 2]
        return not parent or self.get(parent) is not None

    def properties_of(self, entity: Entity) -> Properties:
        """Return an entity's properties; those of the entity it links to, if it is a link."""
        target_path = entity_kinds.link_target(entity.path)
        target = self.get(target_path) if target_path else None
        return entity.properties if target is None else target.properties

    def view(self, entity: Entity, service_id: str) -> dict[str, Any]:
        """Return an entity as Azure Resource Manager shows it: ids absolute, secrets left out."""
        source = entity_kinds.link_target(entity.path)
        kind = kind_of(source) if source else entity.kind
        properties = entity_kinds.visible(kind, self.properties_of(entity))
        return {
            "id": f"{service_id}/{'/'.join(entity.path)}",
            "type": "Microsoft.ApiManagement/service/" + "/".join(entity.path[::2]),
            "name": entity.path[-1],
            "properties": entity_kinds.with_absolute_references(properties, service_id),
        }

    def snapshot(self) -> tuple[Snapshot, ...]:
        """Return everything that a backup holds, secrets included."""
        return tuple(
            Snapshot(path=one.path, properties=copy.deepcopy(one.properties))
            for one in self._all()
            if entity_kinds.is_in_backup(one.kind)
        )

    def replace(self, entities: Iterable[Snapshot]) -> None:
        """Put the content of a backup in place of everything that a backup holds; the rest stays."""
        kept = [one for one in self._all() if not entity_kinds.is_in_backup(one.kind)]
        self._collections = {}
        for one in entities:
            self.put(one.path, copy.deepcopy(one.properties))
        for left in kept:
            if self.parent_exists(left.path):
                self.put(left.path, left.properties)

    def counts(self) -> dict[str, int]:
        """Return how many entities there are of each kind."""
        counted: dict[str, int] = {}
        for one in self._all():
            counted[one.kind] = counted.get(one.kind, 0) + 1
        return counted

    def _all(self) -> Iterator[Entity]:
        for collection in self._collections.values():
            yield from collection.values()

    def _canonical(self, path: Path) -> Path:
        if not path:
            return ()
        found = self.get(path)
        return found.path if found else path


def _key(path: Path) -> str:
    return "/".join(path).lower()


def _lower(path: Path) -> Path:
    return tuple(part.lower() for part in path)
