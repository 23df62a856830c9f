"""A service with restore points that are complete: record, backup, manifest, inventory and sidecar."""

from __future__ import annotations

import datetime as dt
from typing import Any

from catalog_keeping.activities import prune_restore_points
from shared.core import layout, names
from shared.core.reports import Replica
from shared.core.restore_points import RestorePoint
from shared.core.retention import Hold
from shared.core.runs import RunRecord
from shared.core.steps import StepResult, StepState
from tests.fakes.clock import START
from tests.fakes.points import make_point
from tests.fakes.ports import FakePorts, plan_json
from tests.fakes.stormy import StormyStorage

STRICT = {"keepLast": 1, "keepWithinDays": 0, "keepAtLeast": 1}
"""Rules that keep the newest usable point and nothing else."""


def keeping_ports(rules: dict[str, int] | None = None, *, has_standby: bool = False) -> FakePorts:
    """Return the ports of the primary's app; None: the strictest rules."""
    plan = plan_json(defaults={"retention": rules or STRICT})
    if not has_standby:
        del plan["services"][0]["standby"]
    return FakePorts(plan, storage=StormyStorage())


def storm(ports: FakePorts) -> StormyStorage:
    """Return the storage behind the ports."""
    assert isinstance(ports.storage, StormyStorage)
    return ports.storage


def add_point(ports: FakePorts, age_days: float, **changes: Any) -> RestorePoint:
    """Store a complete restore point of that age; `changes` are of its record."""
    at = (START - dt.timedelta(days=age_days)).replace(microsecond=0)
    name = names.backup_name(ports.first.name, at)
    point = make_point(ports, at, name).model_copy(update=changes)
    records = ports.records()
    records.put(layout.restore_point_key(point.service, name), point.to_bytes())
    records.put(layout.sidecar_key(point.service, name), b"{}")
    ports.backups(point.account, point.container).put(layout.manifest_key(name), point.to_bytes())
    return point


def hold(ports: FakePorts, point: RestorePoint, reason: str = "audit") -> None:
    """Hold a point."""
    held = Hold(service=point.service, name=point.name, reason=reason, held_at=START)
    ports.records().put(layout.hold_key(point.service, point.name), held.to_bytes())


def add_replica(ports: FakePorts, point: RestorePoint) -> None:
    """Say that the standby holds a point."""
    standby = ports.first.standby
    assert standby is not None
    replica = Replica(
        name=point.name,
        service=point.service,
        target=standby.ref,
        run_id="r",
        point_started_at=point.started_at,
        inventory_digest="",
        recorded_at=START,
    )
    ports.records(standby.region).put(layout.replica_key(point.service, point.name), replica.to_bytes())


def open_restore(
    ports: FakePorts, point: RestorePoint, region: str = "westeurope", **changes: Any
) -> RunRecord:
    """Write down a run of that region's app that restores a point and has no final word."""
    run = RunRecord(
        run_id=names.run_id("restore", point.service, START, because=point.name),
        kind="restore",
        service=point.service,
        subject=point.source,
        instance_id="svc-1",
        trigger="http",
        requested_at=START,
        phase_at=START,
        restore_point=point.name,
    ).model_copy(update=changes)
    ports.in_region(region).runs.create(run)
    return run


def prune(ports: FakePorts, fresh: RestorePoint) -> StepResult:
    """Run the step once, as the run that recorded the fresh point does."""
    wish = {"service": fresh.service, "runId": fresh.run_id, "fresh": fresh.name}
    return StepResult.from_json(prune_restore_points(wish, ports))


def prune_all(ports: FakePorts, fresh: RestorePoint) -> StepResult:
    """Run the step until nothing is left for another run."""
    while True:
        result = prune(ports, fresh)
        assert result.state is StepState.DONE, result
        if not result.value["left"]:
            return result


def recorded(ports: FakePorts) -> list[str]:
    """Return the names of the points that have a record, oldest first."""
    prefix = layout.restore_points_prefix(ports.first.name)
    return [key.removeprefix(prefix).removesuffix(".json") for key in ports.records().keys(prefix)]


def traces(ports: FakePorts, point: RestorePoint) -> dict[str, bool]:
    """Return what of a point is there."""
    records, backups = ports.records(), ports.backups(point.account, point.container)
    return {
        "record": records.exists(layout.restore_point_key(point.service, point.name)),
        "backup": backups.exists(point.name),
        "manifest": backups.exists(layout.manifest_key(point.name)),
        "inventory": records.exists(layout.inventory_key(point.service, point.name)),
        "sidecar": records.exists(layout.sidecar_key(point.service, point.name)),
        "tombstone": records.exists(layout.pruned_key(point.service, point.name)),
        "mark": records.exists(layout.open_prune_key(point.service, point.name)),
    }


ALIVE = {
    "record": True, "backup": True, "manifest": True, "inventory": True, "sidecar": True,
    "tombstone": False, "mark": False,
}  # fmt: skip
PRUNED = {name: name == "tombstone" for name in ALIVE}
