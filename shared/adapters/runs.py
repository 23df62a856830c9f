"""The run records, as blobs of the region's records container."""

from __future__ import annotations

import contextlib
import datetime as dt

from shared.core import layout, names
from shared.core.errors import ConflictError, NotFoundError, ProtocolError
from shared.core.ports import Blobs
from shared.core.runs import OpenMark, RunRecord
from shared.records import newest, read_document, readable

DAYS_BACK_MAX = 7
_DAY = dt.timedelta(days=1)


class RunStore:
    """The port Runs."""

    def __init__(self, records: Blobs) -> None:
        self._records = records

    def create(self, run: RunRecord) -> str | None:
        """
        Write a run that must not exist, and return its ETag; None if it did.

        Its mark comes first: a crash in between leaves a mark without a run, which is cleared away, and
        not a run that nobody would ever find again.
        """
        seemed_there = self._records.exists(layout.run_key(run.run_id))
        if not seemed_there:
            self._open(run.run_id)
        try:
            etag = self._records.create(layout.run_key(run.run_id), run.to_bytes())
        except ConflictError:
            return None
        if seemed_there:  # it was taken back at this moment, and its mark with it
            self._open(run.run_id)
        return etag

    def read(self, run_id: str) -> tuple[RunRecord, str]:
        """Return a run and its ETag."""
        try:
            return read_document(self._records, layout.run_key(run_id), RunRecord)
        except NotFoundError as err:
            hint = "GET /api/runs lists the newest runs."
            raise NotFoundError(f"run {run_id} is not known here", hint=hint, code="RunNotFound") from err

    def replace(self, run: RunRecord, etag: str) -> str:
        """Write a run that must not have changed since it was read."""
        return self._records.replace(layout.run_key(run.run_id), run.to_bytes(), etag)

    def discard(self, run_id: str, etag: str) -> None:
        """
        Take back a run that nothing was started for, unless anybody has written it since this ETag.

        The mark is looked at before and deleted after: whoever writes the run down once more in between
        marks it anew, and that mark stays.
        """
        mark = self.mark(run_id)
        try:
            self._records.delete(layout.run_key(run_id), etag=etag)
        except ConflictError:
            return
        if mark is not None:
            self.close(run_id, mark[1])

    def ids_since(self, at: dt.datetime, now: dt.datetime) -> list[str]:
        """
        Return the ids of all runs that were wished for at this time or later, oldest first.

        Only the days in between are listed, and one more for a clock that goes ahead of this one.
        """
        found = []
        for prefix in layout.runs_prefixes(at.date(), (now + _DAY).date()):
            for key in self._records.keys(prefix):
                found.append(key.removeprefix(layout.RUNS).removesuffix(".json"))
        return [run_id for run_id in found if run_id >= names.stamp(at)]

    def open_ids(self) -> list[str]:
        """Return the ids of all runs without a final word, oldest first."""
        return [key.removeprefix(layout.OPEN_RUNS) for key in self._records.keys(layout.OPEN_RUNS)]

    def mark(self, run_id: str) -> tuple[OpenMark, str] | None:
        """Return what is kept beside an open run, with its ETag; None if the run is not open any more."""
        try:
            content, etag = self._records.read(layout.open_run_key(run_id))
        except NotFoundError:
            return None
        try:
            return OpenMark.from_bytes(content), etag
        except ProtocolError:
            return OpenMark(), etag  # that it is there says more than what is in it

    def note(self, run_id: str, seen_at: dt.datetime, etag: str) -> None:
        """Write down when an open run was seen, unless its mark has changed since this ETag."""
        with contextlib.suppress(ConflictError):
            self._records.replace(layout.open_run_key(run_id), OpenMark(seen_at=seen_at).to_bytes(), etag)

    def close(self, run_id: str, etag: str | None = None) -> None:
        """Take a run off the list of open ones, unless its mark changed since the ETag."""
        with contextlib.suppress(ConflictError):
            self._records.delete(layout.open_run_key(run_id), etag=etag)

    def _open(self, run_id: str) -> None:
        self._records.put(layout.open_run_key(run_id), OpenMark().to_bytes())

    def newest(self, count_max: int, now: dt.datetime) -> list[RunRecord]:
        """
        Return the newest runs, newest first: ids begin with the time, so names sort as times do.

        It goes back day by day for a week; where those days have fewer runs, the others are few as well,
        and all are listed.
        """
        found: list[str] = []
        for number in range(-1, DAYS_BACK_MAX):  # one day more for a clock that goes ahead of this one
            prefix = layout.runs_of_day_prefix((now - number * _DAY).date())
            found += reversed(list(self._records.keys(prefix)))
            if len(found) >= count_max:
                return readable(self._records, found[:count_max], RunRecord)
        return newest(self._records, layout.RUNS, RunRecord, count_max)
