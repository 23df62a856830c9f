"""The steps of a night and of one backup: plain functions that take ports. Each may run more than once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shared import telemetry
from shared.core import layout, names
from shared.core.errors import NotFoundError
from shared.core.fleet import FleetState
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.reports import NightRecord
from shared.core.requests import BackupRequest
from shared.core.runs import Outcome
from shared.core.steps import StepResult, attempt, done


def plan_night(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Return the night's FleetState: the services of the plan that this app's region looks after."""
    requested_at = dt.datetime.fromisoformat(wish["requestedAt"])
    state = FleetState(
        night=f"{requested_at:%Y-%m-%d}",
        requested_at=requested_at,
        patience_until=requested_at + dt.timedelta(seconds=ports.intervals.busy_patience_s),
        concurrency=ports.plan.concurrency,
        intervals=ports.intervals,
        waiting=tuple(service.name for service in ports.plan.own_primaries()),
    )
    telemetry.log(telemetry.Event.NIGHT_STARTED, night=state.night, services=len(state.waiting))
    return state.to_json()


def backup_request(wish: dict[str, Any], ports: Ports) -> BackupRequest:
    """
    Return the wish of one service in one night; the same night makes the same run and the same blob name.

    Raises:
        NotFoundError: the plan no longer names the service.
    """
    service = ports.plan.service(wish["service"])
    if service is None:
        raise NotFoundError(f"the plan names no service {wish['service']}")
    requested_at = dt.datetime.fromisoformat(wish["requestedAt"])
    return request_for(service, requested_at, ports)


def request_for(service: ProtectedService, requested_at: dt.datetime, ports: Ports) -> BackupRequest:
    """Return the timer's wish for one service."""
    return BackupRequest(
        run_id=names.run_id("backup", service.name, requested_at),
        service=service.name,
        source=service.ref,
        storage=service.storage,
        backup_name=names.backup_name(service.name, requested_at),
        trigger="timer",
        requested_at=requested_at,
        deadline_at=ports.clock.now() + dt.timedelta(seconds=ports.intervals.deadline_s),
        intervals=ports.intervals,
    )


def end_night(night: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Write the night's record. Idempotent: the same night is written again as it is."""
    return attempt(lambda: _end_night(NightRecord.from_json(night), ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _end_night(record: NightRecord, ports: Ports) -> StepResult:
    key = layout.night_key(dt.date.fromisoformat(record.night))
    ports.records().put(key, record.to_bytes())
    good = sum(service.outcome is Outcome.SUCCEEDED for service in record.services)
    telemetry.log(
        telemetry.Event.NIGHT_ENDED, night=record.night, services=len(record.services),
        outcome=f"{good} of {len(record.services)} succeeded",
    )  # fmt: skip
    return done()
