"""
Queue triggers on a real storage queue (Azurite).

A message is hidden while its function runs, and hidden again before that ends; it is deleted after a success,
shown again after a failure, and moved to `<queue>-poison` after as many failures as host.json allows. A host
that is killed leaves its messages hidden for `LEASE` at most.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import datetime as dt
import logging
import os
from collections.abc import Callable
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.functions import meta
from azure.storage.queue import QueueClient, QueueMessage

from devhost.app import Function
from devhost.config import QueueOptions
from devhost.invoke import FunctionFailure, Invoker

log = logging.getLogger("devhost.queues")

LEASE_S = (
    15  # the real host takes minutes; a developer who kills the host wants to see the message again soon
)
RENEW_S = 5
GRACE_S = 3.0  # for what runs when the host is asked to end; it is delivered again otherwise
POLL_MIN_S = 0.1
POLL_MAX_S = 1.0
STORAGE_RETRY_S = 2.0


class QueueListener:
    """One function with a queue trigger."""

    def __init__(self, function: Function, invoker: Invoker, options: QueueOptions) -> None:
        raw = function.trigger.raw
        self._function = function
        self._invoker = invoker
        self._options = options
        self._queue_name = str(raw["queueName"])
        connection = os.environ[raw["connection"]]
        self._queue = _client(connection, self._queue_name)
        self._poison = _client(connection, f"{self._queue_name}-poison")
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take messages until cancelled; what runs then shows up again when its lease ends."""
        try:
            await self._prepare()
            pause_s = POLL_MIN_S
            while True:
                taken = await self._take()
                pause_s = POLL_MIN_S if taken else min(pause_s * 2, POLL_MAX_S)
                await self._rest(pause_s)
        finally:
            if self._running:
                await asyncio.wait(self._running, timeout=GRACE_S)
            for task in self._running:
                task.cancel()
            self._queue.close()
            self._poison.close()

    async def _prepare(self) -> None:
        """Create the queue; wait for the storage as long as it takes, and say so once."""
        is_told = False
        while True:
            try:
                await _in_thread(lambda: _create(self._queue))
            except AzureError as err:
                if not is_told:
                    log.warning(
                        "%s: waiting for queue '%s': %s",
                        self._function.name,
                        self._queue_name,
                        _first_line(err),
                    )
                    is_told = True
                await asyncio.sleep(STORAGE_RETRY_S)
            else:
                log.info("%s: listens to queue '%s'", self._function.name, self._queue_name)
                return

    async def _take(self) -> int:
        """Start as many messages as there is room for; return how many."""
        room = self._options.batch_size - len(self._running)
        if room <= self._options.batch_size // 2 and self._running:
            return 0
        count = min(room, 32)  # the service gives no more at once
        try:
            pages = await _in_thread(
                lambda: list(self._queue.receive_messages(max_messages=count, visibility_timeout=LEASE_S))
            )
        except ResourceNotFoundError:
            await self._prepare()
            return 0
        except AzureError as err:
            log.warning("%s: queue '%s': %s", self._function.name, self._queue_name, _first_line(err))
            await asyncio.sleep(STORAGE_RETRY_S)
            return 0
        for message in pages:
            task = asyncio.create_task(self._handle(message))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return len(pages)

    async def _rest(self, pause_s: float) -> None:
        """Pause; a message that ends makes room and ends the pause."""
        if self._running:
            await asyncio.wait(self._running, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(pause_s)

    async def _handle(self, message: QueueMessage) -> None:
        try:
            with contextlib.suppress(ResourceNotFoundError):  # somebody else deleted it
                if int(message.dequeue_count or 0) > self._options.dequeue_count_max:
                    await self._bury(message)  # a host that died each time never got to count its failures
                else:
                    await self._run_message(message)
        except AzureError as err:
            log.warning("%s: message %s: %s", self._function.name, message.id, _first_line(err))

    async def _run_message(self, message: QueueMessage) -> None:
        ended = asyncio.Event()
        renewing = asyncio.create_task(self._renew(message, ended))
        try:
            is_done = await self.run_text(message.content, message)
        finally:
            # Not cancelled: an update under way changes the receipt by which the message is deleted below.
            ended.set()
            await renewing
        if is_done:
            await _in_thread(lambda: self._queue.delete_message(message))
        elif int(message.dequeue_count or 0) >= self._options.dequeue_count_max:
            await self._bury(message)
        else:
            delay_s = int(self._options.retry_delay.total_seconds())
            await _in_thread(lambda: self._queue.update_message(message, visibility_timeout=delay_s))

    async def run_text(self, text: str, message: QueueMessage | None = None, why: str = "") -> bool:
        """
        Run the function on a message's text.

        Args:
            text: as it is in the queue, or as it was typed if there is no message.
            message: where it came from.
            why: for the log line.

        Returns:
            Whether the function succeeded.
        """
        try:
            body = self._decode(text) if message is not None else text.encode()
        except (binascii.Error, ValueError):
            log.warning("%s: the message is no base64; see messageEncoding in host.json", self._function.name)
            return False
        metadata = _metadata(message) if message is not None else {}
        count = f", delivery {message.dequeue_count}" if message is not None else ""
        try:
            trigger = meta.Datum(body.decode("utf-8"), "string")
        except UnicodeDecodeError:
            trigger = meta.Datum(body, "bytes")
        try:
            await self._invoker.invoke(self._function, trigger, metadata, why=why or f"queue{count}")
        except FunctionFailure:
            return False
        return True

    def _decode(self, text: str) -> bytes:
        return base64.b64decode(text, validate=True) if self._options.is_base64 else text.encode()

    async def _renew(self, message: QueueMessage, ended: asyncio.Event) -> None:
        """Keep a message hidden until its function ended."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEW_S):
                    await ended.wait()
                return
            try:
                fresh = await _in_thread(
                    lambda: self._queue.update_message(message, visibility_timeout=LEASE_S)
                )
            except AzureError as err:
                log.warning("%s: message %s: %s", self._function.name, message.id, _first_line(err))
            else:
                message.pop_receipt = fresh.pop_receipt

    async def _bury(self, message: QueueMessage) -> None:
        """Move a message to the poison queue: first there, then away from here."""
        await _in_thread(lambda: _create(self._poison))
        await _in_thread(lambda: self._poison.send_message(message.content, time_to_live=-1))
        await _in_thread(lambda: self._queue.delete_message(message))
        log.error(
            "%s: message %s failed %s times and is now in '%s-poison'",
            self._function.name,
            message.id,
            self._options.dequeue_count_max,
            self._queue_name,
        )


def _client(connection: str, name: str) -> QueueClient:
    # No encoding policy: the text stays as it is, so that a poisoned message is the very same text.
    return QueueClient.from_connection_string(
        connection, name, message_encode_policy=None, message_decode_policy=None, retry_total=2
    )


def _create(queue: QueueClient) -> None:
    with contextlib.suppress(ResourceExistsError):
        queue.create_queue()


def _metadata(message: QueueMessage) -> dict[str, meta.Datum]:
    return {
        "Id": meta.Datum(message.id, "string"),
        "DequeueCount": meta.Datum(int(message.dequeue_count or 0), "int"),
        "PopReceipt": meta.Datum(message.pop_receipt, "string"),
        "InsertionTime": _time(message.inserted_on),
        "ExpirationTime": _time(message.expires_on),
        "NextVisibleTime": _time(message.next_visible_on),
    }


def _time(moment: dt.datetime | None) -> meta.Datum:
    return meta.Datum(moment.strftime("%Y-%m-%dT%H:%M:%S+00:00") if moment else "", "string")


async def _in_thread(call: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(call)


def _first_line(err: BaseException) -> str:
    return f"{type(err).__name__}: {str(err).splitlines()[0][:256] if str(err) else ''}"
