"""Reading all that is known of one service's restore points, and saying what could not be read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.core import layout, names
from shared.core.copies import storage_of
from shared.core.errors import DrError, NotFoundError, ProtocolError
from shared.core.plan import ProtectedService
from shared.core.ports import Blobs, Ports
from shared.core.reports import Replica
from shared.core.restore_points import RestorePoint
from shared.core.retention import UNREADABLE_HOLD, Catalog, Hold
from shared.core.runs import RunPhase, RunRecord
from shared.records import everything, newest, read_document

REPLICAS_READ_MAX = 10
"""The newest by name are the newest by time; an older one than the newest only keeps more."""

_RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-(?P<kind>[a-z]+)-(?P<service>.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restores:
    """The restores of one service that have no final word yet."""

    points: Mapping[str, str]
    """Which points they restore, each with the run that does it."""
    at_work: str = ""
    """One of them that has not ended: it is restoring just now, or about to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The catalogue of one service, and the ETag of each record by the point's name."""

    catalog: Catalog
    etags: Mapping[str, str]


def records_of(service: ProtectedService, ports: Ports) -> Blobs:
    """Return the records whose points this app reads: those of its copies where it keeps any."""
    return ports.records(service.shelf(ports.plan.region))


def backups_of(service: ProtectedService, ports: Ports) -> Blobs:
    """Return the container in which the blobs of these points are put."""
    place = storage_of(service, ports.plan.region) or service.storage
    return ports.backups(place.account, place.container)


def read_catalog(service: ProtectedService, ports: Ports) -> Reading:
    """
    Read the catalogue of one service strictly: what could not be read is named in it.

    Where this app keeps copies it is the catalogue of the copies, and no other region is asked.

    Raises:
        AccessError, TemporaryError, NotFoundError: records, holds or backups could not be listed.
    """
    # records before holds: a hold fences the record after it was written (see catalog_keeping/pruning.py)
    records = records_of(service, ports)
    read = everything(records, layout.restore_points_prefix(service.name), RestorePoint)
    points: list[RestorePoint] = []
    etags: dict[str, str] = {}
    faults = list(read.faults)
    for key, (point, etag) in read.found.items():
        if layout.parse_restore_point_key(key) != (point.service, point.name):
            faults.append(f"{key} says that it is the record of {point.name} of {point.service}")
            continue
        points.append(point)
        etags[point.name] = etag
    holds = {name: _reason(hold) for name, hold in read_holds(records, service.name).items()}
    doubts: list[str] = []
    replicas = _replicas(service, ports, doubts)
    restores = _restores(service, ports, doubts)
    catalog = Catalog(
        points=tuple(points),
        holds=holds,
        replicas=replicas,
        restoring=restores.points if restores else None,
        at_work=restores.at_work if restores else "",
        # they lie beside the replicas: a region that does not answer is not asked twice
        copies=None if replicas is None else _copies(service, ports, doubts),
        missing=_missing(service, points, ports),
        faults=tuple(faults),
        doubts=tuple(doubts),
    )
    return Reading(catalog=catalog, etags=etags)


def read_holds(records: Blobs, service: str) -> dict[str, Hold | None]:
    """Return the holds of a service by the point's name; None for one that cannot be read: it holds, too."""
    found: dict[str, Hold | None] = {}
    prefix = layout.holds_prefix(service)
    for key in records.keys(prefix):
        name = key.removeprefix(prefix).removesuffix(".json")
        try:
            found[name] = read_document(records, key, Hold)[0]
        except NotFoundError:
            continue  # taken back since it was listed
        except ProtocolError:
            found[name] = None
    return found


