"""
The exports of usage data over all services: who is started next, who is at work, and how each ended. Pure.

As with a night, every service is its own orchestration, and this only starts them under a cap and looks at
them; one that fails, hangs or is slow is nothing to the others.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from shared.core import usage
from shared.core.documents import Document, Utc, Value
from shared.core.intervals import Intervals
from shared.core.lro import Fault
from shared.core.usage import ExportOutcome, ReportName, Span

DAYS_PER_GENERATION = 20
LOOKS_PER_GENERATION = 20
LOST_LOOKS_MAX = 3
"""So many looks at an export that nothing drives, and it is given up."""
FAULTS_MAX = 50


class UsageRun(Document):
    """One export of one service, as it goes from day to day."""

    run_id: str
    service: str
    requested_at: Utc
    intervals: Intervals
    patience_until: Utc | None = None
    spans: tuple[Span, ...] | None = None
    """What is left to export; None before it was asked."""
    days: int = 0
    rows: int = 0
    kept: int = 0
    """Days of which the report showed less this time than the file holds; nothing of that was lost."""
    faults: tuple[tuple[str, Fault], ...] = ()

    @property
    def next_step(self) -> tuple[ReportName, dt.date] | None:
        """Report and day whose turn it is, None when there is nothing left."""
        for span in self.spans or ():
            if span.next_day is not None:
                return span.report, span.next_day
        return None

    def after(self, value: Mapping[str, Any]) -> UsageRun:
        """Return the run after a step came through: {"rows", "stored"}, or {"missing": Fault}."""
        (first, *rest) = self._open_spans()
        spans = (first.rest(), *rest)
        if value.get("missing"):
            return self._with_fault(first.report, Fault.model_validate(value["missing"]), spans)
        changes = {"spans": spans, "days": self.days + 1, "rows": self.rows + int(value["rows"])}
        kept = value["stored"] in {"kept", "united"}
        return self.model_copy(update=changes | {"kept": self.kept + kept})

    def without_report(self, fault: Fault) -> UsageRun:
        """Return the run without the report whose step failed; its days come again with the next export."""
        (first, *rest) = self._open_spans()
        return self._with_fault(first.report, fault, tuple(rest))

    def stopped(self, fault: Fault) -> UsageRun:
        """Return the run with nothing left, because the next report would fail for the same reason."""
        return self._with_fault("", fault, ())

    def end(self) -> UsageEnd:
        """Return how the export ended."""
        outcome: ExportOutcome = "Exported"
        if self.faults:
            outcome = "Incomplete" if self.days else "Failed"
        return UsageEnd(
            run_id=self.run_id,
            service=self.service,
            requested_at=self.requested_at,
            outcome=outcome,
            days=self.days,
            rows=self.rows,
            kept=self.kept,
            faults=usage.merged(self.faults),
        )

    def _open_spans(self) -> tuple[Span, ...]:
        return tuple(span for span in self.spans or () if span.next_day is not None)

    def _with_fault(self, report: str, fault: Fault, spans: tuple[Span, ...]) -> UsageRun:
        faults = (*self.faults, (report, fault))[:FAULTS_MAX]
        return self.model_copy(update={"spans": spans, "faults": faults})


class UsageEnd(Document):
    """How the export of one service ended: how many days lie in files now, and what Azure showed of them."""

    run_id: str
    service: str
    requested_at: Utc
    outcome: ExportOutcome
    days: int = 0
    rows: int = 0
    kept: int = 0
    faults: tuple[Fault, ...] = ()


class ActiveExport(Value):
    """An export that was started."""

    service: str
    run_id: str
    instance_id: str
    lost_looks: int = 0


class EndedExport(Value):
    """What one service got."""

    service: str
    outcome: ExportOutcome


class UsageFleet(Document):
    """What all exports of one firing carry from look to look."""

    requested_at: Utc
    intervals: Intervals
    patience_until: Utc
    concurrency: int
    waiting: tuple[str, ...]
    active: tuple[ActiveExport, ...] = ()
    ended: tuple[EndedExport, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether every service has its word."""
        return not self.waiting and not self.active


def to_start(fleet: UsageFleet) -> tuple[str, ...]:
    """Return the services to start now, up to the cap."""
    return fleet.waiting[: max(0, fleet.concurrency - len(fleet.active))]


def started(fleet: UsageFleet, service: str, answer: Mapping[str, Any], now: dt.datetime) -> UsageFleet:
    """
    Return the fleet after one wish.

    Args:
        fleet: before.
        service: whose wish it was.
        answer: {"started": whether it is at work, "runId", "instanceId"}.
        now: aware UTC; from `patience_until` on a service that cannot be started is given up.
    """
    rest = tuple(name for name in fleet.waiting if name != service)
    if answer.get("started"):
        run = ActiveExport(service=service, run_id=answer["runId"], instance_id=answer["instanceId"])
        return fleet.model_copy(update={"waiting": rest, "active": (*fleet.active, run)})
    if now < fleet.patience_until:
        return fleet.model_copy(update={"waiting": (*rest, service)})
    ended = (*fleet.ended, EndedExport(service=service, outcome="Failed"))
    return fleet.model_copy(update={"waiting": rest, "ended": ended})


def looked(fleet: UsageFleet, looks: Iterable[Mapping[str, Any]]) -> UsageFleet:
    """
    Return the fleet after a look.

    Args:
        fleet: before.
        looks: one for each active export: {"runId", "outcome": its word or None, "driven": bool}.
    """
    by_id = {look["runId"]: look for look in looks}
    active: list[ActiveExport] = []
    ended = list(fleet.ended)
    for run in fleet.active:
        look = by_id.get(run.run_id, {})
        if look.get("outcome"):
            ended.append(EndedExport(service=run.service, outcome=look["outcome"]))
        elif look.get("driven", True):
            active.append(run.model_copy(update={"lost_looks": 0}))
        elif run.lost_looks + 1 < LOST_LOOKS_MAX:
            active.append(run.model_copy(update={"lost_looks": run.lost_looks + 1}))
        else:
            ended.append(EndedExport(service=run.service, outcome="Failed"))
    return fleet.model_copy(update={"active": tuple(active), "ended": tuple(ended)})
