"""What a restore leaves as evidence, and what a night leaves. They can be read without this app."""

from __future__ import annotations

from typing import Literal

from shared.core.documents import Document, Utc, Value
from shared.core.inventory import Difference
from shared.core.lro import Fault
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from shared.core.services import ServiceRef

PAUSED = "Paused"
"""Code of the fault of a service that the plan has paused."""

FROM_THE_WORST = (
    Outcome.FAILED,
    Outcome.OUTCOME_UNKNOWN,
    Outcome.POLL_DENIED,
    Outcome.REFUSED,
    Outcome.SUCCEEDED,
)
"""A verdict against is worse than no proof, and that is worse than nothing changed."""


class RestoreReport(Document):
    """
    The evidence of one restore. Durations in seconds.

    `recovery_point_age_s` is the age of the data when the restore was verified, `restore_duration_s`
    the time from the request to that moment.
    """

    run_id: str
    service: str
    target: ServiceRef
    point: RestorePoint
    requested_at: Utc
    verified_at: Utc
    recovery_point_age_s: int
    restore_duration_s: int
    entities: int
    counts: dict[str, int]
    differences: tuple[Difference, ...]
    differences_total: int


class Replica(Document):
    """The standby holds this restore point: restored and compared."""

    name: str
    service: str
    target: ServiceRef
    run_id: str
    point_started_at: Utc
    inventory_digest: str
    recorded_at: Utc


class NewestPoint(Value):
    """The newest restore point that can be used."""

    name: str
    started_at: Utc


class ServiceNight(Value):
    """
    What one service got in one night.

    `fault` says why, for every word but Succeeded. `run_ids` are all its runs, in order; none if nothing
    was started. `recovery_point_age_s` is the age of the newest restore point at the night's end, whether
    this night made it or another; `rpo_kept` None: the plan no longer knows the service.
    """

    service: str
    outcome: Outcome
    fault: Fault | None = None
    run_ids: tuple[str, ...] = ()
    restore_point: str | None = None
    newest_point: NewestPoint | None = None
    recovery_point_age_s: int | None = None
    rpo_kept: bool | None = None
    warnings: tuple[str, ...] = ()

    @property
    def is_paused(self) -> bool:
        """Whether nothing was wanted of it."""
        return self.fault is not None and self.fault.code == PAUSED


class NightRecord(Document):
    """One night: every service with its word. `words` counts them."""

    night: str
    trigger: Literal["timer", "http", "event"]
    reason: str = ""
    scheduled_at: Utc | None = None
    requested_at: Utc
    ended_at: Utc
    caught_up: bool = False
    starts: int = 1
    words: dict[str, int]
    rpo_missed: tuple[str, ...] = ()
    """The services whose newest restore point is older than the plan allows, or that have none."""
    warnings: tuple[str, ...] = ()
    services: tuple[ServiceNight, ...]

    @property
    def worst(self) -> Outcome:
        """The word of the night: the worst of its services, those that are paused left out."""
        found = {service.outcome for service in self.services if not service.is_paused}
        return next((word for word in FROM_THE_WORST if word in found), Outcome.SUCCEEDED)
