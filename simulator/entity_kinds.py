"""
What is special about kinds of entities, as tables.

A kind is the collections of a path in lower case (`apis/operations`). A kind that no table names is stored
and answered as it is.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from typing import Any

from simulator.errors import Fault

Path = tuple[str, ...]
Properties = dict[str, Any]

_COLLECTION_NAMES = {
    name.lower(): name
    for name in (
        "apiVersionSets",
        "apis",
        "authorizationServers",
        "backends",
        "caches",
        "certificates",
        "diagnostics",
        "gateways",
        "groups",
        "identityProviders",
        "loggers",
        "namedValues",
        "openidConnectProviders",
        "operations",
        "policies",
        "policyFragments",
        "portalsettings",
        "products",
        "releases",
        "schemas",
        "subscriptions",
        "tagDescriptions",
        "tags",
        "templates",
        "users",
        "wikis",
        "workspaceLinks",
    )
}

_LINKS = {
    ("products", "apis"),
    ("products", "groups"),
    ("products", "tags"),
    ("groups", "users"),
    ("apis", "tags"),
    ("operations", "tags"),
    ("gateways", "apis"),
}
"""(collection of the parent, collection of the child) where the child is a link to a top-level entity."""

_NOT_IN_BACKUP = frozenset(
    {"certificates", "diagnostics", "contenttypes", "portalrevisions", "workspacelinks"}
)
"""
Collections that a backup leaves out: certificates, diagnostics, developer portal content, and the links to
workspace gateways, which no configuration makes.
"""

_REQUIRED: dict[str, tuple[str, ...]] = {
    "apis": ("path", "displayName"),
    "apis/operations": ("displayName", "method", "urlTemplate"),
    "apiversionsets": ("displayName", "versioningScheme"),
    "backends": ("url", "protocol"),
    "groups": ("displayName",),
    "namedvalues": ("displayName",),
    "products": ("displayName",),
    "subscriptions": ("displayName", "scope"),
    "tags": ("displayName",),
    "users": ("email", "firstName", "lastName"),
}

_DEFAULTS: dict[str, Properties] = {
    "apis": {
        "apiRevision": "1",
        "isCurrent": True,
        "protocols": ["https"],
        "subscriptionRequired": True,
        "type": "http",
    },
    "apis/operations": {"templateParameters": [], "responses": []},
    "groups": {"builtIn": False, "type": "custom", "description": None, "externalId": None},
    "namedvalues": {"secret": False},
    "products": {"state": "notPublished", "subscriptionRequired": True},
    "subscriptions": {"state": "submitted", "allowTracing": False},
    "users": {"state": "active", "groups": []},
}

_REFERENCES = frozenset({"scope", "ownerId", "apiVersionSetId", "loggerId", "apiId", "groupId", "productId"})
"""Properties that name another entity of the same service: stored relative, shown absolute."""

_SECRETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "namedvalues": ("listValue", ("value",)),
    "subscriptions": ("listSecrets", ("primaryKey", "secondaryKey")),
    "authorizationservers": ("listSecrets", ("clientSecret", "resourceOwnerPassword")),
    "identityproviders": ("listSecrets", ("clientSecret",)),
    "openidconnectproviders": ("listSecrets", ("clientSecret",)),
    "gateways": ("listKeys", ("primary", "secondary")),
    "users": ("", ("password",)),
    "certificates": ("", ("data", "password")),
}
"""
Kind → the POST that returns the secret fields ("" if there is none), and the fields no GET or list shows.
"""


def collection_name(name: str) -> str:
    """Return a collection's name as Azure writes it."""
    return _COLLECTION_NAMES.get(name.lower(), name)


def link_target(path: Path) -> Path | None:
    """Return the path, in lower case, of the entity that a link stands for; None if the path is no link."""
    if len(path) < 4 or (path[-4].lower(), path[-2].lower()) not in _LINKS:
        return None
    return (path[-2].lower(), path[-1].lower())


def is_in_backup(kind: str) -> bool:
    """Tell whether a backup holds entities of this kind."""
    return _NOT_IN_BACKUP.isdisjoint(kind.split("/"))


