"""
Coverage: for each part of a service, where it can be found after a loss.

What a backup leaves out is documented: docs/azure-facts.md, "What a backup does not contain".
"""

from __future__ import annotations

from collections.abc import Collection

from shared.core.restore_points import Covered

IN_BACKUP = (
    "configuration: APIs, operations, policies, products and whatever else the inventory counts",
    "users and subscriptions",
)
IN_SIDECAR = {
    "custom host names, and where their certificates come from": "host_names",
    "custom CA certificates: thumbprints, subjects, expiry": "ca_certificates",
    "managed identities of the service": "identity",
    "virtual network and public addresses": "network",
    "protocols and ciphers": "protocols",
    "further regions, zones and units": "places",
    "publisher, notification sender, tags and oldest api-version": "general",
    "diagnostic settings of Azure Monitor": "diagnostics",
}
"""What the sidecar holds, and the part of it."""
NOWHERE = (
    "certificates of custom host names, with their keys",
    "custom CA certificates themselves",
    "content of the developer portal",
    "usage data behind the reports",
    "rights of the service's identities on other resources",
    "network around the service: DNS, private endpoints, security groups",
    "self-hosted gateways: where they run, and their tokens",
)


def coverage(not_read: Collection[str], *, has_sidecar: bool) -> tuple[Covered, ...]:
    """
    Return every part of a service with the place where it can be found.

    Args:
        not_read: parts of the sidecar that could not be read; these are nowhere.
        has_sidecar: whether one was stored at all.
    """
    beside = tuple(
        Covered(what=what, where="sidecar" if has_sidecar and part not in not_read else "nowhere")
        for what, part in IN_SIDECAR.items()
    )
    return (
        *(Covered(what=what, where="backup") for what in IN_BACKUP),
        *beside,
        *(Covered(what=what, where="nowhere") for what in NOWHERE),
    )
