"""What a restore leaves behind: its report, as JSON and as text for a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from shared import survey
from shared.beside import expected_inventories, settings_now, sidecar_of
from shared.core import gateways, layout
from shared.core.errors import DrError, NotFoundError, ProtocolError
from shared.core.evidence_text import as_markdown
from shared.core.fix_ups import fix_ups
from shared.core.inventory import Difference, Inventory, InventoryPair
from shared.core.lro import Fault
from shared.core.ports import Ports
from shared.core.reports import EVIDENCE_LINES_MAX, GatewayProbe, RestoreReport
from shared.core.requests import RestoreRequest
from shared.core.runs import Outcome, RunPhase, RunRecord
from shared.core.services import ServiceState
from shared.core.settings_compare import compare_settings, not_compared
from shared.core.sidecar import Sidecar
from shared.core.steps import StepResult
from shared.records import read_document

_T = TypeVar("_T")

TEXT_TYPE = "text/markdown; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What the steps before have found, as an orchestration hands it on beside the wish."""

    running_at: dt.datetime | None = None
    safety_backup: str | None = None
    is_verdict_read: bool = False
    """Of a later look: whether Azure said that the operation succeeded."""
    fault: Fault | None = None
    """Of a restore that Azure failed: its verdict."""

    @classmethod
    def taken_from(cls, wish: Mapping[str, Any]) -> tuple[Self, RestoreRequest]:
        """
        Return what was found, and the wish without it.

        A later look has only the wish; there `safetyBackup` says whether one was wanted, and not its name.
        """
        running_at, safety, fault = (wish.get(key) for key in ("runningAt", "safetyBackup", "fault"))
        before = cls(
            running_at=dt.datetime.fromisoformat(running_at) if running_at else None,
            safety_backup=safety if isinstance(safety, str) else None,
            is_verdict_read=bool(wish.get("isVerdictRead", False)),
            fault=Fault.model_validate(fault) if fault else None,
        )
        beside = {"runningAt", "safetyBackup", "isVerdictRead", "fault"}
        return before, RestoreRequest.from_json({key: wish[key] for key in wish if key not in beside})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found of a target. Without `actual` its entities were not compared."""

    expected: tuple[Inventory, ...] = ()
    actual: Inventory | None = None
    differences: tuple[Difference, ...] = ()
    sidecar: Sidecar | None = None
    settings: Sidecar | None = None
    gateway: GatewayProbe | None = None
    gateway_url: str | None = None
    not_read: tuple[str, ...] = ()
    """What of it could not be read, in a line each."""


def look_around(request: RestoreRequest, ports: Ports) -> Found:
    """Return what can be read of a target whose entities are not compared; nothing here is raised."""
    not_read: list[str] = []
    pair = _try("the inventory of the point", lambda: expected_inventories(request.point, ports), not_read)
    sidecar = _try("the sidecar of the point", lambda: sidecar_of(request.point, ports), not_read)
    resource = _try("the target", lambda: survey.read_service(ports.arm, request.target), not_read)
    state = settings = gateway = None
    if resource is not None:
        state = _try("the target", lambda: ServiceState.from_resource(resource), not_read)
    if resource is not None and state is not None:
        settings = _try(
            "the settings of the target",
            lambda: settings_now(request.point, request.target, resource, state, ports),
            not_read,
        )
        gateway = ports.probe_gateway(state.gateway_url) if state.gateway_url else None
    return Found(
        expected=inventories_of(pair) if pair else (),
        sidecar=sidecar,
        settings=settings,
        gateway=gateway,
        gateway_url=state.gateway_url if state else None,
        not_read=tuple(not_read),
    )


def _try(what: str, read: Callable[[], _T], not_read: list[str]) -> _T | None:
    try:
        return read()
    except DrError as err:
        not_read.append(f"{what}: {err.message}")
        return None


def inventories_of(pair: InventoryPair) -> tuple[Inventory, ...]:
    """Return the states that a backup may hold: one, or two if the service changed while it ran."""
    return (pair.before,) if pair.after is None else (pair.before, pair.after)


def leave(
    request: RestoreRequest, run: RunRecord, before: Before, found: Found, result: StepResult, ports: Ports
) -> tuple[str, ...]:
    """
    Write the evidence, JSON last, and return what somebody should be warned of.

    A report of a comparison is not replaced by one without.

    Args:
        request: the wish.
        run: its record.
        before: what the steps before have found; what is missing of it is taken from an earlier report.
        found: what was compared, or could be read.
        result: what the comparison came to, or why there is none.
        ports: the records of the own region, and the clock.
    """
    earlier = _earlier(request.run_id, ports)
    if earlier is not None and found.actual is None and not earlier.uncompared:
        return earlier.warnings
    report = _report(request, run, before, found, result, ports.clock.now())
    if earlier is not None:
        report = _with_earlier(report, earlier, run)
    report = report.model_copy(update={"warnings": _warnings(report, found)})
    records = ports.records()
    text = as_markdown(report).encode("utf-8", "replace")
    records.put(layout.readable_report_key(request.run_id), text, content_type=TEXT_TYPE)
    records.put(layout.report_key(request.run_id), report.to_bytes())
    return report.warnings


def _report(
    request: RestoreRequest,
    run: RunRecord,
    before: Before,
    found: Found,
    result: StepResult,
    now: dt.datetime,
) -> RestoreReport:
    settings = compare_settings(found.sidecar, found.settings) if found.sidecar and found.settings else None
    is_late = run.phase is RunPhase.ENDED and found.actual is not None
    duration_s = None if found.actual is None else round((now - request.requested_at).total_seconds())
    is_measured = duration_s is not None and request.rto_s is not None and not is_late
    return RestoreReport(
        run_id=request.run_id,
        kind=request.kind,
        service=request.service,
        target=request.target,
        point=request.point,
        requested_at=request.requested_at,
        verified_at=now,
        recovery_point_age_s=request.point.age_s(now),
        restore_duration_s=duration_s,
        entities=len(found.actual.entities) if found.actual else None,
        counts=found.actual.counts if found.actual else {},
        differences=found.differences[:EVIDENCE_LINES_MAX],
        differences_total=len(found.differences),
        uncompared="" if found.actual else _why(result),
        outcome=result.outcome or Outcome.SUCCEEDED,
        fault=result.fault,
        posted_at=run.first_posted_at or run.posted_at,
        running_at=before.running_at,
        restored_at=run.phase_at if run.phase is RunPhase.VERIFYING else None,
        is_seen_late=is_late,
        rto_s=request.rto_s,
        rto_kept=(duration_s or 0) <= (request.rto_s or 0) if is_measured else None,
        guards=run.guards,
        settings=None if settings is None else settings[:EVIDENCE_LINES_MAX],
        settings_total=len(settings or ()),
        not_compared=_not_compared(found),
        gateway=found.gateway,
        fix_ups=fix_ups(
            request.point,
            request.target,
            sidecar=found.sidecar,
            settings=found.settings,
            entities=found.expected[-1].entities if found.expected else None,
            gateway_url=found.gateway_url,
        ),
        safety_backup=before.safety_backup,
    )


def _why(result: StepResult) -> str:
    fault = result.fault
    return (fault.message or fault.code) if fault else "the run came to its end before"


def _warnings(report: RestoreReport, found: Found) -> tuple[str, ...]:
    lines = []
    if found.gateway is None:
        seen = "Azure shows no URL of it" if found.settings else "the target could not be read"
        lines.append(f"the gateway was not asked: {seen}")
    elif found.settings is not None and (said := gateways.warning_of(found.gateway, found.settings)):
        lines.append(said)
    if report.rto_kept is False:
        lines.append(f"the restore took {report.restore_duration_s} s, and {report.rto_s} s were promised")
    return tuple(lines)


def _not_compared(found: Found) -> tuple[str, ...]:
    taken = (*found.expected, found.actual) if found.actual else ()
    unread = {line for inventory in taken for line in inventory.not_read}
    settings = () if found.settings is None else not_compared(found.sidecar, found.settings)
    return (*found.not_read, *sorted(unread), *settings)[:EVIDENCE_LINES_MAX]


def _earlier(run_id: str, ports: Ports) -> RestoreReport | None:
    try:
        return read_document(ports.records(), layout.report_key(run_id), RestoreReport)[0]
    except (NotFoundError, ProtocolError):
        return None


def _with_earlier(report: RestoreReport, earlier: RestoreReport, run: RunRecord) -> RestoreReport:
    """Keep what only the run itself could see: what came before, and how long the restore took."""
    changes: dict[str, Any] = {
        "running_at": report.running_at or earlier.running_at,
        "guards": report.guards or earlier.guards,
        "safety_backup": report.safety_backup or earlier.safety_backup,
    }
    if run.phase is RunPhase.ENDED:
        changes["restored_at"] = earlier.restored_at
        if earlier.restore_duration_s is not None:
            measured = ("restore_duration_s", "rto_kept", "is_seen_late")
            changes |= {name: getattr(earlier, name) for name in measured}
    return report.model_copy(update=changes)
