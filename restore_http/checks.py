"""What speaks against a restore at the last moment, beside the guards of its target."""

from __future__ import annotations

import logging

from shared import standby, telemetry
from shared.core import guards, layout
from shared.core.errors import DrError, NotFoundError
from shared.core.lro import Fault
from shared.core.ports import Ports
from shared.core.requests import RestoreRequest
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome, RunRecord
from shared.core.steps import StepResult, end


def objection(request: RestoreRequest, run: RunRecord, ports: Ports) -> StepResult | None:
    """
    Return how a restore ends that must not be sent now, or None.

    Asked at first and again right before each POST: the run may have waited for hours, or lost its
    orchestration in between. The run's own mark is there by then, and whoever prunes looks for it after
    he has written his: one of the two sees the other.

    Args:
        request: the wish.
        run: its record as it is now. After a POST of unknown fate the run cannot be called refused.
        ports: the records of both regions, the run records and the clock.
    """
    word = Outcome.REFUSED if run.posted_at is None else Outcome.OUTCOME_UNKNOWN
    reason = standby.overtaking(run, request.point, ports)
    if reason:
        hint = "Nothing was sent for this run. Ask again if it is still wanted."
        return end(
            word, Fault(code="Superseded", message=reason, hint=hint if word is Outcome.REFUSED else "")
        )
    refusals = pruning_refusals(request.point, ports)
    return end(word, refusal_of(refusals)) if refusals else None


def refusal_of(refusals: list[guards.Refusal]) -> Fault:
    """Return all refusals as one fault."""
    hint = " ".join(refusal.hint for refusal in refusals)
    return Fault(code="Refused", message=guards.describe(refusals), hint=hint)


def blob_refusals(point: RestorePoint, ports: Ports) -> list[guards.Refusal]:
    """Return why the blob is not the one that was recorded."""
    try:
        blob = ports.backups(point.account, point.container).measure(point.name)
    except NotFoundError:
        message = "the backup's blob does not exist any more"
    else:
        if blob.sha256 == point.sha256:
            return []
        message = "the blob's content is not the one that was recorded"
    hint = "Choose another restore point: GET /api/restore-points lists them."
    return [guards.Refusal(guard="BlobAsRecorded", target=point.name, message=message, hint=hint)]


def pruning_refusals(point: RestorePoint, ports: Ports) -> list[guards.Refusal]:
    """
    Return that the point is being pruned, if that can be seen.

    Records that cannot be read refuse nothing: a restore is wanted most when their region is lost, and
    then nobody prunes there either.
    """
    if point.source.region not in ports.plan.regions:
        return []
    records = ports.records(point.source.region)
    keys = (layout.open_prune_key(point.service, point.name), layout.pruned_key(point.service, point.name))
    try:
        is_going = any(records.exists(key) for key in keys)
    except DrError as err:
        message = f"whether {point.name} is being pruned could not be told: {err.message}"
        telemetry.log(telemetry.Event.RECORD_UNREADABLE, level=logging.WARNING, message=message)
        return []
    if not is_going:
        return []
    hint = "Choose another restore point; or hold this one, and ask again after the service's next backup."
    message = "the restore point was pruned, or is about to be"
    return [guards.Refusal(guard="PointNotPruned", target=point.name, message=message, hint=hint)]
