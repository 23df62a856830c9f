"""
Whether what a demo found is good enough. Pure.

It is only if the backup is recorded and copied, both records are true, the standby equals the primary, the
restore left its evidence, each POST was sent once, and a lost region was left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from demo.findings import Ended, Findings
from demo.runs import GOOD


def faults(found: Findings) -> list[str]:
    """Return why the demo did not succeed; nothing if it did."""
    if found.fault:
        return [found.fault]
    return [
        *_of_run("backup", found.backup),
        *_of_records(found),
        *_of_run("restore", found.restore),
        *_of_comparison(found),
        *_of_evidence(found),
        *(found.lost.faults if found.lost else ()),
        *_of_posts(found),
    ]


def _of_run(what: str, run: Ended | None) -> Iterator[str]:
    if run is None or run.outcome != GOOD:
        yield f"the {what} did not succeed ({run.outcome if run else 'no end'})"


def _of_records(found: Findings) -> Iterator[str]:
    if found.recorded is None:
        yield "no restore point is recorded"
        return
    yield from found.recorded.faults
    if found.copied is None:
        yield "there is no copy of the restore point in the standby's region"
        return
    yield from (f"of the copy: {fault}" for fault in found.copied.faults)
    if found.copied.copied_after_s is None:
        yield "the record in the standby's region does not say that it is a copy's"
    if found.copied.sha256 != found.recorded.sha256:
        yield "the copy is not the blob that was recorded"


def _of_comparison(found: Findings) -> Iterator[str]:
    if found.lost_seed:
        yield f"the primary lost what was put into it: {', '.join(found.lost_seed)}"
    if found.differences is None or not found.entities:
        yield "the standby was not compared with the primary"
    elif found.differences:
        yield f"the standby differs from the primary in {len(found.differences)} entities"


def _of_evidence(found: Findings) -> Iterator[str]:
    if found.evidence is None or not found.evidence.fix_ups:
        yield "the restore left no evidence with a fix-up list"
    elif found.evidence.report.get("differencesTotal") != 0:
        yield "the app's own report does not say that nothing differs"


def _of_posts(found: Findings) -> Iterator[str]:
    for kind, count in zip(("backups", "restores"), found.posts, strict=True):
        if count != 1:
            yield f"ARM was asked for {count} {kind} instead of one"
