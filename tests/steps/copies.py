"""Two regions whose plan keeps copies of restore points in the standby's, and what lies where."""

from __future__ import annotations

import json
from typing import Any

import azure.functions as func

from catalog_keeping.activities import prune_copies
from shared.copying import copy_restore_point
from shared.core import layout
from shared.core.errors import UnavailableError
from shared.core.restore_points import RestorePoint, StoredDocument
from shared.core.steps import StepResult
from tests.fakes.ports import FakePorts, plan_json
from tests.fakes.stormy import StormyStorage
from tests.steps.conftest import body_of, run
from tests.steps.keeping import STRICT, add_point, storm

STORAGE = {"account": "drstandby", "container": "apim-copies"}


def copying_plan(rules: dict[str, int] | None = None, **storage: Any) -> dict[str, Any]:
    """Return a plan whose standby names storage."""
    plan = plan_json(defaults={"retention": rules} if rules else {})
    plan["services"][0]["standby"]["storage"] = {**STORAGE, **storage}
    return plan


def copying_ports(rules: dict[str, int] | None = STRICT, **storage: Any) -> FakePorts:
    """Return the ports of the primary's app; `in_region` gives the standby's."""
    return FakePorts(copying_plan(rules, **storage), storage=StormyStorage())


def standby_of(ports: FakePorts) -> FakePorts:
    """Return the ports of the app in the standby's region."""
    return ports.in_region("northeurope")


def copy(standby: FakePorts, name: str) -> StepResult:
    """Run the step once."""
    return StepResult.from_json(copy_restore_point({"service": "contoso", "name": name}, standby))


def add_original(ports: FakePorts, age_days: float, **changes: Any) -> RestorePoint:
    """Store a complete point of that age in the primary's region, with a sidecar that its record names."""
    point = add_point(ports, age_days, **changes)
    records = ports.records("westeurope")
    place = StoredDocument(
        account=records.account,
        container=records.container,
        key=layout.sidecar_key(point.service, point.name),
    )
    point = point.model_copy(update={"sidecar": place})
    records.put(layout.restore_point_key(point.service, point.name), point.to_bytes())
    return point


def add_copy(ports: FakePorts, age_days: float, **changes: Any) -> RestorePoint:
    """Store a complete point of that age, and copy it; return the record of the copy."""
    point = add_original(ports, age_days, **changes)
    standby = standby_of(ports)
    assert copy(standby, point.name).value["copied"]
    return record(standby, point.name)


def record(standby: FakePorts, name: str) -> RestorePoint:
    """Return the record of a copy."""
    content, _ = standby.records().read(layout.restore_point_key("contoso", name))
    return RestorePoint.from_bytes(content)


def copies_of(standby: FakePorts) -> list[str]:
    """Return the names of all copies that have a record."""
    prefix = layout.restore_points_prefix("contoso")
    return [key.removeprefix(prefix).removesuffix(".json") for key in standby.records().keys(prefix)]


def let_copies_go(standby: FakePorts) -> StepResult:
    """Run the step once that replication runs after it has copied."""
    return StepResult.from_json(prune_copies({"v": 1, "service": "contoso"}, standby))


def lose_primary(ports: FakePorts) -> None:
    """Let every call of the primary's storage fail from now on."""
    for container in ("apim-dr", "apim-backups"):
        blobs = ports.backups("drprimary", container)
        for method in ("keys", "read", "look", "exists", "chunks", "measure", "put", "create", "delete"):
            blobs.faults[method].extend([UnavailableError("drprimary: ServerBusy")] * 1000)


def ask(calling: Any, ports: FakePorts, body: Any = None, *, params: Any = None, **route: str) -> Any:
    """Call a route; return status and body."""
    content = json.dumps(body).encode() if body is not None else b""
    url = "https://dr.example/api/x"
    call = func.HttpRequest(method="PUT", url=url, body=content, route_params=route, params=params or {})
    answer = run(calling(call, ports))
    return answer.status_code, body_of(answer)


def places(ports: FakePorts) -> set[str]:
    """Return the accounts that were called."""
    return {call.place.split("/")[0] for call in storm(ports).calls}
