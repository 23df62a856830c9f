"""Plans with drills, and what drills leave."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shared.core import layout
from shared.core.reports import DrillRecord
from shared.core.runs import Outcome
from tests.fakes.ports import IDENTITY, FakePorts, plan_json, resource_id

TARGET_REGION = "westeurope"


def drill_plan(
    *names: str, target: str = "rehearsal", drill: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """Return services whose drills go into the one target `<target>-drill`; `more` is said of each."""
    services = plan_json(names or ("contoso",))["services"]
    end = {"resourceId": resource_id(f"{target}-drill"), "region": TARGET_REGION, "access": IDENTITY}
    for service in services:
        service |= {"drillTarget": end, "drill": drill or {}} | more
    return {"services": services}


def drilled(ports: FakePorts, service: str = "contoso") -> list[DrillRecord]:
    """Return the records of the drills of a service, oldest first."""
    records = ports.records()
    return [
        DrillRecord.from_bytes(records.read(key)[0]) for key in records.keys(layout.drills_prefix(service))
    ]


def put_drill(
    ports: FakePorts, ago: dt.timedelta, outcome: Outcome = Outcome.SUCCEEDED, **changes: Any
) -> DrillRecord:
    """Record a drill of the first service that was asked for so long ago; good unless something is said."""
    at = ports.clock.now() - ago
    into = ports.first.drill_into
    assert into is not None
    fields = {
        "service": ports.first.name,
        "run_id": f"{at:%Y%m%dT%H%M%SZ}-drill-{ports.first.name}",
        "target": into.ref,
        "point": None,
        "requested_at": at,
        "ended_at": at,
        "outcome": outcome,
        "restore_duration_s": 1200,
        "rto_s": 8 * 3600,
        "rto_kept": True,
    }
    record = DrillRecord(**fields | changes)
    ports.records().put(layout.drill_key(record.service, record.run_id), record.to_bytes())
    return record
