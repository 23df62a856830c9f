"""Taking an inventory: the lists of a service, read side by side."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared.adapters.arm import CONNECTIONS, ArmClient
from shared.core.errors import AccessError, NotFoundError, ProtocolError
from shared.core.inventory import COLLECTIONS, Collection, Inventory, entity_of
from shared.core.services import ServiceRef

NOT_IN_THIS_TIER = frozenset({"MethodNotAllowedInPricingTier"})
"""A 400 that says that the tier has no such list, as Standard has no self-hosted gateways: it is empty."""


def take_inventory(client: ArmClient, service: ServiceRef, *, taken_at: dt.datetime) -> Inventory:
    """
    Read all collections of a service.

    A list that the service does not know (another tier or api-version) is empty. One that we may
    not read is named in `not_read`. Anything else passes as our own error, and nothing is returned.

    Raises:
        TemporaryError, ProtocolError: as the client raises them.
    """
    entities: dict[str, str] = {}
    not_read: list[str] = []
    jobs = [(collection, collection.name) for collection in COLLECTIONS]
    with ThreadPoolExecutor(max_workers=CONNECTIONS) as pool:
        while jobs:
            found = list(pool.map(lambda job: _read_list(client, service, job[1]), jobs))
            following: list[tuple[Collection, str]] = []
            for (collection, path), (resources, reason) in zip(jobs, found, strict=True):
                if reason:
                    not_read.append(f"{path}: {reason}")
                for resource in resources:
                    name, digest = entity_of(resource, service)
                    own = str(resource.get("name") or name.rsplit("/", 1)[-1])
                    if not name.startswith(f"/{path.lower()}/"):
                        # a link, such as a product's API, comes back under the API's own id
                        name = f"/{path}/{own}".lower()
                    entities[name] = digest
                    following += [(child, f"{path}/{own}/{child.name}") for child in collection.children]
            jobs = following
    return Inventory(service=service, taken_at=taken_at, entities=entities, not_read=tuple(sorted(not_read)))


def _read_list(client: ArmClient, service: ServiceRef, path: str) -> tuple[list[dict[str, Any]], str]:
    """Return the resources of one list, all pages, and why it could not be read, if so."""
    what = f"the list {path} of {service.name}"
    try:
        return list(client.read_all(f"{service.resource_id}/{path}", what=what)), ""
    except NotFoundError:
        return [], ""
    except ProtocolError as err:
        if err.code in NOT_IN_THIS_TIER:
            return [], ""
        raise
    except AccessError as err:
        return [], err.code
