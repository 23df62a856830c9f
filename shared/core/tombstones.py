"""The tombstone: what was pruned, why, when and by which run."""

from __future__ import annotations

from shared.core.documents import Document, Utc
from shared.core.restore_points import RestorePoint


class Tombstone(Document):
    """Written before anything of a restore point is deleted, and kept."""

    point: RestorePoint
    """The whole record as it was."""
    reasons: tuple[str, ...]
    pruned_at: Utc
    run_id: str

    def is_of(self, point: RestorePoint) -> bool:
        """Whether it is about this very backup: name, place and content."""
        return _identity(self.point) == _identity(point)


def _identity(point: RestorePoint) -> tuple[str, ...]:
    return (point.service, point.name, point.account, point.container, point.sha256, point.run_id)
