"""The steps of one replication: plain functions that take ports. Each may run more than once."""

from __future__ import annotations

import datetime as dt
import re
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
from shared.records import newest, read_document

REPLICAS_READ_MAX = 10
"""The newest by name are the newest by time; more than one, in case one cannot be read."""

RUNS_READ_MAX = 5
"""Replications of one standby run one after the other, and each records its replica within a minute."""


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
    received_at = dt.datetime.fromisoformat(wish["receivedAt"])
    run_id = names.run_id("replicate", service.name, received_at, because=wish["key"])
    is_held = any(replica.point_started_at >= point.started_at for replica in _replicas(service.name, ports))
    if is_held or any(held >= point.name for held in _just_restored(service.name, run_id, ports)):
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


def _replicas(service: str, ports: Ports) -> list[Replica]:
    return newest(ports.records(), layout.replicas_prefix(service), Replica, REPLICAS_READ_MAX)


def _just_restored(service: str, own_run_id: str, ports: Ports) -> list[str]:
    """
    Return the points that the newest replications restored; their replicas may not be recorded yet.

    Our own run is left out: it may have been started before, unnoticed, and is then to be followed.
    """
    pattern = re.compile(
        rf"{layout.RUNS}(\d{{8}}T\d{{6}}Z-replicate-{re.escape(service)}-[0-9a-f]{{8}})\.json"
    )
    found = (pattern.fullmatch(key) for key in ports.records().keys(layout.RUNS))
    ids = [match[1] for match in found if match and match[1] != own_run_id]
    runs = [ports.runs.read(run_id)[0] for run_id in ids[-RUNS_READ_MAX:]]
    return [run.restore_point for run in runs if run.word is Outcome.SUCCEEDED and run.restore_point]


def _ignored(reason: str) -> StepResult:
    telemetry.log(telemetry.Event.EVENT_IGNORED, reason=reason)
    return done(ignored=reason)
