"""Starting the timer's night, once: in time, late, or at last because it was missed."""

from __future__ import annotations

import datetime as dt
import logging

from backup_timer.activities import WARNINGS_MAX, draw
from backup_timer.night_record import end_night
from backup_timer.night_runs import runs_of_night
from shared import roster, telemetry
from shared.core import layout, names
from shared.core.errors import DrError, ProtocolError
from shared.core.fleet_again import given_up, took_up
from shared.core.nights import STARTS_MAX, NightWish
from shared.core.ports import Ports
from shared.core.schedule import EARLY, Schedule
from shared.instances import DurableClient
from shared.nights import (
    Found,
    Standing,
    begin_night,
    find_night,
    forget_night,
    open_nights,
    resume_night,
)
from shared.threads import in_thread

GRACE = dt.timedelta(minutes=5)
"""How long an occurrence is left to the timer itself."""

ENDED_BADLY = frozenset({"Failed", "Terminated", "Canceled"})

WORTHWHILE = dt.timedelta(days=1)
"""How long a night that somebody asked for is started again after it was cut off."""


async def start(client: DurableClient, ports: Ports, schedule: Schedule) -> None:
    """
    Start the night that is due; a second firing of one occurrence finds the first and does nothing.

    One that was cut off is started again, as often as the timer is fired, and its record, if the catch-up
    has written one for it, is written anew at its end.
    """
    now = ports.clock.now()
    due = schedule.newest(now + EARLY) or now.replace(microsecond=0)
    wish = _wish(due, ports)
    found = await find_night(client, ports, wish.night)
    if found.standing is Standing.CUT_OFF:
        await resume_night(client, ports, found.mark or wish, found.instance.status)
        return
    if found.standing is Standing.ENDED and found.instance.status in ENDED_BADLY:
        await resume_night(client, ports, found.mark or wish, found.instance.status)
        await in_thread(ports.records().delete, layout.night_key(wish.night))
        return
    if found.standing is Standing.UNHEARD_OF and await begin_night(client, ports, wish):
        return
    telemetry.log(
        telemetry.Event.NIGHT_ALREADY_STARTED,
        level=logging.WARNING,
        night=wish.night,
        reason=found.instance.status or found.standing.value,
    )


async def catch_up(client: DurableClient, ports: Ports, schedule: Schedule) -> None:
    """Start again what was cut off, and start the newest night of the schedule if nothing has."""
    now = ports.clock.now()
    due = schedule.newest(now)
    for night in await in_thread(open_nights, ports):
        try:
            found = await find_night(client, ports, night)
        except ProtocolError as err:  # one mark that cannot be read must not hide the others
            telemetry.log(telemetry.Event.RECORD_UNREADABLE, level=logging.ERROR, message=err.message)
            continue
        if found.standing is Standing.ENDED:
            await in_thread(forget_night, ports, night)
        elif found.mark and _is_worthwhile(found, found.mark, due, now):
            await resume_night(client, ports, found.mark, found.instance.status)
            _log(found.mark, f"it was cut off: {found.instance.status or 'it never began'}")
        elif found.mark and found.standing is Standing.CUT_OFF:
            await in_thread(_give_up, found.mark, now, ports)
    if due is not None and due == schedule.newest(now - GRACE):
        await _start_missed(client, ports, schedule, due)


async def _start_missed(client: DurableClient, ports: Ports, schedule: Schedule, due: dt.datetime) -> None:
    """Start a night that was never heard of, unless this app was not at work before it."""
    wish = _wish(due, ports).model_copy(update={"caught_up": True})
    found = await find_night(client, ports, wish.night)
    before = schedule.newest(due - dt.timedelta(seconds=1))
    if found.standing is not Standing.UNHEARD_OF or before is None:
        return
    last = await in_thread(_last_scheduled, ports)
    # none: a fresh deployment, which must not back up at once; a later one than the one before: the
    # schedule was changed, and the time since then has had its night
    if last is None or last > names.night_id(before):
        return
    if await begin_night(client, ports, wish):
        _log(wish, "it was missed")


def _give_up(wish: NightWish, now: dt.datetime, ports: Ports) -> None:
    """
    Write the record of a night that is not started again, once its runs have their words.

    They get them without it: whoever drives a run, or the watch, sees to that. Not later than a day after
    the night was begun the record says of them what is known.
    """
    try:
        services = roster.own_primaries(ports) if wish.services is None else ()
        state = draw(wish, services, ports)
        warnings: list[str] = []
        state = took_up(state, runs_of_night(wish, ports, warnings), now)
        if state.active and now - wish.begun_at < WORTHWHILE:
            return
        warnings.append("the night was cut off and not started again; this is what its runs came to")
        state = given_up(state).model_copy(update={"warnings": tuple(warnings[:WARNINGS_MAX])})
        end_night({"state": state.to_json(), "endedAt": now.isoformat()}, ports)
    except DrError as err:  # the next look tries again, and the other nights are not held up by this one
        telemetry.log(telemetry.Event.RECORD_UNREADABLE, level=logging.ERROR, message=err.message)


def _wish(due: dt.datetime, ports: Ports) -> NightWish:
    now = ports.clock.now()
    return NightWish(
        night=names.night_id(due),
        trigger="timer",
        scheduled_at=due,
        requested_at=now.replace(microsecond=0),
        begun_at=now,
        intervals=ports.intervals,
    )


def _is_worthwhile(found: Found, mark: NightWish, due: dt.datetime | None, now: dt.datetime) -> bool:
    """Tell whether a night is started again: once, and only while nothing newer has taken its place."""
    if found.standing is not Standing.CUT_OFF:
        return False
    if found.instance.status is not None and mark.starts >= STARTS_MAX:
        return False
    if mark.trigger == "timer":
        return mark.scheduled_at == due
    return now - mark.requested_at < WORTHWHILE


def _last_scheduled(ports: Ports) -> str | None:
    """Return the newest night of the timer, with a record or without; ids sort as their times do."""
    keys = ports.records().keys(layout.NIGHTS)
    recorded = (key.removeprefix(layout.NIGHTS).removesuffix(".json") for key in keys)
    every = (night for night in [*recorded, *open_nights(ports)] if names.is_night_id(night))
    return max((night for night in every if "-" not in night), default=None)


def _log(wish: NightWish, reason: str) -> None:
    telemetry.log(
        telemetry.Event.NIGHT_CAUGHT_UP,
        level=logging.WARNING,
        night=wish.night,
        trigger=wish.trigger,
        reason=reason,
    )
