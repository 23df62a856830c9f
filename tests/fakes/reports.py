"""The reports of one service in memory: rows by report and day, and the ways in which Azure may page them."""

from __future__ import annotations

import datetime as dt
import random
import re
import uuid
from collections.abc import Mapping
from typing import Any

from shared.core.services import ServiceRef
from shared.core.usage import REPORTS, WITHOUT_NEXT_LINK
from tests.fakes.arm import FakeArm

Row = dict[str, Any]

_WINDOW = re.compile(
    r"timestamp ge datetime'(\d{4}-\d\d-\d\d)T00:00:00' and timestamp le datetime'([\d-]+T[\d:]+)'"
)


class FakeReports:
    """
    Answers `FakeArm.read_all` for all reports of a service.

    `page_max` caps `$top` without a word; with `repeats` every page begins with the last row of the one
    before, as after a row that came in at the front.
    """

    def __init__(self, arm: FakeArm, service: ServiceRef, *, requests_per_day: int = 5) -> None:
        self.page_max = 10_000
        self.repeats = False
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.faults: dict[str, Exception] = {}
        """By report: raised instead of an answer."""
        self._number = requests_per_day
        self._name = service.name
        self._set: dict[tuple[str, dt.date], list[Row]] = {}
        for report in REPORTS:
            path = f"{service.resource_id}/reports/{report}".lower()
            arm.resources[path] = lambda query, report=report: self._answer(report, query)

    def rows(self, report: str, day: dt.date) -> list[Row]:
        """Return the rows of a day, always the same until they are set."""
        if (report, day) in self._set:
            return self._set[report, day]
        requests = self._requests(day)
        if report == "byRequest":
            return requests
        if report == "byTime":
            return [_sum(len(requests), timestamp=f"{day}T00:15:00Z", interval="PT15M")]
        if report == "byGeo":
            return []
        return [
            _sum(len(requests), name="Orders", userId="/users/1", apiId="/apis/orders"),
            _sum(0, name="Stock", userId="/users/2", apiId="/apis/stock"),
        ]

    def put(self, report: str, day: dt.date, rows: list[Row]) -> None:
        """Set the rows of a day."""
        self._set[report, day] = rows

    def _answer(self, report: str, query: Mapping[str, str]) -> list[Row] | Exception:
        self.asked.append((report, dict(query)))
        if report in self.faults:
            return self.faults[report]
        match = _WINDOW.fullmatch(query["$filter"])
        assert match, query
        assert ("interval" in query) == (report == "byTime"), query
        day = dt.date.fromisoformat(match[1])
        found = list(self.rows(report, day))
        if match[2].endswith("T00:00:00"):  # both ends are inside
            tomorrow = day + dt.timedelta(days=1)
            found += [row for row in self._requests(tomorrow) if row["timestamp"] <= f"{tomorrow}T00:00:00Z"]
        skip = int(query["$skip"])
        size = min(int(query["$top"]), self.page_max)
        if report not in WITHOUT_NEXT_LINK:
            return found[skip:]  # read_all follows nextLink to the end
        first = skip - 1 if self.repeats and skip else skip
        return found[first : first + size]

    def _requests(self, day: dt.date) -> list[Row]:
        chance = random.Random(f"{self._name} {day}")
        midnight = f"{day}T00:00:00Z"
        seconds = sorted(chance.randrange(1, 86_400) for _ in range(self._number - 1))
        times = [midnight] + [
            f"{day}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{chance.randrange(1, 10**7)}Z"
            for second in seconds
        ]
        return [
            {
                "apiId": "/apis/orders",
                "userId": "/users/7",
                "url": "https://contoso.azure-api.net/orders?customer=ann&subscription-key=abc",
                "ipAddress": "192.0.2.7",
                "responseCode": 200,
                "timestamp": time,
                "apiTime": chance.random(),
                "requestId": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            }
            for time in times
        ]


def _sum(calls: int, **head: str) -> Row:
    return {**head, "callCountTotal": calls, "bandwidth": calls * 100, "apiTimeAvg": 1.5}
