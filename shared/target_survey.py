"""
Reading what the guards of a restore need: the target, the point as it is now, and the road between them.

Costs what preflight costs (shared/survey.py), one report of the target and a few blobs. Nothing is read in
the region of the primary if the app's own region keeps the records and the blob.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from shared import roster, survey, telemetry
from shared.core import layout, names
from shared.core.access import BackupStorage
from shared.core.errors import DrError, NotFoundError, ProtocolError
from shared.core.plan import ProtectedService
from shared.core.ports import BlobFacts, Blobs, Ports
from shared.core.preflight_facts import Unseen
from shared.core.requests import RestoreRequest
from shared.core.restore_facts import TRAFFIC_WINDOW, RestoreFacts
from shared.core.restore_points import RestorePoint
from shared.core.services import ServiceRef, ServiceState
from shared.records import read_document

REPORTS_RIGHT = "Microsoft.ApiManagement/service/reports/read"
DELETED_RIGHT = "Microsoft.ApiManagement/locations/deletedservices/read"
BLOB_RIGHT = "Storage Blob Data Reader on the storage account"

_T = TypeVar("_T")


def take(ports: Ports, request: RestoreRequest, *, read_through: bool) -> RestoreFacts:
    """
    Return all facts of one restore as they are now; what could not be read says why.

    Args:
        ports: everything.
        request: the wish.
        read_through: whether the blob is read through while nothing runs on the target. Else, and while
            something does, one of the recorded size and ETag is taken for the recorded one: storage
            changes the ETag with every write.
    """
    target, point = request.target, request.point
    service = _service(ports, point.service)
    is_missing = False
    resource: dict[str, Any] | Unseen
    try:
        resource = survey.read_service(ports.arm, target)
    except NotFoundError:
        is_missing, resource = True, Unseen(reason="does not exist")
    except DrError as err:
        right = "Microsoft.ApiManagement/service/read"
        resource = survey.unseen(err, right, target.resource_id)
    facts = RestoreFacts(
        request=request,
        now=ports.clock.now(),
        around=survey.take(
            ports, names.safety_service(request.service), target, _storage(request, service), resource
        ),
        is_missing=is_missing,
        deleted=_deleted(ports, target) if is_missing else None,
        record=_record(ports, point, service),
        is_going=_is_going(ports, point, service),
        blob=None,
        calls=Unseen(reason="does not exist")
        if is_missing
        else _seen(REPORTS_RIGHT, target.resource_id, lambda: _calls(ports, target)),
        primaries=_seen("its own records", "", lambda: roster.primaries(ports)),
        primary=service.ref if service else None,
    )
    return dataclasses.replace(facts, blob=_blob(ports, point, read_through and _is_at_rest(resource)))


def shelf(ports: Ports, service: str) -> Blobs:
    """
    Return the records that the restore points of a service are taken from, by an app of this region.

    Args:
        ports: plan, roster, records.
        service: its name; that of safety backups means those that were made in this region.
    """
    return _shelf(ports, service, _service(ports, service))


def _shelf(ports: Ports, service: str, known: ProtectedService | None) -> Blobs:
    if names.secured_service(service) or known is None:
        return ports.records()
    return ports.records(known.shelf(ports.plan.region))


def _service(ports: Ports, name: str) -> ProtectedService | None:
    return roster.find(ports, names.secured_service(name) or name)


def _storage(request: RestoreRequest, service: ProtectedService | None) -> BackupStorage:
    """Return where the blob lies, with the id of the account if the plan names it."""
    copies = service.standby.storage if service and service.standby else None
    known = {copies.account: copies.resource_id} if copies else {}
    if service is not None:
        known |= {service.storage.account: service.storage.resource_id}
    return request.storage.model_copy(update={"resource_id": known.get(request.point.account)})


def _deleted(ports: Ports, target: ServiceRef) -> Mapping[str, Any] | Unseen | None:
    subscription = target.resource_id.split("/")[2]
    path = (
        f"/subscriptions/{subscription}/providers/Microsoft.ApiManagement/locations/{target.region}"
        f"/deletedservices/{target.name}"
    )
    try:
        found = ports.arm.read(path, what=f"the deleted service {target.name}")
    except NotFoundError:
        return None
    except DrError as err:
        return survey.unseen(err, DELETED_RIGHT, f"/subscriptions/{subscription}")
    return found if isinstance(found, dict) else Unseen(reason="what was read is no object")


def _record(
    ports: Ports, point: RestorePoint, service: ProtectedService | None
) -> RestorePoint | Unseen | None:
    records = _shelf(ports, point.service, service)
    try:
        return read_document(records, layout.restore_point_key(point.service, point.name), RestorePoint)[0]
    except NotFoundError:
        return None
    except DrError as err:
        return survey.unseen(err, f"to read the records in {records.account}")


def _is_going(ports: Ports, point: RestorePoint, service: ProtectedService | None) -> bool | Unseen:
    """
    Tell whether the point was pruned, or is being pruned.

    Records that cannot be read refuse nothing: a restore is wanted most when their region is lost, and
    then nobody prunes there either.
    """
    records = _shelf(ports, point.service, service)
    keys = (layout.open_prune_key(point.service, point.name), layout.pruned_key(point.service, point.name))
    try:
        return any(records.exists(key) for key in keys)
    except DrError as err:
        message = f"whether {point.name} is being pruned could not be told: {err.message}"
        telemetry.log(telemetry.Event.RECORD_UNREADABLE, level=logging.WARNING, message=message)
        return survey.unseen(err, f"to read the records in {records.account}")


def _blob(ports: Ports, point: RestorePoint, read_through: bool) -> BlobFacts | Unseen | None:
    blobs = ports.backups(point.account, point.container)
    try:
        look = None if read_through else blobs.look(point.name)
        if look is not None and (look.size_bytes, look.etag) == (point.size_bytes, point.etag.strip('"')):
            return BlobFacts(size_bytes=look.size_bytes, etag=look.etag, sha256=point.sha256)
        return blobs.measure(point.name)
    except NotFoundError:
        return None
    except DrError as err:
        return survey.unseen(err, BLOB_RIGHT)


def _calls(ports: Ports, target: ServiceRef) -> int:
    """
    Return how many calls the gateway served lately, as far as its reports tell.

    By API, so that probes of the gateway's own health do not count. Gateways ship their counts every few
    minutes: see docs/azure-facts.md, "Usage reports".
    """
    now = ports.clock.now()
    form = "%Y-%m-%dT%H:%M:%S"
    window = f"timestamp ge datetime'{now - TRAFFIC_WINDOW:{form}}' and timestamp le datetime'{now:{form}}'"
    what = f"report byApi of {target.name}"
    rows = ports.arm.read_all(f"{target.resource_id}/reports/byApi", what=what, query={"$filter": window})
    try:
        return sum(int(row["callCountTotal"]) for row in rows)
    except (TypeError, KeyError, ValueError, AttributeError) as err:
        raise ProtocolError(f"{what} is not of the documented shape") from err


def _is_at_rest(resource: Mapping[str, Any] | Unseen) -> bool:
    if isinstance(resource, Unseen):
        return False
    try:
        return not ServiceState.from_resource(resource).is_in_transition
    except ProtocolError:
        return False


def _seen(right: str, scope: str, read: Callable[[], _T]) -> _T | Unseen:
    try:
        return read()
    except DrError as err:
        return survey.unseen(err, right, scope)
