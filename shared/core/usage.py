"""
Which days of which reports are exported, and how far a service has come. Pure.

Rules of the file:
1. Only whole UTC days that have been over for a while are asked for, so that a day is asked for once it is
   complete, and once more the next time, because data may arrive late.
2. The watermark follows the files, never the other way round: what it says is exported, is.
3. A day that cannot be exported is written down with its reason, tried again, and holds up no later day,
   unless the list is full: then the report waits, because no day is ever forgotten.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from shared.core import names
from shared.core.documents import Document, Utc, Value
from shared.core.errors import RefusedError
from shared.core.lro import Fault

ReportName = Literal[
    "byApi", "byOperation", "byProduct", "byUser", "bySubscription", "byGeo", "byTime", "byRequest"
]
REPORTS: tuple[ReportName, ...] = get_args(ReportName)
WITHOUT_NEXT_LINK = frozenset({"byRequest"})
"""The API description gives this report no nextLink; see docs/azure-facts.md, "Usage reports"."""

LAG = dt.timedelta(hours=1)
"""How long a day must be over. Gateways send their counts every few minutes."""
OVERLAP_DAYS = 1
"""So many days before the watermark are asked for again."""
TRIES_MAX = 3
"""So many exports try a day that failed by itself; then it only stays on the list."""
MISSING_MAX = 100
"""So many entries the list of missing days of one report may have; days in a row are one entry."""
INTERVAL = "PT15M"
"""The finest that byTime knows."""
FLEET_INSTANCE = "usage"
"""The orchestration instance of all exports of this app: one at a time."""


ExportOutcome = Literal["Exported", "Incomplete", "Failed"]
"""Everything that was due; some of it; nothing of it."""


def _once(names_of_reports: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({name for name in names_of_reports if names_of_reports.count(name) > 1})
    if twice:
        raise ValueError(f"names {', '.join(twice)} twice")
    return names_of_reports


class UsageExport(Value):
    """What is exported of a service's reports."""

    reports: Annotated[tuple[ReportName, ...], Field(min_length=1), AfterValidator(_once)] = REPORTS
    first_days: int = Field(default=30, ge=1, le=400, strict=True)
    """How many days back the first export begins."""
    keep_personal_data: bool = Field(default=False, strict=True)


class MissingDays(Value):
    """
    A day that could not be exported, for a reason of its own, or several in a row.

    One entry has one code and one number of tries; the fault's text is that of its last day.
    """

    day: dt.date
    through: dt.date = Field(default_factory=lambda known: known["day"])
    """The last of them; an entry without it, of an older release, is one day."""
    tries: int
    fault: Fault

    def days(self) -> Iterator[dt.date]:
        """Return each day."""
        for number in range((self.through - self.day).days + 1):
            yield self.day + dt.timedelta(days=number)

    def without(self, day: dt.date) -> tuple[MissingDays, ...]:
        """Return what is left of the entry when one of its days is taken out."""
        if not self.day <= day <= self.through:
            return (self,)
        before = self.model_copy(update={"through": day - dt.timedelta(days=1)})
        behind = self.model_copy(update={"day": day + dt.timedelta(days=1)})
        return tuple(part for part in (before, behind) if part.day <= part.through)

    def is_followed_by(self, other: MissingDays) -> bool:
        """Whether both are one entry."""
        is_next = other.day == self.through + dt.timedelta(days=1)
        return is_next and (other.tries, other.fault.code) == (self.tries, self.fault.code)


class ReportMark(Value):
    """How far one report has come: every day up to `through` lies in a file, or is missing."""

    through: dt.date | None = None
    # rows of zeros are there for days that Azure has forgotten, so only calls tell how far its memory goes
    oldest_with_calls: dt.date | None = None
    newest_with_calls: dt.date | None = None
    missing: tuple[MissingDays, ...] = ()


class LastExport(Value):
    """What the last export of a service came to."""

    run_id: str
    requested_at: Utc
    ended_at: Utc
    outcome: ExportOutcome
    days: int
    rows: int
    kept: int
    faults: tuple[Fault, ...] = ()


class Watermark(Document):
    """How far the export of one service has come, report by report, and what became of the last one."""

    service: str
    source: str
    """ARM id of the service that the files are of."""
    reports: dict[ReportName, ReportMark] = Field(default_factory=dict)
    last: LastExport | None = None

    def mark(self, report: ReportName) -> ReportMark:
        """Return how far a report has come; one that was never exported has come nowhere."""
        return self.reports.get(report, ReportMark())

    def with_mark(self, report: ReportName, mark: ReportMark) -> Watermark:
        """Return the watermark with another mark for one report."""
        return self.model_copy(update={"reports": {**self.reports, report: mark}})


class Span(Value):
    """Days of one report that are to be exported: from one day through another, then some once more."""

    report: ReportName
    first: dt.date
    through: dt.date
    again: tuple[dt.date, ...] = ()

    @property
    def next_day(self) -> dt.date | None:
        """The day whose turn it is, None if there is none left."""
        if self.first <= self.through:
            return self.first
        return self.again[0] if self.again else None

    def rest(self) -> Span:
        """Return what is left when that day is done."""
        if self.first <= self.through:
            return self.model_copy(update={"first": self.first + dt.timedelta(days=1)})
        return self.model_copy(update={"again": self.again[1:]})


