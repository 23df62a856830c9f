"""How the end of the demo is told: as a document, and as tables. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from demo import clock
from demo.environment import PRIMARY, STANDBY
from demo.findings import Ended, Findings
from demo.inventory import Difference
from demo.runs import GOOD
from demo.storage import Recorded
from demo.verdict import faults

DIFFERENCES_SHOWN_MAX = 10
NEEDED = {True: "needed", None: "to look at", False: "not needed"}
"""What a fix-up's `isNeeded` means to a person."""


def document(found: Findings) -> dict[str, Any]:
    """Return summary.json. Seconds are real ones: times `speed` is what Azure would have taken."""
    reasons = faults(found)
    restore, lost = found.restore, found.lost
    return {
        "v": 1,
        "result": "Failed" if reasons else GOOD,
        "faults": reasons,
        "speed": found.speed,
        "backup": found.backup and _backup(found.backup, found.recorded),
        "copy": found.copied and _copy(found.copied),
        "restore": restore and _run(restore),
        "recoveryPointAgeS": _rounded(found.recovery_point_age_s),
        "restoreDurationS": restore and restore.seconds,
        "entities": found.entities,
        "differences": None if found.differences is None else [one.to_json() for one in found.differences],
        "fixUps": None if found.evidence is None else found.evidence.fix_ups,
        "lostRegion": lost
        and {"region": lost.region, "armCalls": lost.arm_calls, "storageCalls": lost.storage_calls},
        "counts": None
        if found.counts is None
        else dict(zip(("backupPosts", "restorePosts"), found.posts, strict=True)),
        "addresses": dict(found.addresses),
    }


def _run(run: Ended) -> dict[str, Any]:
    return {"runId": run.run_id, "outcome": run.outcome, "seconds": run.seconds, "polls": run.polls}


def _backup(backup: Ended, recorded: Recorded | None) -> dict[str, Any]:
    return {
        **_run(backup),
        "restorePoint": recorded and recorded.name,
        "bytes": recorded and recorded.size_bytes,
        "sha256": recorded and recorded.sha256,
        "blobBytes": recorded and recorded.found_size_bytes,
        "blobSha256": recorded and recorded.found_sha256,
    }


def _copy(copied: Recorded) -> dict[str, Any]:
    return {
        "seconds": copied.copied_after_s,
        "blobBytes": copied.found_size_bytes,
        "blobSha256": copied.found_sha256,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def runs_table(found: Findings) -> Table:
    """Return the table of what was done."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for title in ("  What", "Result"):
        table.add_column(title)
    for title in ("Seconds", "Polls", "Bytes"):
        table.add_column(title, justify="right")
    size = "" if found.recorded is None else f"{found.recorded.size_bytes:,}"
    _add_run(table, f"back up {PRIMARY.service}", found.backup, size)
    _add_copy(table, found)
    _add_run(table, f"restore {STANDBY.service}", found.restore, "")
    if found.differences is not None:
        result = Text("differ", style="red") if found.differences else Text("equal", style="green")
        table.add_row("  compare the two", result, f"{found.compare_s:.1f}")
    return table


def _add_run(table: Table, what: str, run: Ended | None, bytes_: str) -> None:
    if run is None:
        table.add_row(f"  {what}", Text("no end", style="red"))
        return
    style = "green" if run.outcome == GOOD else "red"
    table.add_row(f"  {what}", Text(run.outcome, style=style), f"{run.seconds:.1f}", str(run.polls), bytes_)


def _add_copy(table: Table, found: Findings) -> None:
    what, copied, recorded = f"  copy to {STANDBY.account}", found.copied, found.recorded
    if copied is None or recorded is None:
        table.add_row(what, Text("no copy", style="red"))
        return
    is_same = not copied.faults and copied.found_sha256 == recorded.sha256
    result = Text("equal hash", style="green") if is_same else Text("differs", style="red")
    seconds = "" if copied.copied_after_s is None else f"{copied.copied_after_s:.1f}"
    table.add_row(what, result, seconds, "", f"{copied.found_size_bytes or 0:,}")


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
            simulated = clock.stretch(seconds, speed=found.speed)
            told = f"{seconds:.1f} s here, this machine's own seconds included"
            table.add_row(f"  {name}", f"{told}: {simulated} as the simulator is set")
    table.add_row("  POSTs seen by ARM", "{} backup, {} restore".format(*found.posts))
    if found.lost is not None and found.lost.arm_calls is not None:
        told = f"{found.lost.arm_calls} of ARM, {found.lost.storage_calls} of storage"
        table.add_row(f"  calls to {found.lost.region}", f"{told}, since it was lost")
    if found.differences is not None:
        table.add_row("  differences", _differences(found.differences, found.entities))
    return table


def _differences(differences: tuple[Difference, ...], entities: int) -> str:
    if not differences:
        return f"none in {entities} entities, secret values included"
    shown = [f"{one.entity} {one.what}" for one in differences[:DIFFERENCES_SHOWN_MAX]]
    more = len(differences) - len(shown)
    return "\n".join([*shown, f"and {more} more"] if more > 0 else shown)


def fix_ups(found: Findings) -> Iterator[str]:
    """Tell what is left to do by hand, as the app's report lists it; what needs nothing comes last."""
    listed = found.evidence.fix_ups if found.evidence else []
    for one in listed:
        if one.get("isNeeded") is not False:
            yield f"{NEEDED[one.get('isNeeded')]:<11} {one['what']}: {one['why']}"
    done = [str(one["what"]) for one in listed if one.get("isNeeded") is False]
    if done:
        yield f"{NEEDED[False]:<11} {', '.join(done)}"
