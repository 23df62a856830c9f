"""The steps at the beginning of a night: plain functions that take ports. Each may run more than once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal

from backup_timer.night_runs import is_of_night, runs_of_night
from shared import roster, telemetry
from shared.core import layout, names
from shared.core.errors import DrError, NotFoundError, RefusedError, TemporaryError
from shared.core.fleet import Finished, FleetState, Start
from shared.core.fleet_again import took_up
from shared.core.lro import Fault
from shared.core.nights import NightWish
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.requests import BackupRequest
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from shared.core.steps import StepResult, attempt, done, fault_of
from shared.instances import DurableClient, instance_state
from shared.records import newest
from shared.start import Started, start_run
from shared.threads import in_thread

WARNINGS_MAX = 100
POINTS_READ_MAX = 3
"""More than one, so that a record that cannot be read does not hide the one before it."""


def plan_night(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Return the FleetState of a NightWish: whom this app's region backs up, as discovery finds them now."""
    return attempt(lambda: _plan(NightWish.from_json(wish), ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _plan(wish: NightWish, ports: Ports) -> StepResult:
    warnings: list[str] = []
    state = draw(wish, _own(ports, warnings) if wish.services is None else (), ports)
    if wish.starts > 1:
        state = took_up(state, runs_of_night(wish, ports, warnings), ports.clock.now())
    state = state.model_copy(update={"warnings": tuple(warnings[:WARNINGS_MAX])})
    telemetry.log(
        telemetry.Event.NIGHT_STARTED, night=wish.night, trigger=wish.trigger, services=len(state.waiting)
    )
    return done(state=state.to_json())


def draw(wish: NightWish, services: Sequence[ProtectedService], ports: Ports) -> FleetState:
    """Return a night as it begins: of the services that its wish names, else of these."""
    if wish.services is None:
        named = {service.name: service for service in services}
    else:
        named = {name: found for name in wish.services if (found := roster.find(ports, name))}
    now = ports.clock.now()
    refused = [
        _refused(name, _paused(service)) for name, service in named.items()
        if wish.services is None and service.is_paused(now)
    ]  # fmt: skip
    refused += [_refused(name, _unknown(name)) for name in wish.services or () if name not in named]
    left_out = {finished.service for finished in refused}
    waiting = tuple(name for name in named if name not in left_out)
    return FleetState(
        wish=wish.model_copy(update={"services": None}),
        concurrency=ports.plan.concurrency,
        waiting=waiting,
        ended=tuple(refused),
        again_for=tuple(name for name in waiting if named[name].again_if_changed),
        are_named=wish.services is not None,
    )


def _own(ports: Ports, warnings: list[str]) -> tuple[ProtectedService, ...]:
    """Return the services of this app's region; what could not be asked is a warning, no missing service."""
    try:
        found = roster.refresh(ports)
    except DrError as err:
        warnings.append(f"discovery was not possible, those that it found last are backed up: {err.message}")
    else:
        warnings += [
            f"subscription {one.subscription} was not read in full, what it had before stays: {one.reason}"
            for one in found.not_read
        ]
        warnings += [f"{one.resource_id} is left out: {one.reason}" for one in found.left_out]
        warnings += [f"{one.resource_id} is no longer protected: {one.reason}" for one in found.left]
    try:
        return roster.own_primaries(ports)
    except TemporaryError:
        raise
    except DrError as err:
        warnings.append(f"what discovery found before is not readable, and not backed up: {err.message}")
        return ports.plan.own_primaries()


def _refused(service: str, fault: Fault) -> Finished:
    return Finished(service=service, word=Outcome.REFUSED, fault=fault)


def _paused(service: ProtectedService) -> Fault:
    pause = service.paused
    until = f" until {pause.until:%Y-%m-%d %H:%M} UTC" if pause and pause.until else ""
    hint = "Take the pause out of the plan, or name the service in POST /api/backups."
    return Fault(code="Paused", message=f"paused{until}: {pause.reason if pause else ''}", hint=hint)


def _unknown(name: str) -> Fault:
    return Fault(
        code="ServiceNotFound", message=f"neither plan nor discovery knows a service {name} any more"
    )


async def start_backup(wish: dict[str, Any], client: DurableClient, ports: Ports) -> dict[str, Any]:
    """
    Start one service's backup, and never raise: many are started at once, and each fails alone.

    Args:
        wish: a Start.
        client: Durable's client.
        ports: everything.

    Returns:
        {"started": a word of shared.start.Started, "runId", "instanceId"}, or {"fault": Fault,
        "isFinal": whether another try is useless}.
    """
    start = Start.from_json(wish)
    try:
        request = await in_thread(backup_request, start, ports)
        instance_id = request.first_record().instance_id
        if start.look_first and (found := await in_thread(_point_of, start, ports)):
            return {"started": "ended", "runId": found.run_id, "instanceId": instance_id}
        word = await start_run(ports, client, request)
        if word is Started.BUSY and start.look_first:
            # an earlier start of this night may have had the service all the time
            state = await instance_state(client, instance_id)
            if state.is_running and (own := is_of_night(state.input, start)):
                return {"started": "running", "runId": own, "instanceId": instance_id}
    except DrError as err:
        is_final = isinstance(err, NotFoundError | RefusedError)
        return {"fault": fault_of(err).to_json(), "isFinal": is_final}
    except Exception as err:  # noqa: BLE001 - Durable's client raises nothing more precise
        message = f"the run could not be started: {type(err).__name__}"
        return {"fault": Fault(code="StartFailed", message=message).to_json(), "isFinal": False}
    return {"started": word.value, "runId": request.run_id, "instanceId": instance_id}


def _point_of(start: Start, ports: Ports) -> RestorePoint | None:
    """Return the restore point that this very night has made of the service already."""
    prefix = layout.restore_points_prefix(start.service)
    points = newest(ports.records(), prefix, RestorePoint, POINTS_READ_MAX)
    return next((point for point in points if _is_of(point, start)), None)


def _is_of(point: RestorePoint, start: Start) -> bool:
    if start.scheduled_at is not None:
        return point.scheduled_at == start.scheduled_at
    # a night that no schedule began has its id in the ids of its runs
    return point.run_id == names.run_id("backup", start.service, point.requested_at, because=start.night)


def backup_request(start: Start, ports: Ports) -> BackupRequest:
    """
    Return the wish of one service in one night; the same start makes the same run and the same blob name.

    Raises:
        NotFoundError: neither plan nor discovery knows the service any more.
        RefusedError: nobody named it, and the plan has paused it, or given it to another app, meanwhile.
    """
    service = roster.find(ports, start.service)
    if service is None:
        raise NotFoundError(_unknown(start.service).message, code="ServiceNotFound")
    if not start.is_named:
        _check(service, ports)
    return request_for(
        service,
        start.requested_at,
        ports,
        trigger=start.trigger,
        scheduled_at=start.scheduled_at,
        because="" if start.trigger == "timer" else start.night,
    )


def _check(service: ProtectedService, ports: Ports) -> None:
    """Look at the plan as it is now: hours may lie between the night's beginning and a turn."""
    if service.is_paused(ports.clock.now()):
        fault = _paused(service)
        raise RefusedError(fault.message, hint=fault.hint, code=fault.code)
    if service.region != ports.plan.region:
        message = f"{service.name} is in {service.region} now; this is the app of {ports.plan.region}"
        raise RefusedError(message, hint="The app of that region backs it up.", code="OtherRegion")


def request_for(
    service: ProtectedService,
    requested_at: dt.datetime,
    ports: Ports,
    *,
    trigger: Literal["timer", "http", "event"] = "timer",
    scheduled_at: dt.datetime | None = None,
    because: str = "",
) -> BackupRequest:
    """Return the wish for one service; see names.run_id for `because`."""
    return BackupRequest(
        run_id=names.run_id("backup", service.name, requested_at, because=because),
        service=service.name,
        source=service.ref,
        storage=service.storage,
        backup_name=names.backup_name(service.name, requested_at, because=because),
        validity_days=service.validity_days,
        trigger=trigger,
        scheduled_at=scheduled_at,
        requested_at=requested_at,
        deadline_at=ports.clock.now() + dt.timedelta(seconds=ports.intervals.deadline_s),
        intervals=ports.intervals,
    )
