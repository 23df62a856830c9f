"""The checks of preflight that look at the service: whether it can be backed up, and whether by us. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from shared.core import guards, names, rights, shell_lines
from shared.core.access import BackupStorage
from shared.core.errors import ProtocolError
from shared.core.guards import Refusal
from shared.core.plan import SETTING
from shared.core.preflight_facts import (
    Facts,
    Finding,
    NotCheckedError,
    Unseen,
    ok,
    properties,
    refusal,
    seen,
    warning,
)
from shared.core.services import ServiceState

BACKUP_ACTION = "Microsoft.ApiManagement/service/backup/action"
RESULT_ACTION = "Microsoft.ApiManagement/service/operationresults/read"
OPERATOR_ROLE = "API Management Service Operator Role"

NAME_LENGTH_MAX = 1024
"""Of a blob; a manifest beside the backup has a few letters more."""
SHOWN_MAX = 3


def is_readable(facts: Facts) -> Finding:
    """The service is there, and this app may read it."""
    resource = facts.resource
    if not isinstance(resource, Unseen):
        return ok("the service was read")
    if resource.for_now:
        raise NotCheckedError(resource.reason)
    return refusal(resource.reason, _give(facts, "API Management Service Reader Role"))


def has_backup(facts: Facts) -> Finding:
    """The tier is one of those that have backups."""
    state = _state(facts)
    return _guarded(
        guards.tier_refusals(state), f"tier {state.tier}", _pause(facts, f"tier {state.tier} has no backup")
    )


def is_where_planned(facts: Facts) -> Finding:
    """The region is the plan's."""
    state = _state(facts)
    command = f'edit {SETTING}: "region": "{state.region}" for {facts.plan_name}'
    return _guarded(
        guards.region_refusals(state, facts.expected), f"the service is in {state.region}", command
    )


def takes_api_version(facts: Facts) -> Finding:
    """The service accepts the plan's api-version."""
    state = _state(facts)
    command = f'edit {SETTING}: "apiVersion": "{state.min_api_version}"'
    return _guarded(
        guards.api_version_refusals(state, facts.api_version), f"{facts.api_version} is accepted", command
    )


def is_usable(facts: Facts) -> Finding:
    """The provisioning state is one from which a backup can start."""
    state = _state(facts)
    command = shell_lines.show(facts.expected, "properties.provisioningState")
    refusals = guards.state_refusals(state)
    if state.is_in_transition and not refusals:
        cause = f"the service's provisioning state is {state.provisioning_state}: a backup waits for its end"
        return warning(cause, command)
    if state.provisioning_state != "Succeeded" and not refusals:
        # a backup is proven only where the service stands at Succeeded afterwards
        cause = f"the service's provisioning state is {state.provisioning_state}, and not Succeeded"
        return refusal(cause, command)
    return _guarded(refusals, f"the service is {state.provisioning_state}", command)


def has_no_workspace_gateways(facts: Facts) -> Finding:
    """No workspace has a gateway of its own."""
    linked = [
        str(properties(link).get("workspaceId") or link.get("id") or "?").rsplit("/", 1)[-1]
        for link in seen(facts.workspace_links)
        if properties(link).get("gateways")
    ]
    if not linked:
        return ok("there are no workspace gateways")
    cause = f"a service with workspace gateways cannot be backed up; workspaces with one: {_some(linked)}"
    return refusal(cause, _pause(facts, "has workspace gateways"))


def may_back_up(facts: Facts) -> Finding:
    """This app may start the backup."""
    return _may(facts, BACKUP_ACTION, "the POST would be refused")


def may_read_result(facts: Facts) -> Finding:
    """This app may read how the backup ends."""
    return _may(facts, RESULT_ACTION, "the backup would run, and nobody could read how it ended")


def is_not_read_only(facts: Facts) -> Finding:
    """No lock forbids the POST. A lock against deletion does no harm."""
    found = [lock for lock in seen(facts.locks) if properties(lock).get("level") == "ReadOnly"]
    if not found:
        return ok("no read-only lock")
    ids = [str(lock["id"]) for lock in found]
    cause = f"a read-only lock stops every POST to the service: {_some(ids)}"
    return refusal(cause, "az lock delete --ids " + " ".join(map(shell_lines.argument, ids[:SHOWN_MAX])))


def has_valid_names(facts: Facts) -> Finding:
    """Container and blob have names that Azure Storage accepts."""
    storage, blob = facts.storage, facts.backup_name
    try:
        BackupStorage.model_validate(storage.model_dump())
    except ValidationError:
        cause = (
            f"{storage.account}/{storage.container} are not the names of a storage account and a container"
        )
        return refusal(cause, f"edit {SETTING}: {facts.place}")
    if not names.is_own_backup(blob) or len(blob) > NAME_LENGTH_MAX:
        cause = f"{blob[:60]} is not a name that this app gives to a backup"
        return refusal(cause, f'edit {SETTING}: "name" of {facts.plan_name}')
    return ok(f"{storage.container}/{blob}")


def _state(facts: Facts) -> ServiceState:
    try:
        return ServiceState.from_resource(seen(facts.resource))
    except ProtocolError as err:
        raise NotCheckedError(err.message) from err


def _guarded(refusals: Sequence[Refusal], fine: str, command: str) -> Finding:
    return refusal(refusals[0].message, command) if refusals else ok(fine)


def _may(facts: Facts, action: str, effect: str) -> Finding:
    if rights.allows(seen(facts.permissions), action):
        return ok(f"the app has {action}")
    return refusal(f"the app lacks {action}: {effect}", _give(facts, OPERATOR_ROLE))


def _give(facts: Facts, role: str) -> str:
    return shell_lines.give(role, facts.expected.resource_id)


def _pause(facts: Facts, reason: str) -> str:
    return f'edit {SETTING}: "paused": {{"reason": "{reason}"}} for {facts.plan_name}'


def _some(found: list[str]) -> str:
    rest = len(found) - SHOWN_MAX
    return ", ".join(found[:SHOWN_MAX]) + (f" and {rest} more" if rest > 0 else "")
