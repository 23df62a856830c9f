"""The run records, as blobs of the region's records container."""

from __future__ import annotations

from shared.core import layout
from shared.core.errors import ConflictError, NotFoundError
from shared.core.ports import Blobs
from shared.core.runs import RunRecord
from shared.records import newest, read_document

TEXT_TYPE = "text/plain"


class RunStore:
    """The port Runs."""

    def __init__(self, records: Blobs) -> None:
        self._records = records

    def create(self, run: RunRecord) -> bool:
        """
        Write a run that must not exist; False if it did.

        Its mark comes first: a crash in between leaves a mark without a run, which is cleared away, and
        not a run that nobody would ever find again.
        """
        if not self._records.exists(layout.run_key(run.run_id)):
            self._records.put(layout.open_run_key(run.run_id), b"", content_type=TEXT_TYPE)
        try:
            self._records.create(layout.run_key(run.run_id), run.to_bytes())
        except ConflictError:
            return False
        return True

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

    def discard(self, run_id: str) -> None:
        """Take back a run that this very call created and that nothing was started for."""
        self._records.delete(layout.run_key(run_id))
        self.close(run_id)

    def open_ids(self) -> list[str]:
        """Return the ids of all runs without a final word, oldest first."""
        return [key.removeprefix(layout.OPEN_RUNS) for key in self._records.keys(layout.OPEN_RUNS)]

    def close(self, run_id: str) -> None:
        """Take a run off the list of open ones."""
        self._records.delete(layout.open_run_key(run_id))

    def newest(self, count_max: int) -> list[RunRecord]:
        """Return the newest runs, newest first: ids begin with the time, so names sort as times do."""
        return newest(self._records, layout.RUNS, RunRecord, count_max)
