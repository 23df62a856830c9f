"""The guards of a restore that look at the target: there, at rest, ours to overwrite, idle. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from shared.core import guards, rights, shell_lines
from shared.core.errors import ProtocolError
from shared.core.guards import Refusal
from shared.core.plan import SETTING
from shared.core.preflight_facts import (
    Finding,
    NotCheckedError,
    Unseen,
    ok,
    properties,
    refusal,
    seen,
    warning,
)
from shared.core.preflight_service import OPERATOR_ROLE, RESULT_ACTION, SHOWN_MAX
from shared.core.restore_facts import TRAFFIC_WINDOW, RestoreFacts
from shared.core.services import ServiceState
from shared.core.shell_lines import argument

RESTORE_ACTION = "Microsoft.ApiManagement/service/restore/action"
READER_ROLE = "API Management Service Reader Role"

_MINUTES = round(TRAFFIC_WINDOW.total_seconds() / 60)
_DESPITE = 'say "despiteTraffic": true'


def exists(facts: RestoreFacts) -> Finding:
    """The target is there, and the app can read how it is."""
    resource = facts.around.resource
    if facts.is_missing:
        return _missing(facts)
    if isinstance(resource, Unseen):
        # nothing of it could be guarded then, so it is not left open
        command = "ask again" if resource.for_now else _give(facts, READER_ROLE)
        return refusal(f"{facts.target} {resource.reason}", command)
    try:
        ServiceState.from_resource(resource)
    except ProtocolError as err:
        command = f"az resource show --ids {argument(facts.request.target.resource_id)}"
        return refusal(f"{facts.target} could not be understood: {err.message}", command)
    return ok(f"{facts.target} is there")


def _missing(facts: RestoreFacts) -> Finding:
    name, region = facts.target, facts.request.target.region
    found = facts.deleted
    if isinstance(found, Mapping):
        until = properties(found).get("scheduledPurgeDate") or "an unknown time"
        cause = f"{name} was deleted, and Azure keeps it until {until}: nothing can be restored into it"
        command = (
            f"bring it back: {_put_back(facts)}; or purge it and make a new one: "
            f"az apim deletedservice purge --service-name {argument(name)} --location {argument(region)}"
        )
        return refusal(cause, command)
    cause = f"{name} does not exist in Azure"
    if isinstance(found, Unseen):
        cause += f"; whether it was deleted lately could not be told: {found.reason}"
    command = (
        f"make {name} in {region}, of tier {facts.request.point.tier}; az apim deletedservice show"
        f" --service-name {argument(name)} --location {argument(region)} shows whether it was deleted lately"
    )
    return refusal(cause, command)


def _put_back(facts: RestoreFacts) -> str:
    target = facts.request.target
    body = {
        "location": target.region,
        "sku": {"name": facts.request.point.tier, "capacity": 1},
        "properties": {"restore": True, "publisherEmail": "<mail>", "publisherName": "<name>"},
    }
    return shell_lines.rest("put", target.resource_id, facts.around.api_version, body)


def has_restore(facts: RestoreFacts) -> Finding:
    """The tier is one of those that have backup and restore."""
    state = facts.state()
    return _guarded(guards.tier_refusals(state), f"tier {state.tier}")


def is_where_planned(facts: RestoreFacts) -> Finding:
    """The region is the plan's."""
    state = facts.state()
    return _guarded(guards.region_refusals(state, facts.request.target), f"the service is in {state.region}")


def takes_api_version(facts: RestoreFacts) -> Finding:
    """The target accepts the plan's api-version."""
    version = facts.around.api_version
    return _guarded(guards.api_version_refusals(facts.state(), version), f"{version} is accepted")


def is_usable(facts: RestoreFacts) -> Finding:
    """The provisioning state is no broken one."""
    state = facts.state()
    return _guarded(guards.state_refusals(state), f"the service is {state.provisioning_state}")


def is_at_rest(facts: RestoreFacts) -> Finding:
    """Nothing runs on the target. A replication or a drill waits, a person is told."""
    state = facts.state()
    if not state.is_in_transition:
        return ok(f"the service is {state.provisioning_state}")
    command = shell_lines.show(facts.request.target, "properties.provisioningState")
    cause = f"the target's provisioning state is {state.provisioning_state}: something runs on it"
    return (refusal if facts.request.kind == "restore" else warning)(cause, command)


def may_be_restored(facts: RestoreFacts) -> Finding:
    """This app may start the restore."""
    return _may(facts, RESTORE_ACTION, "the POST would be refused")


def may_read_result(facts: RestoreFacts) -> Finding:
    """This app may read how the restore ends."""
    return _may(facts, RESULT_ACTION, "the restore would run, and nobody could read how it ended")


