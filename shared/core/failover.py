"""
Readiness: whether a service can take over, check by check. Pure.

The same checks are made of a standby that is to take over, and of an old primary that is to take back.
Rules of the file:
1. All checks are made, whatever the others say; none hides another.
2. A refusal is what keeps callers from being served. What is lost, or has to be mended by hand, is a warning.
3. What could not be read says so; it is never ok.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.core import fix_ups_hosts, fix_ups_identity, fix_ups_service, guards, preflight, shell_lines
from shared.core.errors import ProtocolError
from shared.core.failover_facts import Facts
from shared.core.fix_up_scene import custom_hosts
from shared.core.preflight_facts import (
    Check,
    Finding,
    NotCheckedError,
    Verdict,
    ok,
    refusal,
    seen,
    warning,
)
from shared.core.reports import FixUp
from shared.core.service_state import hours
from shared.core.services import ServiceState
from shared.core.sidecar import HostName

CERTIFICATE_LEFT = dt.timedelta(days=30)
"""A certificate that ends within it is warned of: who fails over has no time for that."""

_LEARN = "https://learn.microsoft.com/azure/"
_BACKUP = f"{_LEARN}api-management/api-management-howto-disaster-recovery-backup-restore"
_HOSTS = f"{_LEARN}api-management/configure-custom-domain"
_IDENTITY = f"{_LEARN}api-management/api-management-howto-use-managed-service-identity"
_NETWORK = f"{_LEARN}api-management/virtual-network-concepts"
_MONITOR = f"{_LEARN}api-management/monitor-api-management"
_PROBE = f"{_LEARN}api-management/api-management-howto-deploy-multi-region"
_REPORTS = "https://learn.microsoft.com/rest/api/apimanagement/reports/list-by-api"
_RELIABILITY = f"{_LEARN}reliability/reliability-api-management"


def exists(facts: Facts) -> Finding:
    """It is there, and the app can read how it is."""
    if facts.is_missing:
        return refusal(f"{facts.name} does not exist in Azure", f"make {facts.name} in {facts.end.region}")
    _state(facts)
    return ok(f"{facts.name} is there")


def is_usable(facts: Facts) -> Finding:
    """It works, and nothing runs on it."""
    state = _state(facts)
    command = shell_lines.show(facts.end.ref, "properties.provisioningState")
    refusals = guards.state_refusals(state)
    if refusals:
        return refusal(refusals[0].message, refusals[0].hint)
    cause = f"the provisioning state of {facts.name} is {state.provisioning_state}"
    if state.is_in_transition and facts.under_way:
        return warning(f"{cause}: run {facts.under_way} restores into it", f"GET /api/runs/{facts.under_way}")
    return ok(cause) if state.provisioning_state == "Succeeded" else warning(cause, command)


def has_equal_tier(facts: Facts) -> Finding:
    """Its tier is that of the service instead of which it takes over."""
    state, wanted = _state(facts), seen(facts.tier)
    if state.tier == wanted:
        return ok(f"tier {state.tier}")
    cause = (
        f"{facts.name} has tier {state.tier}, and {facts.instead_of.name} {wanted}: nothing can be restored"
    )
    return refusal(cause, f"bring {facts.name} to tier {wanted}")


def holds_something(facts: Facts) -> Finding:
    """What it holds is known, and not too old."""
    held = seen(facts.held)
    if held is None:
        return refusal(f"{facts.name} holds no restore point", "restore one: see the steps")
    if facts.doubt:
        return refusal(facts.doubt, "restore again: see the steps")
    age_s = (facts.now - held.point_started_at).total_seconds()
    cause = f"{facts.name} holds {held.name}, {hours(age_s)} old"
    if age_s > facts.rpo_hours * 3600:
        return warning(f"{cause}, and rpoHours is {facts.rpo_hours}", "restore a newer one: see the steps")
    return ok(cause)


def holds_the_newest(facts: Facts) -> Finding:
    """Nothing newer could be restored, and nothing newer is known."""
    seen(facts.held)
    newest, aside = seen(facts.newest), "".join(f"; {remark}" for remark in facts.remarks)
    if newest is None and not facts.held_back:
        return refusal(f"there is no restore point that could be restored{aside}", "GET /api/restore-points")
    if facts.newer is not None:
        cause = f"{facts.newer.name} is newer than what {facts.name} holds{_how_long(facts)}{aside}"
        return warning(cause, "restore it: see the steps")
    look = f"GET /api/services/{facts.service}"
    if facts.gone is not None:
        cause = f"{facts.gone.name} was newer, and cannot be restored from here: it is lost with its region"
        return warning(f"{cause}{aside}", f"{look} says why there is no copy")
    if aside:
        return warning(aside.removeprefix("; "), f"{look} says how replication stands")
    if newest is not None and newest.is_expired(facts.now):
        return warning(f"{newest.name} has expired: it cannot be restored once more", "back up again")
    return ok(f"{newest.name if newest else 'what it holds'} is the newest one that is known")


def has_host_names(facts: Facts) -> Finding:
    """It has the host names by which callers know the other one: only then DNS can lead them here."""
    scene = seen(facts.scene)
    wanted = custom_hosts(scene.source, scene.point.source)
    if wanted == []:
        cause = f"{facts.instead_of.name} has no custom host name: callers have to be told another address"
        return warning(cause, f"give both services the same custom host name: {_HOSTS}")
    return _of_fix_ups(fix_ups_hosts.host_names(scene), lacks=refusal)


def has_certificates(facts: Facts) -> Finding:
    """The certificates of its host names are valid for some time."""
    scene = seen(facts.scene)
    hosts = custom_hosts(scene.now, scene.target)
    if hosts is None:
        raise NotCheckedError("the host names could not be read")
    ends = sorted((at, host.host_name) for host in hosts if (at := _expiry(host)) is not None)
    unknown = [host.host_name for host in hosts if _expiry(host) is None]
    command = shell_lines.show(facts.end.ref, fix_ups_hosts.QUERY)
    if ends and ends[0][0] - facts.now < CERTIFICATE_LEFT:
        at, name = ends[0]
        is_over = at <= facts.now
        cause = f"the certificate of {name} {'has ended' if is_over else 'ends'} at {at:%Y-%m-%d %H:%M} UTC"
        return (refusal if is_over else warning)(cause, f"renew it; {command}")
    if unknown:
        raise NotCheckedError(f"when the certificate of {unknown[0]} ends is not shown")
    return ok(f"the first one ends at {ends[0][0]:%Y-%m-%d}" if ends else "there is no custom host name")


def has_identity(facts: Facts) -> Finding:
    """It has the identities of the other one."""
    return _of_fix_ups(fix_ups_identity.identities(seen(facts.scene)))


def has_rights(facts: Facts) -> Finding:
    """Its identity may do what the other one's may; nobody but a person can tell."""
    return _of_fix_ups(fix_ups_identity.role_assignments(seen(facts.scene)))


