"""The step at the end of a night: its record, from what the runs of its services left."""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any

from shared import roster, telemetry, unhandled
from shared.core import layout
from shared.core.errors import DrError, NotFoundError, ProtocolError, TemporaryError
from shared.core.fleet import Finished, FleetState
from shared.core.nights import tell, with_newest
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.reports import NightRecord, ServiceNight
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome, RunRecord
from shared.core.steps import StepResult, attempt, done
from shared.nights import forget_night
from shared.records import newest
from shared.threads import in_threads

POINTS_READ_MAX = 3
"""More than one, so that a record that cannot be read does not hide the one before it."""

READS_AT_ONCE = 8
"""A night of 1,000 services reads about 3,000 blobs and lists at its end."""


def end_night(night: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Write the night's record. Idempotent: the same night is written again.

    Args:
        night: {"state": FleetState, "endedAt"}.
        ports: everything.

    Returns:
        StepResult; DONE carries {"night", "words"}.
    """
    state = FleetState.from_json(night["state"])
    ended_at = dt.datetime.fromisoformat(night["endedAt"])
    return attempt(lambda: _end(state, ended_at, ports), unproven=Outcome.OUTCOME_UNKNOWN)


def _end(state: FleetState, ended_at: dt.datetime, ports: Ports) -> StepResult:
    record = _record(state, ended_at, ports)
    ports.records().put(layout.night_key(record.night), record.to_bytes())
    forget_night(ports, record.night)
    good = record.words.get(Outcome.SUCCEEDED.value, 0)
    telemetry.log(
        telemetry.Event.NIGHT_ENDED, night=record.night, trigger=record.trigger,
        services=len(record.services), outcome=f"{good} of {len(record.services)} succeeded",
    )  # fmt: skip
    return done(night=record.night, words=record.words)


def _record(state: FleetState, ended_at: dt.datetime, ports: Ports) -> NightRecord:
    members = _members(ports)
    ended = sorted(state.ended, key=lambda finished: finished.service)
    told = functools.partial(_told, members, ended_at, ports)
    services = tuple(in_threads(told, ended, at_once=READS_AT_ONCE))
    return NightRecord(
        night=state.wish.night,
        trigger=state.wish.trigger,
        reason=state.wish.reason,
        scheduled_at=state.wish.scheduled_at,
        requested_at=state.wish.requested_at,
        ended_at=ended_at,
        caught_up=state.wish.caught_up,
        starts=state.wish.starts,
        words={word.value: count for word in Outcome if (count := _count(services, word))},
        rpo_missed=tuple(one.service for one in services if one.rpo_kept is False),
        warnings=(*state.warnings, *unhandled.warnings(ports)),
        services=services,
    )


def _members(ports: Ports) -> dict[str, ProtectedService]:
    try:
        services = roster.members(ports)
    except TemporaryError:
        raise
    except DrError:  # the night has said so, and what the plan names is known all the same
        services = ports.plan.services
    return {service.name: service for service in services}


def _told(
    members: dict[str, ProtectedService], ended_at: dt.datetime, ports: Ports, finished: Finished
) -> ServiceNight:
    run_ids = finished.run_ids or ()
    runs = [run for run_id in run_ids if (run := _run(run_id, ports))]
    told = tell(finished.service, finished.word, finished.fault, run_ids, runs)
    service = members.get(finished.service)
    try:
        prefix = layout.restore_points_prefix(finished.service)
        points = newest(ports.records(), prefix, RestorePoint, POINTS_READ_MAX)
    except TemporaryError:
        raise
    except DrError as err:
        warning = f"its restore points could not be read: {err.message}"
        return told.model_copy(update={"warnings": (*told.warnings, warning)})
    return with_newest(told, points, service.rpo_hours if service else None, ended_at)


def _run(run_id: str, ports: Ports) -> RunRecord | None:
    try:
        return ports.runs.read(run_id)[0]
    except (NotFoundError, ProtocolError):
        return None  # the record says so


def _count(services: tuple[ServiceNight, ...], word: Outcome) -> int:
    return sum(told.outcome is word for told in services)
