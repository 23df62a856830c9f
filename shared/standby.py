"""What a standby holds, and what other runs did to it. Asked before a restore, and before it is judged."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from shared.core import layout
from shared.core.ports import Ports
from shared.core.reports import Replica
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome, RunRecord
from shared.records import newest, readable

REPLICAS_READ_MAX = 10
"""The newest by name are the newest by time; more than one, in case one cannot be read."""

RUNS_READ_MAX = 5
"""Replications of one standby run one after the other, and each records its replica within a minute."""

WAITED_AT_MOST = dt.timedelta(days=1)
"""A run may have waited for its service, so its id can be older than what it did."""

RECENTLY = dt.timedelta(days=2)
"""A replication may wait for a busy standby, and then run, for most of a day."""


def holds(point: RestorePoint, own_run_id: str, ports: Ports) -> bool:
    """
    Tell whether replications have brought a standby this point, or a newer one.

    Args:
        point: the point in question.
        own_run_id: of a replication that is left out: it may have been started before, unnoticed, and is
            then to be followed.
        ports: the records of the standby's region, and the clock.
    """
    records = ports.records()
    replicas = newest(records, layout.replicas_prefix(point.service), Replica, REPLICAS_READ_MAX)
    if any(replica.point_started_at >= point.started_at for replica in replicas):
        return True
    # the replica of one that has just ended may not be recorded yet
    now = ports.clock.now()
    pattern = re.compile(rf"\d{{8}}T\d{{6}}Z-replicate-{re.escape(point.service)}-[0-9a-f]{{8}}")
    ids = [run_id for run_id in ports.runs.ids_since(now - RECENTLY, now) if pattern.fullmatch(run_id)]
    runs = _read([run_id for run_id in ids if run_id != own_run_id][-RUNS_READ_MAX:], ports)
    return any(run.word is Outcome.SUCCEEDED and (run.restore_point or "") >= point.name for run in runs)


def overtaking(run: RunRecord, point: RestorePoint, ports: Ports) -> str:
    """
    Return why a restore comes too late that has sent nothing yet, or an empty string.

    Only one that lost its orchestration can be overtaken: all runs of a service exclude each other.
    What somebody asked for is not done once anything else was restored since he asked; a replication is
    not done where the standby holds the point, or a newer one, or may hold a newer one.
    """
    if run.kind == "replicate" and holds(point, run.run_id, ports):
        return "the standby holds this point, or a newer one"
    for other in _others(run, ports):
        if other.posted_at is None or other.posted_at < run.requested_at:
            continue
        if run.kind == "restore":
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
    """Yield the other restores into the target of a run that may have been at work since it was asked for."""
    ids = ports.runs.ids_since(run.requested_at - WAITED_AT_MOST, ports.clock.now())
    wanted = [one for one in ids if "-backup-" not in one and f"-{run.service}" in one and one != run.run_id]
    return (other for other in _read(wanted, ports) if other.subject.is_same_as(run.subject))


def _read(run_ids: list[str], ports: Ports) -> list[RunRecord]:
    return readable(ports.records(), map(layout.run_key, run_ids), RunRecord)
