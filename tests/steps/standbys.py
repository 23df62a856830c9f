"""What lies in the records of both regions around one standby: points, copies, replicas, runs, drills."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shared.core import layout, names
from shared.core.lro import Fault
from shared.core.replication import ReplicationState, ReplicationWord
from shared.core.reports import DrillRecord, Replica
from shared.core.requests import RestoreRequest
from shared.core.restore_points import Copied, RestorePoint
from shared.core.runs import Outcome, RunPhase
from tests.fakes import FakePorts
from tests.fakes.points import make_point
from tests.fakes.ports import plan_json

COPIES = {"account": "drstandby", "container": "apim-copies"}
HOUR = dt.timedelta(hours=1)


def with_copies(**standby: Any) -> dict[str, Any]:
    """Return a plan whose standby keeps copies."""
    plan = plan_json()
    plan["services"][0]["standby"] |= {"storage": COPIES, **standby}
    return plan


def back_up(ports: FakePorts, hours_ago: float) -> RestorePoint:
    """Record a restore point of the first service that was begun so long ago."""
    at = ports.clock.now() - hours_ago * HOUR
    return make_point(ports, at, names.backup_name("contoso", at))


def copy(ports: FakePorts, point: RestorePoint) -> RestorePoint:
    """Copy a point's record and inventory to the standby's region, as replication does; its blob as well."""
    records, there = ports.records(point.source.region), ports.records("northeurope")
    assert point.inventory is not None
    there.put(point.inventory.key, records.read(point.inventory.key)[0])
    backup, _ = ports.backups(point.account, point.container).read(point.name)
    blobs = ports.backups(COPIES["account"], COPIES["container"])
    blobs.put(point.name, backup)
    place = {"account": there.account, "container": there.container}
    changes = {
        **COPIES,
        "etag": blobs.measure(point.name).etag,
        "inventory": point.inventory.model_copy(update=place),
        "copied": Copied(account=point.account, container=point.container, at=ports.clock.now()),
    }
    copied = point.model_copy(update=changes)
    there.put(layout.restore_point_key(point.service, point.name), copied.to_bytes())
    return copied


def replicate(ports: FakePorts, point: RestorePoint) -> None:
    """Record that the standby holds a point."""
    standby = ports.first.standby
    assert standby is not None
    replica = Replica(
        name=point.name,
        service=point.service,
        target=standby.ref,
        run_id="r",
        point_started_at=point.started_at,
        inventory_digest="",
        recorded_at=point.started_at + HOUR,
        counts=point.inventory.counts if point.inventory else {},
    )
    ports.records("northeurope").put(layout.replica_key(point.service, point.name), replica.to_bytes())


def say(ports: FakePorts, word: ReplicationWord, **more: Any) -> None:
    """Record what replication says."""
    standby = ports.first.standby
    assert standby is not None
    said = ReplicationState(service="contoso", target=standby.ref, at=ports.clock.now(), word=word, **more)
    ports.records("northeurope").put(layout.replication_key("contoso"), said.to_bytes())


def wished(ports: FakePorts, point: RestorePoint, at: dt.datetime, kind: str) -> RestoreRequest:
    """Return the request of a restore into the standby."""
    standby = ports.first.standby
    assert standby is not None
    return RestoreRequest(
        run_id=names.run_id(kind, "contoso", at, because="a test"),
        kind=kind,
        service="contoso",
        target=standby.ref,
        access=standby.access,
        point=point,
        trigger="http",
        requested_at=at,
        deadline_at=at + 8 * HOUR,
    )


def restored(ports: FakePorts, point: RestorePoint, outcome: Outcome | None, *, kind: str = "restore") -> str:
    """Record the run of a restore into the standby that was sent an hour ago."""
    at = ports.clock.now() - HOUR
    run = (
        wished(ports, point, at, kind)
        .first_record()
        .model_copy(
            update={
                "phase": RunPhase.ENDED if outcome else RunPhase.RUNNING,
                "outcome": outcome,
                "first_posted_at": at,
                "posted_at": at,
                "ended_at": ports.clock.now() if outcome else None,
            }
        )
    )
    ports.records("northeurope").put(layout.run_key(run.run_id), run.to_bytes())
    return run.run_id


def refused(ports: FakePorts, point: RestorePoint, minutes_ago: int) -> None:
    """Record a replication that a guard refused: nothing was sent."""
    at = ports.clock.now() - dt.timedelta(minutes=minutes_ago)
    changes = {"phase": RunPhase.ENDED, "outcome": Outcome.REFUSED, "ended_at": at}
    run = wished(ports, point, at, "replicate").first_record().model_copy(update=changes)
    ports.records("northeurope").put(layout.run_key(run.run_id), run.to_bytes())


def drilled(ports: FakePorts, outcome: Outcome, days_ago: float) -> None:
    """Record a drill."""
    at = ports.clock.now() - dt.timedelta(days=days_ago)
    into = ports.first.drill_into
    assert into is not None
    record = DrillRecord(
        service="contoso",
        run_id=names.run_id("drill", "contoso", at),
        target=into.ref,
        point="p",
        requested_at=at,
        ended_at=at + HOUR,
        outcome=outcome,
        fault=None if outcome is Outcome.SUCCEEDED else Fault(code="TierEqual", message="another tier"),
        restore_duration_s=3600,
        rto_s=8 * 3600,
        rto_kept=True if outcome is Outcome.SUCCEEDED else None,
    )
    key = layout.drill_key("contoso", record.run_id)
    ports.records(into.region).put(key, record.to_bytes())
