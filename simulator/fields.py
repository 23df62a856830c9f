"""Reading the fields of a JSON object so that every fault is found, not just the first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simulator.errors import Fault, impossible_scenario


class FieldReader:
    """Hands out fields of one object and collects what is wrong with them in `faults`."""

    def __init__(self, body: Mapping[str, Any], *, known: Iterable[str], prefix: str = "") -> None:
        self._body = body
        self._prefix = prefix
        self.faults: list[Fault] = []
        for name in body.keys() - set(known):
            self.fault(name, "unknown field")

    def fault(self, name: str, message: str) -> None:
        """Note one fault."""
        self.faults.append(Fault(target=self._prefix + name, message=message))

    def has(self, name: str) -> bool:
        """Tell whether the field is there, null included."""
        return name in self._body

    def raw(self, name: str) -> Any:
        """Return the field as it is, None if absent."""
        return self._body.get(name)

    def text(self, name: str, *, required: bool = True) -> str:
        """Return a non-empty text, or "" and a fault (no fault for an absent field that is not required)."""
        found = self._body.get(name)
        if isinstance(found, str) and found:
            return found
        if required or found is not None:
            self.fault(name, "must be a non-empty text")
        return ""

    def choice(self, name: str, options: Sequence[str]) -> str:
        """Return one of `options`, or the first of them and a fault."""
        found = self._body.get(name)
        if isinstance(found, str) and found in options:
            return found
        self.fault(name, f"must be one of {', '.join(options)}")
        return options[0]

    def integer(self, name: str, *, low: int, high: int, default: int | None = None) -> int:
        """Return a whole number within bounds, the default if absent, or `low` and a fault."""
        found = self._body.get(name)
        if found is None and default is not None and name not in self._body:
            return default
        if isinstance(found, int) and not isinstance(found, bool) and low <= found <= high:
            return found
        self.fault(name, f"must be a whole number from {low} to {high}")
        return low

    def number(self, name: str, *, low: float, high: float) -> float:
        """Return a number within bounds, or `low` and a fault."""
        found = self._body.get(name)
        if isinstance(found, int | float) and not isinstance(found, bool) and low <= found <= high:
            return float(found)
        self.fault(name, f"must be a number from {low:g} to {high:g}")
        return low

    def mapping(self, name: str) -> dict[str, Any]:
        """Return an object, empty if absent, or empty and a fault."""
        found = self._body.get(name, {})
        if isinstance(found, dict):
            return found
        self.fault(name, "must be an object")
        return {}


def raise_for(reader: FieldReader) -> None:
    """Refuse a scene that cannot be. Raises WireError with every fault."""
    if reader.faults:
        raise impossible_scenario(reader.faults)
