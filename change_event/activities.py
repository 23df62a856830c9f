"""The one step of waiting with changes: look, and begin a night if one is due. May run more than once."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import Any

from shared import roster, telemetry
from shared.core import layout, names
from shared.core.changes import Backups, Changes, Decision, Next, at_rest, handed_over, weigh
from shared.core.documents import Document, Utc
from shared.core.errors import ConflictError, DrError, NotFoundError, ProtocolError, UnavailableError
from shared.core.nights import NightWish
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.restore_points import RestorePoint
from shared.core.runs import RunPhase, RunRecord
from shared.instances import DurableClient
from shared.nights import begin_night, find_night, forget_night, resume_night
from shared.records import newest, read_document
from shared.threads import in_thread

POINTS_READ_MAX = 3
"""The newest by name is the newest by its wish; more than one, in case one cannot be read."""
TRIES_MAX = 5


class Look(Document):
    """Whose changes to look at, for whom, and the moment that names the night if there is one to begin."""

    service: str
    wait: int
    at: Utc


async def weigh_changes(wish: dict[str, Any], client: DurableClient, ports: Ports) -> dict[str, Any]:
    """
    Look at a service's changes, and begin a night for them if one is due.

    Idempotent: the same look begins the same night.

    Args:
        wish: Look.
        client: Durable's client.
        ports: everything.

    Returns:
        {"over": why, "night": its id or None}, or {"until": when to look again, "reason": why}.
    """
    look = Look.from_json(wish)
    try:
        for _ in range(TRIES_MAX):
            answer = await _weigh(look, client, ports)
            if answer is not None:
                return answer
        reason = "changes came all the time"
    except DrError as err:
        reason = err.message
    until = ports.clock.now() + dt.timedelta(seconds=ports.intervals.fault_max_s)
    return {"until": until.isoformat(), "reason": reason}


def unwanted(service: ProtectedService | None, ports: Ports) -> str:
    """Return why changes of a service start nothing here, or an empty string."""
    if service is None:
        return "the plan does not know the service"
    if service.region != ports.plan.region:
        return f"{service.name} is looked after by the app of {service.region}"
    if service.after_changes is None:
        return f"the plan asks for no backups of {service.name} after changes"
    if service.paused is not None and service.is_paused(ports.clock.now()):
        return f"{service.name} is paused: {service.paused.reason}"
    return ""


async def _weigh(look: Look, client: DurableClient, ports: Ports) -> dict[str, Any] | None:
    """Return what came of one look; None if something changed while it was written down."""
    found = await in_thread(_read, look.service, ports)
    if found is None or found[0].wait != look.wait or not found[0].is_waiting:
        return _over(look.service, "nobody has to wait, or another one does")
    changes, etag = found
    decision = await in_thread(_decide, changes, ports)
    if decision.next is Next.WAIT:
        return {"until": decision.at.isoformat(), "reason": decision.reason}
    if decision.next is Next.REST:
        with contextlib.suppress(ConflictError):
            await in_thread(_replace, at_rest(changes), etag, ports)
            return _over(look.service, decision.reason)
        return None
    night = await _begin(look, decision.reason, client, ports)
    left = await in_thread(_hand_over, changes, night, look.at, ports)
    return None if left.is_waiting else _over(look.service, decision.reason, night)


def _decide(changes: Changes, ports: Ports) -> Decision:
    now = ports.clock.now()
    service = roster.find(ports, changes.service)
    reason = unwanted(service, ports)
    if service is None or service.after_changes is None or reason:
        return Decision(next=Next.REST, at=now, reason=reason)
    return weigh(changes, service.after_changes, _backups(service, now, ports), now, ports.intervals)


def _backups(service: ProtectedService, now: dt.datetime, ports: Ports) -> Backups:
    """Return what restore points and runs tell of a service's backups."""
    records = ports.records()
    points = newest(records, layout.restore_points_prefix(service.name), RestorePoint, POINTS_READ_MAX)
    rule = service.after_changes
    hours = rule.min_interval_hours if rule else 0
    interval = hours * 60 * dt.timedelta(seconds=ports.intervals.minute_s)
    longest = dt.timedelta(seconds=ports.intervals.busy_patience_s + ports.intervals.deadline_s)
    runs = list(_runs(service, now - interval - longest, now, ports))
    starts = [at for run in runs if (at := run.first_posted_at or run.posted_at) is not None]
    return Backups(
        succeeded_at=max((point.started_at for point in points), default=None),
        started_at=max(starts, default=None),
        is_open=any(run.phase is not RunPhase.ENDED and now - run.requested_at < longest for run in runs),
    )


def _runs(
    service: ProtectedService, since: dt.datetime, now: dt.datetime, ports: Ports
) -> Iterator[RunRecord]:
    """Yield the runs that back up a service and were wished for since a time."""
    start = f"-backup-{service.name}"
    for day in range((now.date() - since.date()).days + 1):
        prefix = layout.runs_of_day_prefix(since.date() + dt.timedelta(days=day))
        for key in ports.records().keys(prefix):
            run_id = key.removeprefix(layout.RUNS).removesuffix(".json")
            tail = run_id[len(names.stamp(since)) :]
            if tail != start and not tail.startswith(f"{start}-"):
                continue
            with contextlib.suppress(NotFoundError):
                run, _ = ports.runs.read(run_id)
                if run.service == service.name and run.requested_at >= since:
                    yield run


async def _begin(look: Look, reason: str, client: DurableClient, ports: Ports) -> str:
    """Begin a night of one service; the same look begins the same night."""
    at = look.at.replace(microsecond=0)
    night = names.night_id(at, because=f"changes of {look.service}, {look.wait}")
    wish = NightWish(
        night=night,
        trigger="event",
        requested_at=at,
        begun_at=ports.clock.now(),
        services=(look.service,),
        reason=reason,
        intervals=ports.intervals,
    )
    try:
        if await begin_night(client, ports, wish):
            return night
    except UnavailableError:
        # nothing was started: the next look begins another one, and this one must not be taken up as well
        await in_thread(forget_night, ports, night)
        raise
    found = await find_night(client, ports, night)
    if found.mark is not None and found.instance.status is None:
        await resume_night(client, ports, found.mark, None)  # an earlier try died between mark and start
    return night


def _hand_over(weighed: Changes, night: str, at: dt.datetime, ports: Ports) -> Changes:
    """Write down that a night has the changes, and return what is left of them."""
    for _ in range(TRIES_MAX):
        found = _read(weighed.service, ports)
        if found is None:
            return at_rest(weighed)
        changes, etag = found
        left = handed_over(changes, weighed, night, at)
        try:
            _replace(left, etag, ports)
        except ConflictError:
            continue
        telemetry.log(telemetry.Event.CHANGES_HANDED_OVER, service=weighed.service, night=night)
        return left
    raise ConflictError(f"{layout.changes_key(weighed.service)} was changed all the time")


def _read(service: str, ports: Ports) -> tuple[Changes, str] | None:
    try:
        return read_document(ports.records(), layout.changes_key(service), Changes)
    except NotFoundError:
        return None
    except ProtocolError as err:
        telemetry.log(telemetry.Event.RECORD_UNREADABLE, message=err.message)
        return None


def _replace(changes: Changes, etag: str, ports: Ports) -> None:
    ports.records().replace(layout.changes_key(changes.service), changes.to_bytes(), etag)


def _over(service: str, reason: str, night: str | None = None) -> dict[str, Any]:
    if night is None:
        telemetry.log(telemetry.Event.CHANGES_OVER, service=service, reason=reason)
    return {"over": reason, "night": night}
