"""
The relay: new blobs of an account become BlobCreated events on a storage queue.

It stands in for an Event Grid subscription, which Azurite does not have. It lists the container again and
again and remembers each blob's ETag in a SQLite file only after the event is on the queue: an event may come
twice, none is lost.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import pathlib
import signal
import sqlite3
import threading
from collections.abc import Iterator

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.identity import CredentialUnavailableError, DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.blob import BlobProperties, ContainerClient
from azure.storage.queue import QueueClient

from devhost import blob_events, files

log = logging.getLogger("devhost.relay")

QUIET_LOGGERS = ("azure", "urllib3", "msal")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line of `relay`; `queue_connection` is the name of a setting, not the string itself."""

    account_url: str
    container: str
    prefix: str
    queue_connection: str
    queue: str
    state: pathlib.Path
    interval_s: float = 0.5
    copies: int = 1
    ready_file: pathlib.Path | None = None


class RelayError(Exception):
    """The relay cannot start; the text says why and what to do."""


class Seen:
    """The ETags whose events are on the queue."""

    def __init__(self, path: pathlib.Path | None) -> None:
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(str(path) if path else ":memory:", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS seen (container TEXT, blob TEXT, etag TEXT,"
            " PRIMARY KEY (container, blob))"
        )

    def has(self, blob: blob_events.Blob) -> bool:
        """Tell whether this version of the blob was relayed."""
        select = "SELECT etag FROM seen WHERE container = ? AND blob = ?"
        row = self._db.execute(select, (_place(blob), blob.name)).fetchone()
        return row is not None and row[0] == blob.etag

    def add(self, blob: blob_events.Blob) -> None:
        """Remember a version."""
        self._db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (_place(blob), blob.name, blob.etag))

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _place(blob: blob_events.Blob) -> str:
    return f"{blob_events.account_of(blob.account_url)}/{blob.container}"


class Relay:
    """One container, one prefix, one queue."""

    def __init__(self, container: ContainerClient, queue: QueueClient, seen: Seen, options: Options) -> None:
        self._container = container
        self._queue = queue
        self._seen = seen
        self._options = options

    def pass_once(self) -> int:
        """
        List once and relay what is new; a container that is not there yet is empty.

        Returns:
            How many blobs were relayed.

        Raises:
            AzureError: the storage cannot be reached or refuses; nothing is forgotten.
        """
        count = 0
        for blob in self._list():
            if self._seen.has(blob):
                continue
            message = blob_events.to_message(blob_events.blob_created(blob))
            for _ in range(self._options.copies):
                self._send(message)
            self._seen.add(blob)
            log.info("relayed %s", blob.name)
            count += 1
        return count

    def _list(self) -> Iterator[blob_events.Blob]:
        with contextlib.suppress(ResourceNotFoundError):
            for properties in self._container.list_blobs(name_starts_with=self._options.prefix):
                yield self._blob(properties)

    def _blob(self, properties: BlobProperties) -> blob_events.Blob:
        settings = properties.content_settings
        return blob_events.Blob(
            account_url=self._options.account_url,
            container=self._options.container,
            name=properties.name,
            etag=str(properties.etag).strip('"'),
            changed_at=properties.last_modified,
            size_bytes=int(properties.size),
            content_type=str(settings.content_type or "application/octet-stream"),
            blob_type=str(getattr(properties.blob_type, "value", properties.blob_type)),
        )

    def _send(self, message: str) -> None:
        try:
            self._queue.send_message(message)
        except ResourceNotFoundError:
            with contextlib.suppress(ResourceExistsError):
                self._queue.create_queue()
            self._queue.send_message(message)


def run(options: Options) -> None:
    """
    Relay until interrupted.

    Raises:
        RelayError: the setting with the queue's connection string is missing or malformed.
    """
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    connection = os.environ.get(options.queue_connection)
    if not connection:
        raise RelayError(
            f"the setting '{options.queue_connection}' is missing; it holds the queue's connection string"
        )
    try:
        queue = QueueClient.from_connection_string(
            connection, options.queue, message_encode_policy=None, message_decode_policy=None
        )
    except ValueError as err:
        raise RelayError(f"the setting '{options.queue_connection}' is no connection string: {err}") from err
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    container = ContainerClient(options.account_url, options.container, credential=_credential())
    seen = Seen(options.state)
    log.info(
        "relay from %s/%s/%s* to queue '%s' every %s s",
        options.account_url,
        options.container,
        options.prefix,
        options.queue,
        options.interval_s,
    )
    if options.ready_file:
        files.write_ready(options.ready_file, {"pid": os.getpid()})
    _loop(Relay(container, queue, seen, options), stop, options.interval_s)
    seen.close()
    log.info("relay ended; the state is kept in %s", options.state)


def _loop(relay: Relay, stop: threading.Event, interval_s: float) -> None:
    """Pass again and again; a fault is told once, until something changes."""
    told = ""
    while not stop.is_set():
        try:
            relay.pass_once()
            told = ""
        except (AzureError, CredentialUnavailableError) as err:
            fault = f"{type(err).__name__}: {str(err).splitlines()[0][:256] if str(err) else ''}"
            if fault != told:
                log.warning("waiting: %s", fault)
            told = fault
        stop.wait(interval_s)


def _credential() -> TokenCredential:
    """Use the managed identity where there is one, else whatever the developer is signed in with."""
    if os.environ.get("IDENTITY_ENDPOINT"):
        return ManagedIdentityCredential(client_id=os.environ.get("AZURE_CLIENT_ID"))
    return DefaultAzureCredential()
