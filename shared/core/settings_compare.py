"""
How the settings of a service differ from those that stood beside a backup. Pure.

A restore carries none of them, so every difference here is expected; the fix-up list says what to do about
it. What names the service itself (its id, its default host names) is no difference, because the target has
its own; `~` stands for it in names and values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from shared.core.inventory import anonymous
from shared.core.reports import SettingDifference
from shared.core.services import ServiceRef
from shared.core.sidecar import PARTS, Sidecar

VALUE_LENGTH_MAX = 200
"""Letters of a name or a value that a report shows."""

_NAMED_BY = {
    "hostNames": ("type", "hostName"),
    "caCertificates": ("storeName", "thumbprint"),
    "diagnostics": ("name",),
    "additionalLocations": ("location",),
    "logs": ("category", "categoryGroup"),
    "metrics": ("category", "categoryGroup"),
}
"""What tells the members of each list apart; their order says nothing."""


def compare_settings(source: Sidecar, target: Sidecar) -> tuple[SettingDifference, ...]:
    """
    Return every setting that differs, part by part, in order of the names.

    Args:
        source: what stood beside the backup.
        target: the same of the target as it is now (shared.beside). Parts that one of them lacks are left
            out; `not_compared` names them.
    """
    wanted, there = _shaped(source), _shaped(target)
    return tuple(
        SettingDifference(part=part, setting=_cut(name), source=_said(before), target=_said(now))
        for part, alias in _ALIASES.items()
        if alias in wanted and alias in there
        for name, before, now in _differing(wanted[alias], there[alias])
    )


def not_compared(source: Sidecar | None, target: Sidecar) -> tuple[str, ...]:
    """Return in a line each which settings could not be compared, and why."""
    if source is None:
        return ("settings: there is no sidecar of the backup that can be read",)
    return tuple(
        _cut(f"{missing.part} of the {whose}: {missing.reason}")
        for whose, side in (("source", source), ("target", target))
        for missing in side.not_read
    )


_ALIASES = {part: str(Sidecar.model_fields[part].alias) for part in PARTS}


def _shaped(side: Sidecar) -> dict[str, Any]:
    """Return the parts of a sidecar as mappings of mappings, without what is not set."""
    return {
        alias: shape
        for alias, value in side.to_json().items()
        if alias in _ALIASES.values() and (shape := _shape(value, alias, side.source)) is not None
    }


def _shape(value: Any, field: str, service: ServiceRef) -> Any:
    if isinstance(value, dict):
        shaped = {
            anonymous(key, service): _shape(item, key, service)
            for key, item in value.items()
            if item is not None
        }
        return {key: item for key, item in shaped.items() if item not in ({}, [])}
    if isinstance(value, list) and field in _NAMED_BY:
        return {
            anonymous(_name(member, _NAMED_BY[field]), service): _shape(member, "", service)
            for member in value
        }
    if isinstance(value, list):
        return [_shape(item, "", service) for item in value]
    return anonymous(value, service) if isinstance(value, str) else value


def _name(member: Mapping[str, Any], fields: tuple[str, ...]) -> str:
    certificate = member.get("certificate") or {}
    found = (member.get(field) or certificate.get(field) for field in fields)
    return " ".join(str(one) for one in found if one) or "(without a name)"


def _differing(wanted: Any, there: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield name, value of the source and value of the target of what differs; None is not set."""
    if not (isinstance(wanted, dict) and isinstance(there, dict)):
        if wanted != there:
            yield path, wanted, there
        return
    for key in sorted({*wanted, *there}):
        yield from _differing(wanted.get(key), there.get(key), f"{path} / {key}" if path else key)


def _said(value: Any) -> str | None:
    return None if value is None else _cut(json.dumps(value, sort_keys=True, ensure_ascii=False))


def _cut(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()  # JSON can hold half a character, and no file can
    return text if len(text) <= VALUE_LENGTH_MAX else text[: VALUE_LENGTH_MAX - 1] + "…"
