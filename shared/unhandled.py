"""
Messages of a queue that could not be handled: written down until a later try handles them.

The host gives a message again when its function failed, and after some tries moves it to the poison queue,
where nobody looks. So whatever fails is noted in the records, and the next night names it. A worker that
dies notes nothing; the try after it does, before it begins.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from shared import telemetry
from shared.core import layout
from shared.core.documents import Document, Utc
from shared.core.errors import DrError, NotFoundError, ProtocolError, TemporaryError
from shared.core.ports import Ports
from shared.instances import DurableClient
from shared.records import read_document, readable
from shared.threads import in_thread

CONTENT_LENGTH_MAX = 500
WARNINGS_MAX = 20
"""Messages that a night names; the others are counted."""

_QUERY = re.compile(r"\?[^\s\"'<>]*")
_ID = re.compile(r"[A-Za-z0-9-]{1,100}")


class Message(Protocol):
    """The part of a queue's message that is used; one that was typed by hand has no id."""

    @property
    def id(self) -> Any: ...
    @property
    def dequeue_count(self) -> Any: ...
    def get_body(self) -> bytes: ...


class Unhandled(Document):
    """A message that no try has handled yet. `content` is cut, and has no queries of URLs in it."""

    queue: str
    message_id: str
    tries: int
    first_at: Utc
    last_at: Utc
    code: str
    message: str
    content: str


Receive = Callable[[str, DurableClient, Ports], Awaitable[None]]


async def handle(queue: str, message: Message, receive: Receive, client: DurableClient, ports: Ports) -> None:
    """
    Handle a message, and note it in the records for as long as that fails.

    Args:
        queue: where it came from.
        message: as the host gives it.
        receive: does the work; raises what the host is to count as a failed try.
        client: Durable's client.
        ports: the records and the clock.
    """
    tries = int(message.dequeue_count or 1)
    is_noted = message.id is not None and _ID.fullmatch(str(message.id)) is not None
    if is_noted and tries > 1:
        await in_thread(_note, queue, message, tries, None, ports)
    try:
        await receive(message.get_body().decode(), client, ports)
    except Exception as err:
        if is_noted:
            await in_thread(_note, queue, message, tries, err, ports)
        _log(queue, message, tries, err)
        raise
    if is_noted and tries > 1:
        await in_thread(_forget, queue, message, ports)


def warnings(ports: Ports) -> list[str]:
    """
    Return a line for each message of this region that is not handled, the first 20, and how many more.

    Raises:
        TemporaryError: storage does not answer.
    """
    try:
        records = ports.records()
        keys = [key for key in records.keys(layout.UNHANDLED) if key.endswith(".json")]
        found = readable(records, keys[:WARNINGS_MAX], Unhandled)
    except TemporaryError:
        raise
    except DrError as err:
        return [f"whether any message of a queue is not handled could not be told: {err.message}"]
    lines = [_line(one) for one in sorted(found, key=lambda one: (one.first_at, one.message_id))]
    rest = len(keys) - len(lines)
    return [*lines, f"{rest} more messages are not handled: see {layout.UNHANDLED}"] if rest else lines


def _line(one: Unhandled) -> str:
    tries = "1 try" if one.tries == 1 else f"{one.tries} tries"
    return (
        f"queue {one.queue}: message {one.message_id} is not handled since "
        f"{one.first_at:%Y-%m-%d %H:%M} UTC, after {tries}: {one.code}: {one.message}"
    )


def _note(queue: str, message: Message, tries: int, err: Exception | None, ports: Ports) -> None:
    """Write down that a message is not handled yet; that this fails must not keep it from being handled."""
    key, now = layout.unhandled_key(queue, str(message.id)), ports.clock.now()
    try:
        before = _before(key, ports)
        if err is not None:
            code, text = _told(err)
        elif before is not None:
            code, text = before.code, before.message
        else:
            code, text = "TryLost", "an earlier try did not come to its end: its worker died, or was too slow"
        noted = Unhandled(
            queue=queue,
            message_id=str(message.id),
            tries=tries,
            first_at=before.first_at if before else now,
            last_at=now,
            code=code,
            message=text,
            content=_shown(message.get_body()),
        )
        ports.records().put(key, noted.to_bytes())
    except DrError as failed:
        _log(queue, message, tries, failed, "it could not be noted: ")


def _before(key: str, ports: Ports) -> Unhandled | None:
    try:
        return read_document(ports.records(), key, Unhandled)[0]
    except (NotFoundError, ProtocolError):
        return None


def _forget(queue: str, message: Message, ports: Ports) -> None:
    try:
        ports.records().delete(layout.unhandled_key(queue, str(message.id)))
    except DrError as failed:
        _log(queue, message, None, failed, "it is handled, but still noted as if it were not: ")


def _told(err: Exception) -> tuple[str, str]:
    """Return code and cause; of what is none of our errors only its kind: its text may hold anything."""
    if isinstance(err, DrError):
        return err.code, err.message
    return type(err).__name__, "this is a bug, or the message is none of ours; the host's log has the rest"


def _shown(body: bytes) -> str:
    text = _QUERY.sub("?", body.decode("utf-8", "replace"))
    return text if len(text) <= CONTENT_LENGTH_MAX else f"{text[:CONTENT_LENGTH_MAX]}…"


def _log(queue: str, message: Message, tries: int | None, err: Exception, what: str = "") -> None:
    code, text = _told(err)
    telemetry.log(
        telemetry.Event.MESSAGE_UNHANDLED,
        level=logging.ERROR,
        queue=queue,
        event_id=message.id,
        tries=tries,
        code=code,
        message=f"{what}{text}",
    )
