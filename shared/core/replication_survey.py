"""What replication finds when it looks at one standby: everything that its decision needs. Pure."""

from __future__ import annotations

from pydantic import Field

from shared.core.documents import Document, Utc, Value
from shared.core.replication import ReplicationState
from shared.core.reports import NewestPoint, Replica
from shared.core.runs import Outcome
from shared.core.services import ServiceRef


class Attempt(Value):
    """One run that was to bring a point to the standby; `word` None: it is under way."""

    run_id: str
    instance_id: str
    point: str
    point_started_at: Utc
    requested_at: Utc
    ended_at: Utc | None = None
    word: Outcome | None = None
    said: str = ""


class Candidate(Value):
    """A restore point that is newer than every one that was ever brought to the standby."""

    name: str
    started_at: Utc
    digest: str | None = None
    """Of its inventory; None if it has none."""
    counts: dict[str, int] = Field(default_factory=dict)
    is_rebuilt: bool = False
    approved_at: Utc | None = None

    @property
    def rank(self) -> Utc:
        """Since when it is wanted: from its start, or from its approval if that came later."""
        return max(self.started_at, self.approved_at or self.started_at)


class Survey(Document):
    """What replication found when it looked. Newest first."""

    service: str
    target: ServiceRef
    at: Utc
    shrink_percent_max: int
    held: Replica | None = None
    """What was brought last, by replication or by hand."""
    brought: NewestPoint | None = None
    """The newest point that was ever brought; nothing as old as this is brought again."""
    has_own_content: bool = False
    """Whether the standby holds something, or may, and nothing of it was brought by this app."""
    safety_backup: bool = False
    """Whether what the standby holds may be nowhere else: it is backed up before it is replaced."""
    seen: str | None = None
    """Name of the primary's newest record, whether it could be read or not."""
    newest: NewestPoint | None = None
    candidates: tuple[Candidate, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    """Replications of points that are newer than what was ever brought; oldest first."""
    unreadable: tuple[str, ...] = ()
    """Newer records than what was ever brought that cannot be read, or not be copied, with the reason."""
    to_copy: tuple[str, ...] = ()
    uncopied: tuple[Candidate, ...] = ()
    """Of the points to copy the newest, as far as they would be candidates."""
    not_copied: dict[str, str] = Field(default_factory=dict)
    """Names of points that cannot be copied, with the reason."""
    copies: int = 0
    primary_fault: str = ""
    """Why the records of the primary's region could not be read; empty: they could."""
    is_blind: bool = False
    """Whether no restore points can be seen at all: there are no copies to look at instead."""
    paused: str = ""
    """Why the plan has paused the service; empty: it has not."""
    stopped: str = ""
    """Why an operator has stopped the replication of the service; empty: nobody has."""
    former: ReplicationState | None = None
