"""An API Management service: how it is named, and its state as Azure Resource Manager tells it."""

from __future__ import annotations

import re
from typing import Any, Self

from pydantic import ValidationError

from shared.core.documents import Document
from shared.core.errors import ProtocolError

TIERS_WITH_BACKUP = ("Developer", "Basic", "Standard", "Premium")
"""The only tiers that can be backed up and restored; see docs/azure-facts.md, "Tiers". Compared exactly."""

_ARM_ID = re.compile(
    r"/subscriptions/(?P<subscription>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"/resourceGroups/(?P<group>(?u:[\w.()-]{0,89}[\w()-]))"
    r"/providers/Microsoft\.ApiManagement"
    r"/service/(?P<name>[a-zA-Z](?:[a-zA-Z0-9-]{0,48}[a-zA-Z0-9])?)",
    re.IGNORECASE | re.ASCII,
)


_SETTLED = frozenset(
    {"Succeeded", "Failed", "Canceled", "Created", "Stopped", "Deleted", "TerminationFailed"}
)
"""Provisioning states that do not change by themselves; any other one, also an unknown one, may."""


class ServiceRef(Document):
    """One API Management service: its ARM id and its region in canonical form (`westeurope`)."""

    resource_id: str
    region: str

    @property
    def name(self) -> str:
        """The last segment of the id, which is also the first label of the default hostnames."""
        return self.resource_id.rsplit("/", 1)[-1]

    def is_same_as(self, other: ServiceRef) -> bool:
        """Compare ids as Azure does: without regard to case."""
        return self.resource_id.lower() == other.resource_id.lower()


def check_resource_id(text: str) -> str:
    """
    Return the ARM id of a service unchanged.

    Raises:
        ValueError: it is not one; says what one looks like.
    """
    if not _ARM_ID.fullmatch(text):
        raise ValueError(
            "is not the id of an API Management service; it looks like /subscriptions/<guid>/resourceGroups/"
            "<group>/providers/Microsoft.ApiManagement/service/<name>"
        )
    return text


def split_resource_id(text: str) -> tuple[str, str] | None:
    """Return the ARM id of the service that a resource is or lies under, and what follows it, or None."""
    match = _ARM_ID.match(text)
    below = text[match.end() :] if match else ""
    return (match[0], below) if match and below[:1] in {"", "/"} else None


def canonical_region(text: str) -> str:
    """Return `westeurope` for `West Europe`: ARM accepts the first form and answers with the second."""
    return re.sub(r"\s+", "", text).lower()


class ServiceState(Document):
    """What a GET of the service tells, as far as a run needs it. No secrets, no hostnames' certificates."""

    resource_id: str
    region: str
    tier: str
    provisioning_state: str
    identity_type: str = "None"
    min_api_version: str | None = None
    gateway_url: str | None = None
    etag: str | None = None

    @property
    def is_in_transition(self) -> bool:
        """Whether something runs on the service; our own backup is seen like this as well."""
        return self.provisioning_state not in _SETTLED

    @classmethod
    def from_resource(cls, body: Any) -> Self:
        """
        Read the service resource of a 200.

        Raises:
            ProtocolError: id, location or sku are not where they belong, or anything is of another kind.
        """
        try:
            properties = body.get("properties") or {}
            constraint = properties.get("apiVersionConstraint") or {}
            return cls(
                resource_id=body["id"],
                region=canonical_region(body["location"]),
                tier=body["sku"]["name"],
                # absent means settled
                provisioning_state=properties.get("provisioningState") or "Succeeded",
                identity_type=(body.get("identity") or {}).get("type") or "None",
                min_api_version=constraint.get("minApiVersion"),
                gateway_url=properties.get("gatewayUrl"),
                etag=body.get("etag"),
            )
        except (KeyError, TypeError, AttributeError, ValidationError) as err:
            raise ProtocolError("the service resource has no id, location or sku") from err
