"""What a standby holds, and what other runs did to it. Asked before a restore, and before it is judged."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from shared.core import layout, names
from shared.core.errors import NotFoundError, ProtocolError
from shared.core.ports import Ports
from shared.core.replication import ReplicationStop, stopped_because
from shared.core.reports import Replica
from shared.core.requests import RestoreRequest
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome, RunRecord
from shared.core.services import ServiceRef
from shared.records import newest, read_document, readable

REPLICAS_READ_MAX = 10
"""The newest by name are the newest by time; more than one, in case one cannot be read."""

RUNS_READ_MAX = 30
"""The newest; a replication is tried few times, and then waits for an operator."""

WAITED_AT_MOST = dt.timedelta(days=1)
"""A run may have waited for its service, so its id can be older than what it did."""

RECENTLY = dt.timedelta(days=2)
"""A replication may wait for a busy standby, and then run, for most of a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """
    What restores have brought to a standby, replications and others, newest by time of the restore.

    `held` was brought last, `newest` is the newest point of all that were brought; None: there is none.
    `runs` are the restores into it, oldest first. `touched_at`: when the last of them sent something, or
    a replica was recorded; None: nothing in the standby is known to be of ours. `was_primary_since`:
    whether this region has backed up the service since then, as its primary.
    """

    held: Replica | None
    newest: Replica | None
    runs: tuple[RunRecord, ...]
    touched_at: dt.datetime | None
    was_primary_since: bool


def brought(service: str, target: ServiceRef, since: dt.datetime, ports: Ports) -> Brought:
    """
    Return what was brought to a standby, by replicas and by the runs since a time.

    A run cannot have brought a point before the point was made: what is asked for points of a time needs
    the runs since that time.
    """
    replicas = _replicas(service, target, ports)
    known_at = [replica.recorded_at for replica in replicas]
    ids = ports.runs.ids_since(min([since, *known_at]), ports.clock.now())
    runs = _restores(service, target, ids, since, ports)
    done = [run for run in runs if run.word is Outcome.SUCCEEDED]
    left = [replica for replica in map(replica_of, done) if replica is not None]
    of_runs = {replica.run_id for replica in left}
    left += [replica for replica in replicas if replica.run_id not in of_runs]
    touched_at = max([*known_at, *(run.phase_at for run in runs if run.is_under_way)], default=None)
    own_backup = re.compile(rf"\d{{8}}T\d{{6}}Z-backup-{re.escape(service)}(-[0-9a-f]{{8}})?")
    backed_up = max((one for one in ids if own_backup.fullmatch(one)), default="")
    return Brought(
        held=max(left, key=lambda one: (one.recorded_at, one.name), default=None),
        newest=max(left, key=lambda one: (one.point_started_at, one.name), default=None),
        runs=tuple(runs),
        touched_at=touched_at,
        was_primary_since=touched_at is not None and backed_up > names.stamp(touched_at),
    )


def replica_of(run: RunRecord) -> Replica | None:
    """Return what a restore that has succeeded has left in its target; None: its wish does not tell."""
    try:
        point = RestoreRequest.from_json(run.wish).point
    except ProtocolError:
        return None  # of an older release; its replica tells
    return Replica(
        name=point.name,
        service=run.service,
        target=run.subject,
        run_id=run.run_id,
        point_started_at=point.started_at,
        inventory_digest=point.inventory.digest if point.inventory else "",
        recorded_at=run.ended_at or run.phase_at,
        counts=point.inventory.counts if point.inventory else {},
    )


def stop_reason(service: str, ports: Ports) -> str:
    """Return why an operator has stopped the replication of a service; empty: nobody has."""
    try:
        return read_document(ports.records(), layout.replication_stop_key(service), ReplicationStop)[0].reason
    except NotFoundError:
        return ""
    except ProtocolError as err:  # somebody has written it, and meant something by that
        return err.message


def held(service: str, target: ServiceRef, ports: Ports) -> Replica | None:
    """Return the newest point that replication has brought to a standby; None: there is none."""
    own = _replicas(service, target, ports)
    return max(own, key=lambda replica: (replica.point_started_at, replica.name), default=None)


def _replicas(service: str, target: ServiceRef, ports: Ports) -> list[Replica]:
    replicas = newest(ports.records(), layout.replicas_prefix(service), Replica, REPLICAS_READ_MAX)
    return [replica for replica in replicas if replica.target.is_same_as(target)]


def replications(service: str, target: ServiceRef, since: dt.datetime, ports: Ports) -> list[RunRecord]:
    """
    Return the newest replications of a service into this standby since a time, oldest first.

    Those that succeeded before a drill that spoilt the standby are none any more.
    """
    ids = ports.runs.ids_since(since, ports.clock.now())
    return [run for run in _restores(service, target, ids, since, ports) if run.kind == "replicate"]


