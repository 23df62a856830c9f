"""Builders of core's values with obvious defaults: a test names only what it is about."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from shared.core import names
from shared.core.access import BackupStorage, SystemAssignedAccess
from shared.core.fleet import FleetState
from shared.core.inventory import Inventory
from shared.core.lro import Fault, Follow, Operation, OperationStatus, PollState, Submission, SubmissionState
from shared.core.nights import NightWish
from shared.core.polling import FollowState
from shared.core.requests import BackupRequest, RestoreRequest
from shared.core.response import Response
from shared.core.restore_points import VALIDITY, RestorePoint
from shared.core.runs import RunPhase, RunRecord
from shared.core.services import ServiceRef, ServiceState

NOW = dt.datetime(2026, 11, 23, 2, 0, tzinfo=dt.UTC)
ORIGIN = "https://management.azure.com"
GROUP = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-weu"
POST_URL = (
    f"{ORIGIN}{GROUP}/providers/Microsoft.ApiManagement/service/contoso-weu/backup?api-version=2024-05-01"
)
LOCATION = (
    f"{ORIGIN}{GROUP}/providers/Microsoft.ApiManagement/service/contoso-weu/operationresults/"
    "d2VzdGV1cm9wZTpjb250b3NvX0JhY2t1cF82ZWNkN2Q3Zg==?api-version=2022-08-01"
)
UUID = "99999999-8888-7777-6666-555555555555"


def after(**duration: float) -> dt.datetime:
    """Return the time that much after NOW: after(hours=3)."""
    return NOW + dt.timedelta(**duration)


def response(status: int = 200, body: object = None, *, raw: bytes | None = None, **headers: str) -> Response:
    """Return an answer; `body` is sent as JSON, `raw` as it is, header names with _ for -."""
    content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
    return Response(
        status=status,
        headers={name.replace("_", "-").lower(): value for name, value in headers.items()},
        body=content,
    )


def error(status: int, code: str, message: str = "no", **headers: str) -> Response:
    """Return an error answer with the envelope as Azure Resource Manager sends it."""
    body = {"error": {"code": code, "message": message, "details": None, "innerError": None}}
    return response(status, body, **headers)


def resource(state: str | None = "Succeeded", **properties: Any) -> dict[str, Any]:
    """Return a service resource as a 200 carries it."""
    found: dict[str, Any] = {"targetProvisioningState": "", **properties}
    if state is not None:
        found["provisioningState"] = state
    return {
        "id": service().resource_id,
        "name": "contoso-weu",
        "location": "West Europe",
        "etag": "AAA=",
        "sku": {"name": "Developer", "capacity": 1},
        "properties": found,
    }


def service(name: str = "contoso-weu", region: str = "westeurope") -> ServiceRef:
    """Return a service."""
    return ServiceRef(resource_id=f"{GROUP}/providers/Microsoft.ApiManagement/service/{name}", region=region)


def service_state(**changes: Any) -> ServiceState:
    """Return a service's state: Developer, Succeeded, in West Europe."""
    settings = {
        "resource_id": service().resource_id,
        "region": "westeurope",
        "tier": "Developer",
        "provisioning_state": "Succeeded",
    }
    return ServiceState(**settings | changes)


def operation(url: str = LOCATION, follow: Follow = Follow.LOCATION, **changes: Any) -> Operation:
    """Return an accepted operation."""
    return Operation(location_url=url, follow=follow, **changes)


def status(state: PollState, *, retry_after_s: int | None = None, code: str | None = None) -> OperationStatus:
    """Return one answer to one poll, read."""
    has_fault = state not in {PollState.RUNNING, PollState.SUCCEEDED}
    fault = Fault(code=code or "Nope") if has_fault else None
    return OperationStatus(state=state, operation=operation(retry_after_s=retry_after_s), fault=fault)


def follow_state(*, hours: float = 8, **changes: Any) -> FollowState:
    """Return the state before the first poll."""
    settings = {"run_id": run_id(), "operation": operation(), "deadline_at": after(hours=hours)}
    return FollowState(**settings | changes)


def submission(state: SubmissionState, **changes: Any) -> Submission:
    """Return the answer to a POST, read."""
    if state is SubmissionState.ACCEPTED:
        return Submission(state=state, operation=operation(), **changes)
    if state is SubmissionState.COMPLETED:
        return Submission(state=state, **changes)
    return Submission(state=state, **{"fault": Fault(code="Nope")} | changes)


