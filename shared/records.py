"""Reading stored documents: one by its key, or the newest of many; a broken one hides no other."""

from __future__ import annotations

import logging
from collections import deque
from typing import TypeVar

from shared import telemetry
from shared.core.documents import Document
from shared.core.errors import NotFoundError, ProtocolError
from shared.core.ports import Blobs

_D = TypeVar("_D", bound=Document)


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
    found = []
    for key in reversed(deque(records.keys(prefix), maxlen=count_max)):
        try:
            found.append(read_document(records, key, kind)[0])
        except NotFoundError:
            continue  # deleted since it was listed
        except ProtocolError as err:
            telemetry.log(telemetry.Event.RECORD_UNREADABLE, level=logging.ERROR, message=err.message)
    return found
