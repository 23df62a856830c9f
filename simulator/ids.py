"""
Paths of Azure Resource Manager: which resource a call is about, and which right it needs.

Fixed parts and names are compared without regard to case; ids are answered as they were first written.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import Enum

PROVIDER = "Microsoft.ApiManagement"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceId:
    """The resource id of one service."""

    subscription: str
    group: str
    name: str

    @property
    def key(self) -> str:
        """The id in lower case, for comparing."""
        return str(self).lower()

    def __str__(self) -> str:
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/{PROVIDER}/service/{self.name}"
        )


class Noun(Enum):
    """What a call can be about."""

    SUBSCRIPTIONS = "subscriptions"
    SUBSCRIPTION = "subscription"
    TENANTS = "tenants"
    PROVIDER_OPERATIONS = "provider operations"
    SERVICES = "services"
    SERVICE = "service"
    BACKUP = "backup"
    RESTORE = "restore"
    OPERATION_RESULT = "operation result"
    BELOW = "something below a service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    What one call is about.

    `below` is the path behind the service's name: an even number of parts names an entity, an odd one a
    collection (or, in a POST, an entity and an action).
    """

    noun: Noun
    subscription: str = ""
    group: str = ""
    service: ServiceId | None = None
    below: tuple[str, ...] = ()

    def scope(self) -> str:
        """Return the id on which the right is needed."""
        if self.service is not None:
            return "/".join((str(self.service), *self.below))
        group = f"/resourceGroups/{self.group}" if self.group else ""
        return f"/subscriptions/{self.subscription}{group}" if self.subscription else "/"

    def action(self, method: str) -> str | None:
        """Return the right that a method needs here; None if every valid token will do."""
        verb = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}.get(
            method
        )
        service = f"{PROVIDER}/service"
        match self.noun:
            case Noun.BACKUP:
                return f"{service}/backup/action"
            case Noun.RESTORE:
                return f"{service}/restore/action"
            case Noun.OPERATION_RESULT:
                return f"{service}/operationresults/read"
            case Noun.SERVICE | Noun.SERVICES:
                return f"{service}/{verb or 'action'}"
            case Noun.BELOW if verb is None:
                return f"{service}/{'/'.join((*self.below[:-1:2], self.below[-1]))}/action"
            case Noun.BELOW:
                return f"{service}/{'/'.join(self.below[::2])}/{verb}"
            case _:
                return None


def made_up_guid(text: str) -> str:
    """Return a GUID that is always the same for the same text, such as the object id of an identity."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))


def parse(segments: tuple[str, ...]) -> Target | None:
    """Return what a path is about, None if it is nothing of Azure Resource Manager's that is known here."""
    lowered = tuple(part.lower() for part in segments)
    match lowered:
        case ("subscriptions",):
            return Target(noun=Noun.SUBSCRIPTIONS)
        case ("tenants",):
            return Target(noun=Noun.TENANTS)
        case ("providers", "microsoft.apimanagement", "operations"):
            return Target(noun=Noun.PROVIDER_OPERATIONS)
        case ("subscriptions", _):
            return Target(noun=Noun.SUBSCRIPTION, subscription=segments[1])
        case ("subscriptions", _, "providers", "microsoft.apimanagement", "service"):
            return Target(noun=Noun.SERVICES, subscription=segments[1])
        case ("subscriptions", _, "resourcegroups", _, "providers", "microsoft.apimanagement", "service"):
            return Target(noun=Noun.SERVICES, subscription=segments[1], group=segments[3])
        case (
            "subscriptions",
            _,
            "resourcegroups",
            _,
            "providers",
            "microsoft.apimanagement",
            "service",
            _,
            *below,
        ):
            return _in_service(segments, tuple(below))
        case _:
            return None


def parse_service_id(text: str) -> ServiceId | None:
    """Return a service id from its text, None if it is not one."""
    target = parse(tuple(part for part in text.split("/") if part))
    return target.service if target and target.noun is Noun.SERVICE else None


def _in_service(segments: tuple[str, ...], below: tuple[str, ...]) -> Target:
    service = ServiceId(subscription=segments[1], group=segments[3], name=segments[7])
    match below:
        case ():
            noun = Noun.SERVICE
        case ("backup",):
            noun = Noun.BACKUP
        case ("restore",):
            noun = Noun.RESTORE
        case ("operationresults", _):
            noun = Noun.OPERATION_RESULT
        case _:
            noun = Noun.BELOW
    return Target(
        noun=noun, subscription=service.subscription, group=service.group, service=service, below=segments[8:]
    )
