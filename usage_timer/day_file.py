"""
One day of one report on its way into a file: sorted and without repetitions, in bounded memory.

Rows are collected in a temporary database on disk, of which SQLite keeps CACHE_KIB in memory. What is held
as a whole is the compressed file, because it is written in one call: at most CONTENT_LENGTH_MAX bytes.
"""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from shared.core import usage_rows
from shared.core.errors import PermanentError, ProtocolError
from shared.core.usage_rows import Line

ROWS_MAX = 500_000
"""More are a clear fault, never a silent cut."""
CONTENT_LENGTH_MAX = 48 * 1024 * 1024
"""Under the length that one document of ours may have, and that one call writes."""
CACHE_KIB = 8192

_TABLE = "CREATE TABLE lines (id TEXT PRIMARY KEY, place TEXT, calls INTEGER, text TEXT) WITHOUT ROWID"
_ADD = "INSERT OR IGNORE INTO lines VALUES (?, ?, ?, ?)"
_IMPROVE = "UPDATE lines SET place = ?, calls = ?, text = ? WHERE id = ? AND (calls, text) < (?, ?)"
_SUM = "SELECT coalesce(sum(calls), 0) FROM lines"
_READ = "SELECT text FROM lines ORDER BY place, id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """How much a file holds. Sums of days that Azure has forgotten have their rows, and no calls in them."""

    rows: int
    calls: int

    def is_less_than(self, other: Weight) -> bool:
        """Whether something of the other would be lost."""
        return self.rows < other.rows or self.calls < other.calls


class DayFile:
    """The rows of a day. Use it in a `with` statement, from one thread."""

    def __init__(self, *, rows_max: int = ROWS_MAX, length_max: int = CONTENT_LENGTH_MAX) -> None:
        self.rows = 0
        self._rows_max = rows_max
        self._length_max = length_max
        self._database = sqlite3.connect("", isolation_level=None)  # on disk, and gone when it is closed
        for pragma in (f"cache_size=-{CACHE_KIB}", "journal_mode=OFF", "synchronous=OFF", "temp_store=FILE"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute(_TABLE)
        self._database.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, line: Line) -> bool:
        """
        Take a row; tell whether it was not there before.

        Raises:
            PermanentError: UsageDayTooLarge.
        """
        found = self._database.execute(_ADD, (line.identity, line.place, line.calls, line.text))
        if not found.rowcount:
            better = (line.place, line.calls, line.text, line.identity, line.calls, line.text)
            self._database.execute(_IMPROVE, better)
            return False
        self.rows += 1
        if self.rows > self._rows_max:
            raise too_large(f"the day has more than {self._rows_max} rows")
        return True

    def weight(self) -> Weight:
        """Return how much there is."""
        ((calls,),) = self._database.execute(_SUM)
        return Weight(rows=self.rows, calls=calls)

    def content(self) -> bytes:
        """
        Return the file: the same rows give the same bytes.

        Raises:
            PermanentError: UsageDayTooLarge.
        """
        buffer = io.BytesIO()
        # without time and name, which gzip would write into its header
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=buffer, mtime=0) as packed:
            for (text,) in self._database.execute(_READ):
                packed.write(text.encode() + b"\n")
                self._check_length(buffer)
        self._check_length(buffer)
        return buffer.getvalue()

    def _check_length(self, buffer: io.BytesIO) -> None:
        if buffer.tell() > self._length_max:
            raise too_large(f"the day's file has more than {self._length_max} bytes")


def weigh(content: bytes, key: str) -> Weight:
    """
    Return how much a file holds that was written before, read line by line.

    Raises:
        ProtocolError: UsageFileUnreadable.
    """
    try:
        calls = [usage_rows.calls_of(json.loads(line)) for line in _lines_of(content)]
    except (OSError, EOFError, zlib.error, ValueError, AttributeError) as err:
        hint = "Somebody else wrote it. Move it away; the next exports try the day again."
        raise ProtocolError(f"{key} is not a file of ours", hint=hint, code="UsageFileUnreadable") from err
    return Weight(rows=len(calls), calls=sum(calls))


def _lines_of(content: bytes) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=io.BytesIO(content), mode="rb") as packed:
        yield from packed


def too_large(message: str) -> PermanentError:
    """Return the fault of a day that is larger than can be exported, with what to do instead."""
    hint = "Leave byRequest out of the plan's reports, and send gateway logs to Log Analytics instead."
    return PermanentError(message, hint=hint, code="UsageDayTooLarge")
