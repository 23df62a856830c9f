"""Taking an inventory: the lists of a service, read side by side, a piece of bounded time at once."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass, field

from shared.adapters.arm import CONNECTIONS, ArmClient
from shared.core.errors import DrError, NotFoundError, ProtocolError, TemporaryError, ThrottledError
from shared.core.inventory import Inventory, entity_of
from shared.core.ports import Clock
from shared.core.services import ServiceRef
from shared.core.unfinished import TRIES_MAX, ToRead, UnfinishedInventory
from shared.threads import in_threads

NOT_IN_THIS_TIER = frozenset({"MethodNotAllowedInPricingTier"})
"""A 400 that says that the tier has no such list, as Standard has no self-hosted gateways: it is empty."""

PIECE_S = 240
"""How long a piece begins new lists. With the time-outs of its last ones it is below functionTimeout."""

AT_ONCE = 2 * CONNECTIONS
"""Lists between two looks at the clock."""


INVENTORIES_AT_ONCE = 2
"""In one worker process: starts and polls must keep places among its activities (host.json: 8)."""

TURN_AFTER_S = 30


class Inventories:
    """The inventories that one worker process takes, a few at once."""

    def __init__(self, client: ArmClient, clock: Clock, *, at_once: int = INVENTORIES_AT_ONCE) -> None:
        self._client = client
        self._clock = clock
        self._turns = threading.BoundedSemaphore(at_once)

    def take(
        self, service: ServiceRef, so_far: UnfinishedInventory | None = None, *, piece_s: int | None = None
    ) -> Inventory | UnfinishedInventory:
        """
        Take a piece of an inventory.

        Raises:
            TemporaryError: InventoryWaits; others have the turn, and nobody stands in line for it.
        """
        if not self._turns.acquire(blocking=False):
            message = f"the inventory of {service.name} waits for others"
            raise TemporaryError(message, code="InventoryWaits", retry_after_s=TURN_AFTER_S)
        try:
            return take_inventory(
                self._client, service, so_far, clock=self._clock, piece_s=piece_s or PIECE_S
            )
        finally:
            self._turns.release()


@dataclass(slots=True)
class _Answer:
    """One list, read to its end: entities, the lists below them, or why it could not be read."""

    entities: dict[str, str] = field(default_factory=dict)
    below: list[ToRead] = field(default_factory=list)
    error: DrError | None = None


def take_inventory(
    client: ArmClient,
    service: ServiceRef,
    so_far: UnfinishedInventory | None = None,
    *,
    clock: Clock,
    piece_s: int = PIECE_S,
) -> Inventory | UnfinishedInventory:
    """
    Read the collections of a service, from the beginning or from where an earlier piece ended.

    A list that the service does not know (another tier or api-version) is empty. One that cannot be read
    is named in `not_read` with its code: at once if the same request would fail again, else when it has
    failed in TRIES_MAX pieces. What lies under it is not known then, and covered by its name.

    Args:
        client: Azure Resource Manager.
        service: what is listed.
        so_far: what the pieces before came to.
        clock: says when the piece is over.
        piece_s: seconds after which no further list is begun.

    Returns:
        The inventory, or the state to go on with.
    """
    begun_at = clock.now()
    state = so_far or UnfinishedInventory.begin(service, "", begun_at)
    until = begun_at + dt.timedelta(seconds=piece_s)
    entities, not_read = dict(state.entities), list(state.not_read)
    fresh, failed = list(state.to_read), list[ToRead]()
    pauses: list[int] = []
    is_throttled = False
    while fresh and not is_throttled:
        now, fresh = fresh[:AT_ONCE], fresh[AT_ONCE:]
        answers = in_threads(lambda one: _read(client, service, one), now, at_once=CONNECTIONS)
        for one, answer in zip(now, answers, strict=True):
            entities |= answer.entities
            fresh += answer.below
            error = answer.error
            if isinstance(error, TemporaryError) and one.tries + 1 < TRIES_MAX:
                failed.append(one.model_copy(update={"tries": one.tries + 1}))
                pauses += [error.retry_after_s] if error.retry_after_s else []
                is_throttled |= isinstance(error, ThrottledError)
            elif error is not None:
                not_read.append(f"{one.path}: {error.code}")
        if clock.now() >= until:
            break
    state = state.model_copy(
        update={
            "entities": entities,
            "not_read": tuple(not_read),
            "to_read": (*fresh, *failed),
            "must_wait": is_throttled or not fresh,
            "retry_after_s": max(pauses, default=None),
        }
    )
    return state if state.to_read else state.finished(clock.now())


def _read(client: ArmClient, service: ServiceRef, one: ToRead) -> _Answer:
    """Return one list, all pages; half of one would prove anything."""
    try:
        return _list(client, service, one)
    except NotFoundError:
        return _Answer()
    except ProtocolError as err:
        return _Answer() if err.code in NOT_IN_THIS_TIER else _Answer(error=err)
    except DrError as err:
        return _Answer(error=err)


def _list(client: ArmClient, service: ServiceRef, one: ToRead) -> _Answer:
    answer, path = _Answer(), one.path
    children = one.collection.children
    for resource in client.read_all(
        f"{service.resource_id}/{path}", what=f"the list {path} of {service.name}"
    ):
        name, digest = entity_of(resource, service)
        own = str(resource.get("name") or name.rsplit("/", 1)[-1])
        if not name.startswith(f"/{path.lower()}/"):
            # a link, such as a product's API, comes back under the API's own id
            name = f"/{path}/{own}".lower()
        answer.entities[name] = digest
        answer.below += [ToRead(path=f"{path}/{own}/{child.name}") for child in children]
    return answer
