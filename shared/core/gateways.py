"""What the answer of a gateway means, and what is said of one that does not serve. Pure."""

from __future__ import annotations

from shared.core.reports import GatewayProbe
from shared.core.sidecar import Sidecar

INTERNAL = "Internal"
"""The virtual network type of a service that answers inside its network only."""


def may_be_starting(probe: GatewayProbe, settings: Sidecar) -> bool:
    """
    Tell whether asking again soon may be answered otherwise.

    Args:
        probe: what the gateway answered.
        settings: of the service, as far as they could be read.
    """
    return (probe.status is None or probe.status >= 500) and not _why_never(settings)


def warning_of(probe: GatewayProbe, settings: Sidecar) -> str:
    """Return in one sentence that a gateway does not serve, with the likely cause; empty if it does."""
    if probe.is_answering:
        return ""
    if probe.status is None:
        what = f"the gateway could not be reached at {probe.url} ({probe.said})"
    else:
        what = f"the gateway answered {probe.status} at {probe.url}"
    return f"{what}: {_why_never(settings) or _likely(probe)}"


def _why_never(settings: Sidecar) -> str:
    network, places = settings.network, settings.places
    if network is not None and network.virtual_network_type == INTERNAL:
        return "the service is in an internal virtual network, and answers only from inside it"
    if places is not None and places.disable_gateway:
        return "the service's own gateway is switched off"
    if network is not None and network.public_network_access == "Disabled":
        return "public network access to the service is disabled"
    return ""


def _likely(probe: GatewayProbe) -> str:
    if probe.status is None:
        return (
            "it may be starting still, or a firewall, DNS or a virtual network keeps the app from it; ask "
            "from where its clients are"
        )
    if probe.status >= 500:
        return "it may be starting still; ask the URL again in some minutes"
    return "something in front of it answers in its place, or keeps the app from it"