def faults_of(kind: str, properties: Properties) -> list[Fault]:
    """Return what keeps an entity of this kind from being stored."""
    required = ("value",) if kind.split("/")[-1] == "policies" else _REQUIRED.get(kind, ())
    faults = [
        Fault(target=name, message=f"{name} is required")
        for name in required
        if properties.get(name) in (None, "")
        and not (kind == "apis" and name == "path" and properties.get("path") == "")
    ]
    if kind == "namedvalues" and properties.get("value") is None and not properties.get("keyVault"):
        faults.append(Fault(target="value", message="value or keyVault is required"))
    return faults


def with_defaults(kind: str, properties: Properties, *, now: dt.datetime) -> Properties:
    """Return properties as the service completes them; `now` dates users and subscriptions."""
    filled: Properties = {**_DEFAULTS.get(kind, {}), **properties}
    match kind:
        case "users":
            filled.setdefault("registrationDate", _stamp(now))
            filled.setdefault("identities", [{"provider": "Basic", "id": filled.get("email")}])
        case "subscriptions":
            filled.setdefault("createdDate", _stamp(now))
            filled.setdefault("primaryKey", secrets.token_hex(16))
            filled.setdefault("secondaryKey", secrets.token_hex(16))
        case _ if kind.split("/")[-1] == "policies":
            filled.setdefault("format", "xml")
    return filled


def visible(kind: str, properties: Properties) -> Properties:
    """
    Return properties without what only a POST may return. A named value that is no secret shows its value.
    """
    if kind == "namedvalues" and not properties.get("secret"):
        return properties
    hidden = _SECRETS.get(kind, ("", ()))[1]
    return {name: value for name, value in properties.items() if name not in hidden}


def secrets_of(kind: str, action: str, properties: Properties) -> Properties | None:
    """Return what a POST such as `listSecrets` answers; None if the kind has no such action."""
    named, hidden = _SECRETS.get(kind, ("", ()))
    if not named or named.lower() != action.lower():
        return None
    return {name: properties[name] for name in hidden if name in properties}


def with_relative_references(properties: Properties, service_id: str) -> Properties:
    """Return properties in which ids of the same service start at the service."""
    prefix = service_id.lower() + "/"
    relative = dict(properties)
    for name in _REFERENCES & properties.keys():
        value = properties[name]
        if isinstance(value, str) and (value + "/").lower().startswith(prefix):
            relative[name] = value[len(service_id) :] or "/"
    return relative


def with_absolute_references(properties: Properties, service_id: str) -> Properties:
    """Return properties in which ids of the same service are complete."""
    absolute = dict(properties)
    for name in _REFERENCES & properties.keys():
        value = properties[name]
        if isinstance(value, str) and value.startswith("/") and "/resourcegroups/" not in value.lower():
            absolute[name] = service_id + value
    return absolute


def merged(old: Properties, patch: Mapping[str, Any]) -> Properties:
    """Return `old` with a JSON merge patch applied: null removes, objects merge, the rest replaces."""
    result = dict(old)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merged(result[name], value)
        else:
            result[name] = value
    return result


def first_entities(*, email: str, now: dt.datetime) -> list[tuple[Path, Properties]]:
    """Return what a new service holds: the built-in groups, its administrator and the master subscription."""
    groups: list[tuple[Path, Properties]] = [
        (
            ("groups", name.lower()),
            {
                "displayName": name,
                "description": f"{name} is a built-in group. Its membership is managed by the system.",
                "builtIn": True,
                "type": "system",
                "externalId": None,
            },
        )
        for name in ("Administrators", "Developers", "Guests")
    ]
    administrator: Properties = {
        "firstName": "Administrator",
        "lastName": "",
        "email": email,
        "identities": [{"provider": "Azure", "id": email}],
    }
    master: Properties = {
        "displayName": "Built-in all-access subscription",
        "scope": "/",
        "state": "active",
        "ownerId": None,
    }
    return [
        *groups,
        (("users", "1"), with_defaults("users", administrator, now=now)),
        (("groups", "administrators", "users", "1"), {}),
        (("groups", "developers", "users", "1"), {}),
        (("subscriptions", "master"), with_defaults("subscriptions", master, now=now)),
    ]


def _stamp(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
