"""
Reading what a takeover is judged by: the service that is to take over, what it holds, what it lacks.

Where copies are kept in the standby's region, nothing of the primary's region is asked for a failover.
Whatever cannot be read is named, and hides nothing else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from operate_http.ends import (
    compare_with_point,
    compare_with_service,
    probe,
    protection,
    read_alone,
    read_target,
)
from operate_http.holding import Holding, holding
from operate_http.regions import Regions
from operate_http.services import POINTS_READ_MAX, newest_known, own_points, replication_of
from operate_http.weighing import Weighed, weigh
from shared.core import layout
from shared.core.ends import End, Standby
from shared.core.failover_facts import Facts
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.preflight_facts import Check, Unseen
from shared.core.replication import ReplicationState
from shared.core.reports import FixUp
from shared.core.restore_points import RestorePoint
from shared.core.runs import RunRecord
from shared.records import read_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that was read. `guards` are those of the restore that the steps ask for, none if there is none."""

    facts: Facts
    missing: tuple[FixUp, ...]
    guards: tuple[Check, ...]
    not_read: tuple[str, ...]


def read_failover(service: ProtectedService, standby: Standby, ports: Ports) -> Reading:
    """Read what the standby of a service is judged by."""
    regions, region, now = Regions(ports), service.shelf(standby.region), ports.clock.now()
    points = regions.read(region, lambda records: own_points(service, records, POINTS_READ_MAX))
    held = holding(service, standby, regions)
    said = regions.read(standby.region, lambda records: replication_of(service, records))
    replication = None if isinstance(said, Unseen) else said
    known = Holding(replica=None) if isinstance(held, Unseen) else held
    weighed = _weigh(points, standby, known, replication, regions, now)
    newest = weighed if isinstance(weighed, Unseen) else weighed.newest
    point = _record_of(known, points, service, regions, region) or _seen(newest)
    target = read_target(service, standby, _seen(newest), ports)
    comparison = compare_with_point(point, target, ports)
    facts = Facts(
        service=service.name,
        now=now,
        end=standby,
        instead_of=service.ref,
        rpo_hours=standby.rpo_hours,
        resource=target.resource,
        is_missing=target.is_missing,
        tier=point.tier if point else Unseen(reason="there is no restore point that tells"),
        scene=comparison.scene,
        gateway=probe(target, ports),
        calls=target.calls,
        held=held if isinstance(held, Unseen) else held.replica,
        doubt=known.doubt,
        under_way=known.under_way,
        newest=newest,
        held_back=() if isinstance(weighed, Unseen) else weighed.held_back,
        replication=replication,
        known=newest_known(points, replication.newest_point if replication else None),
        restore_duration_s=_duration_s(known.restore),
        preflight=protection(service, target, ports),
    )
    read = {
        f"restore points in the records of {region}": weighed,
        f"what {standby.ref.name} holds": held,
        "what replication says": said,
        standby.ref.name: target.resource,
    }
    return Reading(
        facts=facts,
        missing=comparison.missing,
        guards=target.guards if facts.newer or facts.doubt else (),
        not_read=(*_unseen(read), *comparison.not_read),
    )


def read_failback(service: ProtectedService, standby: Standby, ports: Ports) -> Reading:
    """Read what the primary of a service is judged by, if it is to take back what its standby serves."""
    regions = Regions(ports)
    end = End(resource_id=service.resource_id, region=service.region, access=service.storage.access)
    shelf = service.shelf(ports.plan.region)
    points = regions.read(shelf, lambda records: own_points(service, records))
    newest = points if isinstance(points, Unseen) else _best(points, ports.clock.now())
    target = read_target(service, end, _seen(newest), ports)
    serving = read_alone(standby.ref, ports)
    comparison = compare_with_service(_seen(newest), serving, target, ports)
    state = serving.state
    facts = Facts(
        service=service.name,
        now=ports.clock.now(),
        end=end,
        instead_of=standby.ref,
        rpo_hours=standby.rpo_hours,
        resource=target.resource,
        is_missing=target.is_missing,
        tier=state.tier if state else Unseen(reason=f"{standby.ref.name} could not be read"),
        scene=comparison.scene,
        gateway=probe(target, ports),
        calls=target.calls,
        preflight=protection(service, serving, ports),
    )
    read = {
        f"restore points in the records of {shelf}": points,
        service.ref.name: target.resource,
        standby.ref.name: serving.resource,
    }
    return Reading(
        facts=facts,
        missing=comparison.missing,
        guards=(),
        not_read=(*_unseen(read), *comparison.not_read),
    )


def _weigh(
    points: list[RestorePoint] | Unseen,
    standby: Standby,
    held: Holding,
    said: ReplicationState | None,
    regions: Regions,
    now: dt.datetime,
) -> Weighed | Unseen:
    if isinstance(points, Unseen):
        return points
    return regions.read(standby.region, lambda records: weigh(points, standby, held, said, records, now))


def _best(points: list[RestorePoint], now: dt.datetime) -> RestorePoint | None:
    """Return the newest point that can be used, else the newest one."""
    return next((point for point in points if not point.is_expired(now)), points[0] if points else None)


def _seen(point: RestorePoint | Unseen | None) -> RestorePoint | None:
    return None if isinstance(point, Unseen) else point


def _record_of(
    held: Holding,
    points: list[RestorePoint] | Unseen,
    service: ProtectedService,
    regions: Regions,
    region: str,
) -> RestorePoint | None:
    """Return the record of what is held, if it is there still: its sidecar tells of the other service."""
    if isinstance(points, Unseen) or held.replica is None:
        return None
    name = held.replica.name
    key = layout.restore_point_key(service.name, name)
    listed = next((point for point in points if point.name == name), None)
    return listed or _seen(regions.read(region, lambda records: read_document(records, key, RestorePoint)[0]))


def _unseen(read: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(f"{what}: {one.reason}" for what, one in read.items() if isinstance(one, Unseen))


def _duration_s(run: RunRecord | None) -> int | None:
    if run is None or run.ended_at is None:
        return None
    return round((run.ended_at - run.requested_at).total_seconds())
