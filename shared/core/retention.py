"""
Which restore points may go, and why. Pure: a catalogue and a time in, a verdict for each point out.

Rules of the file:
1. Every rule can only keep. A point dies when none of them does.
2. The newest usable point never dies, and where no point is usable none dies at all.
3. What is not known keeps: replicas or runs that could not be read, a catalogue that was not read in full.
4. A point is usable while it has not expired and its blob is there. One that is not usable takes no place
   in keepLast and is not waited for by a standby. Its age, a hold and a restore that is under way keep it
   like any other.
5. The floor counts usable points, and after them those that only validityDays lets expire: Azure would
   still restore them.
6. While a point of the service is being restored none dies, and that one until its run has its final word.
7. Where most of the blobs are not in their lists none dies: a container was emptied or made anew.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from shared.core import names
from shared.core.documents import Document, Utc, Value
from shared.core.errors import cut
from shared.core.plan import ProtectedService, Retention
from shared.core.reports import Replica
from shared.core.restore_points import VALIDITY, RestorePoint
from shared.core.standby_rules import Say, of_standby

REASON_LENGTH_MAX = 200
FAULTS_SHOWN_MAX = 3
MISSING_MIN = 2
"""One missing backup was deleted by somebody; so many, if they are most of them, are an accident."""
UNREADABLE_HOLD = "(the reason cannot be read)"
"""Shown for a hold whose document is broken; it holds all the same."""


class Hold(Document):
    """Somebody wants this restore point kept, whatever the rules say."""

    service: str
    name: str
    reason: str
    held_at: Utc


class Verdict(enum.StrEnum):
    """What becomes of a restore point."""

    KEEP = "keep"
    DIE = "die"


class Judged(Value):
    """One restore point with its verdict, and what every rule says of it."""

    name: str
    started_at: Utc
    expires_at: Utc
    is_usable: bool
    verdict: Verdict
    reasons: tuple[str, ...]


class PrunePlan(Document):
    """What would become of every restore point of one service, oldest first."""

    service: str
    at: Utc
    rules: Retention | None
    nothing_dies_because: str = ""
    """Why none may die, whatever the rules say of them; empty where the rules decide."""
    points: tuple[Judged, ...]

    @property
    def dying(self) -> tuple[Judged, ...]:
        """The points that may go, oldest first."""
        return tuple(point for point in self.points if point.verdict is Verdict.DIE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """
    What is known of one service's restore points.

    `holds` maps names of points to the reason; `restoring` names of points to the run that restores them,
    None if that could not be told; `at_work` is the run of a restore that has not ended. `replicas` is
    None if they could not be read; a service without a standby has none. `copies` names points that were
    copied into the standby's region, None if that could not be told. `missing` names points whose blob
    is not there. `faults` says what of the records could not be read, `doubts` why something is None.
    """

    points: Sequence[RestorePoint]
    holds: Mapping[str, str] = field(default_factory=dict)
    replicas: Sequence[Replica] | None = ()
    restoring: Mapping[str, str] | None = field(default_factory=dict)
    at_work: str = ""
    copies: Collection[str] | None = ()
    missing: frozenset[str] = frozenset()
    faults: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def why_incomplete(self) -> str:
        """What of the records could not be read, in one sentence; an empty string if all could."""
        if not self.faults:
            return ""
        shown = "; ".join(cut(fault) for fault in self.faults[:FAULTS_SHOWN_MAX])
        more = len(self.faults) - FAULTS_SHOWN_MAX
        rest = f"; and {more} more" if more > 0 else ""
        return f"the catalogue could not be read in full: {shown}{rest}"


def plan_prune(service: ProtectedService, catalog: Catalog, now: dt.datetime) -> PrunePlan:
    """
    Decide what becomes of every restore point of a service.

    Args:
        service: its `retention` are the rules; None keeps everything.
        catalog: what is known.
        now: aware UTC.
    """
    bench = _Bench(service, catalog, now)
    judged = bench.judge(service.retention) if service.retention else ()
    return PrunePlan(
        service=service.name,
        at=now,
        rules=service.retention,
        nothing_dies_because=bench.nothing_dies_because,
        points=judged or bench.unjudged(),
    )


def newest_first(points: Sequence[RestorePoint]) -> list[RestorePoint]:
    """Return points in the order in which `latest` is chosen."""
    return sorted(points, key=lambda point: (point.started_at, point.name), reverse=True)


def is_ours(point: RestorePoint, service: ProtectedService) -> bool:
    """Whether a record is of this service and this Azure resource, and its blob has a name that we make."""
    return (
        point.service == service.name
        and point.source.is_same_as(service.ref)
        and names.is_backup_of(point.name, service.name)
    )


def is_usable(point: RestorePoint, catalog: Catalog, now: dt.datetime) -> bool:
    """Whether a point could be restored now, as far as records and names of blobs tell."""
    return not point.is_expired(now) and point.name not in catalog.missing


def why_mostly_missing(service: ProtectedService, catalog: Catalog) -> str:
    """Return in one sentence that most backups of a service are not there, or an empty string."""
    own = [point.name for point in catalog.points if is_ours(point, service)]
    gone = [name for name in own if name in catalog.missing]
    if len(gone) < MISSING_MIN or 2 * len(gone) <= len(own):
        return ""
    return (
        f"the backups of {len(gone)} of {len(own)} restore points are not in their containers, {max(gone)} "
        "among them: bring them back, or delete their records if they are gone for good"
    )


class _Bench:
    """All that the rules look at, for one service at one time."""

    def __init__(self, service: ProtectedService, catalog: Catalog, now: dt.datetime) -> None:
        self._service = service
        self._catalog = catalog
        self._now = now
        self.points = newest_first(catalog.points)[::-1]
        own = [point for point in newest_first(catalog.points) if is_ours(point, service)]
        usable = (point.name for point in own if is_usable(point, catalog, now))
        self._newer_than = {name: newer for newer, name in enumerate(usable)}
        """How many usable points are newer, for each usable point, the newest first."""
        self._lapsed = [point.name for point in own if self._is_lapsed(point)]

    @property
    def nothing_dies_because(self) -> str:
        """Why no point may die at all, or an empty string."""
        if self._service.retention is None:
            return "the plan has no retention for this service: nothing of it is ever pruned"
        if self._catalog.faults:
            return self._catalog.why_incomplete
        if self.points and not self._newer_than:
            return "no restore point is usable: nothing is pruned until there is one"
        return why_mostly_missing(self._service, self._catalog)

    def judge(self, rules: Retention) -> tuple[Judged, ...]:
        """Return every point with its verdict, oldest first."""
        said = {point.name: self._ask(point, rules) for point in self.points}
        kept = {name for name, says in said.items() if any(say.keeps for say in says)}
        if not self.nothing_dies_because:
            self._hold_the_floor(rules, said, kept)
        return tuple(
            self.kept(point, said[point.name])
            if self.nothing_dies_because or point.name in kept
            else self._judged(point, Verdict.DIE, tuple(say.text for say in said[point.name]))
            for point in self.points
        )

    def unjudged(self) -> tuple[Judged, ...]:
        """Return every point as it stays without rules, oldest first; a hold shows all the same."""
        return tuple(self.kept(point, (self._hold(point),)) for point in self.points)

    def kept(self, point: RestorePoint, says: Sequence[Say]) -> Judged:
        """Return a point that stays, with the reasons that keep it."""
        reasons = tuple(say.text for say in says if say.keeps)
        if self.nothing_dies_because:
            reasons = (self.nothing_dies_because, *reasons)
        return self._judged(point, Verdict.KEEP, reasons)

    def _judged(self, point: RestorePoint, verdict: Verdict, reasons: tuple[str, ...]) -> Judged:
        return Judged(
            name=point.name,
            started_at=point.started_at,
            expires_at=point.expires_at,
            is_usable=is_usable(point, self._catalog, self._now),
            verdict=verdict,
            reasons=reasons,
        )

    def _hold_the_floor(self, rules: Retention, said: dict[str, list[Say]], kept: set[str]) -> None:
        """Bring back the newest dying points while fewer than keepAtLeast are left, usable ones first."""
        left = 0
        for names_of_a_kind, kind in ((list(self._newer_than), "usable"), (self._lapsed, "restorable")):
            left += sum(name in kept for name in names_of_a_kind)
            for name in names_of_a_kind:
                if left >= rules.keep_at_least:
                    break
                if name not in kept:
                    kept.add(name)
                    left += 1
                    text = f"fewer than {rules.keep_at_least} {kind} points would be left (keepAtLeast)"
                    said[name].append(Say(True, text))
        for name, says in said.items():
            if name not in kept:
                text = f"{left} restorable points are left without it, keepAtLeast is {rules.keep_at_least}"
                says.append(Say(False, text))

    def _is_lapsed(self, point: RestorePoint) -> bool:
        """Whether only the plan's validityDays makes a point unusable: Azure would restore it."""
        is_there = point.name not in self._catalog.missing
        return is_there and point.is_expired(self._now) and self._now < point.started_at + VALIDITY

    def _ask(self, point: RestorePoint, rules: Retention) -> list[Say]:
        says = [self._place(point), self._last(point, rules), self._age(point, rules), self._hold(point)]
        if self._service.standby is not None:
            says += of_standby(
                point,
                self._service.standby,
                is_usable=point.name in self._newer_than,
                replicas=self._catalog.replicas,
                copies=self._catalog.copies,
            )
        return [*says, self._restore(point)]

    def _place(self, point: RestorePoint) -> Say:
        if not is_ours(point, self._service):
            return Say(True, "its record is not of the service that the plan names, so it is not touched")
        if self._newer_than.get(point.name) == 0:
            return Say(True, "it is the newest usable point")
        if point.name in self._newer_than:
            return Say(False, "a newer usable point is there")
        if point.is_expired(self._now):
            return Say(False, f"it expired on {point.expires_at:%Y-%m-%d %H:%M} UTC")
        return Say(False, "its blob is not there")

    def _last(self, point: RestorePoint, rules: Retention) -> Say:
        newer = self._newer_than.get(point.name)
        if newer is None:
            return Say(False, "it is not usable, so keepLast does not count it")
        if newer < rules.keep_last:
            return Say(True, f"it is one of the newest {rules.keep_last} usable points (keepLast)")
        return Say(False, f"{newer} usable points are newer, keepLast is {rules.keep_last}")

    def _age(self, point: RestorePoint, rules: Retention) -> Say:
        age = self._now - point.started_at
        days = age / dt.timedelta(days=1)
        if age < dt.timedelta(days=rules.keep_within_days):
            return Say(True, f"it is {days:.1f} days old, keepWithinDays is {rules.keep_within_days}")
        return Say(False, f"it is {days:.1f} days old, keepWithinDays is {rules.keep_within_days}")

    def _hold(self, point: RestorePoint) -> Say:
        reason = self._catalog.holds.get(point.name)
        return Say(False, "it is not held") if reason is None else Say(True, f"it is held: {reason}")

    def _restore(self, point: RestorePoint) -> Say:
        if self._catalog.restoring is None:
            return Say(True, "which restores are under way could not be told")
        run_id = self._catalog.restoring.get(point.name)
        if run_id is not None:
            return Say(True, f"run {run_id}, which has no final word yet, restores it")
        if self._catalog.at_work:
            return Say(True, f"run {self._catalog.at_work} is restoring another point of the service")
        return Say(False, "no run restores a point of the service")
