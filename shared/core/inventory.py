"""
An inventory: what a service holds, as one digest per entity, and how two inventories differ.

Digests say whether an entity is the same without saying what it holds: no secret, no personal data.
What names the service itself (its id, its default hostnames) is replaced before hashing, so that
the same configuration in two services has the same digests.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shared.core.documents import Document, Utc, Value
from shared.core.errors import ProtocolError
from shared.core.services import ServiceRef

DIGEST_LENGTH = 16
"""Hex digits kept for each entity: enough that an altered entity cannot pass by chance."""

DIFFERENCES_SHOWN_MAX = 50
CHANGES_NAMED_MAX = 5
UNREAD_NAMED_MAX = 20
"""In a warning, which is one line; the two inventories hold all of them."""

_UNSTABLE = frozenset(
    {"provisioningState", "createdDate", "registrationDate", "lastModifiedDate", "updatedDate", "lastStatus"}
)
"""Written by the service itself and not part of the configuration."""

_SECRET = frozenset(
    {
        "primaryKey",
        "secondaryKey",
        "password",
        "clientSecret",
        "instrumentationKey",
        "connectionString",
        "parameter",  # of a backend's authorization header
    }
)
"""Never hashed either: a digest of a short secret can be tried out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One list of entities under a service, and the lists under each of its entities."""

    name: str
    children: tuple[Collection, ...] = ()


COLLECTIONS: tuple[Collection, ...] = (
    Collection(
        name="apis",
        children=(
            Collection(name="operations", children=(Collection(name="policies"),)),
            Collection(name="policies"),
            Collection(name="diagnostics"),
        ),
    ),
    Collection(name="apiVersionSets"),
    Collection(name="backends"),
    Collection(name="certificates"),
    Collection(name="diagnostics"),
    Collection(name="gateways"),
    Collection(name="groups"),
    Collection(name="loggers"),
    Collection(name="namedValues"),
    Collection(name="policies"),
    Collection(name="policyFragments"),
    Collection(name="products", children=(Collection(name="policies"), Collection(name="apis"))),
    Collection(name="subscriptions"),
    Collection(name="tags"),
    Collection(name="users"),
)
"""What is taken. Each list costs one call, and one more for each page of 100."""

TAKEN_NOW = 2
"""Number of the set of lists above; it goes up with every change of it."""

_NOT_TAKEN_BEFORE = {2: ("apis/*/diagnostics",)}
"""What each set added: an inventory of an older set says nothing of these lists."""


class Inventory(Document):
    """Entities of one service at one time: relative id in lower case to digest."""

    service: ServiceRef
    taken_at: Utc
    entities: dict[str, str]
    not_read: tuple[str, ...] = ()
    """Lists that could not be read, each with the reason; `*` stands for every entity."""
    taken: int = 1
    """Which set of lists; 1 in documents that do not say it."""

    @property
    def digest(self) -> str:
        """One digest over all entities: equal digests mean equal configuration."""
        text = "\n".join(f"{name} {value}" for name, value in sorted(self.entities.items()))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def counts(self) -> dict[str, int]:
        """Entities per kind, such as {"apis": 12, "apis/operations": 150}."""
        return dict(sorted(Counter(_kind(name) for name in self.entities).items()))


class InventoryPair(Document):
    """What was there before and after a backup ran; `after` is None where it is the same."""

    before: Inventory
    after: Inventory | None = None


class Difference(Value):
    """One entity that is not as expected: missing, added or altered."""

    entity: str
    what: str
    kind: Literal["missing", "unexpected"] | None = None
    """Of a report: in the backup and not in the target, or in the target and not so in the backup."""


def entity_of(resource: Mapping[str, Any], service: ServiceRef) -> tuple[str, str]:
    """
    Return (relative id, digest) of one resource as a list call gave it.

    Raises:
        ProtocolError: it has no id under this service.
    """
    resource_id = str(resource.get("id", ""))
    prefix = service.resource_id.lower()
    if not resource_id.lower().startswith(prefix + "/"):
        raise ProtocolError(f"a list of {service.name} holds an entity that is not under the service")
    content = _stable(resource.get("properties") or {}, service)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    # "surrogatepass": JSON can hold half a character, and that is no reason to fail
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return resource_id[len(prefix) :].lower(), digest[:DIGEST_LENGTH]


def compare(expected: Iterable[Inventory], actual: Inventory) -> tuple[Difference, ...]:
    """
    Name every entity of `actual` that is as in none of the expected inventories.

    Args:
        expected: the inventory taken with a backup; two if the configuration changed meanwhile, since
            the backup then holds either state of a changed entity.
        actual: what is there now. Entities of lists that any of the inventories has not read are left out.

    Returns:
        Differences in order of the entities' names; empty means equal.
    """
    wanted = list(expected)
    everything = (*wanted, actual)
    names = {name for inventory in everything for name in inventory.entities}
    unread = {pattern for inventory in everything for pattern in _unread(inventory)}
    found = []
    for name in sorted(names):
        if unread and _lists_over(name) & unread:
            continue
        allowed = {inventory.entities.get(name) for inventory in wanted}
        value = actual.entities.get(name)
        if value not in allowed:
            what = "missing" if value is None else "added" if allowed <= {None} else "altered"
            found.append(Difference(entity=name, what=what))
    return tuple(found)


def classified(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """Return the same differences with their kind: first what is missing, then what nobody expects there."""
    found = [
        one.model_copy(update={"kind": "missing" if one.what == "missing" else "unexpected"})
        for one in differences
    ]
    return tuple(sorted(found, key=lambda one: (one.kind, one.entity)))


def change_warning(before: Inventory, after: Inventory, *, is_timely: bool = True) -> str:
    """
    Return in one line how a service differs from what it was before its backup, with some of the names.

    Args:
        before: taken before the POST.
        after: taken after the operation, and not the same.
        is_timely: whether it was taken right after the operation's end; later it does not say when the
            service changed.
    """
    found = compare([before], after)
    shown = ", ".join(f"{one.entity} {one.what}" for one in found[:CHANGES_NAMED_MAX])
    rest = len(found) - CHANGES_NAMED_MAX
    more = f" and {rest} more" if rest > 0 else ""
    if not is_timely:
        return (
            "the configuration is not what it was before the backup, and it is not known whether it changed "
            f"while the backup ran or after it; {len(found)} entities: {shown}{more}"
        )
    return (
        "the configuration changed while the backup ran; it may hold either state of "
        f"{len(found)} entities: {shown}{more}"
    )


def _stable(value: Any, service: ServiceRef) -> Any:
    if isinstance(value, dict):
        # a named value says itself that it is secret
        hidden = _SECRET | {"value"} if value.get("secret") is True else _SECRET
        return {
            key: _stable(item, service)
            for key, item in value.items()
            if key not in _UNSTABLE and key not in hidden and item is not None
        }
    if isinstance(value, list):
        return [_stable(item, service) for item in value]
    if isinstance(value, str):
        return anonymous(value, service)
    return value


def anonymous(text: str, service: ServiceRef) -> str:
    """Return a text with `~` for what names the service itself: its id, and its default host names."""
    # a whole name each: contoso is not meant by contoso-eu, nor by my-contoso.azure-api.net
    resource_id = rf"{re.escape(service.resource_id)}(?![a-z0-9-])"
    text = re.sub(resource_id, "~", text, flags=re.IGNORECASE)
    host = rf"(?<![a-z0-9-]){re.escape(service.name)}(?=(?:\.[a-z]+)*\.azure-api\.)"
    return re.sub(host, "~", text, flags=re.IGNORECASE)


def shortened(lines: Sequence[str]) -> str:
    """Return lists that were not read in one line; the inventories hold all of them."""
    more = f" and {len(lines) - UNREAD_NAMED_MAX} more" if len(lines) > UNREAD_NAMED_MAX else ""
    return ", ".join(lines[:UNREAD_NAMED_MAX]) + more


def pattern_of(path: str) -> str:
    """Return "apis/*/operations" for the list "apis/orders/operations"."""
    return "/".join("*" if place % 2 else part for place, part in enumerate(path.split("/")))


def _unread(inventory: Inventory) -> set[str]:
    """Return the lists, in lower case, of which an inventory says nothing."""
    older = (added for number, added in _NOT_TAKEN_BEFORE.items() if inventory.taken < number)
    named = (line.partition(":")[0].lower() for line in inventory.not_read)
    return {*named, *(path for paths in older for path in paths)}


def _lists_over(name: str) -> set[str]:
    """Return the lists that lead to an entity, by path and by pattern."""
    parts = name.strip("/").split("/")
    paths = {"/".join(parts[:count]) for count in range(1, len(parts), 2)}
    return paths | {pattern_of(path) for path in paths}


def _kind(name: str) -> str:
    """Return "apis/operations" for "/apis/orders/operations/get"."""
    return "/".join(name.strip("/").split("/")[::2])
