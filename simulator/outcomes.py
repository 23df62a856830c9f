"""What is to be out of the ordinary about the next operations: how they end, and what they leave behind."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.entities import EntityStore, Path
from simulator.operations import Failure, Kind

BLOBS = ("whole", "missing", "empty", "small")
STATES_AFTER = ("Succeeded", "Failed")

ALTERED = "altered by the restore"

SMALL_DIVISOR = 20
"""A small blob is the first twentieth of a whole one: nobody could take it for a usual one."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """
    One entry of the queue; `times` counts down with every operation it meets.

    `failure` ends the operation badly when its time is over. `blob` is what a good backup leaves in storage.
    `is_changed` edits the service's configuration right after the start of a backup. `drops` and `alters` are
    entities that a restore loses, or brings otherwise than the backup has them; one that is in no backup does
    nothing. `state_after` is the service's provisioningState afterwards.
    """

    times: int = 1
    failure: Failure | None = None
    blob: str = "whole"
    is_changed: bool = False
    drops: tuple[Path, ...] = ()
    alters: tuple[Path, ...] = ()
    state_after: str = "Succeeded"

    def content(self, whole: bytes) -> bytes | None:
        """Return what is written in place of a whole blob, None for nothing."""
        cut = {"missing": None, "empty": b"", "small": whole[: len(whole) // SMALL_DIVISOR]}
        return cut.get(self.blob, whole)

    def spoil(self, entities: EntityStore) -> None:
        """Do to restored entities what this restore does to them."""
        for path in self.drops:
            entities.delete(path)
        for path in self.alters:
            if (found := entities.get(path)) is not None:
                entities.put(path, {**found.properties, "description": ALTERED})


class OutcomeQueues:
    """The outcomes to come, first in, first out, for each kind of operation and service."""

    def __init__(self) -> None:
        self._queues: dict[tuple[Kind, str], list[Outcome]] = {}

    def add(self, kind: Kind, service_key: str, outcome: Outcome) -> None:
        """Put one behind the others."""
        self._queues.setdefault((kind, service_key), []).append(outcome)

    def take(self, kind: Kind, service_key: str) -> Outcome:
        """Return what the next operation is to come to, counting it down; an ordinary end if none is set."""
        queue = self._queues.get((kind, service_key), [])
        if not queue:
            return Outcome()
        found = queue[0]
        found.times -= 1
        if found.times == 0:
            queue.pop(0)
        return found
