"""What a restore leaves as evidence, and what a night leaves. They can be read without this app."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.core.documents import Document, Utc, Value
from shared.core.inventory import Difference
from shared.core.lro import Fault
from shared.core.preflight_facts import Check
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


class SettingDifference(Value):
    """
    One setting of the target that is not as the sidecar says of the source. A restore carries none of them.

    Both values as JSON text, cut; None: not set.
    """

    part: str
    """The part of the sidecar, such as `host_names`."""
    setting: str
    source: str | None
    target: str | None


class GatewayProbe(Value):
    """What the target's gateway answered; `status` None: it could not be reached, and `said` tells why."""

    url: str
    status: int | None
    said: str

    @property
    def is_answering(self) -> bool:
        """Whether it serves."""
        return self.status == 200


class FixUp(Value):
    """One thing that no restore brings, and that somebody has to see to; `command` is a line for a shell."""

    what: str
    why: str
    command: str
    is_needed: bool | None = True
    """None: whether it is needed could not be told."""


class RestoreReport(Document):
    """
    The evidence of one restore. Durations in seconds.

    `recovery_point_age_s` is the age of the data when the restore was verified, `restore_duration_s`
    the time from the request to that moment. `guards` are those of the last look before the POST. Reports
    of older releases lack the fields that have defaults.
    """

    run_id: str
    kind: Literal["restore", "replicate", "drill"] = "restore"
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
    outcome: Outcome | None = None
    """The word that the comparison came to."""
    rto_s: int | None = None
    rto_kept: bool | None = None
    guards: tuple[Check, ...] = ()
    settings: tuple[SettingDifference, ...] | None = None
    """None: there is no sidecar to compare with."""
    gateway: GatewayProbe | None = None
    fix_ups: tuple[FixUp, ...] = ()
    safety_backup: str | None = None
    """Name of the backup of the target that was made first; it is restored like any other."""


class DrillRecord(Document):
    """One rehearsed restore with its word, whether it came to a restore or not. Durations in seconds."""

    service: str
    run_id: str
    target: ServiceRef
    point: str | None
    requested_at: Utc
    ended_at: Utc
    outcome: Outcome
    fault: Fault | None = None
    restore_duration_s: int | None = None
    rto_s: int
    rto_kept: bool | None = None
    evidence: tuple[str, ...] = ()
    """Keys of the report, in the records of the region that drilled."""


class Replica(Document):
    """
    The standby holds this restore point: restored and compared, or compared and found to be in sync.

    `run_id` is empty where no restore was needed. `counts` are the inventory's, for the breaker.
    """

    name: str
    service: str
    target: ServiceRef
    run_id: str
    point_started_at: Utc
    inventory_digest: str
    recorded_at: Utc
    in_sync: bool = False
    counts: dict[str, int] = Field(default_factory=dict)


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
