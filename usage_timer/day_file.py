"""
One day of one report on its way into a file: sorted and without repetitions, in bounded memory.

Rows are collected in a temporary database on disk, of which SQLite keeps CACHE_KIB in memory. What is held
as a whole is the compressed file, because it is written in one call: at most CONTENT_LENGTH_MAX bytes. The
database holds what is written of a row, and of what tells rows apart only digests; their key is in memory
and gone with the file, so that nobody finds an address by trying them all.

A file that is there already is united with the rows of now, row by row. Rows of it that are still shown the
same are met first, then those that look like one of now but for their measures, then those about the same
thing; of two that have met the one with more calls stays, and the one of now where they are equal. What has
met nobody stays as well.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import secrets
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from shared.core.errors import PermanentError, ProtocolError
from shared.core.usage_rows import Line

ROWS_MAX = 500_000
"""More are a clear fault, never a silent cut."""
CONTENT_LENGTH_MAX = 48 * 1024 * 1024
"""Under the length that one document of ours may have, and that one call writes."""
CACHE_KIB = 8192

_TABLE = """
    CREATE TABLE lines (
        number INTEGER PRIMARY KEY, former INTEGER, met INTEGER DEFAULT 0,
        id BLOB UNIQUE, look BLOB, sight BLOB, subject BLOB, place TEXT, calls INTEGER, text TEXT)
"""
_ADD = """
    INSERT OR IGNORE INTO lines (former, id, look, sight, subject, place, calls, text)
    VALUES (0, ?, ?, ?, ?, ?, ?, ?)
"""
_ADD_FORMER = """
    INSERT INTO lines (former, look, sight, subject, place, calls, text) VALUES (1, ?, ?, ?, ?, ?, ?)
"""
_IMPROVE = """
    UPDATE lines SET look = ?, sight = ?, subject = ?, place = ?, calls = ?, text = ?
    WHERE id = ? AND (calls, text) < (?, ?)
"""
_MEET_SAME = """
    UPDATE lines SET met = 1
    WHERE number = (SELECT number FROM lines WHERE look = ? AND NOT met AND NOT former LIMIT 1)
"""
_RANK = """
    INSERT INTO ranked
    SELECT number, former, calls, {name},
        row_number() OVER (PARTITION BY former, {name} ORDER BY calls DESC, text DESC)
    FROM lines WHERE NOT met
"""
_PAIR = """
    INSERT INTO pairs SELECT old.number, new.number, old.calls > new.calls
    FROM ranked AS old JOIN ranked AS new USING (likeness, place) WHERE old.former AND NOT new.former
"""
_WINNERS = "UPDATE lines SET met = 1 WHERE number IN (SELECT iif(wins, old, new) FROM pairs)"
_LOSERS = "DELETE FROM lines WHERE number IN (SELECT iif(wins, new, old) FROM pairs)"
_SUM = "SELECT count(*), coalesce(sum(calls), 0) FROM lines"
_READ = "SELECT text FROM lines ORDER BY place, text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """How much a file holds. Sums of days that Azure has forgotten have their rows, and no calls in them."""

    rows: int
    calls: int


class DayFile:
    """The rows of a day. Use it in a `with` statement, from one thread."""

    def __init__(self, *, rows_max: int = ROWS_MAX, length_max: int = CONTENT_LENGTH_MAX) -> None:
        self.rows = 0
        self._rows_max = rows_max
        self._length_max = length_max
        self._key = secrets.token_bytes(32)
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
        identity, values = self._digest(line.identity), self._values(line)
        if not self._database.execute(_ADD, (identity, *values)).rowcount:
            self._database.execute(_IMPROVE, (*values, identity, line.calls, line.text))
            return False
        self._grow_to(self.rows + 1)
        return True

    def unite(self, former: Iterable[Line]) -> None:
        """
        Take what lay in the day's file before, so that nothing of it is lost; once, after the last `add`.

        Raises:
            PermanentError: UsageDayTooLarge; together they are more than one file may hold.
            Whatever `former` raises.
        """
        execute = self._database.execute
        execute("CREATE INDEX looks ON lines (look)")
        for number, line in enumerate(former, start=1):
            if number > self._rows_max:
                raise too_large(f"the day's former file has more than {self._rows_max} rows")
            values = self._values(line)
            if not execute(_MEET_SAME, values[:1]).rowcount:
                execute(_ADD_FORMER, values)
        execute("CREATE TABLE ranked (number, former, calls, likeness, place)")
        execute("CREATE INDEX places ON ranked (likeness, place, former)")
        execute("CREATE TABLE pairs (old, new, wins)")
        for name in ("sight", "subject"):
            for step in (_RANK.format(name=name), _PAIR, _WINNERS, _LOSERS):
                execute(step)
            execute("DELETE FROM ranked")
            execute("DELETE FROM pairs")
        self._grow_to(self.weight().rows)

    def weight(self) -> Weight:
        """Return how much there is."""
        ((rows, calls),) = self._database.execute(_SUM)
        return Weight(rows=rows, calls=calls)

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

    def _grow_to(self, rows: int) -> None:
        self.rows = rows
        if rows > self._rows_max:
            raise too_large(f"the day has more than {self._rows_max} rows")

    def _values(self, line: Line) -> tuple[Any, ...]:
        look, sight, subject = (self._digest(text) for text in (line.text, line.sight, line.subject))
        return look, sight, subject, line.place, line.calls, line.text

    def _digest(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode(), digest_size=16, key=self._key).digest()

    def _check_length(self, buffer: io.BytesIO) -> None:
        if buffer.tell() > self._length_max:
            raise too_large(f"the day's file has more than {self._length_max} bytes")


def rows_of(content: bytes, key: str) -> Iterator[dict[str, Any]]:
    """
    Return the rows of a file that was written before, read line by line.

    Raises:
        ProtocolError: UsageFileUnreadable.
    """
    try:
        for line in _lines_of(content):
            yield dict(json.loads(line).items())  # what is no object has no items
    except (OSError, EOFError, zlib.error, ValueError, AttributeError, RecursionError) as err:
        hint = "Somebody else wrote it. Move it away; the next exports try the day again."
        raise ProtocolError(f"{key} is not a file of ours", hint=hint, code="UsageFileUnreadable") from err


def _lines_of(content: bytes) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=io.BytesIO(content), mode="rb") as packed:
        yield from packed


def too_large(message: str) -> PermanentError:
    """Return the fault of a day that is larger than can be exported, with what to do instead."""
    hint = "Leave byRequest out of the plan's reports, and send gateway logs to Log Analytics instead."
    return PermanentError(message, hint=hint, code="UsageDayTooLarge")
