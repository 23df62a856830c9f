"""Sums over requests, as the reports show them: which columns, which rows, and what counts as what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from simulator import traffic
from simulator.services import Service
from simulator.traffic import Request

COUNTS = ("callCountSuccess", "callCountBlocked", "callCountFailed", "callCountOther", "callCountTotal")

ANONYMOUS = "Anonymous"
_ANONYMOUS_ID = "/users/54c800b332965a0035030000"
"""Recorded: a row of byUser that is always there."""

_Row = dict[str, Any]


def rows_of(name: str, service: Service, requests: list[Request], *, interval_s: int) -> list[_Row]:
    """
    Return the rows of one report.

    Args:
        name: byApi, byUser and so on.
        service: whose entities have rows even without traffic.
        requests: those that the report is about, in the order of their times.
        interval_s: of byTime; a multiple of 15 minutes.
    """
    match name:
        case "byRequest":
            return [one.row for one in requests]
        case "byTime":
            return _by_time(requests, interval_s)
        case "byGeo":
            return _by_geo(requests)
        case _:
            heads = _HEADS[name](service)
            column = _COLUMNS[name]
            return [_sum(head, (one for one in requests if _is_of(one, column, head))) for head in heads]


def _is_of(request: Request, column: str, head: _Row) -> bool:
    found = request.row[column]
    if column == "userId" and found == f"/users/{traffic.NOBODY}":
        found = _ANONYMOUS_ID
    return bool(found == head[column])


def _apis(service: Service) -> list[_Row]:
    return [
        {"name": one.properties.get("displayName", ""), "apiId": f"/apis/{one.path[-1]}"}
        for one in service.entities.list(("apis",))
    ]


def _operations(service: Service) -> list[_Row]:
    return [
        {
            "name": one.properties.get("displayName", ""),
            "apiId": f"/apis/{api.path[-1]}",
            "operationId": f"/apis/{api.path[-1]}/operations/{one.path[-1]}",
        }
        for api in service.entities.list(("apis",))
        for one in service.entities.list((*api.path, "operations"))
    ]


def _products(service: Service) -> list[_Row]:
    return [
        {"name": one.properties.get("displayName", ""), "productId": f"/products/{one.path[-1]}"}
        for one in service.entities.list(("products",))
    ]


def _users(service: Service) -> list[_Row]:
    named = [
        {
            "name": " ".join(
                part for part in (one.properties.get("firstName"), one.properties.get("lastName")) if part
            ),
            "userId": f"/users/{one.path[-1]}",
        }
        for one in service.entities.list(("users",))
    ]
    return [*named, {"name": ANONYMOUS, "userId": _ANONYMOUS_ID}]


def _subscriptions(service: Service) -> list[_Row]:
    names = [one.properties.get("displayName") or "" for one in service.entities.list(("subscriptions",))]
    callers = traffic.callers_of(service)
    return [
        {"name": name, "userId": one.user, "productId": one.product, "subscriptionId": one.subscription}
        for name, one in zip(names, callers, strict=True)
    ]


_HEADS: dict[str, Callable[[Service], list[_Row]]] = {
    "byApi": _apis,
    "byOperation": _operations,
    "byProduct": _products,
    "byUser": _users,
    "bySubscription": _subscriptions,
}
_COLUMNS = {
    "byApi": "apiId",
    "byOperation": "operationId",
    "byProduct": "productId",
    "byUser": "userId",
    "bySubscription": "subscriptionId",
}


def _by_time(requests: list[Request], interval_s: int) -> list[_Row]:
    slots: dict[int, list[Request]] = {}
    for one in requests:
        slots.setdefault(int(one.at.timestamp()) // interval_s * interval_s, []).append(one)
    duration = f"PT{interval_s // 60}M"
    return [
        _sum(
            {"timestamp": traffic.stamped(dt.datetime.fromtimestamp(slot, dt.UTC)), "interval": duration}, own
        )
        for slot, own in sorted(slots.items())
    ]


def _by_geo(requests: list[Request]) -> list[_Row]:
    places: dict[tuple[str, str, str], list[Request]] = {}
    for one in requests:
        places.setdefault(one.place, []).append(one)
    return [
        _sum(dict(zip(("country", "region", "zip"), place, strict=True)), own)
        for place, own in sorted(places.items())
    ]


def _sum(head: _Row, requests: Iterable[Request]) -> _Row:
    """Return a row: what it is of, and the documented measures."""
    rows = [one.row for one in requests]
    counts = dict.fromkeys(COUNTS, 0)
    for row in rows:
        counts[_kind(row["responseCode"])] += 1
    counts["callCountTotal"] = len(rows)
    return {
        **head,
        **counts,
        "bandwidth": sum(row["responseSize"] + row["requestSize"] for row in rows),
        "cacheHitCount": sum(row["cache"] == "hit" for row in rows),
        "cacheMissCount": sum(row["cache"] == "miss" for row in rows),
        **_times("apiTime", rows),
        **_times("serviceTime", rows),
    }


def _kind(code: int) -> str:
    """Return which count a status belongs to, as documented."""
    if code <= 301 or code in (304, 307):
        return "callCountSuccess"
    if code in (401, 403, 429):
        return "callCountBlocked"
    if code == 400 or 500 <= code <= 599:
        return "callCountFailed"
    return "callCountOther"


def _times(name: str, rows: list[_Row]) -> _Row:
    found = [row[name] for row in rows] or [0.0]
    return {f"{name}Avg": sum(found) / len(found), f"{name}Min": min(found), f"{name}Max": max(found)}
