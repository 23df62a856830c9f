"""What is known of a service that is to take over: of it, of the other one, of the points. No judgement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.core.ends import End
from shared.core.fix_up_scene import Scene
from shared.core.held_back import HeldBack
from shared.core.preflight_facts import Check, Unseen
from shared.core.replication import ReplicationState, ReplicationWord
from shared.core.reports import GatewayProbe, NewestPoint, Replica
from shared.core.restore_points import RestorePoint
from shared.core.services import ServiceRef

_SAID = {ReplicationWord.HELD_BACK: "is held back", ReplicationWord.FAILED: "has failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that was read of the service that is to take over, and of what it holds. Azure's is as it came."""

    service: str
    """The name in the plan."""
    now: dt.datetime
    end: End
    """The one that is to take over."""
    instead_of: ServiceRef
    """The one that serves, or served."""
    rpo_hours: int
    resource: Mapping[str, Any] | Unseen
    is_missing: bool
    """Whether Azure says that there is no such service."""
    tier: str | Unseen
    """That of the service instead of which it takes over."""
    scene: Scene | Unseen
    """The settings of both, for what no restore brings."""
    gateway: GatewayProbe | Unseen
    calls: int | Unseen
    """What its gateway served in the last minutes."""
    held: Replica | Unseen | None = None
    doubt: str = ""
    """Why it may hold something else."""
    under_way: str | None = None
    """The run that restores into it now."""
    newest: RestorePoint | Unseen | None = None
    """The newest one that can be restored from here, and is not held back."""
    held_back: tuple[HeldBack, ...] = ()
    """Newer ones that can be restored from here, and that replication would not bring. Newest first."""
    replication: ReplicationState | None = None
    """What replication said last."""
    known: NewestPoint | None = None
    """The newest one that is known here, whether it can be restored or not."""
    restore_duration_s: int | None = None
    """How long the last restore into it took."""
    preflight: tuple[Check, ...] = ()
    """Whether it could be backed up when it serves."""

    @property
    def name(self) -> str:
        """The name of the service that is to take over."""
        return self.end.ref.name

    @property
    def gone(self) -> NewestPoint | None:
        """The newest one that is known, if it is newer than all that can be restored from here."""
        if isinstance(self.newest, Unseen) or self.known is None:
            return None
        here = [point.started_at for point in (self.newest, *self.held_back) if point is not None]
        here += [self.held.point_started_at] if isinstance(self.held, Replica) else []
        return self.known if all(at < self.known.started_at for at in here) else None

    @property
    def newer(self) -> RestorePoint | None:
        """The newest point, if it can be restored and is newer than what is held."""
        if isinstance(self.newest, Unseen) or self.newest is None or isinstance(self.held, Unseen):
            return None
        is_newer = self.held is None or self.newest.started_at > self.held.point_started_at
        return self.newest if is_newer and not self.newest.is_expired(self.now) else None

    @property
    def restoring(self) -> str | None:
        """The run that restores into it, or is about to."""
        if self.under_way is not None or self.replication is None:
            return self.under_way
        is_at_work = self.replication.word is ReplicationWord.REPLICATING
        return self.replication.run_id if is_at_work else None

    @property
    def remarks(self) -> tuple[str, ...]:
        """Why a newer point is not there, or should not be, a sentence each."""
        said = self.replication
        found = [f"{one.name} is newer, and held back: {'; '.join(one.reasons)}" for one in self.held_back]
        if said is not None and said.word in _SAID:
            reasons = [one for one in said.reasons if not any(one in remark for remark in found)]
            if reasons:
                found.append(f"replication {_SAID[said.word]}: {'; '.join(reasons)}")
        return tuple(found)
