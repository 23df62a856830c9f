"""
The demo's own judgement of two services: everything ARM shows of each, compared entity by entity.

It shares no code with the app, on purpose: an app that compares wrongly must not be believed by its demo.
Secret values are compared too, as keyed digests with a key that ends with the demo.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from demo.arm import Arm

Json = dict[str, Any]
Entities = dict[str, str]
"""Path below the service, in lower case, to the digest of what is there."""

# Each collection with the collections below each of its entities.
COLLECTIONS: Mapping[str, Any] = {
    "apis": {
        "operations": {"policies": {}},
        "policies": {},
        "schemas": {},
        "tags": {},
        "releases": {},
    },
    "apiVersionSets": {},
    "authorizationServers": {},
    "backends": {},
    "caches": {},
    "gateways": {},
    "groups": {"users": {}},
    "identityProviders": {},
    "loggers": {},
    "namedValues": {},
    "policies": {},
    "policyFragments": {},
    "products": {"apis": {}, "groups": {}, "policies": {}},
    "subscriptions": {},
    "tags": {},
    "users": {},
}

# What a POST shows and a GET does not.
SECRETS = {"subscriptions": "listSecrets", "namedvalues": "listValue"}

_DIGEST_KEY = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One entity that is not the same on both sides."""

    entity: str
    what: str

    def to_json(self) -> dict[str, str]:
        """Return it for the summary."""
        return {"entity": self.entity, "what": self.what}


def take(arm: Arm, service_id: str) -> Entities:
    """
    Read everything that ARM shows of a service.

    Raises:
        DemoFault: a list could not be read.
    """
    found: Entities = {}
    _take(arm, service_id, "", COLLECTIONS, found)
    return found


def _take(arm: Arm, service_id: str, parent: str, collections: Mapping[str, Any], found: Entities) -> None:
    """Walk down one level."""
    for collection, below in collections.items():
        for entity in arm.all(f"{service_id}{parent}/{collection}"):
            path = f"{parent}/{collection}/{entity['name']}"
            hidden = _hidden(arm, service_id, path, collection, entity)
            found[path.strip("/").lower()] = digest(entity, service_id, hidden)
            _take(arm, service_id, path, below, found)


def _hidden(arm: Arm, service_id: str, path: str, collection: str, entity: Json) -> Json:
    """Ask for the secret part of an entity, if it has one."""
    action = SECRETS.get(collection.lower())
    if action is None or path.count("/") > 2:
        return {}
    if collection.lower() == "namedvalues" and not entity["properties"].get("secret"):
        return {}
    return arm.post(f"{service_id}{path}/{action}")


def digest(entity: Mapping[str, Any], service_id: str, hidden: Mapping[str, Any] | None = None) -> str:
    """Return the digest of an entity's properties; where it lies does not count, what it is called does."""
    content = {"properties": entity.get("properties") or {}, "hidden": hidden or {}}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    service = service_id.rsplit("/", 1)[1]
    text = text.replace(service_id, "{service}").replace(service, "{name}")
    return hmac.new(_DIGEST_KEY, text.encode(), hashlib.sha256).hexdigest()


def compare(primary: Mapping[str, str], standby: Mapping[str, str]) -> list[Difference]:
    """Return what differs, in the order of the entities' paths."""
    differences = []
    for entity in sorted(primary.keys() | standby.keys()):
        if entity not in standby:
            differences.append(Difference(entity=entity, what="is missing on the standby"))
        elif entity not in primary:
            differences.append(Difference(entity=entity, what="is only on the standby"))
        elif primary[entity] != standby[entity]:
            differences.append(Difference(entity=entity, what="is not the same"))
    return differences


def counts(entities: Mapping[str, str]) -> dict[str, int]:
    """Return how many entities there are of each kind, such as {"apis": 14, "apis/operations": 158}."""
    return dict(sorted(Counter("/".join(path.split("/")[::2]) for path in entities).items()))


def missing(seeded: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """Return the kinds of which there is less than was put: comparing two empty lists proves nothing."""
    lower = {kind.lower(): count for kind, count in found.items()}
    return [kind for kind, count in seeded.items() if lower.get(kind.lower(), 0) < count]
