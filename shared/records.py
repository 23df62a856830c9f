"""Reading stored documents: one, the newest of many, or all; a broken one hides no other."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared import telemetry
from shared.core.documents import Document
from shared.core.errors import NotFoundError, ProtocolError
from shared.core.ports import Blobs

_D = TypeVar("_D", bound=Document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything(Generic[_D]):
    """All documents of one prefix with their ETags, by key; `faults` names each that could not be read."""

    found: Mapping[str, tuple[_D, str]]
    faults: tuple[str, ...]


def read_document(records: Blobs, key: str, kind: type[_D]) -> tuple[_D, str]:
    """
    Return a document and its ETag.

    Raises:
        NotFoundError: there is no such blob.
        ProtocolError: it is not readable; names the blob.
    """
    content, etag = records.read(key)
    try:
        return kind.from_bytes(content), etag
    except ProtocolError as err:
        raise ProtocolError(
            f"{key} in {records.account}/{records.container}: {err.message}",
            hint="Compare it with the others there; a newer release of this app may have written it.",
        ) from err


def newest(records: Blobs, prefix: str, kind: type[_D], count_max: int) -> list[_D]:
    """
    Return the newest documents, newest first: all our names sort as their times do.

    Documents that cannot be read are passed over and logged; they must not hide the others.
    """
    return readable(records, reversed(deque(records.keys(prefix), maxlen=count_max)), kind)


def readable(records: Blobs, keys: Iterable[str], kind: type[_D]) -> list[_D]:
    """Return the documents of these keys in their order; one that vanished or is broken hides no other."""
    found = []
    for key in keys:
        try:
            found.append(read_document(records, key, kind)[0])
        except NotFoundError:
            continue  # deleted since it was listed
        except ProtocolError as err:
            telemetry.log(telemetry.Event.RECORD_UNREADABLE, level=logging.ERROR, message=err.message)
    return found


def everything(records: Blobs, prefix: str, kind: type[_D]) -> Everything[_D]:
    """
    Return all documents of a prefix, for those who must know whether one is missing.

    Blobs that do not end as our documents do are none of them. One that vanishes between the list and
    its reading is a fault as well: somebody else is at work there.

    Raises:
        AccessError, TemporaryError, NotFoundError: the list, or a document, could not be had at all.
    """
    found: dict[str, tuple[_D, str]] = {}
    faults = []
    for key in records.keys(prefix):
        if not key.endswith(".json"):
            continue
        try:
            found[key] = read_document(records, key, kind)
        except NotFoundError:
            faults.append(f"{key} vanished while it was read")
        except ProtocolError as err:
            telemetry.log(telemetry.Event.RECORD_UNREADABLE, level=logging.ERROR, message=err.message)
            faults.append(err.message)
    return Everything(found=found, faults=tuple(faults))
