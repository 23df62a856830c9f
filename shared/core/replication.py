"""
How a standby stands: what it holds, how old that is, and what replication says about it. Pure.

Replication looks at the state of things, not at single events: whatever began it, the newest good
restore point is brought to the standby, or there is a reason why not.
"""

from __future__ import annotations

import datetime as dt
import enum

from shared.core.documents import Document, Utc, Value
from shared.core.ends import Standby
from shared.core.reports import NewestPoint, Replica
from shared.core.services import ServiceRef


class ReplicationWord(enum.StrEnum):
    """How the replication of one service stood when it was looked at last."""

    NOTHING = "Nothing"
    """There is no restore point yet."""
    REPLICATING = "Replicating"
    """A restore into the standby is under way."""
    IN_SYNC = "InSync"
    """The standby holds the newest restore point, or one that equals it."""
    HELD_BACK = "HeldBack"
    """There is a newer point that waits for an operator's word; the standby keeps what it has."""
    WAITING = "Waiting"
    """There is a newer point, and something in the way that may pass by itself."""
    FAILED = "Failed"
    """There is a newer point, and its restore did not succeed, as often as it is tried."""


class ReplicationState(Document):
    """Stored for each service in the records of the standby's region, written by replication alone."""

    service: str
    target: ServiceRef
    at: Utc
    word: ReplicationWord
    newest_point: NewestPoint | None = None
    """The newest point that was seen, of whatever worth."""
    reasons: tuple[str, ...] = ()
    """Why the standby does not hold it, a sentence each."""
    run_id: str | None = None
    """The restore under way, or the last one."""
    copies: int = 0
    """Restore points of which there are copies in this region."""
    not_copied: tuple[str, ...] = ()
    """Usable points of which there is no copy yet, with the reason, newest first."""
    copy_again_at: Utc | None = None
    """Before this no copy is tried, because the other region did not answer; None: nothing is in the way."""
    seen: str | None = None
    """Name of the primary's newest record when it was looked, whether it could be read or not."""
    again_at: Utc | None = None
    """When to look again although nothing new has come; None: only then."""
    primary_fault: str = ""
    """Why the primary's records could not be read, as among the reasons; empty: they could."""

    def cannot_see(self, fault: str) -> ReplicationState:
        """Return the same with the reason that the primary's records cannot be read; its word stays."""
        return self.model_copy(update={"reasons": (fault, *self.reasons), "primary_fault": fault})


class Approval(Document):
    """An operator wants a point replicated that was held back."""

    service: str
    name: str
    reason: str
    approved_at: Utc


class ReplicationStop(Document):
    """An operator wants nothing restored by replication; it holds until it is taken back."""

    service: str
    reason: str
    stopped_at: Utc


def stopped_because(service: str, reason: str) -> str:
    """Return in a sentence that replication is stopped, and how it goes on."""
    call = f"DELETE /api/services/{service}/replication-stop lets it go on"
    return f"replication is stopped by hand: {reason}; {call}"


def needs_look(state: ReplicationState | None, newest: str | None, now: dt.datetime) -> bool:
    """
    Tell whether there may be something to do for a standby, as cheaply as that can be told.

    Args:
        state: what was said last; None: nothing yet.
        newest: name of the primary's newest record; None: there is none.
        now: aware UTC.
    """
    if state is None:
        return newest is not None
    is_due = state.again_at is not None and state.again_at <= now
    return is_due or bool(state.primary_fault) or newest != state.seen


class Standing(Value):
    """
    What a standby holds against what the primary has. Seconds; None: it holds nothing, or nothing is known.

    `lag_s` is how much older the point is that the standby holds than the primary's newest.
    """

    holds: str | None
    in_sync: bool
    recovery_point_age_s: int | None
    lag_s: int | None
    rpo_hours: int
    rpo_kept: bool


def standing(
    standby: Standby, held: Replica | None, newest: NewestPoint | None, now: dt.datetime
) -> Standing:
    """
    Return how a standby stands.

    Args:
        standby: of the plan; its `rpo_hours` is compared with the age of what it holds.
        held: what it holds.
        newest: the primary's newest restore point that is known here.
        now: aware UTC.
    """
    if held is None:
        return Standing(
            holds=None,
            in_sync=False,
            recovery_point_age_s=None,
            lag_s=None,
            rpo_hours=standby.rpo_hours,
            rpo_kept=False,
        )
    age_s = round((now - held.point_started_at).total_seconds())
    behind = newest is not None and newest.started_at > held.point_started_at
    lag_s = round((newest.started_at - held.point_started_at).total_seconds()) if newest and behind else 0
    return Standing(
        holds=held.name,
        in_sync=not behind,
        recovery_point_age_s=age_s,
        lag_s=lag_s,
        rpo_hours=standby.rpo_hours,
        rpo_kept=age_s <= standby.rpo_hours * 3600,
    )
