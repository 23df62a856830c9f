"""Taking an inventory over several executions of a step, with what is read so far kept as a blob."""

from __future__ import annotations

import datetime as dt

from shared.core.errors import NotFoundError, ProtocolError, TemporaryError
from shared.core.inventory import Inventory
from shared.core.ports import Ports
from shared.core.services import ServiceRef
from shared.core.unfinished import UnfinishedInventory
from shared.records import read_document

PATIENCE = dt.timedelta(hours=1)
"""Counted from the first piece. What is not read then is named: no backup is lost for want of evidence."""

STALE = dt.timedelta(minutes=15)
"""A state that nobody worked on for so long is not gone on with: it would mix two times."""

GO_ON_AFTER_S = 1


def take(
    ports: Ports, service: ServiceRef, part_key: str, purpose: str, *, piece_s: int | None = None
) -> Inventory:
    """
    Return the whole inventory, or keep what is read so far and ask to be called again.

    Args:
        ports: clock, own records, and what reads one piece.
        service: what is listed.
        part_key: the blob in the own records that holds the state between two calls.
        purpose: which inventory of a run it is; the state of another one is thrown away.
        piece_s: how long one call may read, where somebody waits for it.

    Raises:
        TemporaryError: InventoryGoesOn, or InventoryWaits while other inventories have the turn; the step
            is to be repeated. Or the records could not be reached.
    """
    before = _so_far(ports, part_key, purpose)
    now = ports.clock.now()
    state = before or UnfinishedInventory.begin(service, purpose, now)
    if now - state.begun_at >= PATIENCE:
        found: Inventory | UnfinishedInventory = state.given_up(now)
    else:
        try:
            found = ports.take_inventory(service, state, piece_s=piece_s)
        except TemporaryError:  # not our turn: the time counts all the same
            _keep(ports, part_key, state)
            raise
    if isinstance(found, UnfinishedInventory):
        _keep(ports, part_key, found)
        raise TemporaryError(
            f"the inventory of {service.name} goes on: {len(found.to_read)} lists are known and not read yet",
            code="InventoryGoesOn",
            retry_after_s=found.retry_after_s if found.must_wait else GO_ON_AFTER_S,
        )
    if before is not None:
        ports.records().delete(part_key)
    return found


def _so_far(ports: Ports, part_key: str, purpose: str) -> UnfinishedInventory | None:
    try:
        state, _ = read_document(ports.records(), part_key, UnfinishedInventory)
    except (NotFoundError, ProtocolError):
        return None
    is_stale = ports.clock.now() - state.seen_at > STALE
    return None if is_stale or state.purpose != purpose else state


def _keep(ports: Ports, part_key: str, state: UnfinishedInventory) -> None:
    state = state.model_copy(update={"seen_at": ports.clock.now()})
    ports.records().put(part_key, state.to_bytes())
