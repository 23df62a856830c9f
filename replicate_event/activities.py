"""The steps of one replication: plain functions that take ports. Each may run more than once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shared import roster, telemetry
from shared.core import layout, names
from shared.core.errors import ConflictError
from shared.core.ports import Ports
from shared.core.reports import Replica
from shared.core.requests import RestoreRequest
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from shared.core.steps import StepResult, attempt, done
from shared.records import read_document
from shared.standby import holds


def choose_replication(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Read the record that an event names, and decide whether this region's standby wants it.

    Returns:
        StepResult; DONE carries {"request": RestoreRequest} or {"ignored": why}.
    """
    return attempt(lambda: _choose(wish, ports), unproven=Outcome.REFUSED)


def _choose(wish: dict[str, Any], ports: Ports) -> StepResult:
    point, _ = read_document(ports.backups(wish["account"], wish["container"]), wish["key"], RestorePoint)
    service = roster.find(ports, point.service)
    if service is None or service.standby is None or service.standby.region != ports.plan.region:
        return _ignored(f"no standby of {point.service} is in {ports.plan.region}")
    if not service.ref.is_same_as(point.source):
        return _ignored("the point is of another service than the plan names")
    if point.rebuilt_at is not None:
        return _ignored("its record was made anew by a rebuild, and not by a backup")
    received_at = dt.datetime.fromisoformat(wish["receivedAt"])
    run_id = names.run_id("replicate", service.name, received_at, because=wish["key"])
    if holds(point, run_id, ports):
        return _ignored("the standby holds this point, or a newer one")
    request = RestoreRequest(
        run_id=run_id,
        kind="replicate",
        service=service.name,
        target=service.standby.ref,
        access=service.standby.access,
        point=point,
        trigger="event",
        requested_at=received_at,
        deadline_at=ports.clock.now() + dt.timedelta(seconds=ports.intervals.deadline_s),
        intervals=ports.intervals,
    )
    return done(request=request.to_json())


def record_replica(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Write down that the standby holds the point. Idempotent: the first record of a point stays."""
    return attempt(lambda: _record(RestoreRequest.from_json(wish), ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _record(request: RestoreRequest, ports: Ports) -> StepResult:
    replica = Replica(
        name=request.point.name,
        service=request.service,
        target=request.target,
        run_id=request.run_id,
        point_started_at=request.point.started_at,
        inventory_digest=request.point.inventory.digest if request.point.inventory else "",
        recorded_at=ports.clock.now(),
    )
    try:
        ports.records().create(layout.replica_key(request.service, request.point.name), replica.to_bytes())
    except ConflictError:
        return done()
    telemetry.log(
        telemetry.Event.REPLICA_RECORDED,
        run_id=request.run_id,
        service=request.service,
        restore_point=request.point.name,
    )
    return done()


def _ignored(reason: str) -> StepResult:
    telemetry.log(telemetry.Event.EVENT_IGNORED, reason=reason)
    return done(ignored=reason)