def restoring(service: ProtectedService, ports: Ports) -> Restores:
    """
    Return which points are being restored, and whether any restore of the service is at work.

    All regions of the plan are asked, because a restore belongs to the region of its target; copies are
    restored by the app of their own region alone. A run counts until it is off the list of open ones:
    one that ended without proof may be at work still.

    Raises:
        DrError: it could not be told.
    """
    found: dict[str, str] = {}
    at_work = ""
    shelf = service.shelf(ports.plan.region)
    for region in ports.plan.regions if shelf == service.region else (shelf,):
        records = ports.records(region)
        for key in records.keys(layout.OPEN_RUNS):
            run_id = key.removeprefix(layout.OPEN_RUNS)
            if not _may_restore(run_id, service.name):
                continue
            run, _ = read_document(records, layout.run_key(run_id), RunRecord)
            if run.kind == "backup" or run.service != service.name:
                continue
            if run.restore_point is None:
                raise ProtocolError(f"run {run_id} does not say what it restores")
            found[run.restore_point] = run_id
            if run.phase is not RunPhase.ENDED:
                at_work = run_id
    return Restores(points=found, at_work=at_work)


def _restores(service: ProtectedService, ports: Ports, doubts: list[str]) -> Restores | None:
    try:
        return restoring(service, ports)
    except DrError as err:
        doubts.append(f"which restores are under way could not be told: {err.message}")
        return None


def _replicas(service: ProtectedService, ports: Ports, doubts: list[str]) -> tuple[Replica, ...] | None:
    if service.standby is None:
        return ()
    records = ports.records(service.standby.region)
    try:
        return tuple(newest(records, layout.replicas_prefix(service.name), Replica, REPLICAS_READ_MAX))
    except DrError as err:
        doubts.append(f"what the standby holds could not be read: {err.message}")
        return None


def _copies(service: ProtectedService, ports: Ports, doubts: list[str]) -> frozenset[str] | None:
    """Return of which points there are copies in the standby's region; none where none are made."""
    standby = service.standby
    if standby is None or standby.storage is None or standby.region == ports.plan.region:
        return frozenset()
    try:
        return recorded(ports.records(standby.region), service.name)
    except DrError as err:
        doubts.append(f"which points {standby.region} has copies of could not be told: {err.message}")
        return None


def recorded(records: Blobs, service: str) -> frozenset[str]:
    """Return the names of all points of a service that have a record there, readable or not."""
    found = map(layout.parse_restore_point_key, records.keys(layout.restore_points_prefix(service)))
    return frozenset(parsed[1] for parsed in found if parsed)


def _missing(service: ProtectedService, points: list[RestorePoint], ports: Ports) -> frozenset[str]:
    """Return the points whose blob is not in the list of its container; one that is gone holds none."""
    there: set[tuple[str, str, str]] = set()
    for account, container in {(point.account, point.container) for point in points}:
        try:
            keys = list(ports.backups(account, container).keys(names.backups_prefix(service.name)))
        except NotFoundError:
            continue
        except DrError as err:
            names_of_it = [one.name for one in points if (one.account, one.container) == (account, container)]
            raise _blocked(err, service.name, f"{account}/{container}", names_of_it) from err
        there |= {(account, container, key) for key in keys}
    return frozenset(
        point.name for point in points if (point.account, point.container, point.name) not in there
    )


def _blocked(err: DrError, service: str, place: str, stuck: list[str]) -> DrError:
    """Return the same error with what to do if a former account is gone for good."""
    noun = "restore point" if len(stuck) == 1 else "restore points"
    first = layout.restore_point_key(service, min(stuck))
    return type(err)(
        f"{err.message}; {len(stuck)} {noun} of {service} should have a backup in {place}. If that account "
        f"is gone for good, delete their records, the first is {first}, and pruning goes on",
        hint=err.hint,
        code=err.code,
    )


def _reason(hold: Hold | None) -> str:
    return hold.reason if hold else UNREADABLE_HOLD


def _may_restore(run_id: str, service: str) -> bool:
    """Tell whether a run's id leaves it possible that it restores a point of this service."""
    match = _RUN_ID.fullmatch(run_id)
    if match is None:
        return True
    return match["kind"] != "backup" and match["service"].startswith(service)
