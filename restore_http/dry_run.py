"""The dry run of a restore: what it would do, and what speaks against it. Nothing is started or changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from restore_http.request import Asked
from restore_http.verify import inventories_of
from shared import inventories
from shared.beside import expected_inventories
from shared.core import layout
from shared.core.errors import DrError, NotFoundError, ProtocolError, TemporaryError
from shared.core.inventory import DIFFERENCES_SHOWN_MAX, Inventory, compare
from shared.core.ports import Ports
from shared.core.preflight import worst
from shared.core.reports import RestoreReport
from shared.core.requests import RestoreRequest
from shared.core.runs import RunRecord
from shared.records import read_document

PIECE_S = 60
"""How long one answer reads the target's inventory; whoever asks over HTTP waits for less than 4 minutes."""

EARLIER_MAX = 5

_TO_TARGET = {"missing": "added", "added": "removed", "altered": "altered"}
"""What a difference between the point and the target means for the target that is restored into."""


def plan_of(asked: Asked, ports: Ports) -> dict[str, Any]:
    """
    Return what a restore would do, as JSON; what could not be read is null, or a guard that says so.

    What is read of the target's inventory is kept in the own records, so that a call that did not come to
    its end is gone on with by the next one.
    """
    request, point = asked.request, asked.request.point
    now = ports.clock.now()
    is_there = all(check.name != "TargetExists" or check.verdict == "ok" for check in asked.checks)
    copied = point.copied
    return {
        "dryRun": True,
        "service": request.service,
        "target": request.target.name,
        "point": {
            "name": point.name,
            "startedAt": _time(point.started_at),
            "ageS": point.age_s(now),
            "expiresAt": _time(point.expires_at),
            "copied": copied.model_dump(mode="json", by_alias=True) if copied else None,
        },
        "verdict": worst(asked.checks),
        "guards": [check.model_dump(mode="json", by_alias=True) for check in asked.checks],
        **_replaced(request, is_there, ports),
        "missingAfterwards": [
            one.model_dump(mode="json", by_alias=True) for one in point.coverage if one.where != "backup"
        ],
        "safetyBackup": asked.makes_safety_backup,
        "tookBefore": _took_before(request, ports),
    }


def _time(at: Any) -> str:
    return str(at.isoformat()).replace("+00:00", "Z")


def _replaced(request: RestoreRequest, is_there: bool, ports: Ports) -> dict[str, Any]:
    """Return `replaced`, what would be replaced, or null, and in `replacedHint` why."""
    if not is_there:
        return _not_compared("the target could not be read")
    key = layout.dry_run_part_key(request.service, request.target.name)
    try:
        expected = expected_inventories(request.point, ports)
        if expected is None:
            return _not_compared("there is no inventory of this restore point to compare with")
        actual = inventories.take(ports, request.target, key, "dry run", piece_s=PIECE_S)
    except TemporaryError as err:
        return _not_compared(f"{err.message}; ask again, and it goes on from there")
    except DrError as err:
        return _not_compared(err.message)
    wanted = inventories_of(expected)
    found = compare(wanted, actual)
    counts = Counter(_TO_TARGET[one.what] for one in found)
    unread = {line for inventory in (*wanted, actual) for line in inventory.not_read}
    return {
        "replaced": {
            **{what: counts[what] for what in _TO_TARGET.values()},
            "total": len(found),
            "first": [
                {"entity": one.entity, "what": _TO_TARGET[one.what]} for one in found[:DIFFERENCES_SHOWN_MAX]
            ],
            "notCompared": sorted(unread),
        },
        "replacedHint": _remark(wanted, actual),
    }


def _not_compared(why: str) -> dict[str, Any]:
    return {"replaced": None, "replacedHint": why}


def _remark(wanted: tuple[Inventory, ...], actual: Inventory) -> str:
    more = "" if len(wanted) == 1 else "; the service changed during the backup, either state counts as equal"
    return f"{len(actual.entities)} entities in the target, {len(wanted[0].entities)} in the backup{more}"


def _took_before(request: RestoreRequest, ports: Ports) -> list[dict[str, Any]] | None:
    """
    Return how long the last restores of this service took, newest first, as far as they left evidence.

    None: the own records could not be read.
    """
    try:
        return list(_earlier(request, ports))
    except DrError:
        return None


def _earlier(request: RestoreRequest, ports: Ports) -> Iterator[dict[str, Any]]:
    pattern = re.compile(
        rf"{layout.EVIDENCE}(?P<run>[0-9]{{8}}T[0-9]{{6}}Z-(?:restore|replicate|drill)-"
        rf"{re.escape(request.service)}(?:-[0-9a-f]{{8}})?)\.json"
    )
    found = [match for key in ports.records().keys(layout.EVIDENCE) if (match := pattern.fullmatch(key))]
    for match in reversed(found[-EARLIER_MAX:]):
        try:
            report = read_document(ports.records(), match[0], RestoreReport)[0]
        except (NotFoundError, ProtocolError):
            continue
        run = _run(match["run"], ports)
        yield {
            "runId": report.run_id,
            "kind": report.kind if run is None else run.kind,
            "target": report.target.name,
            "restorePoint": report.point.name,
            "outcome": run.word if run else report.outcome,
            "restoreDurationS": report.restore_duration_s,
        }


def _run(run_id: str, ports: Ports) -> RunRecord | None:
    try:
        return ports.runs.read(run_id)[0]
    except DrError:
        return None
