"""Reading a restore request: every fault at once, and nothing started before all are known."""

from __future__ import annotations

import datetime as dt
from collections import deque

from pydantic import Field

from shared import body, roster
from shared.core import guards, layout, names
from shared.core.documents import Value
from shared.core.ends import Standby
from shared.core.errors import DrError, NotFoundError, RequestError
from shared.core.plan import ProtectedService
from shared.core.ports import Blobs, Ports
from shared.core.requests import RestoreRequest
from shared.core.restore_points import LATEST, RestorePoint, choose
from shared.core.services import ServiceRef
from shared.findings import Finding, FindingsError
from shared.records import newest, read_document

BODY_HINT = (
    'The body looks like {"service": "<name in the plan>", "restorePoint": "latest" or a name, '
    '"target": "<name of the standby>", "confirm": "RESTORE <target>"}.'
)

LATEST_READ_MAX = 10
"""More than one, so that a record that cannot be read does not hide the one before it."""


class RestoreBody(Value):
    """What a caller sends."""

    service: str = Field(min_length=1, max_length=100)
    restore_point: str = Field(min_length=1, max_length=200)
    target: str = Field(min_length=1, max_length=300)
    confirm: str = ""


def read_request(content: bytes, request_id: str, ports: Ports) -> RestoreRequest:
    """
    Turn a body into a wish.

    Args:
        content: the body of the call.
        request_id: makes this call's run different from others of the same second.
        ports: plan, records, Azure Resource Manager, clock.

    Raises:
        RequestError: not a JSON object.
        FindingsError: everything else, all at once: what is missing or malformed, what is
            unknown, and what the guards say, as far as the rest of the body lets them be asked.
        TemporaryError, AccessError: the records or the target could not be read.
    """
    wanted, findings = _parse(content)
    name = wanted.get("service")
    service = roster.find(ports, name) if name else None
    if name and service is None:
        known = ", ".join(item.name for item in roster.members(ports)[:20])
        findings.append(_unknown("ServiceNotFound", "service", f"{name} is not in the plan: {known}"))
    target = _target(service, wanted, ports, findings) if service else None
    point = _point(service, wanted, ports, findings) if service else None
    _confirmation(wanted, findings)
    if target is not None and point is not None:
        _guard(point, target, ports, findings)
    if findings or service is None or service.standby is None or target is None or point is None:
        is_malformed = any(finding.code == RequestError.code for finding in findings)
        hint = BODY_HINT if is_malformed else ""
        raise FindingsError("the restore was not started", findings, hint=hint)
    return _wish(service, service.standby, target, point, request_id, ports)


def _wish(
    service: ProtectedService,
    standby: Standby,
    target: ServiceRef,
    point: RestorePoint,
    request_id: str,
    ports: Ports,
) -> RestoreRequest:
    now = ports.clock.now().replace(microsecond=0)
    return RestoreRequest(
        run_id=names.run_id("restore", service.name, now, because=request_id),
        kind="restore",
        service=service.name,
        target=target,
        access=standby.access,
        point=point,
        trigger="http",
        requested_at=now,
        deadline_at=now + dt.timedelta(seconds=ports.intervals.deadline_s),
        intervals=ports.intervals,
    )


def _parse(content: bytes) -> tuple[dict[str, str], list[Finding]]:
    """Return the fields that can be used, by their names in JSON, and what is wrong with the others."""
    data, faults = body.read_object(content, RestoreBody, BODY_HINT)
    unusable = {where for where, _ in faults}
    names_in_json = [str(field.alias) for field in RestoreBody.model_fields.values()]
    wanted = {name: data[name] for name in names_in_json if name in data and f"$.{name}" not in unusable}
    findings = [
        Finding(status=400, code=RequestError.code, target=where, message=f"{where} {what}")
        for where, what in faults
    ]
    return wanted, findings


def _target(
    service: ProtectedService, wanted: dict[str, str], ports: Ports, findings: list[Finding]
) -> ServiceRef | None:
    if "target" not in wanted:
        return None
    target = guards.known_target(service, wanted["target"])
    if target is None:
        standby = service.standby.ref.name if service.standby else "none is planned"
        message = f"{wanted['target']} is not the standby of {service.name}: {standby}"
        findings.append(_unknown("TargetNotFound", "target", message))
    elif target.region != ports.plan.region:
        # runs of one service exclude each other only within one app
        message = (
            f"{target.name} is in {target.region}: ask the app of that region, this is {ports.plan.region}'s"
        )
        findings.append(Finding(status=409, code="OtherRegion", target="target", message=message))
    return target


def _point(
    service: ProtectedService, wanted: dict[str, str], ports: Ports, findings: list[Finding]
) -> RestorePoint | None:
    name = wanted.get("restorePoint")
    if name is None:
        return None
    records = ports.records(service.region)
    prefix = layout.restore_points_prefix(service.name)
    if name == LATEST:
        point = choose(newest(records, prefix, RestorePoint, LATEST_READ_MAX), LATEST)
    else:
        point = _named(service, name, records)
    if point is None:
        known = [
            key.removeprefix(prefix).removesuffix(".json") for key in deque(records.keys(prefix), maxlen=5)
        ]
        what = f"the newest are: {', '.join(known)}" if known else "there is none yet"
        message = f"{name} is not a restore point of {service.name}; {what}"
        findings.append(_unknown("RestorePointNotFound", "restorePoint", message))
    return point


def _named(service: ProtectedService, name: str, records: Blobs) -> RestorePoint | None:
    """Return the point of that name; a name that is none of ours is not looked for in storage."""
    if not names.is_own_backup(name):
        return None
    try:
        return read_document(records, layout.restore_point_key(service.name, name), RestorePoint)[0]
    except NotFoundError:
        return None


def _confirmation(wanted: dict[str, str], findings: list[Finding]) -> None:
    expected = f"RESTORE {wanted.get('target', '<target>')}"
    said = wanted.get("confirm", "")
    if said != expected:
        what = "does not say so" if said else "is missing"
        message = (
            f'confirm {what}: a restore replaces all that the target holds; send "confirm": "{expected}"'
        )
        findings.append(Finding(status=400, code="ConfirmationMissing", target="confirm", message=message))


def _guard(point: RestorePoint, target: ServiceRef, ports: Ports, findings: list[Finding]) -> None:
    try:
        state = ports.arm.service_state(target)
    except DrError as err:
        if err.http_status != 404:
            raise
        findings.append(_unknown("TargetNotFound", "target", f"{target.name} does not exist in Azure"))
        return
    refusals = guards.restore_refusals(point, state, target, ports.arm.api_version, ports.clock.now())
    findings += [
        Finding(
            status=409,
            code=refusal.guard,
            target=refusal.target,
            message=f"{refusal.message}. {refusal.hint}",
        )
        for refusal in refusals
    ]


def _unknown(code: str, target: str, message: str) -> Finding:
    return Finding(status=404, code=code, target=target, message=message)
