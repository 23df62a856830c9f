"""Reading the wish for a drill: every fault at once, and nothing started before all are known."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from drill_timer.choosing import choose_point, refusals, request_for, why_no_point
from drill_timer.planning import wish_for
from shared import body, roster
from shared.core import names
from shared.core.documents import Value
from shared.core.drills import DrillWish
from shared.core.errors import RequestError
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.restore_points import RestorePoint
from shared.findings import Finding, FindingsError

BODY_HINT = (
    'The body looks like {"service": "<name in the plan>", "point": "newest", "random" or a name, '
    '"confirm": "DRILL <target>"}; without "point" it is what the plan says.'
)


class DrillBody(Value):
    """What a caller sends."""

    service: str = Field(min_length=1, max_length=100)
    point: str | None = Field(default=None, min_length=1, max_length=200)
    confirm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A drill that may begin, and the point that it would take now."""

    wish: DrillWish
    point: RestorePoint


def read_request(content: bytes, request_id: str, ports: Ports) -> Asked:
    """
    Turn a body into a drill.

    Args:
        content: the body of the call.
        request_id: makes this call's drill different from others of the same second.
        ports: plan, records, Azure Resource Manager, clock.

    Raises:
        RequestError: not a JSON object.
        FindingsError: everything else, all at once: what is missing or malformed, what is unknown, and
            what the guards say, as far as the rest of the body lets them be asked.
        TemporaryError, AccessError: the records or the target could not be read.
    """
    wanted, findings = _parse(content)
    name = wanted.get("service")
    service = roster.find(ports, name) if name else None
    if name and service is None:
        known = ", ".join(item.name for item in roster.members(ports)[:20])
        findings.append(_unknown("ServiceNotFound", "service", f"{name} is not in the plan: {known}"))
    target = _target(service, ports, findings) if service else None
    _confirmation(wanted, target, findings)
    asked = None
    if service is not None and target is not None and not _is_elsewhere(findings):
        asked = _drill(service, wanted, request_id, ports, findings)
    if findings or asked is None:
        is_malformed = any(finding.code == RequestError.code for finding in findings)
        raise FindingsError("the drill was not started", findings, hint=BODY_HINT if is_malformed else "")
    return asked


def _parse(content: bytes) -> tuple[dict[str, str], list[Finding]]:
    """Return the fields that can be used, by their names in JSON, and what is wrong with the others."""
    data, faults = body.read_object(content, DrillBody, BODY_HINT)
    unusable = {where for where, _ in faults}
    known = [name for name in DrillBody.model_fields if data.get(name) is not None]
    wanted = {name: data[name] for name in known if f"$.{name}" not in unusable}
    return wanted, [_malformed(RequestError.code, where, f"{where} {what}") for where, what in faults]


def _target(service: ProtectedService, ports: Ports, findings: list[Finding]) -> str | None:
    """Return the name of the service that would be restored into."""
    into = service.drill_into
    if into is None:
        message = f"the plan has no drills of {service.name}: it needs drill, and a drillTarget or a standby"
        findings.append(_refused("NoDrills", "service", message))
        return None
    if into.region != ports.plan.region:
        message = (
            f"{into.ref.name} is in {into.region}: ask the app of that region, this is {ports.plan.region}'s"
        )
        findings.append(_refused("OtherRegion", "service", message))
    return into.ref.name


def _confirmation(wanted: dict[str, str], target: str | None, findings: list[Finding]) -> None:
    expected = f"DRILL {target or '<target>'}"
    said = wanted.get("confirm", "")
    if said != expected:
        what = "does not say so" if said else "is missing"
        message = f'confirm {what}: a drill replaces all that the target holds; send "confirm": "{expected}"'
        findings.append(_malformed("ConfirmationMissing", "confirm", message))


def _drill(
    service: ProtectedService,
    wanted: dict[str, str],
    request_id: str,
    ports: Ports,
    findings: list[Finding],
) -> Asked | None:
    now = ports.clock.now().replace(microsecond=0)
    run_id = names.run_id("drill", service.name, now, because=request_id)
    said = {"point": wanted["point"]} if "point" in wanted else {}
    wish = wish_for(service, run_id=run_id, trigger="http", wished_at=now, **said)
    point = choose_point(wish, service, ports)
    if point is None:
        message = f"{why_no_point(wish, service)}; GET /api/restore-points lists what there is"
        findings.append(_unknown("RestorePointNotFound", "point", message))
        return None
    found = refusals(request_for(wish, service, point, ports), wish, ports)
    findings += [
        _refused(check.name, wish.target.name, f"{check.cause}. {check.command}".strip()) for check in found
    ]
    return Asked(wish=wish, point=point)


def _is_elsewhere(findings: list[Finding]) -> bool:
    return any(finding.code == "OtherRegion" for finding in findings)


def _malformed(code: str, target: str, message: str) -> Finding:
    return Finding(status=400, code=code, target=target, message=message)


def _unknown(code: str, target: str, message: str) -> Finding:
    return Finding(status=404, code=code, target=target, message=message)


def _refused(code: str, target: str, message: str) -> Finding:
    return Finding(status=409, code=code, target=target, message=message)