def newest_closed_day(now: dt.datetime) -> dt.date:
    """Return the newest UTC day that ended at least LAG ago."""
    return (now.astimezone(dt.UTC) - LAG).date() - dt.timedelta(days=1)


def due(export: UsageExport, watermark: Watermark, now: dt.datetime) -> tuple[Span, ...]:
    """Return the days to export, report by report; a report without any is left out."""
    last = newest_closed_day(now)
    earliest = last - dt.timedelta(days=export.first_days - 1)
    spans = []
    for report in export.reports:
        mark = watermark.mark(report)
        first = mark.through - dt.timedelta(days=OVERLAP_DAYS - 1) if mark.through else earliest
        again = tuple(
            day
            for item in mark.missing
            if item.tries < TRIES_MAX
            for day in item.days()
            if day < min(first, last)
        )
        span = Span(report=report, first=first, through=last, again=again)
        if span.next_day is not None:
            spans.append(span)
    return tuple(spans)


def query(report: ReportName, day: dt.date) -> dict[str, str]:
    """
    Return the query of one report for one day.

    Only `ge` and `le` exist, and every sample has whole seconds. Sums are asked for up to the last
    second, so that a count stamped with the next midnight is not in both days. Requests are asked for up
    to that midnight, because they have fractions of seconds; those of the next day are left out later.
    """
    end = f"{day + dt.timedelta(days=1)}T00:00:00" if report == "byRequest" else f"{day}T23:59:59"
    asked = {"$filter": f"timestamp ge datetime'{day}T00:00:00' and timestamp le datetime'{end}'"}
    return asked | ({"interval": INTERVAL} if report == "byTime" else {})


def exported(mark: ReportMark, day: dt.date, calls: int) -> ReportMark:
    """Return the mark after a day with so many calls lies in its file."""
    oldest, newest = mark.oldest_with_calls, mark.newest_with_calls
    if calls:
        oldest, newest = min(oldest or day, day), max(newest or day, day)
    return ReportMark(
        through=max(mark.through or day, day),
        oldest_with_calls=oldest,
        newest_with_calls=newest,
        missing=_without(mark.missing, day),
    )


def missed(mark: ReportMark, day: dt.date, fault: Fault) -> ReportMark:
    """
    Return the mark after a day failed for a reason of its own.

    Raises:
        RefusedError: UsageTooManyMissing; the list is full, and the mark must not pass a day that is not
            on it.
    """
    tries = next((item.tries for item in mark.missing if item.day <= day <= item.through), 0)
    entry = MissingDays(day=day, tries=tries + 1, fault=fault)
    listed = _joined((*_without(mark.missing, day), entry))
    if not tries and len(listed) > max(MISSING_MAX, len(mark.missing)):
        message = f"{day} failed ({fault.code}), and the list of missing days is full ({MISSING_MAX} entries)"
        hint = "Mend what the list names as reasons; docs/usage.md, The watermark, tells how to go on."
        raise RefusedError(message, hint=hint, code="UsageTooManyMissing")
    return mark.model_copy(update={"through": max(mark.through or day, day), "missing": listed})


def merged(faults: Iterable[tuple[str, Fault]]) -> tuple[Fault, ...]:
    """
    Return the faults of one export, one for each code.

    Args:
        faults: (report, fault), in the order in which they happened.
    """
    by_code: dict[str, Fault] = {}
    reports: dict[str, list[str]] = {}
    for report, fault in faults:
        by_code.setdefault(fault.code, fault)
        if report and report not in reports.setdefault(fault.code, []):
            reports[fault.code].append(report)
    return tuple(_naming(fault, reports.get(code, [])) for code, fault in by_code.items())


def service_instance(resource_id: str) -> str:
    """Return the orchestration instance of all exports of one service."""
    return f"use-{names.digest(resource_id.lower())[:32]}"


def run_id(service: str, requested_at: dt.datetime) -> str:
    """Return the id of one export of one service."""
    return f"{names.stamp(requested_at)}-usage-{service}"


def _without(missing: Iterable[MissingDays], day: dt.date) -> tuple[MissingDays, ...]:
    return tuple(part for item in missing for part in item.without(day))


def _joined(missing: Iterable[MissingDays]) -> tuple[MissingDays, ...]:
    """Return entries in the order of their days, those that are one joined."""
    found: list[MissingDays] = []
    for item in sorted(missing, key=lambda item: item.day):
        if found and found[-1].is_followed_by(item):
            found[-1] = item.model_copy(update={"day": found[-1].day})
        else:
            found.append(item)
    return tuple(found)


def _naming(fault: Fault, reports: list[str]) -> Fault:
    others = reports[1:]
    if not others:
        return fault
    return fault.model_copy(update={"message": f"{fault.message} (the same for {', '.join(others)})"})
