"""Choosing the restore point that a call means: by name, the newest, or the newest before a time."""

from __future__ import annotations

import datetime as dt
from collections import deque

from shared import target_survey
from shared.core import layout, names
from shared.core.errors import NotFoundError
from shared.core.plan import ProtectedService
from shared.core.ports import Blobs, Ports
from shared.core.restore_points import LATEST, RestorePoint, choose
from shared.records import read_document, readable

READ_MAX = 10
"""More than one, so that a record that cannot be read does not hide the one before it."""

NAMED_MAX = 5


def find(
    service: ProtectedService, name: str | None, before: dt.datetime | None, ports: Ports
) -> RestorePoint | None:
    """
    Return the point that is meant, or None.

    A point of a former primary, as there are after a swap of roles, is meant only by its name.

    Args:
        service: whose point it is. Only the records that this app's region takes points from are asked.
        name: a name, also of a safety backup of one of its targets; `latest`; None with `before`.
        before: the newest one whose backup started before this time.
        ports: plan and records.
    """
    if name is not None and name != LATEST:
        return _named(service, name, ports)
    return _newest(service, before, ports)


def newest_names(service: ProtectedService, ports: Ports) -> list[str]:
    """Return the names of the newest points, oldest first."""
    return _names(target_survey.shelf(ports, service.name), service.name, NAMED_MAX)


def _named(service: ProtectedService, name: str, ports: Ports) -> RestorePoint | None:
    """Return the point of that name; a name that is none of ours is not looked for in storage."""
    for kept_under in (service.name, names.safety_service(service.name)):
        if names.is_backup_of(name, kept_under):
            records = target_survey.shelf(ports, kept_under)
            try:
                return read_document(records, layout.restore_point_key(kept_under, name), RestorePoint)[0]
            except NotFoundError:
                return None
    return None


def _newest(service: ProtectedService, before: dt.datetime | None, ports: Ports) -> RestorePoint | None:
    """Return the newest one; a backup starts when it was wished for, or up to hours later."""
    records = target_survey.shelf(ports, service.name)
    left = _names(records, service.name)
    if before is not None:
        limit = names.backup_name(service.name, before)
        left = [name for name in left if name < limit]
    found: list[RestorePoint] = []
    while left and not found:
        left, some = left[:-READ_MAX], left[-READ_MAX:]
        keys = (layout.restore_point_key(service.name, name) for name in reversed(some))
        found = [
            point
            for point in readable(records, keys, RestorePoint)
            if point.source.is_same_as(service.ref) and (before is None or point.started_at < before)
        ]
    return choose(found, LATEST)


def _names(records: Blobs, service: str, count_max: int | None = None) -> list[str]:
    prefix = layout.restore_points_prefix(service)
    keys = deque(records.keys(prefix), maxlen=count_max)
    return [key.removeprefix(prefix).removesuffix(".json") for key in keys]
