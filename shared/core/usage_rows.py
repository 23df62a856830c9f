"""
Rows of reports: what identifies one, what is personal in it, and how it is written. Pure.

Rules of the file:
1. The same rows give the same lines in the same order, whatever order they came in.
2. Nothing is summed or rounded; a column that nobody knows is kept.
3. What is personal is dropped before anything is written, unless the plan keeps it. What may be a key in a
   URL is never kept (shared/core/usage_urls.py).
4. Rows are told apart before anything is dropped: two that differ only in that are two lines.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass
from typing import Any

from shared.core import usage_urls
from shared.core.errors import ProtocolError
from shared.core.usage import ReportName

PERSONAL: dict[ReportName, frozenset[str]] = {
    "byRequest": frozenset({"ipAddress", "userId"}),
    "bySubscription": frozenset({"userId"}),
    "byUser": frozenset({"name"}),
}
"""Columns that are dropped. The user's id stays in byUser, where it is what a row is about."""
URL = "url"
"""Of byRequest; its query is dropped too, and never kept as it is."""

_SUBJECTS: dict[ReportName, tuple[str, ...]] = {
    "byApi": ("apiId",),
    "byOperation": ("apiId", "operationId"),
    "byProduct": ("productId",),
    "byUser": ("userId",),
    "bySubscription": ("subscriptionId", "productId"),
    "byGeo": ("country", "region", "zip"),
    "byTime": ("timestamp",),
    "byRequest": ("requestId",),
}
"""What a row is about. It stays the same when an API gets another name or a subscription another owner."""
_MEASURES = ("callCount", "bandwidth", "cacheHit", "cacheMiss", "apiTime", "serviceTime")
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?(?:Z|[+-]00:00)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    One row as it is written.

    Two rows of one answer with the same `identity` are one row, read twice; the one with more calls, then
    with the greater text, stays. `identity` may hold what is personal and is never written. Lines of an
    earlier file, which have lost it, are found again by `sight`, then by `subject`. Lines are sorted by
    `place`, then by `text`.
    """

    identity: str
    sight: str
    """What is written of the identity."""
    subject: str
    """What the row is about, without what is personal or may change."""
    place: str
    calls: int
    text: str


def line_of(report: ReportName, row: Any, day: dt.date, *, keep_personal_data: bool) -> Line | None:
    """
    Return a row as a line, or None if it belongs to another day.

    Args:
        report: the report.
        row: one item of the answer.
        day: the UTC day that was asked for.
        keep_personal_data: whether personal columns stay.

    Raises:
        ProtocolError: not a JSON object.
    """
    if not isinstance(row, dict):
        raise ProtocolError(f"a row of {report} is not a JSON object")
    stamped = row.get("timestamp")
    if isinstance(stamped, str) and _day_of(stamped) not in {None, day}:
        return None
    kept = _without_personal(report, row, keep_personal_data=keep_personal_data)
    return Line(
        identity=_identity(report, row),
        sight=_identity(report, kept),
        subject=_subject(report, row),
        place=_place(stamped) if isinstance(stamped, str) else "",
        calls=calls_of(kept),
        text=_text(kept),
    )


def calls_of(row: dict[str, Any]) -> int:
    """Return how many calls a row stands for: its total, or the sum of its counts; a request is one."""
    total = row.get("callCountTotal")
    if isinstance(total, int):
        return total
    counts = [value for name, value in row.items() if name.startswith("callCount") and isinstance(value, int)]
    return sum(counts) if counts else 1


def _without_personal(report: ReportName, row: dict[str, Any], *, keep_personal_data: bool) -> dict[str, Any]:
    dropped = frozenset() if keep_personal_data else PERSONAL.get(report, frozenset())
    kept = {name: value for name, value in row.items() if name not in dropped}
    if isinstance(kept.get(URL), str):
        kept[URL] = usage_urls.written(kept[URL], keep_personal_data=keep_personal_data)
    return kept


def _identity(report: ReportName, row: dict[str, Any]) -> str:
    """Return what makes a row itself: a request's id, or everything in a sum that is no measure."""
    if report == "byRequest":
        request_id = row.get("requestId")
        return request_id if isinstance(request_id, str) and request_id else _text(row)
    return _text({name: value for name, value in row.items() if not _is_measure(name, value)})


def _subject(report: ReportName, row: dict[str, Any]) -> str:
    """Return what a row is about; without any of its ids it is all that is not personal in its identity."""
    about = {name: row[name] for name in _SUBJECTS[report] if row.get(name)}
    if about:
        return _text(about)
    return _identity(report, _without_personal(report, row, keep_personal_data=False))


def _is_measure(name: str, value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number or name.startswith(_MEASURES)


def _text(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, separators=(",", ":"))


def _place(stamped: str) -> str:
    """Return a timestamp in a form that sorts: Azure leaves out zeros at the end of the fraction."""
    match = _TIMESTAMP.fullmatch(stamped)
    return f"{match[1]}.{match[2] or '':0<7}" if match else stamped


def _day_of(stamped: str) -> dt.date | None:
    """Return the UTC day of a timestamp, None if it cannot be read (and then it is nobody else's)."""
    match = _TIMESTAMP.fullmatch(stamped)
    try:
        if match:
            return dt.date.fromisoformat(match[1][:10])
        at = dt.datetime.fromisoformat(stamped)
    except ValueError:
        return None
    return (at.astimezone(dt.UTC) if at.tzinfo else at).date()
