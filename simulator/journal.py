"""
The journal of calls, and counts by method and noun.

What a call carried (bodies, tokens, query values) is not kept: account keys travel there.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

from simulator import ids

ENTRIES_MAX = 20_000
"""A demo makes some thousand calls; older ones fall off the journal, not off the counts."""

_ALWAYS_COUNTED = ("POST backup", "POST restore", "GET operationresults")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One call. `status` is None when the connection was dropped before there was an answer."""

    number: int
    time: dt.datetime
    method: str
    path: str
    status: int | None
    principal: str | None
    service: str | None
    is_faulted: bool
    is_dropped: bool

    def to_json(self) -> dict[str, Any]:
        """Return the entry for the control route."""
        return {
            "number": self.number,
            "time": self.time.isoformat(),
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "principal": self.principal,
            "service": self.service,
            "faulted": self.is_faulted,
            "dropped": self.is_dropped,
        }


class Journal:
    """Every call but those of the control routes."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=ENTRIES_MAX)
        self._totals: Counter[str] = Counter()
        self._by_service: dict[str, Counter[str]] = {}
        self._number = 0

    def record(
        self,
        *,
        time: dt.datetime,
        method: str,
        path: str,
        segments: tuple[str, ...],
        status: int | None,
        principal: str | None,
        is_faulted: bool = False,
        is_dropped: bool = False,
    ) -> None:
        """Write one call down and count it."""
        self._number += 1
        target = ids.parse(segments)
        service = str(target.service) if target and target.service else None
        entry = Entry(
            number=self._number,
            time=time,
            method=method,
            path=path,
            status=status,
            principal=principal,
            service=service,
            is_faulted=is_faulted,
            is_dropped=is_dropped,
        )
        self._entries.append(entry)
        label = f"{method} {_noun(target, segments)}"
        self._totals[label] += 1
        if service:
            self._by_service.setdefault(service.lower(), Counter())[label] += 1

    def entries(
        self, *, method: str = "", contains: str = "", service: str = "", after: int = 0
    ) -> list[dict[str, Any]]:
        """Return the entries that meet every condition given, oldest first."""
        return [
            one.to_json()
            for one in self._entries
            if one.number > after
            and method in ("", one.method)
            and contains.lower() in one.path.lower()
            and service.lower() in ("", (one.service or "").lower())
        ]

    def counts(self, service: str = "") -> dict[str, Any]:
        """
        Return the counts of everything, with those of each service under `services`; or of one service only.
        """
        if service:
            return _with_zeros(self._by_service.get(service.lower(), Counter()))
        by_service = {one: _with_zeros(counted) for one, counted in self._by_service.items()}
        return {**_with_zeros(self._totals), "services": by_service}


def _with_zeros(counted: Counter[str]) -> dict[str, Any]:
    return {**dict.fromkeys(_ALWAYS_COUNTED, 0), **dict(sorted(counted.items()))}


def _noun(target: ids.Target | None, segments: tuple[str, ...]) -> str:
    if target is None:
        return segments[-1].lower() if segments else ""
    if target.noun is ids.Noun.EXTENSION:
        return target.extension
    if target.service is None:
        return str(target.noun.value)
    if target.noun is ids.Noun.SERVICE:
        return "service"
    return "/".join(target.below[::2])
