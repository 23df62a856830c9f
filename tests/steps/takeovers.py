"""Asking whether a service can take over, in a plan that keeps copies, and picking out what was said."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import azure.functions as func

from operate_http import failover as calls
from shared.core import layout
from shared.core.errors import UnavailableError
from shared.core.restore_points import RestorePoint, StoredDocument
from shared.core.sidecar import HostName, Sidecar
from tests.fakes import FakePorts
from tests.steps.standbys import back_up, copy, replicate, with_copies

HOST = "api.contoso.example"


def ask(ports: FakePorts, what: str = "failover", name: str = "contoso") -> tuple[int, Any]:
    """Return status and body of a call."""
    url = f"https://dr.example/api/services/{name}/{what}?code=secret"
    request = func.HttpRequest(method="GET", url=url, route_params={"name": name}, body=b"")
    show = calls.show_failover if what == "failover" else calls.show_failback
    answer = asyncio.run(show(request, ports))
    return answer.status_code, json.loads(answer.get_body())


def verdicts(body: Any) -> dict[str, str]:
    """Return the checks by name."""
    return {check["name"]: check["verdict"] for check in body["checks"]}


def cause(body: Any, name: str) -> str:
    """Return why a check says what it says."""
    return next(check["cause"] for check in body["checks"] if check["name"] == name)


def step(body: Any, number: int) -> Any:
    """Return one step."""
    return next(one for one in body["steps"] if one["number"] == number)


def with_host(ports: FakePorts, point: RestorePoint, region: str) -> RestorePoint:
    """Put a sidecar with a custom host name beside a point, in the records of a region."""
    records = ports.records(region)
    sidecar = Sidecar(
        service="contoso",
        source=point.source,
        backup=point.name,
        taken_at=point.started_at,
        tier=point.tier,
        api_version=point.api_version,
        host_names=(
            HostName(type="Proxy", host_name=HOST, key_vault_id="https://v.vault.azure.net/secrets/c"),
        ),
    )
    key = layout.sidecar_key("contoso", point.name)
    records.put(key, sidecar.to_bytes())
    stored = StoredDocument(account=records.account, container=records.container, key=key)
    there = point.model_copy(update={"sidecar": stored})
    records.put(layout.restore_point_key("contoso", point.name), there.to_bytes())
    return there


def in_the_standbys_region(*, newer_hours: float | None = None) -> tuple[FakePorts, RestorePoint]:
    """Return the standby's app, whose standby holds a point of 27 hours; a newer copy may lie there."""
    primary = FakePorts(with_copies())
    held = back_up(primary, 27)
    copy(primary, held)
    replicate(primary, held)
    if newer_hours is not None:
        copy(primary, back_up(primary, newer_hours))
    return primary.in_region("northeurope"), held


def emptied(ports: FakePorts, point: RestorePoint) -> RestorePoint:
    """Let a copy in the standby's region be the backup of a service that somebody has emptied."""
    assert point.inventory is not None
    counts = {kind: 0 for kind in point.inventory.counts}
    there = RestorePoint.from_bytes(ports.records().read(layout.restore_point_key("contoso", point.name))[0])
    assert there.inventory is not None
    there = there.model_copy(update={"inventory": there.inventory.model_copy(update={"counts": counts})})
    ports.records().put(layout.restore_point_key("contoso", point.name), there.to_bytes())
    return there


def lose(ports: FakePorts) -> None:
    """Let nothing in the primary's region answer."""
    for container in ("apim-dr", "apim-backups"):
        blobs = ports.backups("drprimary", container)
        for method in ("read", "keys", "exists", "look", "measure", "chunks", "container_exists"):
            blobs.faults[method].extend([UnavailableError("westeurope is lost")] * 99)
