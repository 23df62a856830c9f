"""
Paths of Azure Resource Manager: which resource a call is about, and which right it needs.

Fixed parts and names are compared without regard to case; ids are answered as they were first written.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import Enum
from functools import partial

PROVIDER = "Microsoft.ApiManagement"
STORAGE = "Microsoft.Storage"

EXTENSIONS = (
    "Microsoft.Authorization/locks",
    "Microsoft.Authorization/permissions",
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.Insights/diagnosticSettings",
)
"""Types of resources that hang on other resources: {scope}/providers/{type}/{name}."""


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
    DELETED_SERVICES = "deleted services"
    DELETED_SERVICE = "deleted service"
    BACKUP = "backup"
    RESTORE = "restore"
    OPERATION_RESULT = "operation result"
    BELOW = "something below a service"
    STORAGE_ACCOUNTS = "storage accounts"
    STORAGE_ACCOUNT = "storage account"
    BLOB_SERVICE = "blob service of a storage account"
    EXTENSION = "something that hangs on a resource"


_TYPES = {
    Noun.SERVICES: f"{PROVIDER}/service",
    Noun.SERVICE: f"{PROVIDER}/service",
    Noun.DELETED_SERVICES: f"{PROVIDER}/deletedservices",
    Noun.DELETED_SERVICE: f"{PROVIDER}/locations/deletedservices",
    Noun.STORAGE_ACCOUNTS: f"{STORAGE}/storageAccounts",
    Noun.STORAGE_ACCOUNT: f"{STORAGE}/storageAccounts",
    Noun.BLOB_SERVICE: f"{STORAGE}/storageAccounts/blobServices",
}
"""The type whose plain reading, writing and deleting is a right; of the others every token will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    What one call is about.

    `below` is the path behind the service's name: an even number of parts names an entity, an odd one a
    collection (or, in a POST, an entity and an action). `account` is a storage account's name. Of an
    extension, `extended` is the id it hangs on, `extension` one of EXTENSIONS, `name` "" for the list. Of a
    deleted service, `location` is where it was, and `name` its name.
    """

    noun: Noun
    subscription: str = ""
    group: str = ""
    service: ServiceId | None = None
    below: tuple[str, ...] = ()
    account: str = ""
    location: str = ""
    extended: str = ""
    extension: str = ""
    name: str = ""

    def scope(self) -> str:
        """Return the id on which the right is needed."""
        if self.noun is Noun.EXTENSION:
            return self.extended
        if self.service is not None:
            return "/".join((str(self.service), *self.below))
        if self.account:
            return account_id(self.subscription, self.group, self.account)
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
            case Noun.BELOW if verb is None:
                return f"{service}/{'/'.join((*self.below[:-1:2], self.below[-1]))}/action"
            case Noun.BELOW:
                return f"{service}/{'/'.join(self.below[::2])}/{verb}"
            case Noun.EXTENSION:
                return f"{self.extension}/{verb or 'action'}"
            case _:
                found = _TYPES.get(self.noun)
                return f"{found}/{verb or 'action'}" if found else None


def made_up_guid(text: str) -> str:
    """Return a GUID that is always the same for the same text, such as the object id of an identity."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))


def account_id(subscription: str, group: str, name: str) -> str:
    """Return the resource id of a storage account."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{STORAGE}/storageAccounts/{name}"


def parse(segments: tuple[str, ...]) -> Target | None:
    """Return what a path is about, None if it is nothing of Azure Resource Manager's that is known here."""
    found = _extension(segments) or _in_subscription(segments)
    if found is not None:
        return found
    lowered = tuple(part.lower() for part in segments)
    match lowered:
        case ("subscriptions",):
            return Target(noun=Noun.SUBSCRIPTIONS)
        case ("tenants",):
            return Target(noun=Noun.TENANTS)
        case ("providers", "microsoft.apimanagement", "operations"):
            return Target(noun=Noun.PROVIDER_OPERATIONS)
        case _:
            return None


def parse_service_id(text: str) -> ServiceId | None:
    """Return a service id from its text, None if it is not one."""
    target = parse(tuple(part for part in text.split("/") if part))
    return target.service if target and target.noun is Noun.SERVICE else None


def _extension(segments: tuple[str, ...]) -> Target | None:
    for length in (3, 4):
        head, tail = segments[:-length], segments[-length:]
        if len(segments) < length or tail[0].lower() != "providers":
            continue
        for known in EXTENSIONS:
            if known.lower() == f"{tail[1]}/{tail[2]}".lower():
                on = parse(head)
                return Target(
                    noun=Noun.EXTENSION,
                    subscription="".join(head[1:2]),
                    group=on.group if on else "",
                    service=on.service if on else None,
                    extended="/" + "/".join(head),
                    extension=known,
                    name=tail[3] if length == 4 else "",
                )
    return None


def _in_subscription(segments: tuple[str, ...]) -> Target | None:
    """Read /subscriptions/{id}[/resourceGroups/{group}][/providers/{provider}/{type}[/…]]."""
    lowered = tuple(part.lower() for part in segments)
    if lowered[:1] != ("subscriptions",) or len(segments) < 2:
        return None
    subscription, group, rest = segments[1], "", 2
    if lowered[2:3] == ("resourcegroups",) and len(segments) > 3:
        group, rest = segments[3], 4
    here = partial(Target, subscription=subscription, group=group)
    match lowered[rest:]:
        case ():
            return here(noun=Noun.SUBSCRIPTION) if not group else None
        case ("providers", "microsoft.apimanagement", "service"):
            return here(noun=Noun.SERVICES)
        case ("providers", "microsoft.apimanagement", *deleted) if not group and "deletedservices" in deleted:
            return _deleted(segments, tuple(deleted))
        case ("providers", "microsoft.apimanagement", "service", _, *below) if group:
            return _in_service(segments, tuple(below))
        case ("providers", "microsoft.storage", "storageaccounts"):
            return here(noun=Noun.STORAGE_ACCOUNTS)
        case ("providers", "microsoft.storage", "storageaccounts", _) if group:
            return here(noun=Noun.STORAGE_ACCOUNT, account=segments[7])
        case ("providers", "microsoft.storage", "storageaccounts", _, "blobservices", "default") if group:
            return here(noun=Noun.BLOB_SERVICE, account=segments[7])
        case _:
            return None


def _deleted(segments: tuple[str, ...], below: tuple[str, ...]) -> Target | None:
    match below:
        case ("deletedservices",):
            return Target(noun=Noun.DELETED_SERVICES, subscription=segments[1])
        case ("locations", _, "deletedservices", _):
            location, name = segments[5], segments[7]
            return Target(noun=Noun.DELETED_SERVICE, subscription=segments[1], location=location, name=name)
        case _:
            return None


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
