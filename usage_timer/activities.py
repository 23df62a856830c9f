"""The steps of an export of usage data: plain functions that take ports. Each may run more than once."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from typing import Any, Literal

from shared import roster, telemetry
from shared.core import layout, usage, usage_rows
from shared.core.errors import (
    AccessError,
    ConflictError,
    DrError,
    NotFoundError,
    PermanentError,
    ProtocolError,
    RefusedError,
    TemporaryError,
    UnavailableError,
)
from shared.core.plan import ProtectedService
from shared.core.ports import Blobs, Ports
from shared.core.runs import Outcome
from shared.core.steps import StepResult, attempt, done, end, fault_of
from shared.core.usage import LastExport, ReportMark, ReportName, Watermark
from shared.core.usage_fleet import UsageEnd, UsageFleet
from shared.records import read_document
from shared.usage_reports import read_report
from usage_timer.day_file import DayFile, rows_of, too_large

GZIP_TYPE = "application/gzip"
STEP_S_MAX = 480
"""One day may take so long to read; the host ends a function after ten minutes (host.json)."""
TRIES_MAX = 5

Stored = Literal["written", "same", "united", "kept"]
"""As Azure shows it; as it was, equal to that; with more than Azure shows, written anew or as it was."""

LineOf = Callable[[Any], usage_rows.Line | None]
"""Makes a line of a row; None for a row of another day."""


def plan_usage(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Return DONE with the UsageFleet: the services of this app's region whose reports are exported."""
    return attempt(lambda: _plan(wish, ports), unproven=Outcome.FAILED)


def _plan(wish: dict[str, Any], ports: Ports) -> StepResult:
    requested_at = dt.datetime.fromisoformat(wish["requestedAt"])
    fleet = UsageFleet(
        requested_at=requested_at,
        intervals=ports.intervals,
        patience_until=requested_at + dt.timedelta(seconds=ports.intervals.busy_patience_s),
        concurrency=ports.plan.concurrency,
        waiting=tuple(member.name for member in roster.own_primaries(ports) if member.usage),
    )
    telemetry.log(telemetry.Event.USAGE_STARTED, services=len(fleet.waiting))
    return done(**fleet.to_json())


