"""
Letting restore points go, one after the other, so that a crash anywhere leaves nothing lost or forgotten.

For each point, in this order: a mark, the tombstone, a last look for holds and restores, the record, the
backup, its manifest, inventory and sidecar, the mark. While the mark is there something may be left to
delete, and the next run goes on with what the tombstone names.

The same step may be executed twice at once. A record is deleted on the condition that it still is as this
execution has read it; whoever decides that a point stays fences the record first (`fence`), so that an
execution that had decided otherwise before cannot go on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from shared import telemetry
from shared.catalog import Reading, records_of, restoring
from shared.core import layout, names
from shared.core.errors import ConflictError, DrError, NotFoundError, ProtocolError, TemporaryError
from shared.core.plan import ProtectedService
from shared.core.ports import BlobLook, Blobs, Ports
from shared.core.restore_points import RestorePoint
from shared.core.retention import Judged, is_ours
from shared.core.tombstones import Tombstone
from shared.records import read_document

DELETIONS_MAX = 20
"""Points that one run lets go; the rest waits for the next. A night's own is one."""

TEXT_TYPE = "text/plain"


def fence(records: Blobs, key: str) -> bool:
    """
    Write a record anew as it is, so that nobody who has read it before can delete it; False: it is gone.

    Its creation is an event again, which replication knows already.

    Raises:
        ConflictError: somebody else writes it, or storage does not let it be written; ask again.
    """
    try:
        content, etag = records.read(key)
    except NotFoundError:
        return False
    try:
        records.replace(key, content, etag)
    except ConflictError:
        if records.exists(key):
            raise
        return False
    return True


def open_prunes(service: str, records: Blobs) -> frozenset[str]:
    """Return the points of which something may still have to be deleted."""
    prefix = layout.open_prunes_prefix(service)
    found = (key.removeprefix(prefix) for key in records.keys(prefix))
    return frozenset(name for name in found if names.is_backup_of(name, service))


