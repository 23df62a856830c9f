"""What a standby holds, by the records of its region: replicas, and the runs that restored into it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from operate_http.regions import Regions
from shared.core import layout
from shared.core.ends import Standby
from shared.core.plan import ProtectedService
from shared.core.ports import Blobs
from shared.core.preflight_facts import Unseen
from shared.core.reports import Replica
from shared.core.runs import Outcome, RunRecord
from shared.records import newest, readable
from shared.standby import replica_of

REPLICAS_READ_MAX = 3
"""The newest by name are the newest by time; more than one, in case one cannot be read."""

RUNS_SENT_MAX = 5
"""Of those that were sent, the newest; however many were refused since, or went into another target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """
    What a standby holds. `replica` None: nothing is known that it holds.

    `doubt` says why it may hold something else; `restore` is the last restore into it that has succeeded,
    `under_way` the id of one that has no word yet.
    """

    replica: Replica | None
    doubt: str = ""
    restore: RunRecord | None = None
    under_way: str | None = None


def holding(service: ProtectedService, standby: Standby, regions: Regions) -> Holding | Unseen:
    """
    Return what a standby holds, or why that could not be read.

    Replication leaves a replica; a restore that an operator asked for leaves only its run, so both are read.
    """
    ids = regions.restores_of(service.name, standby.region)
    if isinstance(ids, Unseen):
        return ids
    return regions.read(standby.region, lambda records: _read(service, standby, ids, records))


def _read(
    service: ProtectedService, standby: Standby, ids: tuple[str, ...], records: Blobs
) -> Holding | Unseen:
    replicas = newest(records, layout.replicas_prefix(service.name), Replica, REPLICAS_READ_MAX)
    own = [replica for replica in replicas if replica.target.is_same_as(standby.ref)]
    replica = max(own, key=lambda one: one.point_started_at, default=None)
    runs = list(islice(_sent(service, standby, ids, records), RUNS_SENT_MAX))
    restore = next((run for run in runs if run.word is Outcome.SUCCEEDED), None)
    restored = replica_of(restore) if restore else None
    if restored and (replica is None or restored.recorded_at > replica.recorded_at):
        replica = restored
    ended = next((run for run in runs if run.word is not None), None)
    return Holding(
        replica=replica,
        doubt=_doubt(ended, replica, standby) if ended else "",
        restore=restore,
        under_way=next((run.run_id for run in runs if run.word is None), None),
    )


def _sent(
    service: ProtectedService, standby: Standby, ids: tuple[str, ...], records: Blobs
) -> Iterator[RunRecord]:
    """Yield the runs that may have changed the standby, newest first; they are read one by one."""
    for run_id in ids:
        for run in readable(records, [layout.run_key(run_id)], RunRecord):
            if run.service == service.name and run.subject.is_same_as(standby.ref) and run.is_under_way:
                yield run


def _doubt(run: RunRecord, replica: Replica | None, standby: Standby) -> str:
    """Return why the last restore that was sent leaves open what the standby holds, or an empty string."""
    if run.word is Outcome.SUCCEEDED or (replica and replica.recorded_at > (run.ended_at or run.phase_at)):
        return ""
    return (
        f"what {standby.ref.name} holds is not certain: the last restore into it, run {run.run_id}, "
        f"ended as {run.word}"
    )
