"""What a restore leaves as evidence, and what a night leaves. They can be read without this app."""

from __future__ import annotations

from shared.core.documents import Document, Utc, Value
from shared.core.inventory import Difference
from shared.core.lro import Fault
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from shared.core.services import ServiceRef


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


class ServiceNight(Value):
    """What one service got in one night."""

    service: str
    run_id: str
    outcome: Outcome
    restore_point: str | None = None
    fault: Fault | None = None


class NightRecord(Document):
    """One night: every service of the plan with its word."""

    night: str
    requested_at: Utc
    ended_at: Utc
    services: tuple[ServiceNight, ...]
