"""Which restore points replication does not bring by itself: nobody should restore them in a hurry. Pure."""

from __future__ import annotations

import datetime as dt

from shared.core.breaker import objections
from shared.core.documents import Utc, Value
from shared.core.ends import Standby
from shared.core.replication import ReplicationState, ReplicationWord
from shared.core.replication_survey import Candidate, Survey
from shared.core.reports import Replica
from shared.core.restore_points import RestorePoint


class HeldBack(Value):
    """A restore point that is newer than what a standby holds, and why it waits for an operator."""

    name: str
    started_at: Utc
    reasons: tuple[str, ...]


def why_held_back(
    point: RestorePoint,
    standby: Standby,
    held: Replica | None,
    said: ReplicationState | None,
    now: dt.datetime,
    *,
    approved_at: dt.datetime | None,
) -> tuple[str, ...]:
    """
    Return why replication holds a point back, a sentence each; nothing if it would bring it.

    It is judged anew by replication's own rules: the region may have been lost before it looked. What
    replication has said of this very point counts as well, unless an operator has let it through.

    Args:
        point: newer than what the standby holds.
        standby: of the plan.
        held: what it holds.
        said: how replication stood when it looked last.
        now: aware UTC.
        approved_at: when an operator let the point through.
    """
    inventory = point.inventory
    candidate = Candidate(
        name=point.name,
        started_at=point.started_at,
        digest=inventory.digest if inventory else None,
        counts=inventory.counts if inventory else {},
        is_rebuilt=point.rebuilt_at is not None,
        approved_at=approved_at,
    )
    survey = Survey(
        service=point.service,
        target=standby.ref,
        at=now,
        shrink_percent_max=standby.shrink_percent_max,
        held=held,
        candidates=(candidate,),
    )
    found = tuple(objections(candidate, survey))
    if found or approved_at is not None or said is None or said.word is not ReplicationWord.HELD_BACK:
        return found
    return tuple(reason for reason in said.reasons if point.name in reason)
