"""The runs that a night has had already, for one that was cut off."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shared.core import names
from shared.core.errors import NotFoundError, ProtocolError
from shared.core.fleet import Start
from shared.core.nights import NightWish
from shared.core.ports import Ports
from shared.core.requests import BackupRequest
from shared.core.runs import RunRecord
from shared.threads import in_threads

READS_AT_ONCE = 8


def runs_of_night(wish: NightWish, ports: Ports, warnings: list[str]) -> dict[str, list[RunRecord]]:
    """
    Return the runs of a night by service, oldest first.

    Args:
        wish: the night's.
        ports: the run records.
        warnings: gets one for each run that cannot be read: it may be of this night.

    Raises:
        AccessError, TemporaryError: the list, or a record, could not be had.
    """
    since = min(wish.requested_at, wish.scheduled_at or wish.requested_at)
    ids = [run_id for run_id in ports.runs.ids_since(since, ports.clock.now()) if _may_be_of(wish, run_id)]

    def read(run_id: str) -> RunRecord | None:
        try:
            return ports.runs.read(run_id)[0]
        except (NotFoundError, ProtocolError) as err:
            warnings.append(f"run {run_id} could not be read and may be of this night: {err.message}")
            return None

    found: dict[str, list[RunRecord]] = {}
    for run in in_threads(read, ids, at_once=READS_AT_ONCE):
        if run is not None and _is_of(wish.night, wish.scheduled_at, run.wish):
            found.setdefault(run.service, []).append(run)
    return found


def is_of_night(request: Any, start: Start) -> str | None:
    """Return the run's id if a request, as its orchestration got it, is of a start's night."""
    if not isinstance(request, dict) or not _is_of(start.night, start.scheduled_at, request):
        return None
    return str(request["runId"])


def _may_be_of(wish: NightWish, run_id: str) -> bool:
    """Tell whether a run's id could be of a night; a run of the timer does not say of which."""
    tail = "" if wish.trigger == "timer" else f"-{names.digest(wish.night)[:8]}"
    return "-backup-" in run_id and run_id.endswith(tail)


def _is_of(night: str, scheduled_at: dt.datetime | None, request: dict[str, Any]) -> bool:
    try:
        asked = BackupRequest.from_json(request)
    except ProtocolError:
        return False  # a restore, or an older release's run without its wish
    if scheduled_at is not None:
        return asked.scheduled_at == scheduled_at
    # a night that no schedule began has its id in the ids of its runs
    return asked.run_id == names.run_id("backup", asked.service, asked.requested_at, because=night)
