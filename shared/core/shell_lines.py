"""
Lines for a shell, as the fix-up list shows them: quoted, on one line, with azure-cli's words.

Whatever Azure or the plan calls a thing may stand in them; it is quoted, and cannot become a command. Only
what somebody has to choose stands in `<angle brackets>`.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from shared.core.services import ServiceRef


def argument(text: str) -> str:
    """Return one argument, quoted where it has to be; what cannot be printed becomes a question mark."""
    return shlex.quote("".join(letter if letter.isprintable() else "?" for letter in text))


def rest(method: str, path: str, api_version: str, body: Mapping[str, Any] | None = None) -> str:
    """
    Return the call of one resource of Azure Resource Manager, in whichever cloud azure-cli is logged in to.

    Args:
        method: in lower case.
        path: the id of a resource, and what follows it.
        api_version: of the call.
        body: JSON, if there is one.
    """
    line = f"az rest --method {method} --url {argument(f'{path}?api-version={api_version}')}"
    if body is None:
        return line
    return f"{line} --body {argument(json.dumps(body, separators=(',', ':'), ensure_ascii=False))}"


def change(service: ServiceRef, api_version: str, body: Mapping[str, Any]) -> str:
    """Return the call that changes a service, and waits: a service takes no other change meanwhile."""
    call = rest("patch", service.resource_id, api_version, body)
    return f"{call} && az resource wait --ids {argument(service.resource_id)} --updated"


def patch(service: ServiceRef, api_version: str, **properties: Any) -> str:
    """Return the call that changes properties of a service; lists in it replace what is there."""
    return change(service, api_version, {"properties": properties})


def in_every_subscription(call: str) -> str:
    """Return the loop that makes a call of azure-cli for `"$one"`, each subscription that it knows."""
    return f"for one in $(az account list --query '[].id' --output tsv); do {call}; done"


def show(service: ServiceRef, query: str) -> str:
    """Return the call that shows one part of a service."""
    return f"az resource show --ids {argument(service.resource_id)} --query {argument(query)}"


def give(role: str, scope: str) -> str:
    """Return the call that gives this app a role at a scope."""
    named = f'"{role}"' if " " in role else role
    return f'az role assignment create --assignee "$APP_CLIENT_ID" --role {named} --scope {argument(scope)}'


def subscription_of(service: ServiceRef) -> str:
    """Return the id of the subscription that a service lies in."""
    return service.resource_id.split("/")[2]


def group_of(service: ServiceRef) -> str:
    """Return the resource group that a service lies in."""
    return service.resource_id.split("/")[4]
