"""Reading what stands beside a restore point, and the same of the service that it is restored into."""

from __future__ import annotations

from typing import Any, TypeVar

from shared import survey
from shared.core.documents import Document
from shared.core.errors import AccessError, NotFoundError, ProtocolError
from shared.core.inventory import InventoryPair
from shared.core.ports import Ports
from shared.core.restore_points import RestorePoint, StoredDocument
from shared.core.services import ServiceRef, ServiceState
from shared.core.sidecar import Sidecar, read_parts

_D = TypeVar("_D", bound=Document)


def expected_inventories(point: RestorePoint, ports: Ports) -> InventoryPair | None:
    """Return what a restore of the point should bring; None if it has no inventory that can be read."""
    if point.inventory is None:
        return None
    found = point.inventory
    place = StoredDocument(account=found.account, container=found.container, key=found.key)
    return _read(place, InventoryPair, ports)


def sidecar_of(point: RestorePoint, ports: Ports) -> Sidecar | None:
    """Return what no restore of the point brings; None if it has no sidecar that can be read."""
    if point.sidecar is None:
        return None
    try:
        return _read(point.sidecar, Sidecar, ports)
    except AccessError:  # a report with a hole is worth more than none
        return None


def settings_now(
    point: RestorePoint, target: ServiceRef, resource: dict[str, Any], state: ServiceState, ports: Ports
) -> Sidecar:
    """
    Return the settings of a target as they are now, in the form in which a backup keeps its source's.

    Args:
        point: what is restored; the settings are named after it.
        target: the service.
        resource: the service as Azure Resource Manager shows it.
        state: the same, read.
        ports: for the diagnostic settings; if these cannot be read, `not_read` says why.
    """
    return Sidecar(
        service=point.service,
        source=target,
        backup=point.name,
        taken_at=ports.clock.now(),
        tier=state.tier,
        api_version=ports.arm.api_version,
        **read_parts(resource, survey.read_diagnostics(ports.arm, target)),
    )


def _read(place: StoredDocument, kind: type[_D], ports: Ports) -> _D | None:
    try:
        return kind.from_bytes(ports.backups(place.account, place.container).read(place.key)[0])
    except (NotFoundError, ProtocolError):
        return None
