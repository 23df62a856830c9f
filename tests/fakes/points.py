"""Restore points as a backup leaves them: blob, inventory and record."""

from __future__ import annotations

import datetime as dt
import json

from shared.core import layout, names
from shared.core.inventory import Inventory, InventoryPair
from shared.core.ports import BlobFacts
from shared.core.restore_points import VALIDITY, InventorySummary, RestorePoint
from tests.fakes.ports import FakePorts


def make_point(
    ports: FakePorts, at: dt.datetime, name: str, entities: dict[str, str] | None = None
) -> RestorePoint:
    """Store blob, inventory and record of a restore point, as a backup at that time would have."""
    service = ports.first
    content = dict(ports.arm.service(service.ref).entities if entities is None else entities)
    backups = ports.backups(service.storage.account, service.storage.container)
    backups.put(name, json.dumps(content).encode())
    blob: BlobFacts = backups.measure(name)
    before = Inventory(service=service.ref, taken_at=at, entities=content)
    records = ports.records(service.region)
    inventory_key = layout.inventory_key(service.name, name)
    records.put(inventory_key, InventoryPair(before=before).to_bytes())
    point = RestorePoint(
        name=name,
        service=service.name,
        source=service.ref,
        tier="Standard",
        api_version="2024-05-01",
        run_id=names.run_id("backup", service.name, at),
        account=backups.account,
        container=backups.container,
        size_bytes=blob.size_bytes,
        sha256=blob.sha256,
        etag=blob.etag,
        requested_at=at,
        started_at=at,
        ended_at=at,
        verified_at=at,
        expires_at=at + VALIDITY,
        polls=11,
        inventory=InventorySummary(
            account=records.account,
            container=records.container,
            key=inventory_key,
            digest=before.digest,
            counts=before.counts,
        ),
    )
    records.put(layout.restore_point_key(service.name, name), point.to_bytes())
    return point