def _restores(
    service: str, target: ServiceRef, ids: list[str], since: dt.datetime, ports: Ports
) -> list[RunRecord]:
    pattern = re.compile(rf"\d{{8}}T\d{{6}}Z-(restore|replicate|drill)-{re.escape(service)}(-[0-9a-f]{{8}})?")
    wanted = [one for one in ids if one >= names.stamp(since) and pattern.fullmatch(one)]
    runs = [run for run in _read(wanted[-RUNS_READ_MAX:], ports) if run.subject.is_same_as(target)]
    spoilt_at = max((run.ended_at for run in runs if run.ended_at and _has_spoilt(run)), default=since)
    return [run for run in runs if not _is_undone(run, spoilt_at)]


def _has_spoilt(run: RunRecord) -> bool:
    """Tell whether a drill may have left anything in its target: it was sent, and nothing good is proven."""
    is_over = run.word is not None and run.word is not Outcome.SUCCEEDED
    return run.kind == "drill" and is_over and run.is_under_way


def _is_undone(run: RunRecord, spoilt_at: dt.datetime) -> bool:
    return run.word is Outcome.SUCCEEDED and run.ended_at is not None and run.ended_at <= spoilt_at


def holds(point: RestorePoint, target: ServiceRef, own_run_id: str, ports: Ports) -> bool:
    """
    Tell whether restores have brought a standby this point, or a newer one, whoever asked for them.

    Args:
        point: the point in question.
        target: the standby.
        own_run_id: of a run that is left out.
        ports: the records of the standby's region, and the clock.
    """
    replica = held(point.service, target, ports)
    if replica is not None and replica.point_started_at >= point.started_at:
        return True
    # one that an operator asked for leaves none, and that of a replication may not be recorded yet
    since = ports.clock.now() - RECENTLY
    runs = _restores(point.service, target, ports.runs.ids_since(since, ports.clock.now()), since, ports)
    return any(
        run.word is Outcome.SUCCEEDED
        and (left := replica_of(run)) is not None
        and left.point_started_at >= point.started_at  # names sort by the wish, not by the start
        for run in runs
        if run.run_id != own_run_id
    )


def overtaking(run: RunRecord, point: RestorePoint, ports: Ports) -> str:
    """
    Return why a restore comes too late that has sent nothing yet, or an empty string.

    Only one that lost its orchestration can be overtaken: all runs of a service exclude each other.
    What somebody asked for is not done once anything else was restored since he asked; a replication is
    not done where the standby was brought the point, or a newer one, or may hold a newer one. Nor is one
    that was stopped: whoever stops replication may come between its start and its POST.
    """
    if run.kind == "replicate" and (reason := stop_reason(run.service, ports)):
        return stopped_because(run.service, reason)
    if run.kind == "replicate" and holds(point, run.subject, run.run_id, ports):
        return "the standby holds this point, or a newer one"
    for other in _others(run, ports):
        if other.posted_at is None or other.posted_at < run.requested_at:
            continue
        if run.kind != "replicate":
            return f"run {other.run_id} has restored into the target since this run was asked for"
        if other.word is not Outcome.FAILED and (other.restore_point or "") > point.name:
            return f"run {other.run_id} has brought a newer point since this run was asked for"
    return ""


def is_superseded(run: RunRecord, ports: Ports) -> bool:
    """Tell whether a later run may have changed the target: comparing it then says nothing of this one."""
    if run.kind == "backup":
        return False
    own_post_at = run.first_posted_at or run.posted_at or run.requested_at
    return any(other.posted_at is not None and other.posted_at > own_post_at for other in _others(run, ports))


def _others(run: RunRecord, ports: Ports) -> Iterator[RunRecord]:
    """
    Yield the other restores into the target of a run that may have been at work since it was asked for.

    Services may share a drill target, but no standby: replications of others are not even read.
    """
    ids = ports.runs.ids_since(run.requested_at - WAITED_AT_MOST, ports.clock.now())
    kinds = {one: names.kind_of_run(one) for one in ids if one != run.run_id}
    wanted = [
        one
        for one, kind in kinds.items()
        if kind != "backup" and (kind != "replicate" or f"-{run.service}" in one)
    ]
    return (other for other in _read(wanted, ports) if other.subject.is_same_as(run.subject))


def _read(run_ids: list[str], ports: Ports) -> list[RunRecord]:
    return readable(ports.records(), map(layout.run_key, run_ids), RunRecord)
