"""Whether a service holds anything that a restore would take away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from shared.core.errors import DrError, NotFoundError, ProtocolError
from shared.core.inventory import COLLECTIONS
from shared.core.ports import Arm
from shared.core.services import ServiceRef

NOT_IN_THIS_TIER = frozenset({"MethodNotAllowedInPricingTier"})
"""A 400 that says that the tier has no such list."""

NEW_SERVICE = {
    "apis": frozenset({"echo-api"}),
    "groups": frozenset({"administrators", "developers", "guests"}),
    "products": frozenset({"starter", "unlimited"}),
    "users": frozenset({"1"}),
}
"""What a service has from its creation; docs/azure-facts.md, "What a new service holds"."""

_IDLE_POLICIES = frozenset(
    {"policies", "inbound", "backend", "outbound", "on-error", "forward-request", "base"}
)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ELEMENT = re.compile(r"<([A-Za-z][A-Za-z0-9.-]*)")

LISTS = tuple(
    collection.name
    for collection in COLLECTIONS
    # those of a new service have names that nobody can know; each other one belongs to an API, a product
    # or a user
    if collection.name != "subscriptions"
)
"""The lists that are asked whether a target holds anything."""


def has_content(arm: Arm, target: ServiceRef) -> bool:
    """
    Tell whether a service holds anything that a new one does not hold; where that cannot be told, it does.

    Asks list after list until one has something: at most 14 calls.
    """
    return any(_holds_more(arm, target, name) for name in LISTS)


def _holds_more(arm: Arm, target: ServiceRef, name: str) -> bool:
    known = NEW_SERVICE.get(name, frozenset())
    what = f"the list {name} of {target.name}"
    try:
        for item in arm.read_all(f"{target.resource_id}/{name}", what=what):
            if name == "policies":
                if not _is_idle(item):
                    return True
            elif str(item.get("name", "")).lower() not in known:
                return True
    except NotFoundError:
        return False
    except ProtocolError as err:
        return err.code not in NOT_IN_THIS_TIER
    except DrError:
        return True
    return False


def _is_idle(policy: Mapping[str, Any]) -> bool:
    """Tell whether the policy of all APIs only forwards, as that of a new service does."""
    text = _COMMENT.sub("", str((policy.get("properties") or {}).get("value", "")))
    return set(_ELEMENT.findall(text)) <= _IDLE_POLICIES
