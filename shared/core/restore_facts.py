"""What the guards of a restore are judged on: all that was read of the target, the point and their roads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.core import names
from shared.core.errors import ProtocolError
from shared.core.ports import BlobFacts
from shared.core.preflight_facts import Facts, NotCheckedError, Unseen, seen
from shared.core.requests import RestoreRequest
from shared.core.restore_points import RestorePoint
from shared.core.services import ServiceRef, ServiceState

TRAFFIC_WINDOW = dt.timedelta(minutes=15)
"""A target that served anybody within it is not overwritten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreFacts:
    """All facts of one restore at one time. Everything of Azure is as it came."""

    request: RestoreRequest
    now: dt.datetime
    around: Facts
    """The target and the account of the blob, as preflight sees a service and its storage."""
    is_missing: bool
    """Whether Azure says that there is no such target."""
    deleted: Mapping[str, Any] | Unseen | None
    """What Azure keeps of a target that was deleted; None: nothing, or it was not asked."""
    record: RestorePoint | Unseen | None
    """The point's record as it is now; None: there is none."""
    is_going: bool | Unseen
    """Whether the point was pruned, or is about to be."""
    blob: BlobFacts | Unseen | None
    """Its hash as read, or as recorded where size and ETag are those of the record; None: it is gone."""
    calls: int | Unseen
    """What the target's gateway served within TRAFFIC_WINDOW."""
    primaries: frozenset[str] | Unseen
    """ARM ids of all services that plan and discovery call primaries, in lower case."""
    primary: ServiceRef | None
    """What the plan names now as the service that is restored; None: it names it no more."""

    @property
    def target(self) -> str:
        """The target's name."""
        return self.request.target.name

    @property
    def is_home(self) -> bool:
        """Whether the point is a safety backup of the target: it belongs there."""
        point = self.request.point
        is_safety_backup = names.secured_service(point.service) is not None
        return is_safety_backup and point.source.is_same_as(self.request.target)

    def state(self) -> ServiceState:
        """
        Return the target's state.

        Raises:
            NotCheckedError: it could not be read.
        """
        if self.is_missing:
            raise NotCheckedError("the target does not exist")
        try:
            return ServiceState.from_resource(seen(self.around.resource))
        except ProtocolError as err:
            raise NotCheckedError(err.message) from err

    def pending(self) -> Mapping[str, Unseen]:
        """Return what could not be read for now and may be at the next try, by the guard that needs it."""
        facts = {
            "TargetExists": None if self.is_missing else self.around.resource,
            "BlobAsRecorded": self.blob,
            "NoTraffic": self.calls,
            "TargetIsNoPrimary": self.primaries,
        }
        return {name: fact for name, fact in facts.items() if isinstance(fact, Unseen) and fact.for_now}
