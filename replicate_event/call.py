"""The HTTP call by which an operator has a service looked at, or lets a point through that is held back."""

from __future__ import annotations

import logging
from collections import deque
from typing import Annotated, Any

import azure.functions as func
from pydantic import AfterValidator, Field

from replicate_event.start import begin
from replicate_event.surveying import why_not
from shared import body, http, roster, standby, telemetry
from shared.core import layout, names
from shared.core.breaker import BY_HAND
from shared.core.documents import Value
from shared.core.ends import Standby
from shared.core.errors import DrError, NotFoundError, RequestError, UnavailableError
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.replication import Approval
from shared.core.restore_points import RestorePoint
from shared.core.retention import REASON_LENGTH_MAX, is_ours
from shared.findings import Finding, FindingsError
from shared.instances import DurableClient
from shared.records import read_document
from shared.threads import in_thread

BODY_HINT = (
    "To have the standby looked at, send no body. To let a point through that is held back, send "
    '{"restorePoint": "<name>", "reason": "<why>", "confirm": "REPLICATE <service>"}.'
)


def one_line(text: str) -> str:
    """Return a text that is one line, and says something. Raises ValueError for any other."""
    if not text.isprintable() or not text.strip():
        raise ValueError("is not one line of readable text")
    return text


class ReplicateBody(Value):
    """What a caller sends."""

    restore_point: str | None = Field(default=None, min_length=1, max_length=200)
    reason: Annotated[str, Field(max_length=REASON_LENGTH_MAX), AfterValidator(one_line)] | None = None
    confirm: str = ""


async def ask_replication(req: func.HttpRequest, client: DurableClient, ports: Ports) -> func.HttpResponse:
    """Answer 202 with the service's Location, or with every fault; then nothing was started."""
    name = req.route_params.get("service", "")
    try:
        service, approval = await in_thread(_read, name, req.get_body(), ports)
        if approval is not None:
            await in_thread(_approve, approval, ports)
        if service.standby is not None:
            counts = f"the approval of {approval.name} counts all the same" if approval else ""
            await begin_or_say(service.name, service.standby, counts, client, ports)
    except FindingsError as err:
        return http.refusal(err)
    except DrError as err:
        return http.failure(err)
    shown = {"service": service.name, "approved": approval.name if approval else None}
    headers = {"Location": http.service_url(req.url, service.name), "Retry-After": str(http.RETRY_AFTER_S)}
    return http.answer(202, shown, headers)


async def begin_or_say(
    service: str, standby: Standby, counts: str, client: DurableClient, ports: Ports
) -> None:
    """
    Have replication look at a service for a caller; what he is told of a failure says what counts already.

    Raises:
        DrError: the look could not be started.
    """
    try:
        await begin(service, standby, "http", client, ports)
    except Exception as err:
        if not counts:
            raise
        message = (
            err.message if isinstance(err, DrError) else f"the look was not started: {type(err).__name__}"
        )
        hint = "The timer's next look, within ten minutes, goes by it; or ask again."
        raise UnavailableError(f"{counts}, but {message}", hint=hint, code="StartFailed") from err


def _read(name: str, content: bytes, ports: Ports) -> tuple[ProtectedService, Approval | None]:
    data, faults = body.read_object(content, ReplicateBody, BODY_HINT, may_be_empty=True)
    findings = [
        Finding(status=400, code=RequestError.code, target=where, message=f"{where} {what}")
        for where, what in faults
    ]
    service = find_service(name, ports, findings)
    approval = None
    if data.keys() & {"restorePoint", "reason", "confirm"}:
        approval = _approval(service, name, data, findings, ports)
    if service is None or findings:
        hint = BODY_HINT if any(finding.status == 400 for finding in findings) else ""
        raise FindingsError("nothing was started", findings, hint=hint)
    return service, approval


