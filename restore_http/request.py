"""Reading a restore request: every fault at once, and nothing started before all are known."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pydantic import Field

from restore_http import points, safety_guards
from shared import body, clearance, roster
from shared.core import guards, names
from shared.core.documents import Utc, Value
from shared.core.ends import End
from shared.core.errors import DrError, RequestError
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.preflight_facts import Check
from shared.core.requests import RestoreRequest
from shared.core.restore_points import LATEST, RestorePoint
from shared.findings import Finding, FindingsError

BODY_HINT = (
    'The body looks like {"service": "<name in the plan>", "restorePoint": "latest" or a name, '
    '"target": "<name of the standby>", "confirm": "RESTORE <target>"}; see docs/http-api.md.'
)

_NEEDED = ("service", "target")


class RestoreBody(Value):
    """What a caller sends. What is needed is asked for in `read_request`, so that all faults are named."""

    service: str | None = Field(default=None, min_length=1, max_length=100)
    restore_point: str | None = Field(default=None, min_length=1, max_length=200)
    before: Utc | None = None
    target: str | None = Field(default=None, min_length=1, max_length=300)
    confirm: str = ""
    dry_run: bool = Field(default=False, strict=True)
    overwrite_source: bool = Field(default=False, strict=True)
    despite_traffic: bool = Field(default=False, strict=True)
    safety_backup: bool = Field(default=True, strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a caller wants: the wish, what the guards say of it, and whether it is only to be shown."""

    request: RestoreRequest
    checks: tuple[Check, ...]
    is_dry_run: bool
    makes_safety_backup: bool


