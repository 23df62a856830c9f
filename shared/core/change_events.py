"""
Reading Event Grid's messages about changes: what of which service was changed, and when.

Two sources are understood: Azure Resource Manager (`Microsoft.Resources.…`), which tells of every write
and deletion, and API Management itself (`Microsoft.ApiManagement.…`), which tells of some. Both in Event
Grid's own schema and as CloudEvents. See docs/azure-facts.md, "Events".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.core.errors import ProtocolError, cut
from shared.core.events import Ignored, read_envelope
from shared.core.services import split_resource_id

ARM = frozenset({"microsoft.resources.resourcewritesuccess", "microsoft.resources.resourcedeletesuccess"})
DELETION = "microsoft.resources.resourcedeletesuccess"
API_MANAGEMENT = "microsoft.apimanagement."
"""All compared in lower case: the documentation spells types in more than one way."""

NO_CHANGES = ("gatewaytoken", "circuitbreaker")
"""Events of API Management that tell of a state, not of a change."""

OWN_ACTIONS = ("/backup/action", "/restore/action")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one service: which, when (None: the event does not say), and what kind of event."""

    event_id: str
    kind: str
    resource_id: str
    """The ARM id of the service, spelt as in the event."""
    at: dt.datetime | None


def read_change(text: str) -> Change | Ignored:
    """
    Read one queue message.

    Args:
        text: the message: one event as an object, or an array of exactly one.

    Raises:
        ProtocolError: not JSON, not an event, or one of ours that names no resource; the message belongs
            in the poison queue.
    """
    body = read_envelope(text)
    kind = str(body.get("eventType") or body.get("type") or "")
    name = kind.lower()
    shown = cut(kind)[:80] or "missing"
    if name.startswith(API_MANAGEMENT):
        if name.removeprefix(API_MANAGEMENT).startswith(NO_CHANGES):
            return Ignored(reason=f"{shown} tells of no change")
    elif name not in ARM:
        return Ignored(reason=f"event type {shown}")
    data = _lowered(body.get("data"))
    # the subject of an event of API Management is relative, and that of a product's subscription is
    # /subscriptions/…: it only looks like an ARM id
    places = [body.get("subject")] if name in ARM else [body.get("topic"), body.get("source")]
    found = split_resource_id(_resource([data.get("resourceuri"), *places]))
    if found is None:
        return Ignored(reason="the resource is none of API Management")
    resource_id, below = found
    if name == DELETION and not below.strip("/"):
        return Ignored(reason=f"{cut(resource_id)} itself was deleted")
    if _action(data).endswith(OWN_ACTIONS):
        return Ignored(reason="a backup or a restore")
    event_id = cut(str(body.get("id", "")))[:100]
    at = _time(body.get("eventTime") or body.get("time"))
    return Change(event_id=event_id, kind=shown, resource_id=resource_id, at=at)


def _resource(places: Sequence[Any]) -> str:
    """Return the ARM id of what was changed, from the first place that holds one."""
    for found in places:
        if isinstance(found, str) and found.lower().startswith("/subscriptions/"):
            return found
    raise ProtocolError("the event names no resource")


def _action(data: Mapping[str, Any]) -> str:
    """Return what was done, in lower case: the operation's name, or else what was authorized."""
    authorization = _lowered(data.get("authorization"))
    return str(data.get("operationname") or authorization.get("action") or "").lower()


def _time(value: Any) -> dt.datetime | None:
    """Return an aware UTC time; None for what is none, or says no zone."""
    try:
        at = dt.datetime.fromisoformat(value)
        return at.astimezone(dt.UTC) if at.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def _lowered(value: Any) -> dict[str, Any]:
    """Return an object with its names in lower case: resourceUri has been seen as resourceURI."""
    return {str(name).lower(): item for name, item in value.items()} if isinstance(value, Mapping) else {}
