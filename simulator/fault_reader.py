"""Reading one scripted fault from the body of a control call, and refusing what cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.faults import LOCATIONS, NO_BODY, Fault
from simulator.fields import FieldReader, raise_for

TIMES_MAX = 100_000

_KNOWN = ("match", "skip", "times", "status", "headers", "body", "effect", "location", "drop")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def read_fault(body: Mapping[str, Any]) -> Fault:
    """
    Read a fault.

    `{"match": {"method", "pathContains"}, "skip": 0, "times": 1, "status", "headers", "body", "effect",
    "location", "drop"}`: with `status` the call has no effect unless `effect` is true; with `headers` (null
    removes one), `body` or `location` ("relative", "foreign", "rotated") alone it has its effect and the
    answer is changed; `drop` closes the connection "before" or "after" the effect.

    Raises:
        WireError: 400 with every fault of the fault.
    """
    reader = FieldReader(body, known=_KNOWN)
    method, path_contains = _read_match(reader)
    status = reader.integer("status", low=200, high=599) if reader.has("status") else None
    drop = reader.choice("drop", ("before", "after")) if reader.has("drop") else ""
    headers = _read_headers(reader)
    _check_together(reader, drop=drop, status=status)
    fault = Fault(
        method=method,
        path_contains=path_contains,
        skip=reader.integer("skip", low=0, high=TIMES_MAX, default=0),
        times=reader.integer("times", low=1, high=TIMES_MAX, default=1),
        status=status,
        headers=headers,
        body=reader.raw("body") if reader.has("body") else NO_BODY,
        has_effect=reader.raw("effect") is True or (status is None and drop != "before"),
        location=reader.choice("location", LOCATIONS) if reader.has("location") else "",
        drop=drop,
    )
    raise_for(reader)
    return fault


def _read_match(reader: FieldReader) -> tuple[str, str]:
    inner = FieldReader(reader.mapping("match"), known=("method", "pathContains"), prefix="match.")
    method = inner.choice("method", _METHODS) if inner.has("method") else ""
    path_contains = inner.text("pathContains", required=False)
    if not method and not path_contains:
        inner.fault("method", "a fault must match a method, a part of the path, or both")
    reader.faults.extend(inner.faults)
    return method, path_contains


def _read_headers(reader: FieldReader) -> dict[str, str | None]:
    headers = reader.mapping("headers")
    for name, value in headers.items():
        if not name or not name.isascii() or not name.isprintable() or set(name) & set(" :"):
            reader.fault("headers", f"{name!r} is not the name of a header")
        if value is not None and (not isinstance(value, str) or not value.isprintable()):
            reader.fault("headers", f"the value of {name!r} must be a text on one line, or null to remove it")
    return headers


def _check_together(reader: FieldReader, *, drop: str, status: int | None) -> None:
    says_answer = status is not None or any(reader.has(name) for name in ("headers", "body", "location"))
    if drop and says_answer:
        reader.fault("drop", "a dropped connection has no status, headers, body or location")
    if not drop and not says_answer:
        reader.fault("status", "a fault needs a status, headers, a body, a location or drop")
    if reader.has("effect") and not isinstance(reader.raw("effect"), bool):
        reader.fault("effect", "must be true or false")
    if reader.raw("effect") is False and status is None and drop != "before":
        reader.fault("effect", "without a status the answer is the real one, and so is the effect")
    if drop == "before" and reader.raw("effect") is True:
        reader.fault("effect", "a connection dropped before the effect has none")
    if status in (204, 304) and reader.raw("body") not in (None, ""):
        reader.fault("body", f"a {status} has no body")
