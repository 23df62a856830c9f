"""Wishes: what a run is asked to do. They hold all that the run needs, and never change. No secrets."""

from __future__ import annotations

from typing import Literal

from shared.core import names
from shared.core.access import Access, BackupStorage
from shared.core.documents import Document, Utc
from shared.core.intervals import Intervals
from shared.core.restore_points import RestorePoint
from shared.core.runs import RunRecord
from shared.core.services import ServiceRef


class BackupRequest(Document):
    """Back up `source` into the blob `backup_name`."""

    run_id: str
    service: str
    source: ServiceRef
    storage: BackupStorage
    backup_name: str
    validity_days: int = 30
    trigger: Literal["timer", "http", "event"]
    scheduled_at: Utc | None = None
    """When the night was due; None for a backup on demand or after a change."""
    requested_at: Utc
    deadline_at: Utc
    intervals: Intervals = Intervals()
    part_of: str | None = None
    """Id of the restore that has it done first; None for a backup of its own."""

    @property
    def function(self) -> str:
        """The orchestrator that does it."""
        return "back_up_service"

    @property
    def subject(self) -> ServiceRef:
        """The service that the operation runs on."""
        return self.source

    def first_record(self) -> RunRecord:
        """Return the run as it is written down before anything is sent."""
        return RunRecord(
            run_id=self.run_id,
            kind="backup",
            service=self.service,
            subject=self.source,
            instance_id=names.service_instance(self.source.resource_id),
            part_of=self.part_of,
            trigger=self.trigger,
            requested_at=self.requested_at,
            phase_at=self.requested_at,
            wish=self.to_json(),
        )


class RestoreRequest(Document):
    """Restore `point` into `target`, whose service reaches the blob with `access`."""

    run_id: str
    kind: Literal["restore", "replicate", "drill"]
    service: str
    target: ServiceRef
    access: Access
    point: RestorePoint
    overwrite_source: bool = False
    """Whether the caller knows that the target is the service that the backup was taken from."""
    despite_traffic: bool = False
    """Whether the caller knows that the target carries traffic, or may."""
    traffic_may_be_uncounted: bool = False
    """Whether the plan wants the standby replicated although nobody can count its calls."""
    safety_backup: bool = False
    """Whether a target with content is backed up first."""
    rto_s: int | None = None
    """What the restore's duration is compared with; None if nothing was promised."""
    trigger: Literal["timer", "http", "event"]
    requested_at: Utc
    deadline_at: Utc
    intervals: Intervals = Intervals()

    @property
    def function(self) -> str:
        """The orchestrator that does it."""
        return "restore_service"

    @property
    def subject(self) -> ServiceRef:
        """The service that the operation runs on."""
        return self.target

    @property
    def storage(self) -> BackupStorage:
        """Where the backup lies, and how the target reaches it."""
        return BackupStorage(account=self.point.account, container=self.point.container, access=self.access)

    def first_record(self) -> RunRecord:
        """Return the run as it is written down before anything is sent."""
        return RunRecord(
            run_id=self.run_id,
            kind=self.kind,
            service=self.service,
            subject=self.target,
            instance_id=names.service_instance(self.target.resource_id),
            trigger=self.trigger,
            requested_at=self.requested_at,
            phase_at=self.requested_at,
            wish=self.to_json(),
            restore_point=self.point.name,
        )
