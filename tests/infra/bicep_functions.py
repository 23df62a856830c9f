"""Functions and operators of Bicep, as far as the templates use them. Nothing of a file is known here."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import itertools
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Unknown:
    """What only Azure knows, at the end of the deployment, and what it is of."""

    of: str


class NotWorkedOut(Exception):
    """Says what the interpreter cannot work out."""


REGION, TENANT = "germanywestcentral", "00000000-0000-0000-0000-0000000000ee"


def merge(left: Any, right: Any) -> Any:
    """Return the union of two objects, inner ones too, or of two arrays."""
    if isinstance(left, list):
        return [*left, *(item for item in right if item not in left)]
    both = dict(left)
    for name, item in right.items():
        is_inner = isinstance(item, dict) and isinstance(left.get(name), dict)
        both[name] = merge(left[name], item) if is_inner else item
    return both


def unique_string(*parts: Any) -> str:
    """Return 13 lower-case letters and digits, the same for the same parts."""
    return hashlib.sha256("-".join(map(str, parts)).encode()).hexdigest()[:13]


def _union(first: Any, *others: Any) -> Any:
    for other in others:
        first = merge(first, other)
    return first


def _string(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), default=str)


def _to_object(values: list[Any], key: Callable[[Any], str], item: Callable[[Any], Any] = lambda x: x) -> Any:
    return {key(value): item(value) for value in values}


def cidr_subnet(network: str, prefix: int, number: int) -> str:
    """Return one of the parts of a network; one that does not exist is an error, as in Azure."""
    return str(next(itertools.islice(ipaddress.ip_network(network).subnets(new_prefix=prefix), number, None)))


def _concat(*values: Any) -> Any:
    return [item for value in values for item in value] if isinstance(values[0], list) else "".join(values)


PURE: dict[str, Callable[..., Any]] = {
    "toLower": str.lower,
    "toUpper": str.upper,
    "uniqueString": unique_string,
    "guid": lambda *parts: str(uuid.uuid5(uuid.NAMESPACE_URL, "-".join(map(str, parts)))),
    "take": lambda whole, count: whole[:count],
    "replace": lambda text, old, new: text.replace(old, new),
    "trim": str.strip,
    "split": lambda text, mark: text.split(mark),
    "join": lambda values, mark: mark.join(values),
    "string": _string,
    "json": json.loads,
    "empty": lambda value: not value,
    "length": len,
    "contains": lambda whole, part: part in whole,
    "first": lambda whole: whole[0] if whole else None,
    "concat": _concat,
    "union": _union,
    "items": lambda value: [{"key": name, "value": value[name]} for name in sorted(value)],
    "filter": lambda values, keeps: [value for value in values if keeps(value)],
    "map": lambda values, change: [change(value) for value in values],
    "toObject": _to_object,
    "flatten": lambda values: [item for value in values for item in value],
    "base64ToJson": lambda text: json.loads(base64.b64decode(text)),
    "cidrSubnet": cidr_subnet,
}


def operate(sign: str, left: Any, right: Callable[[], Any]) -> Any:
    """Return what a binary operator comes to; the right side is asked for only where it counts."""
    if sign == "??":
        return right() if left is None else left
    if isinstance(left, Unknown):
        return left
    if sign in {"&&", "||"}:
        return left if bool(left) is (sign == "||") else right()
    other = right()
    if isinstance(other, Unknown):
        return other
    table: dict[str, Callable[[], Any]] = {
        "==": lambda: left == other,
        "!=": lambda: left != other,
        "=~": lambda: str(left).lower() == str(other).lower(),
        "<": lambda: left < other,
        "<=": lambda: left <= other,
        ">": lambda: left > other,
        ">=": lambda: left >= other,
        "+": lambda: left + other,
        "-": lambda: left - other,
        "*": lambda: left * other,
        "/": lambda: left // other,
        "%": lambda: left % other,
    }
    return table[sign]()


def sign(word: str, value: Any) -> Any:
    """Return what `!` or `-` makes of a value."""
    if isinstance(value, Unknown):
        return value
    return not value if word == "!" else -value


def call(name: str, values: list[Any], scope: str) -> Any:
    """
    Return what a function comes to; Unknown where one of its arguments is.

    Raises:
        NotWorkedOut: a function that is not in the tables.
    """
    if name == "guid":
        values = [repr(value) for value in values]  # of an identity that is not known a name can be made, too
    if unknown := next((value for value in values if isinstance(value, Unknown)), None):
        return unknown
    if name in PLACED:
        _, _, subscription, _, group, *_ = [*scope.split("/"), "", ""]
        return PLACED[name](subscription, group, *values)
    if name not in PURE:
        raise NotWorkedOut(f"the function {name} is not known to the interpreter of the tests")
    return PURE[name](*values)


def _subscription(here: str, _: str, other: str = "") -> dict[str, str]:
    chosen = other or here
    return {"id": f"/subscriptions/{chosen}", "subscriptionId": chosen, "tenantId": TENANT}


def _resource_group(subscription: str, group: str, *given: str) -> dict[str, str]:
    subscription, group = given if len(given) > 1 else (subscription, *(given or (group,)))
    return {
        "id": f"/subscriptions/{subscription}/resourceGroups/{group}",
        "name": group,
        "location": REGION,
    }


def _resource_id(subscription: str, group: str, *given: str) -> str:
    """Return an id in a resource group; before the type, other groups or subscriptions may be named."""
    first = next(number for number, value in enumerate(given) if "/" in value)
    return _resource_group(subscription, group, *given[:first])["id"] + _provider(*given[first:])


def _subscription_resource_id(subscription: str, _: str, *given: str) -> str:
    first = next(number for number, value in enumerate(given) if "/" in value)
    return f"/subscriptions/{given[0] if first else subscription}{_provider(*given[first:])}"


def _provider(kind: str, *names: str) -> str:
    namespace, *types = kind.split("/")
    return f"/providers/{namespace}/" + "/".join("/".join(pair) for pair in zip(types, names, strict=True))


def _environment(*_: str) -> dict[str, Any]:
    return {
        "name": "AzureCloud",
        "resourceManager": "https://management.azure.com/",
        "suffixes": {"storage": "core.windows.net"},
        "authentication": {"loginEndpoint": "https://login.microsoftonline.com/"},
    }


PLACED: dict[str, Callable[..., Any]] = {
    "subscription": _subscription,
    "resourceGroup": _resource_group,
    "resourceId": _resource_id,
    "subscriptionResourceId": _subscription_resource_id,
    "environment": _environment,
    "tenant": lambda *_: {"id": "", "tenantId": TENANT},
}
"""Functions that depend on where the deployment is: first its subscription and its group, then arguments."""

KNOWN = {*PURE, *PLACED, "fail", "loadTextContent", "loadJsonContent"}
"""Names that the checks take for functions; a new one belongs in a table above."""