class Pruning:
    """One service's pruning in one run. Every method may be repeated."""

    def __init__(self, service: ProtectedService, run_id: str, ports: Ports, reading: Reading) -> None:
        self._service = service
        self._run_id = run_id
        self._ports = ports
        self._records = records_of(service, ports)
        self._etags = reading.etags
        self._restoring = reading.catalog.restoring
        self._at_work = reading.catalog.at_work
        self._points = {point.name: point for point in reading.catalog.points}
        self._marked = open_prunes(service.name, self._records)
        self._stuck: list[str] = []
        self.pruned: list[str] = []
        self._warnings: list[str] = []

    @property
    def is_spent(self) -> bool:
        """Whether this run has done its share, or storage does not let go what is pruned."""
        return len(self.pruned) >= DELETIONS_MAX or len(self._stuck) >= DELETIONS_MAX

    @property
    def warnings(self) -> list[str]:
        """What an operator should know."""
        if not self._stuck:
            return self._warnings
        stuck = (
            f"storage does not let go {len(self._stuck)} backups that were pruned (a lease or an "
            f"immutability policy?); they are tried again by each run: {', '.join(self._stuck[:3])}"
        )
        return [*self._warnings, stuck]

    def finish(self) -> None:
        """Delete what is left of points whose record an earlier run has deleted."""
        for name in sorted(self._marked - self._points.keys()):
            if len(self.pruned) >= DELETIONS_MAX:
                return
            try:
                tombstone = self._tombstone(name)
            except ProtocolError as err:
                self._warn(name, f"its tombstone cannot be read: {err.message}")
                continue
            if tombstone is None:
                self._records.delete(layout.open_prune_key(self._service.name, name))
            elif tombstone.point.name != name or not is_ours(tombstone.point, self._service):
                self._warn(name, "its tombstone is of something else")
            elif self._restoring is not None and not self._at_work and name not in self._restoring:
                self._clear(tombstone.point)

    def take_back_all(self, kept: Iterable[str]) -> None:
        """Take back what an earlier run had only announced of points that are kept now."""
        for name in self._marked.intersection(kept):
            self._take_back(name)

    def let_go(self, judged: Judged) -> None:
        """Delete one point that no rule keeps, unless its blob is not the recorded one."""
        point = self._points[judged.name]
        seen = self._backups(point).look(point.name)
        if seen is not None and not _is_recorded(seen, point):
            self._warn(point.name, "its blob has another size or ETag than was recorded, and is left alone")
            return
        self._records.put(self._mark(point.name), b"", content_type=TEXT_TYPE)
        if not self._bury(point, judged.reasons):
            self._warn(point.name, "another backup of that name was pruned before")
            self._records.delete(self._mark(point.name))
            return
        objection = self._objection(point.name)
        if objection:
            self._take_back(point.name)
            self._warn(point.name, objection)
            return
        key = layout.restore_point_key(self._service.name, point.name)
        try:
            self._records.delete(key, etag=self._etags[point.name])
        except ConflictError:
            if self._records.exists(key):  # a tombstone is never taken back from what is gone
                self._take_back(point.name)
                self._warn(point.name, "its record was changed, or may not be deleted")
                return
        self._clear(point)

    def _bury(self, point: RestorePoint, reasons: tuple[str, ...]) -> bool:
        """
        Write the tombstone. False: there is one, and it is of another backup.

        One of an earlier try is written over: whoever is about to take that one back must not take ours.
        """
        tombstone = Tombstone(
            point=point, reasons=reasons, pruned_at=self._ports.clock.now(), run_id=self._run_id
        )
        key = layout.pruned_key(self._service.name, point.name)
        try:
            self._records.create(key, tombstone.to_bytes())
        except ConflictError:
            former, etag = read_document(self._records, key, Tombstone)
            if not former.is_of(point):
                return False
            try:
                self._records.replace(key, tombstone.to_bytes(), etag)
            except ConflictError as err:
                raise TemporaryError(f"{key} was changed meanwhile", code="Conflict") from err
        return True

    def _objection(self, name: str) -> str:
        """
        Return why the point has to stay after all, or an empty string.

        Asked after the mark was written: whoever holds a point looks for it after his hold was written,
        so that one of the two sees the other.
        """
        if self._records.exists(layout.hold_key(self._service.name, name)):
            return "it was held at the last moment"
        try:
            restores = restoring(self._service, self._ports)
        except DrError as err:
            return f"which restores are under way could not be told: {err.message}"
        if name in restores.points:
            return f"run {restores.points[name]} began to restore it at the last moment"
        if restores.at_work:
            return f"run {restores.at_work} began to restore another point at the last moment"
        return ""

    def _clear(self, point: RestorePoint) -> None:
        """Delete what is left of a point without a record."""
        if not self._clear_backup(point):
            self._stuck.append(point.name)
            self._log(point.name, "storage does not let its blob go")
            return
        self._records.delete(layout.inventory_key(self._service.name, point.name))
        self._records.delete(layout.sidecar_key(self._service.name, point.name))
        self._records.delete(self._mark(point.name))
        self.pruned.append(point.name)
        telemetry.log(
            telemetry.Event.POINT_PRUNED,
            run_id=self._run_id,
            service=self._service.name,
            restore_point=point.name,
        )

    def _clear_backup(self, point: RestorePoint) -> bool:
        """Delete backup and manifest; False if storage keeps them. A blob that was replaced stays."""
        backups = self._backups(point)
        try:
            backups.delete(point.name, etag=point.etag)
        except ConflictError:
            seen = backups.look(point.name)
            if seen is not None and _is_recorded(seen, point):
                return False
            if seen is not None:
                self._warn(point.name, "its blob was replaced by another one, which is left alone")
        try:
            backups.delete(layout.manifest_key(point.name))
        except ConflictError:
            return False
        return True

    def _take_back(self, name: str) -> None:
        """
        Withdraw a tombstone of which nothing was deleted: the point lives on.

        What is taken back is looked at before the fence: whoever announces the point after it writes
        tombstone and mark anew, and then they are his.
        """
        keys = (layout.pruned_key(self._service.name, name), self._mark(name))
        announced = [(key, self._records.look(key)) for key in keys]
        try:
            if not fence(self._records, layout.restore_point_key(self._service.name, name)):
                return  # another execution has deleted it: its tombstone is true
            for key, seen in announced:
                if seen is not None:
                    self._records.delete(key, etag=seen.etag)
        except ConflictError:
            self._log(name, "what was announced of it could not be taken back yet; the next run does")

    def _tombstone(self, name: str) -> Tombstone | None:
        try:
            return read_document(self._records, layout.pruned_key(self._service.name, name), Tombstone)[0]
        except NotFoundError:
            return None

    def _mark(self, name: str) -> str:
        return layout.open_prune_key(self._service.name, name)

    def _backups(self, point: RestorePoint) -> Blobs:
        return self._ports.backups(point.account, point.container)

    def _warn(self, name: str, why: str) -> None:
        self._warnings.append(f"{name} was not pruned: {why}")
        self._log(name, why)

    def _log(self, name: str, why: str) -> None:
        telemetry.log(
            telemetry.Event.POINT_NOT_PRUNED,
            level=logging.WARNING,
            run_id=self._run_id,
            service=self._service.name,
            restore_point=name,
            reason=why,
        )


def _is_recorded(seen: BlobLook, point: RestorePoint) -> bool:
    return (seen.size_bytes, seen.etag) == (point.size_bytes, point.etag.strip('"'))