def read_request(content: bytes, request_id: str, ports: Ports) -> Asked:
    """
    Turn a body into a wish, and ask the guards. A dry run is answered whatever they say.

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
    service = roster.find(ports, wanted.service) if wanted.service else None
    if wanted.service and service is None:
        known = ", ".join(item.name for item in roster.members(ports)[:20])
        findings.append(
            _unknown("ServiceNotFound", "service", f"{wanted.service} is not in the plan: {known}")
        )
    end = _target(service, wanted, ports, findings) if service else None
    point = _point(service, wanted, ports, findings) if service else None
    if not wanted.dry_run:
        _confirmation(wanted, end, findings)
    is_ours = end is not None and end.region == ports.plan.region
    if service is None or end is None or point is None or not is_ours:
        raise _refused(findings)
    request = _wish(service, end, point, wanted, request_id, ports)
    asked = _ask(request, ports, findings, is_dry_run=wanted.dry_run)
    if findings:
        raise _refused(findings)
    return asked


def _refused(findings: list[Finding]) -> FindingsError:
    is_malformed = any(finding.code == RequestError.code for finding in findings)
    return FindingsError("the restore was not started", findings, hint=BODY_HINT if is_malformed else "")


def _wish(
    service: ProtectedService,
    end: End,
    point: RestorePoint,
    wanted: RestoreBody,
    request_id: str,
    ports: Ports,
) -> RestoreRequest:
    now = ports.clock.now().replace(microsecond=0)
    return RestoreRequest(
        run_id=names.run_id("restore", service.name, now, because=request_id),
        kind="restore",
        service=service.name,
        target=end.ref,
        access=end.access,
        point=point,
        overwrite_source=wanted.overwrite_source,
        despite_traffic=wanted.despite_traffic,
        safety_backup=wanted.safety_backup,
        trigger="http",
        requested_at=now,
        deadline_at=now + dt.timedelta(seconds=ports.intervals.deadline_s),
        intervals=ports.intervals,
    )


def _parse(content: bytes) -> tuple[RestoreBody, list[Finding]]:
    """Return the fields that can be used, and what is wrong with the others."""
    data, faults = body.read_object(content, RestoreBody, BODY_HINT)
    unusable = {where for where, _ in faults}
    names_in_json = [str(field.alias) for field in RestoreBody.model_fields.values()]
    usable = {name: data[name] for name in names_in_json if name in data and f"$.{name}" not in unusable}
    wanted = RestoreBody.model_validate(usable)
    faults += [
        (f"$.{name}", "is missing")
        for name in _NEEDED
        if usable.get(name) is None and f"$.{name}" not in unusable
    ]
    if not unusable & {"$.restorePoint", "$.before"}:
        if wanted.restore_point is None and wanted.before is None:
            faults.append(
                ("$.restorePoint", 'is missing: a name, or "latest"; or "before" and a time instead')
            )
        elif wanted.restore_point is not None and wanted.before is not None:
            faults.append(("$.before", "cannot be said together with restorePoint: leave out one of them"))
    findings = [
        Finding(status=400, code=RequestError.code, target=where, message=f"{where} {what}")
        for where, what in faults
    ]
    return wanted, findings


def _target(
    service: ProtectedService, wanted: RestoreBody, ports: Ports, findings: list[Finding]
) -> End | None:
    if wanted.target is None:
        return None
    end = guards.known_target(service, wanted.target)
    if end is None:
        known = ", ".join(dict.fromkeys(one.ref.name for one in guards.ends(service)[:-1]))
        message = f"{wanted.target} is no target of {service.name}; planned: {known or 'none'}"
        findings.append(_unknown("TargetNotFound", "target", message))
    elif end.region != ports.plan.region:
        # runs of one service exclude each other only within one app
        message = (
            f"{end.ref.name} is in {end.region}: ask the app of that region, this is {ports.plan.region}'s"
        )
        findings.append(Finding(status=409, code="OtherRegion", target="target", message=message))
    return end


def _point(
    service: ProtectedService, wanted: RestoreBody, ports: Ports, findings: list[Finding]
) -> RestorePoint | None:
    if (wanted.restore_point is None) == (wanted.before is None):
        return None  # a fault of its own
    point = points.find(service, wanted.restore_point, wanted.before, ports)
    if point is None:
        known = points.newest_names(service, ports)
        what = f"the newest are: {', '.join(known)}" if known else "there is none yet"
        said = f"{wanted.restore_point} is not a restore point of {service.name}"
        if wanted.before is not None:
            said = f"{service.name} has no restore point from before {wanted.before.isoformat()}"
        elif wanted.restore_point == LATEST and known:
            said = f"no restore point was taken from {service.ref.name}, which the plan names now"
        where = "before" if wanted.before is not None else "restorePoint"
        findings.append(_unknown("RestorePointNotFound", where, f"{said}; {what}"))
    return point


def _confirmation(wanted: RestoreBody, end: End | None, findings: list[Finding]) -> None:
    expected = f"RESTORE {wanted.target or '<target>'}"
    if wanted.confirm == expected:
        return
    what = "does not say so" if wanted.confirm else "is missing"
    # a line to copy is given only for a target that can be meant
    how = f'send "confirm": "{expected}"' if end else "send the word RESTORE, a space, and the target"
    message = f"confirm {what}: a restore replaces all that the target holds; {how}"
    findings.append(Finding(status=400, code="ConfirmationMissing", target="confirm", message=message))


def _ask(request: RestoreRequest, ports: Ports, findings: list[Finding], *, is_dry_run: bool) -> Asked:
    """Ask the guards; their refusals become findings, unless it is only to be shown."""
    found: tuple[Check, ...] = ()
    makes_safety_backup = False
    try:
        found = clearance.verdicts(request, ports) if is_dry_run else clearance.checks(request, ports)
        makes_safety_backup = safety_guards.is_made(request, found, ports)
        if makes_safety_backup:
            found += safety_guards.checks(request, found, ports)
    except DrError:
        if not findings:
            raise
        # the caller has to mend those first
    if not is_dry_run:
        findings += [
            Finding(
                status=409,
                code=check.name,
                target=request.target.resource_id,
                message=f"{check.cause}. {check.command}",
            )
            for check in clearance.refusals(found)
        ]
    return Asked(
        request=request, checks=found, is_dry_run=is_dry_run, makes_safety_backup=makes_safety_backup
    )


def _unknown(code: str, target: str, message: str) -> Finding:
    return Finding(status=404, code=code, target=target, message=message)
