"""What can befall a service in a night: each misfortune is planted in the simulated Azure, not in the app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.core.services import ServiceRef
from tests.world.azure import Azure

ALWAYS = 99
FOR_EVER = 99_999
VERDICT = {"code": "BackupFailed", "message": "The backup could not be made."}
FORBIDDEN = {"error": {"code": "AuthorizationFailed", "message": "does not have authorization"}}

Plant = Callable[[Azure, ServiceRef], None]


def _nothing(_azure: Azure, _service: ServiceRef) -> None:
    """A night like any other; also for misfortunes that lie in the plan or in storage."""


def _fails_once(azure: Azure, service: ServiceRef) -> None:
    azure.ends(service, error=VERDICT)


def _fails_always(azure: Azure, service: ServiceRef) -> None:
    azure.ends(service, error=VERDICT, times=ALWAYS)


def _hangs(azure: Azure, service: ServiceRef) -> None:
    azure.takes("backup", service=service, never=True)


def _takes_long(azure: Azure, service: ServiceRef) -> None:
    azure.takes("backup", service=service, seconds=9000)


def _post_lost_after_effect(azure: Azure, service: ServiceRef) -> None:
    azure.fault("POST", f"{service.name}/backup", drop="after")


def _post_5xx_before_effect(azure: Azure, service: ServiceRef) -> None:
    azure.fault("POST", f"{service.name}/backup", status=503)


def _post_5xx_after_effect(azure: Azure, service: ServiceRef) -> None:
    azure.fault("POST", f"{service.name}/backup", status=500, effect=True)


def _polls_403_for_ever(azure: Azure, service: ServiceRef) -> None:
    path = f"{service.name}/operationresults"
    azure.fault("GET", path, status=403, body=FORBIDDEN, times=FOR_EVER)


def _polls_404_for_ever(azure: Azure, service: ServiceRef) -> None:
    azure.fault("GET", f"{service.name}/operationresults", status=404, times=FOR_EVER)


def _polls_break(azure: Azure, service: ServiceRef) -> None:
    path = f"{service.name}/operationresults"
    azure.fault("GET", path, drop="after", times=2)
    azure.fault("GET", path, status=503, times=2)
    azure.fault("GET", path, status=429, headers={"Retry-After": "200"})


def _somebody_else_for_long(azure: Azure, service: ServiceRef) -> None:
    azure.somebody_else_backs_up(service, seconds=86_400)


def _somebody_else_for_a_while(azure: Azure, service: ServiceRef) -> None:
    azure.holds(service, seconds=1800)


def _wrong_tier(azure: Azure, service: ServiceRef) -> None:
    azure.simulator.arm("PATCH", service.resource_id, {"sku": {"name": "StandardV2", "capacity": 1}})


def _blob_never_written(azure: Azure, service: ServiceRef) -> None:
    azure.ends(service, blob="missing", times=ALWAYS)


def _blob_empty(azure: Azure, service: ServiceRef) -> None:
    azure.ends(service, blob="empty", times=ALWAYS)


def _blob_tiny(azure: Azure, service: ServiceRef) -> None:
    azure.ends(service, blob="small")


def _deleted(azure: Azure, service: ServiceRef) -> None:
    azure.simulator.arm("DELETE", service.resource_id)


def _provisioning_failed(azure: Azure, service: ServiceRef) -> None:
    azure.simulator.control("POST", "states", {"service": service.resource_id, "state": "Failed"})


def _fails_afterwards(azure: Azure, service: ServiceRef) -> None:
    azure.ends(service, stateAfter="Failed")


def _changed_meanwhile(azure: Azure, service: ServiceRef) -> None:
    azure.ends(service, changed=True)


MISFORTUNES: dict[str, Plant] = {
    "failsonce": _fails_once,
    "failsalways": _fails_always,
    "hangs": _hangs,
    "takeslong": _takes_long,
    "postlost": _post_lost_after_effect,
    "post503": _post_5xx_before_effect,
    "post500after": _post_5xx_after_effect,
    "polls403": _polls_403_for_ever,
    "polls404": _polls_404_for_ever,
    "pollsbreak": _polls_break,
    "busylong": _somebody_else_for_long,
    "busyawhile": _somebody_else_for_a_while,
    "wrongtier": _wrong_tier,
    "nocontainer": _nothing,
    "norole": _nothing,
    "noblob": _blob_never_written,
    "emptyblob": _blob_empty,
    "tinyblob": _blob_tiny,
    "deleted": _deleted,
    "notsucceeded": _provisioning_failed,
    "failsafter": _fails_afterwards,
    "changed": _changed_meanwhile,
    "paused": _nothing,
}
"""By the beginning of the name of a service."""

IN_THE_PLAN: dict[str, dict[str, Any]] = {
    "nocontainer": {"storage": {"container": "missing"}},
    "norole": {"storage": {"account": "norole"}},
    "paused": {"paused": {"reason": "its owners move it"}},
}
"""Misfortunes that lie in what the plan says of a service."""


def fleet(size: int) -> tuple[str, ...]:
    """Return names: one service for each misfortune, then well ones and second victims in turn."""
    names = [f"{misfortune}-a" for misfortune in MISFORTUNES]
    second = (f"{misfortune}-b" for misfortune in MISFORTUNES)
    for number in range(size - len(names)):
        names.append(next(second) if number % 2 else f"well-{number:02}")
    return tuple(names)


def of(name: str) -> str:
    """Return the misfortune of a service; "well" if it has none."""
    return name.partition("-")[0]