def find_service(name: str, ports: Ports, findings: list[Finding]) -> ProtectedService | None:
    """Return the service whose standby is in this app's region, or add why there is none to the findings."""
    service = roster.find(ports, name)
    reason = why_not(service, name, ports)
    if service is None:
        findings.append(Finding(status=404, code="ServiceNotFound", target="service", message=reason))
    elif service.standby is None:
        message = f"the plan names no standby of {name}"
        findings.append(Finding(status=409, code="NoStandby", target="service", message=message))
    elif reason:
        region = service.standby.region
        message = f"the standby of {name} is in {region}: ask the app of that region"
        findings.append(Finding(status=409, code="OtherRegion", target="service", message=message))
    else:
        return service
    return None


def _approval(
    service: ProtectedService | None, name: str, data: dict[str, Any], findings: list[Finding], ports: Ports
) -> Approval | None:
    """Read what approves a point; all three fields belong together."""
    wanted, reason = data.get("restorePoint"), data.get("reason")
    for field, value in (("restorePoint", wanted), ("reason", reason)):
        if value is None:
            message = f"$.{field} is missing: a point is let through by name, and for a reason"
            code = RequestError.code
            findings.append(Finding(status=400, code=code, target=f"$.{field}", message=message))
    if data.get("confirm") != f"REPLICATE {name}":
        message = f'confirm does not say so: send "confirm": "REPLICATE {name}"'
        findings.append(Finding(status=400, code="ConfirmationMissing", target="confirm", message=message))
    if service is None or not isinstance(wanted, str):
        return None
    finding = _unfit(service, wanted, ports)
    if finding is not None:
        findings.append(finding)
    if not isinstance(reason, str):
        return None
    return Approval(service=service.name, name=wanted, reason=reason, approved_at=ports.clock.now())


def _unfit(service: ProtectedService, name: str, ports: Ports) -> Finding | None:
    """Return why a point cannot be let through; None: it can."""
    point = _point(service, name, ports)
    if point is None:
        prefix = layout.restore_points_prefix(service.name)
        keys = deque(ports.records(service.shelf(ports.plan.region)).keys(prefix), maxlen=5)
        known = ", ".join(key.removeprefix(prefix).removesuffix(".json") for key in keys)
        what = f"the newest are: {known}" if known else "there is none yet"
        message = f"{name} is not a restore point of {service.name} that this app can restore; {what}"
        return Finding(status=404, code="RestorePointNotFound", target="restorePoint", message=message)
    if point.inventory is None:
        message = f"{name} has no inventory, so its restore could never be proven; {BY_HAND}"
        return Finding(status=409, code="NoInventory", target="restorePoint", message=message)
    if point.is_expired(ports.clock.now()):
        message = f"{name} expired on {point.expires_at:%Y-%m-%d %H:%M} UTC: no service accepts it any more"
        return Finding(status=409, code="PointExpired", target="restorePoint", message=message)
    if service.standby is None:
        return None
    newest = standby.brought(service.name, service.standby.ref, point.started_at, ports).newest
    if newest is None or newest.point_started_at < point.started_at:
        return None
    message = f"the standby was brought {newest.name}, which is not older; {BY_HAND}"
    return Finding(status=409, code="StandbyHoldsNewer", target="restorePoint", message=message)


def _point(service: ProtectedService, name: str, ports: Ports) -> RestorePoint | None:
    """Return the point of that name; a name that is none of ours is not looked for in storage."""
    if not names.is_backup_of(name, service.name):
        return None
    records = ports.records(service.shelf(ports.plan.region))
    try:
        point, _ = read_document(records, layout.restore_point_key(service.name, name), RestorePoint)
    except NotFoundError:
        return None
    return point if is_ours(point, service) else None  # those of a former primary are not replicated


def _approve(approval: Approval, ports: Ports) -> None:
    key = layout.approval_key(approval.service, approval.name)
    ports.records().put(key, approval.to_bytes())
    telemetry.log(
        telemetry.Event.REPLICATION_APPROVED,
        level=logging.WARNING,
        service=approval.service,
        restore_point=approval.name,
        reason=approval.reason,
    )
