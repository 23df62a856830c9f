"""The run records, as blobs of the region's records container."""

from __future__ import annotations

from collections import deque

from shared.core import layout
from shared.core.errors import ConflictError, NotFoundError
from shared.core.ports import Blobs
from shared.core.runs import RunRecord


class RunStore:
    """The port Runs."""

    def __init__(self, records: Blobs) -> None:
        self._records = records

    def create(self, run: RunRecord) -> bool:
        """Write a run that must not exist; False if it did."""
        try:
            self._records.create(layout.run_key(run.run_id), run.to_bytes())
        except ConflictError:
            return False
        return True

    def read(self, run_id: str) -> tuple[RunRecord, str]:
        """Return a run and its ETag."""
        try:
            content, etag = self._records.read(layout.run_key(run_id))
        except NotFoundError as err:
            hint = "GET /api/runs lists the newest runs."
            raise NotFoundError(f"run {run_id} is not known here", hint=hint, code="RunNotFound") from err
        return RunRecord.from_bytes(content), etag

    def replace(self, run: RunRecord, etag: str) -> str:
        """Write a run that must not have changed since it was read."""
        return self._records.replace(layout.run_key(run.run_id), run.to_bytes(), etag)

    def newest(self, count_max: int) -> list[RunRecord]:
        """Return the newest runs, newest first: ids begin with the time, so names sort as times do."""
        keys = deque(self._records.keys(layout.RUNS), maxlen=count_max)
        return [RunRecord.from_bytes(self._records.read(key)[0]) for key in reversed(keys)]
