"""An inventory that is being taken, between two pieces of work."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Self

from pydantic import Field

from shared.core.documents import Document, Utc, Value
from shared.core.inventory import COLLECTIONS, TAKEN_NOW, Collection, Inventory, pattern_of
from shared.core.services import ServiceRef

TRIES_MAX = 3
"""A list that failed in so many pieces for reasons that may pass is named as not read."""

NAMED_MAX = 5
"""More lists of one kind that failed alike are named together: "apis/*/operations: AuthorizationFailed"."""


class ToRead(Value):
    """A list that is not read yet. `tries` counts the pieces in which it failed."""

    path: str
    tries: int = Field(default=0, ge=0)

    @property
    def collection(self) -> Collection:
        """What it is a list of."""
        found, among = None, COLLECTIONS
        for name in self.path.split("/")[::2]:
            found = next(one for one in among if one.name == name)
            among = found.children
        if found is None:
            raise ValueError("a list has a path")
        return found


class UnfinishedInventory(Document):
    """What is read so far, and what is known to be left. It holds digests only, as an inventory does."""

    service: ServiceRef
    purpose: str
    """Which inventory of a run it is."""
    begun_at: Utc
    seen_at: Utc
    """When anybody worked on it last."""
    entities: dict[str, str] = Field(default_factory=dict)
    not_read: tuple[str, ...] = ()
    to_read: tuple[ToRead, ...] = ()
    must_wait: bool = False
    """Whether a pause helps: nothing is left but what failed, or we were asked to slow down."""
    retry_after_s: int | None = None

    @classmethod
    def begin(cls, service: ServiceRef, purpose: str, now: dt.datetime) -> Self:
        """Return the state before the first list is read."""
        return cls(
            service=service,
            purpose=purpose,
            begun_at=now,
            seen_at=now,
            to_read=tuple(ToRead(path=collection.name) for collection in COLLECTIONS),
        )

    def finished(self, now: dt.datetime) -> Inventory:
        """Return the inventory; lists of one kind that failed alike are named together."""
        return Inventory(
            service=self.service,
            taken_at=now,
            entities=self.entities,
            not_read=_in_short(self.not_read),
            taken=TAKEN_NOW,
        )

    def given_up(self, now: dt.datetime) -> Inventory:
        """Return the inventory with everything that is left named as not read."""
        rest = tuple(f"{one.path}: NotReadInTime" for one in self.to_read)
        return self.model_copy(update={"not_read": (*self.not_read, *rest)}).finished(now)


def _in_short(lines: tuple[str, ...]) -> tuple[str, ...]:
    kinds = {line: _kind_of(line) for line in lines}
    counts = Counter(kinds.values())
    return tuple(sorted({kind if counts[kind] > NAMED_MAX else line for line, kind in kinds.items()}))


def _kind_of(line: str) -> str:
    path, _, reason = line.partition(": ")
    return f"{pattern_of(path)}: {reason}"
