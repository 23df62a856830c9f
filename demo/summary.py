"""
The end of the demo: what was found, whether that is good enough, and how it is told.

Everything here is pure. The demo succeeded only if the backup is recorded, the record is true, the standby
equals the primary, and each POST was sent once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from demo import clock
from demo.inventory import Difference
from demo.runs import GOOD
from demo.storage import Recorded

DIFFERENCES_SHOWN_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One run at its end. Seconds are real ones."""

    run_id: str
    outcome: str
    seconds: float
    polls: int
    ended_at: str
    restore_point: str | None = None
    """The name of the point that it made or used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything that the demo found out; None and empty where it did not get so far."""

    speed: float
    addresses: Mapping[str, str]
    backup: Ended | None = None
    recorded: Recorded | None = None
    restore: Ended | None = None
    entities: int = 0
    lost_seed: tuple[str, ...] = ()
    """Kinds of which the primary itself has less than was put into it."""
    differences: tuple[Difference, ...] | None = None
    """None: not compared."""
    compare_s: float = 0.0
    counts: Mapping[str, int] | None = None
    """None: not read."""
    fault: str | None = None
    """What ended the demo early; what was not looked at then is not judged."""

    @property
    def posts(self) -> tuple[int, int]:
        """How many backups and how many restores ARM was asked for."""
        counts = self.counts or {}
        return counts.get("POST backup", 0), counts.get("POST restore", 0)

    @property
    def recovery_point_age_s(self) -> float | None:
        """How old the data on the standby was when it was ready to serve."""
        if self.recorded is None or self.restore is None:
            return None
        age = clock.parse(self.restore.ended_at) - clock.parse(self.recorded.started_at)
        return age.total_seconds()


def faults(found: Findings) -> list[str]:
    """Return why the demo did not succeed; nothing if it did."""
    if found.fault:
        return [found.fault]
    reasons = []
    if found.backup is None or found.backup.outcome != GOOD:
        reasons.append(f"the backup did not succeed ({found.backup.outcome if found.backup else 'no end'})")
    if found.recorded is None:
        reasons.append("no restore point is recorded")
    else:
        reasons += found.recorded.faults
    if found.restore is None or found.restore.outcome != GOOD:
        reasons.append(
            f"the restore did not succeed ({found.restore.outcome if found.restore else 'no end'})"
        )
    if found.lost_seed:
        reasons.append(f"the primary lost what was put into it: {', '.join(found.lost_seed)}")
    if found.differences is None or not found.entities:
        reasons.append("the standby was not compared with the primary")
    elif found.differences:
        reasons.append(f"the standby differs from the primary in {len(found.differences)} entities")
    for kind, count in zip(("backups", "restores"), found.posts, strict=True):
        if count != 1:
            reasons.append(f"ARM was asked for {count} {kind} instead of one")
    return reasons


def document(found: Findings) -> dict[str, Any]:
    """Return summary.json. Seconds are real ones: times `speed` is what Azure would have taken."""
    reasons = faults(found)
    backup, recorded, restore = found.backup, found.recorded, found.restore
    return {
        "v": 1,
        "result": "Failed" if reasons else GOOD,
        "faults": reasons,
        "speed": found.speed,
        "backup": backup
        and {
            "runId": backup.run_id,
            "outcome": backup.outcome,
            "seconds": backup.seconds,
            "polls": backup.polls,
            "restorePoint": recorded and recorded.name,
            "bytes": recorded and recorded.size_bytes,
            "sha256": recorded and recorded.sha256,
            "blobBytes": recorded and recorded.found_size_bytes,
            "blobSha256": recorded and recorded.found_sha256,
        },
        "restore": restore
        and {
            "runId": restore.run_id,
            "outcome": restore.outcome,
            "seconds": restore.seconds,
            "polls": restore.polls,
        },
        "recoveryPointAgeS": _rounded(found.recovery_point_age_s),
        "restoreDurationS": restore and restore.seconds,
        "entities": found.entities,
        "differences": None if found.differences is None else [one.to_json() for one in found.differences],
        "counts": None
        if found.counts is None
        else dict(zip(("backupPosts", "restorePosts"), found.posts, strict=True)),
        "addresses": dict(found.addresses),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def runs_table(found: Findings, *, primary: str, standby: str) -> Table:
    """Return the table of what was done."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for title in ("  What", "Result"):
        table.add_column(title)
    for title in ("Seconds", "Polls", "Bytes"):
        table.add_column(title, justify="right")
    size = "" if found.recorded is None else f"{found.recorded.size_bytes:,}"
    for what, run, bytes_ in (
        (f"back up {primary}", found.backup, size),
        (f"restore {standby}", found.restore, ""),
    ):
        if run is None:
            table.add_row(f"  {what}", Text("no end", style="red"))
        else:
            style = "green" if run.outcome == GOOD else "red"
            table.add_row(
                f"  {what}", Text(run.outcome, style=style), f"{run.seconds:.1f}", str(run.polls), bytes_
            )
    if found.differences is not None:
        result = Text("differ", style="red") if found.differences else Text("equal", style="green")
        table.add_row("  compare the two", result, f"{found.compare_s:.1f}")
    return table


def facts_table(found: Findings) -> Table:
    """Return the facts below it, one per line."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    if found.recorded is not None:
        table.add_row("  restore point", found.recorded.name)
        table.add_row("  SHA-256", found.recorded.sha256)
    for name, seconds in (
        ("recovery point age", found.recovery_point_age_s),
        ("restore duration", found.restore.seconds if found.restore else None),
    ):
        if seconds is not None:
            in_azure = clock.stretch(seconds, speed=found.speed)
            table.add_row(
                f"  {name}", f"{seconds:.1f} s here, this machine's own seconds included: {in_azure} in Azure"
            )
    table.add_row("  POSTs seen by ARM", "{} backup, {} restore".format(*found.posts))
    if found.differences is not None:
        table.add_row("  differences", _differences(found.differences, found.entities))
    return table


def _differences(differences: tuple[Difference, ...], entities: int) -> str:
    if not differences:
        return f"none in {entities} entities, secret values included"
    shown = [f"{one.entity} {one.what}" for one in differences[:DIFFERENCES_SHOWN_MAX]]
    more = len(differences) - len(shown)
    return "\n".join([*shown, f"and {more} more"] if more > 0 else shown)
