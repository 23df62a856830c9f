"""
Reports over Azure Resource Manager's routes: made-up traffic, summed as it is asked for.

Known from the API description and from recordings: which report takes which query, the columns, that
entities without traffic are there with zeros, that byRequest has no nextLink, that `count` of byUser leaves
out Anonymous. Assumed: the codes of refusals, that `$top` is a page size which nextLink repeats, that a page
has at most ROWS_MAX rows whatever `$top` says (a service's tag `simulator-report-rows-max` sets another
number), and that an open window is answered with what there is.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from simulator import errors, report_sums, traffic
from simulator.arm_services import find_service
from simulator.errors import Fault
from simulator.ids import Target
from simulator.services import TIERS_WITH_BACKUP, Service
from simulator.wire import Answer, Call
from simulator.world import World

ROWS_MAX = 10_000
ROWS_MAX_TAG = "simulator-report-rows-max"

TIERS_WITH_REPORTS = TIERS_WITH_BACKUP
"""Documented: the same four have built-in analytics."""

_COMMON = ("apiRegion", "userId", "productId", "subscriptionId")
FILTERS = {
    "byApi": (*_COMMON, "apiId", "operationId"),
    "byOperation": (*_COMMON, "apiId", "operationId"),
    "byProduct": _COMMON,
    "byUser": (*_COMMON, "apiId", "operationId"),
    "bySubscription": _COMMON,
    "byGeo": (*_COMMON, "apiId", "operationId"),
    "byTime": (*_COMMON, "apiId", "operationId"),
    "byRequest": (*_COMMON, "apiId", "operationId"),
}
"""Which columns a report can be filtered by, besides `timestamp`; byApi's are not listed, and assumed."""

_NAMES = {name.lower(): name for name in FILTERS}
_NOT_ORDERED = ("byGeo", "byRequest")
_ORDERED_BY_BANDWIDTH_ONLY = ("byTime",)
_ORDERABLE = ("name", *report_sums.COUNTS, "bandwidth", "apiTimeAvg")

_MOMENT = re.compile(
    r"timestamp (ge|le) datetime'(\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,7})?)?)?)Z?'"
)
_EQUALS = re.compile(r"(\w+) eq '([^']*)'")
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")
_QUARTER_S = 15 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What one call asks for."""

    first: dt.datetime
    last: dt.datetime
    equal: Mapping[str, str]
    interval_s: int
    order: tuple[str, bool] | None
    """Column, and whether the greatest comes first."""
    top: int | None
    skip: int


class ReportRoutes:
    """Answers calls about reports."""

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, call: Call, target: Target) -> Answer:
        """Answer one call."""
        service = find_service(self._world, target)
        name = _NAMES.get(target.below[1].lower()) if len(target.below) == 2 else None
        if name is None:
            raise errors.entity_not_found("Report")
        if call.method != "GET":
            raise errors.method_not_allowed(call.method, call.path)
        if service.tier not in TIERS_WITH_REPORTS:
            raise errors.not_in_tier("Reports", service.tier)
        now = self._world.clock.now()
        question = _read(call.query, name, now)
        found = traffic.requests_between(service, question.first, question.last, now=now)
        found = [one for one in found if _matches(one, question.equal)]
        rows = report_sums.rows_of(name, service, found, interval_s=question.interval_s)
        if question.order:
            column, is_descending = question.order
            rows.sort(key=lambda row: row.get(column, 0), reverse=is_descending)
        return _page(call, service, name, rows, question)


def _page(call: Call, service: Service, name: str, rows: list[dict[str, Any]], question: Question) -> Answer:
    size = min(question.top or ROWS_MAX, int(service.tags.get(ROWS_MAX_TAG, ROWS_MAX)))
    end = question.skip + size
    shown = rows[question.skip : end]
    content: dict[str, Any] = {"value": shown, "count": len(shown)}
    if name == "byUser":
        content["count"] = sum(row["name"] != report_sums.ANONYMOUS for row in shown)
    if name != "byRequest":
        query = {**call.query, "$skip": str(end)}
        more = f"{call.base_url}{call.path}?{urlencode(query)}"
        content["nextLink"] = more if end < len(rows) else None
    return Answer(status=200, content=content)


def _matches(one: traffic.Request, equal: Mapping[str, str]) -> bool:
    return all(str(one.row[column]).lower() == value.lower() for column, value in equal.items())


def _read(query: Mapping[str, str], name: str, now: dt.datetime) -> Question:
    """
    Read a query.

    Raises:
        WireError: 400 with every fault.
    """
    faults: list[Fault] = []
    first, last, equal = _read_filter(query.get("$filter", ""), name, faults)
    question = Question(
        first=first or now,
        last=last or now,
        equal=equal,
        interval_s=_read_interval(query.get("interval", ""), faults) if name == "byTime" else 0,
        order=_read_order(query.get("$orderby", ""), name, faults),
        top=_read_whole(query, "$top", 1, faults),
        skip=_read_whole(query, "$skip", 0, faults) or 0,
    )
    if faults:
        raise errors.validation(faults)
    return question


def _read_filter(
    text: str, name: str, faults: list[Fault]
) -> tuple[dt.datetime | None, dt.datetime | None, dict[str, str]]:
    """Return begin and end, None for an end that is now, and the columns that must equal something."""
    moments: dict[str, dt.datetime] = {}
    equal: dict[str, str] = {}
    for term in re.split(r"\s+and\s+", text.strip()) if text.strip() else ():
        moment, equals = _MOMENT.fullmatch(term), _EQUALS.fullmatch(term)
        if moment:
            moments[moment[1]] = dt.datetime.fromisoformat(moment[2]).replace(tzinfo=dt.UTC)
        elif equals and equals[1] in FILTERS[name]:
            equal[equals[1]] = equals[2]
        else:
            faults.append(Fault(target="$filter", message=f"{term!r} is not supported in $filter of {name}"))
    if "ge" not in moments and not faults:
        message = "$filter is required, and must say from which timestamp on: timestamp ge datetime'...'"
        faults.append(Fault(target="$filter", message=message))
    return moments.get("ge"), moments.get("le"), equal


def _read_interval(text: str, faults: list[Fault]) -> int:
    match = _DURATION.fullmatch(text)
    parts = [int(part or 0) for part in match.groups()] if match else [0, 0, 0]
    seconds = parts[0] * 86_400 + parts[1] * 3_600 + parts[2] * 60
    if seconds <= 0 or seconds % _QUARTER_S:
        message = "interval is required: a duration of ISO 8601, a multiple of 15 minutes and not zero"
        faults.append(Fault(target="interval", message=message))
        return _QUARTER_S
    return seconds


def _read_order(text: str, name: str, faults: list[Fault]) -> tuple[str, bool] | None:
    if not text or name in _NOT_ORDERED:
        return None  # they have no such parameter, and what is not known is not looked at
    column, _, way = text.strip().partition(" ")
    known = ("bandwidth",) if name in _ORDERED_BY_BANDWIDTH_ONLY else _ORDERABLE
    column = "name" if column == "displayName" else column
    if column not in known or way.strip() not in ("", "asc", "desc"):
        faults.append(Fault(target="$orderby", message=f"{text!r} is not supported in $orderby of {name}"))
    return column, way.strip() == "desc"


def _read_whole(query: Mapping[str, str], name: str, low: int, faults: list[Fault]) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isdecimal() or int(text) < low:
        faults.append(Fault(target=name, message=f"{name} must be a whole number of {low} or more"))
        return None
    return int(text)
