"""
What has to be there before: what a module of a top template refers to, another one makes, so it must wait.

Azure starts modules side by side unless one names the other, in `dependsOn` or through an output. Here it is
worked out which module makes what, and which other one points at it: with `existing`, as the role of an
assignment, or as the queue of a topic whose right to it is given elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import bicep
from bicep import File
from bicep_functions import Unknown
from deploying import Deployed, Deployment

ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
SUBSCRIPTION = "Microsoft.EventGrid/systemTopics/eventSubscriptions"


def all_faults(deployment: Deployment, top: File) -> list[str]:
    """Name every module that does not wait for the one that makes what it needs."""
    waits, found = _waits(top), []
    for needing, needed, what in _needs(deployment):
        if needing != needed and needed not in _all_before(waits, needing):
            line = top.declared[needing].line
            found.append(top.at(line, f"module {needing} does not wait for {needed}, which makes {what}"))
    return found


def _waits(top: File) -> dict[str, frozenset[str]]:
    """Return for each module and resource of a file those that it names."""
    names = {entry.name for entry in top.of("module", "resource")}
    return {name: frozenset(_named(top, top.declared[name].node) & names) - {name} for name in names}


def _named(top: File, node: bicep.Node, seen: frozenset[str] = frozenset()) -> set[str]:
    found = {bicep.text(use) for use in bicep.uses(node)}
    for name in found - seen:
        entry = top.declared.get(name)
        if entry is not None and entry.kind == "variable":
            found |= _named(top, entry.node, seen | found)
    return found


def _all_before(waits: Mapping[str, frozenset[str]], name: str) -> set[str]:
    before: set[str] = set()
    waiting = [name]
    while waiting:
        for other in waits[waiting.pop()] - before:
            before.add(other)
            waiting.append(other)
    return before


def _needs(deployment: Deployment) -> Iterator[tuple[str, str, str]]:
    """Yield who needs whom, by the names of modules in the top template, and for what."""
    made = {resource.id.lower(): resource for resource in deployment.resources}
    for resource in deployment.existing:
        yield from _need(resource, made.get(resource.id.lower()))
    senders = {key: one for one in deployment.of(ASSIGNMENT) for key in [(_scope(one), _who(one))] if key[1]}
    for resource in deployment.of(ASSIGNMENT):
        role = str(resource.get("properties", "roleDefinitionId"))
        yield from _need(resource, made.get(role.lower()))
    for resource in deployment.of(SUBSCRIPTION):
        place = resource.get("properties", "deliveryWithResourceIdentity", "destination", "properties") or {}
        queue = f"{place.get('resourceId')}/queueServices/default/queues/{place.get('queueName')}"
        topic = resource.id.rpartition("/eventSubscriptions/")[0]
        yield from _need(resource, senders.get((queue.lower(), topic.lower())))


def _need(resource: Deployed, maker: Deployed | None) -> Iterator[tuple[str, str, str]]:
    if maker is not None and resource.module and maker.module:
        yield resource.module, maker.module, maker.id


def _scope(assignment: Deployed) -> str:
    return assignment.id.rpartition("/providers/")[0].lower()


def _who(assignment: Deployed) -> str:
    """Return the id of the resource whose own identity gets a role, '' for any other."""
    principal = assignment.get("properties", "principalId")
    name = principal.of.removesuffix(".identity.principalId") if isinstance(principal, Unknown) else ""
    return name.lower()
