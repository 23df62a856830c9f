"""
Scripted faults: what goes wrong with the next calls that match.

A fault either answers in place of the simulator (no effect), or lets the call take effect and then spoils the
answer, or drops the connection before or after the effect. The control routes build and check them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.wire import Answer

LOCATIONS = ("relative", "foreign", "rotated")

NO_BODY: Any = object()
"""The fault says nothing about the body. None is a body too: JSON's null."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """
    One entry of the queue; `times` counts down with every call it meets.

    `status` alone answers in place of the simulator. `has_effect` lets the call do its work first. `headers`
    set or replace headers, None removes one. `location` bends the answer's own Location: "relative",
    "foreign" (the same path at another host), "rotated" (a new one, and the old one is gone) or "". `drop`
    is "", "before" or "after" the effect.
    """

    method: str = ""
    path_contains: str = ""
    skip: int = 0
    times: int = 1
    status: int | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: Any = NO_BODY
    has_effect: bool = False
    location: str = ""
    drop: str = ""

    def matches(self, method: str, path: str) -> bool:
        """Tell whether a call is one of those meant."""
        return self.method in ("", method) and self.path_contains.lower() in path.lower()

    def spoil(self, answer: Answer, rotate: Callable[[str], str]) -> Answer:
        """Return the answer as the fault leaves it; `rotate` makes a new Location of an old one."""
        removed = {name.lower() for name in self.headers}
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in removed}
        if self.location and "Location" in headers:
            headers["Location"] = _bent(self.location, headers["Location"], rotate)
        headers.update({name: value for name, value in self.headers.items() if value is not None})
        return Answer(
            status=answer.status if self.status is None else self.status,
            content=answer.content if self.body is NO_BODY else _content(self.body),
            headers=headers,
        )

    def to_json(self) -> dict[str, Any]:
        """Return what is left of the fault, for the state route."""
        return {
            "match": {"method": self.method, "pathContains": self.path_contains},
            "skip": self.skip,
            "times": self.times,
            "status": self.status,
            "location": self.location,
            "drop": self.drop,
            "effect": self.has_effect,
        }


class FaultQueue:
    """The faults to come, first in, first out."""

    def __init__(self) -> None:
        self._queue: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put one behind the others."""
        self._queue.append(fault)

    def clear(self) -> None:
        """Forget all of them."""
        self._queue.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return the first fault that matches a call, counting it down; None if the call goes through."""
        for fault in self._queue:
            if not fault.matches(method, path):
                continue
            if fault.skip:
                fault.skip -= 1
                return None
            fault.times -= 1
            if fault.times == 0:
                self._queue.remove(fault)
            return fault
        return None

    def to_json(self) -> list[dict[str, Any]]:
        """Return what is left of the queue."""
        return [one.to_json() for one in self._queue]


def _bent(how: str, location: str, rotate: Callable[[str], str]) -> str:
    if how == "rotated":
        return rotate(location)
    path = "/" + location.partition("://")[2].partition("/")[2]
    return path if how == "relative" else f"https://elsewhere.example{path}"


def _content(body: Any) -> Any:
    """A text goes out as it is, so that broken JSON can be sent; anything else goes out as JSON."""
    if isinstance(body, str):
        return body.encode() or None
    return b"null" if body is None else body