def has_network(facts: Facts) -> Finding:
    """It stands in a network of the same kind."""
    return _of_fix_ups(fix_ups_service.network(seen(facts.scene)))


def has_diagnostics(facts: Facts) -> Finding:
    """Its logs go somewhere, as the other one's did."""
    return _of_fix_ups(fix_ups_service.diagnostics(seen(facts.scene)))


def has_the_rest(facts: Facts) -> Finding:
    """CA certificates, protocols, units and further regions are as they were."""
    scene = seen(facts.scene)
    topics = (fix_ups_service.ca_certificates, fix_ups_service.protocols, fix_ups_service.places)
    return _of_fix_ups([fix_up for topic in topics for fix_up in topic(scene)])


def answers(facts: Facts) -> Finding:
    """Its gateway serves."""
    probe = seen(facts.gateway)
    command = f"curl -sS -i {shell_lines.argument(probe.url)}"
    if probe.is_answering:
        return ok(f"{probe.url} answered 200")
    if probe.status is None:
        cause = f"{probe.url} could not be reached from here: {probe.said}"
        return warning(f"{cause}; a gateway inside of a network cannot be", command)
    return refusal(f"{probe.url} answered {probe.status}: {probe.said}", command)


def has_no_traffic(facts: Facts) -> Finding:
    """Nobody is served by it yet."""
    calls = seen(facts.calls)
    if not calls:
        return ok("no calls in the last minutes")
    cause = f"{facts.name} served {calls} calls in the last minutes: nothing is restored into what serves"
    return warning(cause, f"GET /api/services/{facts.service} says what it holds")


def can_be_protected(facts: Facts) -> Finding:
    """It could be backed up when it serves."""
    if not facts.preflight:
        raise NotCheckedError("what a backup of it needs could not be read")
    bad = [check for check in facts.preflight if check.verdict is Verdict.REFUSAL]
    if bad:
        why = "; ".join(f"{check.name}: {check.cause}" for check in bad)
        return warning(f"{facts.name} could not be backed up: {why}", bad[0].command)
    return ok(f"{facts.name} could be backed up")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    name: str
    judge: Callable[[Facts], Finding]
    link: str


