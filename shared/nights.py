"""
Starting a night, once, whatever begins it: the timer, a call, a change.

A mark is written before the orchestration is started and deleted after the night's record was written.
So a night that was started twice is one night, and one that was cut off is found again.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from shared.core import layout, names
from shared.core.errors import ConflictError, NotFoundError, UnavailableError
from shared.core.nights import NightWish
from shared.core.ports import Ports
from shared.instances import DurableClient, InstanceState, instance_state
from shared.records import read_document
from shared.threads import in_thread

FUNCTION = "back_up_fleet"
STARTING_S = 300
"""A night may be without an instance for moments, between its mark and its start."""


class Standing(enum.StrEnum):
    """How a night stands."""

    UNHEARD_OF = "unheard of"
    AT_WORK = "at work"
    CUT_OFF = "cut off"
    """It was begun, nothing drives it, and it has no record."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known of a night: how it stands, its mark if it has one, and its instance."""

    standing: Standing
    mark: NightWish | None
    instance: InstanceState


async def find_night(client: DurableClient, ports: Ports, night: str) -> Found:
    """Return how a night stands."""
    # in this order: a night that ends between the looks is seen as ended, not as cut off
    instance = await instance_state(client, names.night_instance(night))
    mark = await in_thread(_mark, night, ports)
    is_recorded = await in_thread(ports.records().exists, layout.night_key(night))
    return Found(
        standing=_standing(instance, mark, is_recorded, ports.clock.now()), mark=mark, instance=instance
    )


def stored_night(ports: Ports, night: str) -> Found:
    """Return how a night stands as far as storage alone tells: one with a mark may be at work."""
    mark = _mark(night, ports)
    is_recorded = ports.records().exists(layout.night_key(night))
    standing = Standing.ENDED if is_recorded else Standing.AT_WORK if mark else Standing.UNHEARD_OF
    return Found(standing=standing, mark=mark, instance=InstanceState(status=None))


async def begin_night(client: DurableClient, ports: Ports, wish: NightWish) -> bool:
    """
    Start a night that was not heard of before; False if another call has begun it at the same time.

    Storage clients repeat a write whose answer was lost, and then find the mark: one of a call that says
    what our own would is our own, since the id of such a night is its call's alone.

    Raises:
        UnavailableError: Durable Functions did not take it. The mark stays; see `forget_night`.
        AccessError, TemporaryError: the mark could not be written; nothing was started.
    """
    try:
        await in_thread(ports.records().create, layout.open_night_key(wish.night), wish.to_bytes())
    except ConflictError:
        if wish.trigger != "http" or await in_thread(_mark, wish.night, ports) != wish:
            return False
    await _start(client, wish)
    return True


async def resume_night(client: DurableClient, ports: Ports, wish: NightWish, status: str | None) -> NightWish:
    """
    Start a night again that was cut off, and return its wish as it is now.

    Args:
        client: Durable's client.
        ports: the records and the clock.
        wish: as it was started last.
        status: what became of its instance; None: it never came to be, which is no start that counts.
    """
    starts = wish.starts + (status is not None)
    again = wish.model_copy(update={"starts": starts, "begun_at": ports.clock.now()})
    await _start(client, again)
    await in_thread(ports.records().put, layout.open_night_key(wish.night), again.to_bytes())
    return again


def forget_night(ports: Ports, night: str) -> None:
    """Take back the mark of a night: it has its record, or was not started."""
    ports.records().delete(layout.open_night_key(night))


def open_nights(ports: Ports) -> list[str]:
    """Return the ids of the nights that were begun and have no record, oldest first."""
    keys = ports.records().keys(layout.OPEN_NIGHTS)
    found = (key.removeprefix(layout.OPEN_NIGHTS).removesuffix(".json") for key in keys)
    return [night for night in found if names.is_night_id(night)]


async def _start(client: DurableClient, wish: NightWish) -> None:
    instance_id = names.night_instance(wish.night)
    try:
        await client.start_new(FUNCTION, instance_id, wish.to_json())
    except Exception as err:  # the SDK raises nothing more precise; it may have been started all the same
        if not (await instance_state(client, instance_id)).is_running:
            raise UnavailableError(
                "the night could not be started, because Durable Functions did not take it",
                hint="Ask again; if it repeats, look at the host's log and its storage account.",
                code="StartFailed",
            ) from err


def _mark(night: str, ports: Ports) -> NightWish | None:
    try:
        return read_document(ports.records(), layout.open_night_key(night), NightWish)[0]
    except NotFoundError:
        return None


def _standing(
    instance: InstanceState, mark: NightWish | None, is_recorded: bool, now: dt.datetime
) -> Standing:
    if is_recorded or instance.status == "Completed":
        return Standing.ENDED
    if instance.is_running:
        return Standing.AT_WORK
    if instance.status is None and mark is None:
        return Standing.UNHEARD_OF
    if instance.status is None and mark and now - mark.begun_at < dt.timedelta(seconds=STARTING_S):
        return Standing.AT_WORK
    return Standing.CUT_OFF
