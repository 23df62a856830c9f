"""
The keep rules of a service that has a standby: what the standby waits for is kept. Pure.

The same rules judge originals and copies. A copy is kept as well while it is what the standby holds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from shared.core.ends import Standby
from shared.core.reports import Replica
from shared.core.restore_points import RestorePoint


@dataclass(frozen=True, slots=True)
class Say:
    """What one rule says of one point."""

    keeps: bool
    text: str


def of_standby(
    point: RestorePoint,
    standby: Standby,
    *,
    is_usable: bool,
    replicas: Sequence[Replica] | None,
    copies: Collection[str] | None,
) -> list[Say]:
    """
    Return what the rules of a standby say of one point.

    Args:
        point: an original, or a copy in the standby's region.
        standby: of the plan.
        is_usable: whether the point could be restored now.
        replicas: what standbys of the service hold; None if that could not be read.
        copies: names of the points that were copied into the standby's region; None if not readable.
    """
    says = [_replication(point, standby, is_usable, replicas)]
    if standby.storage is not None and point.copied is None:
        says.append(_copy(point, standby, is_usable, copies))
    return says


def _replication(
    point: RestorePoint, standby: Standby, is_usable: bool, replicas: Sequence[Replica] | None
) -> Say:
    if replicas is None:
        return Say(True, "what the standby holds could not be read")
    if not is_usable:
        return Say(False, "it is not usable, so no standby waits for it")
    newest = _newest(replicas, standby)
    if newest is None:
        return Say(True, "the standby holds no point yet")
    if point.started_at > newest:
        return Say(True, "the standby holds an older point only")
    if point.copied is not None and point.started_at == newest:
        return Say(True, "it is what the standby holds")
    return Say(False, "the standby holds this point, or a newer one")


def _copy(point: RestorePoint, standby: Standby, is_usable: bool, copies: Collection[str] | None) -> Say:
    if copies is None:
        return Say(True, f"which points {standby.region} has copies of could not be told")
    if not is_usable:
        return Say(False, "it is not usable, so no copy of it is waited for")
    if point.name > max(copies, default=""):
        return Say(True, f"{standby.region} has a copy neither of it nor of a newer point")
    return Say(False, f"{standby.region} has a copy of it, or of a newer point")


def _newest(replicas: Sequence[Replica], standby: Standby) -> dt.datetime | None:
    """Return when the newest point started that the standby holds; a former standby's do not count."""
    return max((one.point_started_at for one in replicas if one.target.is_same_as(standby.ref)), default=None)