def is_not_source(facts: RestoreFacts) -> Finding:
    """The target is not the service that the backup was taken from, unless somebody said so."""
    if not facts.request.point.source.is_same_as(facts.request.target):
        return ok("the target is another service than the backup's source")
    if facts.is_home:
        return ok("a safety backup goes back into the service that it was taken from")
    return _unless_meant(facts, "the target is the service that the backup was taken from")


def is_no_primary(facts: RestoreFacts) -> Finding:
    """The target is no service that plan or discovery call a primary, unless somebody said so."""
    primaries = facts.primaries
    if isinstance(primaries, Unseen):
        cause = f"whether {facts.target} is a primary could not be told: {primaries.reason}"
        return _unless_meant(facts, cause, is_for_now=primaries.for_now)
    if facts.request.target.resource_id.lower() in primaries:
        cause = f"{facts.target} is a primary: the plan names it as one, or it has the tags of discovery"
        return _unless_meant(facts, cause)
    return ok(f"{facts.target} is no primary")


def _unless_meant(facts: RestoreFacts, cause: str, *, is_for_now: bool = False) -> Finding:
    request = facts.request
    if request.kind != "restore":
        end = "standby" if request.kind == "replicate" else "drillTarget"
        command = f"edit {SETTING}: name another service as {end} of {request.service}"
        return refusal(cause, "ask again" if is_for_now else command)
    command = 'restore into its standby, or say "overwriteSource": true'
    if request.overwrite_source:
        return warning(f"{cause}, and overwriteSource says that this is meant", command)
    return refusal(cause, f"ask again; or {command}" if is_for_now else command)


def has_no_traffic(facts: RestoreFacts) -> Finding:
    """Nobody is served by the target, as far as its reports tell."""
    calls = facts.calls
    if isinstance(facts.around.resource, Unseen):
        raise NotCheckedError("the target could not be read")
    if isinstance(calls, Unseen):
        return _uncounted(facts, calls)
    if not calls:
        return ok(f"no calls in the last {_MINUTES} minutes")
    cause = f"{facts.target} served {calls} calls in the last {_MINUTES} minutes"
    kind = facts.request.kind
    if kind != "restore":
        return refusal(cause, f"lead its callers elsewhere: what serves is not overwritten by a {kind}")
    command = f"lead its callers elsewhere, or {_DESPITE}"
    if facts.request.despite_traffic:
        return warning(f"{cause}, and despiteTraffic says that this is known", command)
    return refusal(cause, command)


def _uncounted(facts: RestoreFacts, calls: Unseen) -> Finding:
    """Judge a target whose calls nobody could count: what may serve is not overwritten by itself."""
    kind = facts.request.kind
    cause = f"whether {facts.target} served anybody in the last {_MINUTES} minutes: {calls.reason}"
    command = "ask again" if calls.for_now else _give(facts, READER_ROLE)
    if kind == "restore":
        command = f"{command}; or {_DESPITE}"
    if kind == "replicate":
        said = f'"uncountedTraffic": "replicate" in standby of {facts.request.service}'
        command = f"{command}; or edit {SETTING}: {said}"
    is_open = facts.request.traffic_may_be_uncounted or (
        kind != "replicate" and facts.request.despite_traffic
    )
    return (warning if is_open else refusal)(cause, command)


def has_no_custom_host_name(facts: RestoreFacts) -> Finding:
    """A rehearsal goes into no service that has a name of the outside world."""
    found = properties(seen(facts.around.resource)).get("hostnameConfigurations")
    command = f"edit {SETTING}: name another service as drillTarget of {facts.request.service}"
    if found is not None and not isinstance(found, list):
        return refusal(f"the host names of {facts.target} could not be understood", command)
    names = [_host_name(one) for one in found or []]
    custom = sorted({name for name in names if not _is_default(name, facts.target)})
    if custom:
        return refusal(f"{facts.target} has custom host names: {', '.join(custom[:SHOWN_MAX])}", command)
    return ok("it has its default host names only")


def _host_name(one: Any) -> str:
    return str(one.get("hostName") or "?") if isinstance(one, Mapping) else "?"


def _is_default(name: str, service: str) -> bool:
    return (
        re.fullmatch(rf"{re.escape(service)}(\.[a-z]+)?\.azure-api\.[a-z]+", name, re.IGNORECASE) is not None
    )


def _guarded(refusals: list[Refusal], fine: str) -> Finding:
    return refusal(refusals[0].message, refusals[0].hint) if refusals else ok(fine)


def _may(facts: RestoreFacts, action: str, effect: str) -> Finding:
    if facts.is_missing:
        raise NotCheckedError("the target does not exist")
    if rights.allows(seen(facts.around.permissions), action):
        return ok(f"the app has {action}")
    return refusal(f"the app lacks {action}: {effect}", _give(facts, OPERATOR_ROLE))


def _give(facts: RestoreFacts, role: str) -> str:
    return shell_lines.give(role, facts.request.target.resource_id)
