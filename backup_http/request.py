"""Reading the wish to back up now: every fault at once, and nothing started before all are known."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from shared import body, roster
from shared.core import names
from shared.core.documents import Value
from shared.core.errors import RequestError, cut
from shared.core.nights import NightWish
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.findings import Finding, FindingsError

ALL = "all"
NAMES_MAX = 5000
BODY_HINT = (
    'The body looks like {"services": "all"}, {"services": "<name>"} or {"services": ["<name>", "<name>"]}, '
    'with "reason": "<text>" if the record is to say why.'
)


class BackupsBody(Value):
    """What a caller sends."""

    services: Any
    reason: str = Field(default="", max_length=200)


def read_request(content: bytes, request_id: str, ports: Ports) -> tuple[NightWish, tuple[str, ...]]:
    """
    Turn a body into the wish of a night.

    Args:
        content: the body of the call.
        request_id: makes this call's night different from others of the same second.
        ports: plan, roster, clock.

    Returns:
        The wish, and the names of the services that are backed up.

    Raises:
        RequestError: not a JSON object.
        FindingsError: everything else, all at once: what is malformed, unknown or another app's.
        TemporaryError, AccessError: what discovery found could not be read.
    """
    data, findings = _parse(content)
    wanted = _wanted(data["services"], findings) if "services" in data else ()
    members = roster.members(ports)
    if wanted is None:
        chosen = _all(members, ports, findings)
    else:
        chosen = tuple(name for _, name in wanted)
        _look_up(wanted, members, ports, findings)
    if findings:
        is_malformed = any(finding.code == RequestError.code for finding in findings)
        raise FindingsError("nothing was started", findings, hint=BODY_HINT if is_malformed else "")
    now = ports.clock.now()
    wish = NightWish(
        night=names.night_id(now.replace(microsecond=0), because=request_id),
        trigger="http",
        requested_at=now.replace(microsecond=0),
        begun_at=now,
        services=None if wanted is None else chosen,
        reason=cut(str(data.get("reason", ""))),
        intervals=ports.intervals,
    )
    return wish, chosen


def _parse(content: bytes) -> tuple[dict[str, Any], list[Finding]]:
    """Return the fields as they were sent, and what is wrong with them, the services apart."""
    data, faults = body.read_object(content, BackupsBody, BODY_HINT)
    return data, [_malformed(where, what) for where, what in faults]


def _wanted(value: Any, findings: list[Finding]) -> tuple[tuple[str, str], ...] | None:
    """Return (path, name) of each service that is named; None: all of them."""
    if value == ALL:
        return None
    if isinstance(value, str):
        return (("$.services", value),)
    if not isinstance(value, list) or not 1 <= len(value) <= NAMES_MAX:
        what = f'must be "all", a name, or a list of 1 to {NAMES_MAX} names'
        findings.append(_malformed("$.services", what))
        return ()
    found: dict[str, str] = {}
    for index, name in enumerate(value):
        where = f"$.services[{index}]"
        if not isinstance(name, str):
            findings.append(_malformed(where, "is no name"))
        elif name in found:
            findings.append(_malformed(where, f"names {_shown(name)} a second time"))
        else:
            found[name] = where
    return tuple((where, name) for name, where in found.items())


def _all(members: tuple[ProtectedService, ...], ports: Ports, findings: list[Finding]) -> tuple[str, ...]:
    now, region = ports.clock.now(), ports.plan.region
    own = [service for service in members if service.region == region]
    if not own:
        message = f"no service is in {region}, the region that this app looks after"
        findings.append(_unknown("ServiceNotFound", "$.services", message))
    return tuple(service.name for service in own if not service.is_paused(now))


def _look_up(
    wanted: tuple[tuple[str, str], ...],
    members: tuple[ProtectedService, ...],
    ports: Ports,
    findings: list[Finding],
) -> None:
    known = {service.name: service for service in members}
    for where, name in wanted:
        service = known.get(name)
        if service is None:
            shown = ", ".join(list(known)[:20]) or "there is none"
            message = f"{where}: neither plan nor discovery knows {_shown(name)}; known are: {shown}"
            findings.append(_unknown("ServiceNotFound", where, message))
        elif service.region != ports.plan.region:
            message = (
                f"{where}: {name} is in {service.region}: ask the app of that region, "
                f"this is {ports.plan.region}'s"
            )
            findings.append(Finding(status=409, code="OtherRegion", target=where, message=message))


def _malformed(where: str, what: str) -> Finding:
    return Finding(status=400, code=RequestError.code, target=where, message=f"{where} {what}")


def _unknown(code: str, target: str, message: str) -> Finding:
    return Finding(status=404, code=code, target=target, message=message)


def _shown(name: str) -> str:
    return cut(name)[:60]