_SERVICE = (
    _Row(name="Exists", judge=exists, link=_BACKUP),
    _Row(name="Usable", judge=is_usable, link=_BACKUP),
    _Row(name="TierEqual", judge=has_equal_tier, link=_BACKUP),
)
_HOLDS = (
    _Row(name="HoldsPoint", judge=holds_something, link=_BACKUP),
    _Row(name="HoldsNewest", judge=holds_the_newest, link=_BACKUP),
)
_AROUND = (
    _Row(name="HostNames", judge=has_host_names, link=_HOSTS),
    _Row(name="Certificates", judge=has_certificates, link=_HOSTS),
    _Row(name="Identities", judge=has_identity, link=_IDENTITY),
    _Row(name="RoleAssignments", judge=has_rights, link=_IDENTITY),
    _Row(name="Network", judge=has_network, link=_NETWORK),
    _Row(name="Diagnostics", judge=has_diagnostics, link=_MONITOR),
    _Row(name="OtherSettings", judge=has_the_rest, link=_BACKUP),
    _Row(name="GatewayAnswers", judge=answers, link=_PROBE),
    _Row(name="NoTraffic", judge=has_no_traffic, link=_REPORTS),
    _Row(name="CanBeProtected", judge=can_be_protected, link=_RELIABILITY),
)
FAILOVER = (*_SERVICE, *_HOLDS, *_AROUND)
"""The checks of a standby, in the order in which an operator reads them."""
FAILBACK = (*_SERVICE, *_AROUND)
"""The checks of an old primary: what it holds is replaced before it takes back."""

DECISIVE = frozenset({"Exists", "Usable", "TierEqual", "HoldsPoint"})
"""Checks without which nobody can say ready: of these, not checked is as bad as a refusal."""


def judge(facts: Facts, rows: Sequence[_Row] = FAILOVER) -> tuple[Check, ...]:
    """Make every check, in order."""
    return tuple(_check(row, facts) for row in rows)


def is_ready(checks: Sequence[Check]) -> bool:
    """Tell whether nothing keeps callers from being served, as far as anybody can know beforehand."""
    unknown = {check.name for check in checks if check.verdict is Verdict.NOT_CHECKED}
    return preflight.worst(checks) is not Verdict.REFUSAL and not unknown & DECISIVE


def _check(row: _Row, facts: Facts) -> Check:
    try:
        found = row.judge(facts)
    except NotCheckedError as err:
        command = f'az role assignment create --assignee "$APP_CLIENT_ID" --role Reader --scope {err.scope}'
        found = Finding(verdict=Verdict.NOT_CHECKED, cause=str(err), command=command if err.scope else "")
    except (TypeError, KeyError, AttributeError, ValueError):
        # a resource of an unknown shape must neither pass for a good one nor hide the other checks
        found = Finding(verdict=Verdict.NOT_CHECKED, cause="what was read is not of the documented shape")
    return Check(
        name=row.name, verdict=found.verdict, cause=found.cause, command=found.command, link=row.link
    )


def _state(facts: Facts) -> ServiceState:
    if facts.is_missing:
        raise NotCheckedError(f"{facts.name} does not exist")
    try:
        return ServiceState.from_resource(seen(facts.resource))
    except ProtocolError as err:
        raise NotCheckedError(err.message) from err


def _of_fix_ups(found: Sequence[FixUp], lacks: Callable[[str, str], Finding] = warning) -> Finding:
    """Return one topic of the fix-up list as a check; what is needed comes before what could not be told."""
    for is_needed in (True, None):
        those = [fix_up for fix_up in found if fix_up.is_needed is is_needed]
        if those:
            cause = "; ".join(f"{fix_up.what}: {fix_up.why}" for fix_up in those)
            if is_needed:
                return lacks(cause, those[0].command)
            return Finding(verdict=Verdict.NOT_CHECKED, cause=cause, command=those[0].command)
    return ok("; ".join(fix_up.why for fix_up in found[:1]) or "nothing is left to do")


def _expiry(host: HostName) -> dt.datetime | None:
    text = host.certificate.expiry if host.certificate else None
    try:
        found = dt.datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found.replace(tzinfo=dt.UTC) if found and found.tzinfo is None else found


def _how_long(facts: Facts) -> str:
    took = facts.restore_duration_s
    return f"; the last restore into it took {hours(took)}" if took is not None else ""