def end_usage(ended: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Log that every service has its word."""
    fleet = UsageFleet.from_json(ended)
    good = sum(item.outcome == "Exported" for item in fleet.ended)
    telemetry.log(
        telemetry.Event.USAGE_ENDED,
        services=len(fleet.ended),
        outcome=f"{good} of {len(fleet.ended)} exported",
    )
    return done().to_json()


def plan_service_usage(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Return DONE with {"spans": [Span]}: the days that are due for a service, report by report."""
    return attempt(lambda: _due(wish["service"], ports), unproven=Outcome.FAILED)


def _due(name: str, ports: Ports) -> StepResult:
    member = _member(name, ports)
    if member.usage is None:
        return done(spans=[])
    watermark, _ = _watermark(member, ports)
    spans = usage.due(member.usage, watermark, ports.clock.now())
    return done(spans=[span.to_json() for span in spans])


def export_usage_day(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Export one day of one report: read it, write its file, move the watermark, in this order.

    Args:
        wish: {"service", "report", "day"}.
        ports: everything.

    Returns:
        StepResult. DONE carries {"rows", "stored"}, or {"missing": Fault} for a day that failed for a
        reason of its own and is on the watermark's list now. END with REFUSED says that every other
        report of this service would fail as well, because a right is missing.
    """
    return attempt(lambda: _export(wish, ports), unproven=Outcome.FAILED)


def _export(wish: dict[str, Any], ports: Ports) -> StepResult:
    member = _member(wish["service"], ports)
    report: ReportName = wish["report"]
    day = dt.date.fromisoformat(wish["day"])
    keeps = member.usage is not None and member.usage.keep_personal_data
    try:
        with DayFile() as file:
            line_of = _reader(report, day, ports, keep_personal_data=keeps)
            read_report(ports.arm, member.ref, report, day, lambda row: _take(file, line_of(row)))
            weight = file.weight()
            stored = _store(ports.records(), layout.usage_key(member.name, report, day), file, line_of)
    except AccessError as err:
        return end(Outcome.REFUSED, fault_of(err))
    except NotFoundError:
        raise  # the service, the report or the records container is not there; no day is to blame
    except (ProtocolError, PermanentError) as err:
        fault = fault_of(err)
        _move(member, report, ports, lambda mark: usage.missed(mark, day, fault))
        _log_day(telemetry.Event.USAGE_DAY_MISSING, wish, code=err.code, message=err.message)
        return done(missing=fault.to_json())
    except ConflictError as err:
        raise UnavailableError(err.message, code=err.code) from err  # somebody wrote it just now: once more
    if stored in {"united", "kept"}:
        reason = f"only {weight.rows} rows with {weight.calls} calls this time, less than the file holds"
        _log_day(telemetry.Event.USAGE_DAY_KEPT, wish, reason=reason)
    _move(member, report, ports, lambda mark: usage.exported(mark, day, weight.calls))
    return done(rows=weight.rows, stored=stored)


def _reader(report: ReportName, day: dt.date, ports: Ports, *, keep_personal_data: bool) -> LineOf:
    """Return what makes lines of rows, of Azure's and of the former file's, as long as the step may take."""
    until = ports.clock.now() + dt.timedelta(seconds=STEP_S_MAX)

    def line_of(row: Any) -> usage_rows.Line | None:
        if ports.clock.now() > until:
            raise too_large(f"the day could not be read within {STEP_S_MAX} s")
        return usage_rows.line_of(report, row, day, keep_personal_data=keep_personal_data)

    return line_of


def _take(file: DayFile, line: usage_rows.Line | None) -> bool:
    """Tell whether there is more to come: a row of another day does not end a report."""
    return line is None or file.add(line)


def _store(records: Blobs, key: str, file: DayFile, line_of: LineOf) -> Stored:
    """
    Write a day's file whole, in one conditional write; what only the former one holds goes into it as well.

    Raises:
        ConflictError: somebody else wrote it meanwhile.
        ProtocolError: what lies there is not a file of ours.
        PermanentError: UsageDayTooLarge.
    """
    content = file.content()
    try:
        former, etag = records.read(key)
    except NotFoundError:
        records.create(key, content, content_type=GZIP_TYPE)
        return "written"
    if former == content:
        return "same"
    del content  # not three files at once
    shown = file.weight()
    file.unite(line for row in rows_of(former, key) if (line := line_of(row)) is not None)
    united = file.content()
    if former == united:
        return "kept"
    records.replace(key, united, etag, content_type=GZIP_TYPE)
    return "written" if file.weight() == shown else "united"


def end_service_usage(ended: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Write into the watermark what an export came to, and log it. Idempotent."""
    return attempt(lambda: _end(UsageEnd.from_json(ended), ports), unproven=Outcome.FAILED)


def _end(ended: UsageEnd, ports: Ports) -> StepResult:
    first = ended.faults[0] if ended.faults else None
    member = roster.find(ports, ended.service)
    last = LastExport(ended_at=ports.clock.now(), **_facts(ended))
    try:
        if member is not None:
            _change(member, ports, lambda watermark: watermark.model_copy(update={"last": last}))
    except TemporaryError:
        raise
    except DrError as err:  # the watermark is not readable, not ours or not to be written: the log tells
        first = first or fault_of(err)
    telemetry.log(
        telemetry.Event.USAGE_EXPORTED,
        level=logging.ERROR if first else logging.INFO,
        run_id=ended.run_id,
        service=ended.service,
        outcome=ended.outcome,
        days=ended.days,
        rows=ended.rows,
        code=first.code if first else None,
        message=first.message if first else None,
    )
    return done()


def _facts(ended: UsageEnd) -> dict[str, Any]:
    return {name: value for name, value in ended if name not in {"v", "service"}}


def _member(name: str, ports: Ports) -> ProtectedService:
    member = roster.find(ports, name)
    if member is None:
        raise NotFoundError(f"the plan names no service {name}", code="ServiceNotFound")
    return member


def _watermark(member: ProtectedService, ports: Ports) -> tuple[Watermark, str | None]:
    """
    Return a service's watermark and its ETag, None if it was never exported.

    Raises:
        RefusedError: the files are of another service that had the same name in the plan.
    """
    key = layout.usage_watermark_key(member.name)
    try:
        watermark, etag = read_document(ports.records(), key, Watermark)
    except NotFoundError:
        return Watermark(service=member.name, source=member.resource_id), None
    if watermark.source.lower() != member.resource_id.lower():
        message = f"{key} is of {watermark.source}, not of {member.resource_id}"
        hint = "Move the files of the former service away, or give this one another name in the plan."
        raise RefusedError(message, hint=hint, code="UsageSourceChanged")
    return watermark, etag


def _move(
    member: ProtectedService, report: ReportName, ports: Ports, change: Callable[[ReportMark], ReportMark]
) -> None:
    _change(member, ports, lambda watermark: watermark.with_mark(report, change(watermark.mark(report))))


def _change(member: ProtectedService, ports: Ports, change: Callable[[Watermark], Watermark]) -> None:
    """
    Change a service's watermark; somebody else's change meanwhile is not lost.

    Raises:
        UnavailableError: it was changed again and again.
    """
    key = layout.usage_watermark_key(member.name)
    for _ in range(TRIES_MAX):
        watermark, etag = _watermark(member, ports)
        fresh = change(watermark)
        if etag is not None and fresh == watermark:
            return
        try:
            if etag is None:
                ports.records().create(key, fresh.to_bytes())
            else:
                ports.records().replace(key, fresh.to_bytes(), etag)
        except ConflictError:
            continue
        return
    raise UnavailableError(f"{key} was changed {TRIES_MAX} times while it was written", code="Conflict")


def _log_day(event: telemetry.Event, wish: dict[str, Any], **fields: object) -> None:
    telemetry.log(
        event,
        level=logging.WARNING if event is telemetry.Event.USAGE_DAY_KEPT else logging.ERROR,
        service=wish["service"],
        report=wish["report"],
        day=wish["day"],
        **fields,
    )
