"""The guards of a restore that look at the point: recorded, kept, not expired, still the same. Pure."""

from __future__ import annotations

import datetime as dt

from shared.core.preflight_facts import Finding, NotCheckedError, Unseen, ok, refusal, seen, warning
from shared.core.restore_facts import RestoreFacts
from shared.core.restore_points import RestorePoint
from shared.core.shell_lines import argument, give

EXPIRES_SOON = dt.timedelta(days=3)

_SAME = (
    "service",
    "source",
    "tier",
    "account",
    "container",
    "size_bytes",
    "sha256",
    "started_at",
    "expires_at",
)
"""What a record says of its backup; the rest may be written anew, as by a rebuild."""

_CHOOSE = 'choose another one: "restorePoint": "latest", or a name from GET /api/restore-points'


def has_equal_tier(facts: RestoreFacts) -> Finding:
    """The target's tier is exactly the backup's."""
    tier, wanted = facts.state().tier, facts.request.point.tier
    if tier == wanted:
        return ok(f"both are {tier}")
    target = argument(facts.request.target.resource_id)
    command = f"az apim update --ids {target} --sku-name {argument(wanted)}"
    return refusal(f"the target's tier is {tier}, the backup's is {wanted}", command)


def is_of_primary(facts: RestoreFacts) -> Finding:
    """The point was taken from the service that the plan names now; else somebody should know."""
    source, primary = facts.request.point.source, facts.primary
    if facts.is_home:
        return ok("a safety backup of the target")
    if primary is None:
        raise NotCheckedError(f"the plan names no service {facts.request.service} any more")
    if source.is_same_as(primary):
        return ok(f"it was taken from {source.name}")
    cause = f"the backup was taken from {source.name}, and the plan names {primary.name} now"
    return warning(cause, f"look whether {source.name} is what you want to bring back")


def is_recorded(facts: RestoreFacts) -> Finding:
    """The point's record is where it was chosen from, and says the same."""
    point, record = facts.request.point, seen(facts.record)
    if record is None:
        return refusal(f"there is no record of {point.name} any more", _CHOOSE)
    changed = [name for name in _SAME if getattr(record, name) != getattr(point, name)]
    if changed:
        cause = f"the record of {point.name} has changed since it was chosen: {', '.join(changed)}"
        return refusal(cause, "ask again: the restore then goes by the record as it is now")
    return ok(f"{point.name} is recorded")


def is_not_pruned(facts: RestoreFacts) -> Finding:
    """The point was not pruned, and is not about to be."""
    if not seen(facts.is_going):
        return ok("it is not being pruned")
    command = f"{_CHOOSE}; or hold this one, and ask again after the service's next backup"
    return refusal("the restore point was pruned, or is about to be", command)


def is_not_expired(facts: RestoreFacts) -> Finding:
    """The service still accepts a backup of this age."""
    point: RestorePoint = facts.request.point
    when = f"{point.expires_at:%Y-%m-%d %H:%M} UTC"
    if point.is_expired(facts.now):
        return refusal(f"the restore point expired at {when}", _CHOOSE)
    if facts.now >= point.expires_at - EXPIRES_SOON:
        return warning(f"the restore point expires at {when}", "restore it before, or choose a newer one")
    return ok(f"it expires at {when}")


def has_recorded_blob(facts: RestoreFacts) -> Finding:
    """The blob is there, and its content is the one that was recorded."""
    point, blob = facts.request.point, facts.blob
    if isinstance(blob, Unseen):
        cause = f"whether the blob is the one that was recorded could not be told: {blob.reason}"
        command = give("Storage Blob Data Reader", storage_scope(facts))
        return refusal(cause, "ask again" if blob.for_now else command)
    if blob is None:
        return refusal("the backup's blob does not exist any more", _CHOOSE)
    if (blob.sha256, blob.size_bytes) != (point.sha256, point.size_bytes):
        return refusal("the blob's content is not the one that was recorded", _CHOOSE)
    return ok(f"{blob.size_bytes} bytes, SHA-256 {blob.sha256[:12]}…")


def storage_scope(facts: RestoreFacts) -> str:
    """Return the ARM id of the blob's account, or what to put there."""
    account = facts.around.account
    found = None if isinstance(account, Unseen) else account.get("id")
    known = found or facts.around.storage.resource_id
    return str(known or f"<id of the storage account {facts.request.point.account}>")