def run_id(kind: str = "backup") -> str:
    """Return the id of tonight's run."""
    return names.run_id(kind, "contoso", NOW)


def run(phase: RunPhase = RunPhase.REQUESTED, **changes: Any) -> RunRecord:
    """Return a run's record."""
    settings = {
        "run_id": run_id(),
        "kind": "backup",
        "service": "contoso",
        "subject": service(),
        "instance_id": "svc-1",
        "trigger": "timer",
        "phase": phase,
        "requested_at": NOW,
        "phase_at": NOW,
    }
    return RunRecord(**settings | changes)


def restore_point(*, age_days: float = 0, **changes: Any) -> RestorePoint:
    """Return a restore point whose backup started so long before NOW."""
    started_at = NOW - dt.timedelta(days=age_days)
    settings = {
        "name": names.backup_name("contoso", started_at),
        "service": "contoso",
        "source": service(),
        "tier": "Developer",
        "api_version": "2024-05-01",
        "run_id": run_id(),
        "account": "drprimary",
        "container": "apim-backups",
        "size_bytes": 42,
        "sha256": "0" * 64,
        "etag": "0x1",
        "requested_at": started_at,
        "started_at": started_at,
        "ended_at": started_at + dt.timedelta(minutes=11),
        "verified_at": started_at + dt.timedelta(minutes=12),
        "expires_at": started_at + VALIDITY,
        "polls": 11,
    }
    return RestorePoint(**settings | changes)


def storage() -> BackupStorage:
    """Return where backups go."""
    access = SystemAssignedAccess(type="SystemAssignedManagedIdentity")
    return BackupStorage(account="drprimary", container="apim-backups", access=access)


def backup_request() -> BackupRequest:
    """Return tonight's wish."""
    return BackupRequest(
        run_id=run_id(),
        service="contoso",
        source=service(),
        storage=storage(),
        backup_name=names.backup_name("contoso", NOW),
        trigger="timer",
        requested_at=NOW,
        deadline_at=after(hours=8),
    )


def restore_request() -> RestoreRequest:
    """Return the wish to restore tonight's point into the standby."""
    return RestoreRequest(
        run_id=names.run_id("restore", "contoso", NOW, because="a call"),
        kind="restore",
        service="contoso",
        target=service("contoso-neu", "northeurope"),
        access=storage().access,
        point=restore_point(),
        trigger="http",
        requested_at=NOW,
        deadline_at=after(hours=8),
    )


def inventory(entities: Mapping[str, str], **changes: Any) -> Inventory:
    """Return an inventory with these entities and digests."""
    return Inventory(**{"service": service(), "taken_at": NOW, "entities": dict(entities)} | changes)


def night_wish(**changes: Any) -> NightWish:
    """Return the wish of tonight's night."""
    settings = {
        "night": names.night_id(NOW),
        "trigger": "timer",
        "scheduled_at": NOW,
        "requested_at": NOW,
        "begun_at": NOW,
    }
    return NightWish(**settings | changes)


def fleet(*services: str, concurrency: int = 2, **changes: Any) -> FleetState:
    """Return a night in which all services wait."""
    settings = {
        "wish": night_wish(),
        "concurrency": concurrency,
        "waiting": services or ("a1", "b1", "c1"),
    }
    return FleetState(**settings | changes)


def plan_service(name: str = "contoso", **changes: Any) -> dict[str, Any]:
    """Return one service of a plan as JSON."""
    return {
        "name": name,
        "resourceId": service(f"{name}-weu").resource_id,
        "region": "westeurope",
        "storage": {
            "account": "drprimary",
            "container": "apim-backups",
            "access": {"type": "SystemAssignedManagedIdentity"},
        },
        **changes,
    }


def plan(*services: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the smallest plan as JSON."""
    return {
        "v": 1,
        "region": "westeurope",
        "regions": {"westeurope": {"account": "drprimary"}},
        "services": list(services) or [plan_service()],
        **changes,
    }


def standby(name: str = "contoso-neu", **changes: Any) -> dict[str, Any]:
    """Return the standby of a service in a plan as JSON."""
    return {
        "resourceId": service(name).resource_id,
        "region": "northeurope",
        "access": {"type": "SystemAssignedManagedIdentity"},
        **changes,
    }
