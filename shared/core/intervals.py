"""Every waiting time of ours in one value, so that tests and the demo can replace them together."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from shared.core.documents import Value

RETRY_AFTER_S_MIN = 1
RETRY_AFTER_S_MAX = 600
"""Azure Resource Manager promises 10 to 600 s; see docs/azure-facts.md, "Polling". 0 would be a hot loop."""


class Intervals(Value):
    """Waiting times in whole seconds; the defaults are those of production."""

    poll_default_s: int = Field(default=60, ge=1)
    """Between polls when the answer names no time."""
    fault_first_s: int = Field(default=15, ge=1)
    """After the first of several faults of the read; doubles up to fault_max_s."""
    fault_max_s: int = Field(default=300, ge=1)
    busy_max_s: int = Field(default=600, ge=1)
    """The longest pause while a replication waits for its standby; pauses double up to it."""
    busy_patience_s: int = Field(default=4 * 3600, ge=1)
    """How long a run waits for its service before it is refused as busy."""
    evidence_grace_s: int = Field(default=120, ge=1)
    """How long after a POST without an answer its effect may still appear."""
    repeat_restore_s: int = Field(default=900, ge=1)
    """After so long the POST of a restore is not repeated: what came after the first may be undone by it."""
    late_proof_s: int = Field(default=3600, ge=1)
    """So long after a restore was last seen at work a difference may come from somebody else."""
    gateway_patience_s: int = Field(default=120, ge=1)
    """How long after a restore the target's gateway may not answer yet, before that is said as a warning."""
    report_patience_s: int = Field(default=120, ge=1)
    """How long the report of a restore that Azure failed is tried for, before the run ends without it."""
    denied_patience_s: int = Field(default=900, ge=1)
    """How long a refused poll is repeated: new role assignments take minutes to work."""
    not_found_patience_s: int = Field(default=900, ge=1)
    """How long a Location may answer 404: it has been seen to exist only after a while."""
    deadline_s: int = Field(default=8 * 3600, ge=1)
    """How long an operation may run; real ones have taken almost 5 hours."""
    follow_s: int = Field(default=30, ge=1)
    """Between looks at runs that another orchestration drives."""
    slot_s: int = Field(default=1800, ge=1)
    """How long a run counts against the cap of its night; one that takes longer holds up nobody."""
    retry_failed_s: int = Field(default=1800, ge=1)
    """Between a backup that Azure failed and the next try in the same night."""
    lost_patience_s: int = Field(default=900, ge=1)
    """How long a night waits for a run that nothing drives; until then it may have been taken up again."""
    abandoned_s: int = Field(default=300, ge=1)
    """How long nothing may drive a run before it counts as abandoned: longer than any start takes."""
    stale_restore_s: int = Field(default=3600, ge=1)
    """After so long without a driver a restore that was not sent yet is not sent any more."""
    resolve_every_s: int = Field(default=3600, ge=1)
    """Between two later looks at a run that ended without proof."""
    resolve_patience_s: int = Field(default=900, ge=1)
    """How long one later look may keep a service from other runs."""
    give_up_s: int = Field(default=7 * 24 * 3600, ge=1)
    """How long a run that ended without proof is looked at again."""

    catalog_patience_s: int = Field(default=900, ge=1)
    """How long pruning, or rebuilding one service's records, is repeated while storage does not answer."""
    copy_patience_s: int = Field(default=300, ge=1)
    """How long one copy of a restore point is tried again; then copies rest for `replicate_again_s`."""
    replicate_settle_s: int = Field(default=120, ge=1)
    """Between the first sign of a new restore point and the look at all of them: a burst is one restore."""
    replicate_retry_s: int = Field(default=1800, ge=1)
    """Between a replication that was not brought and its next try; doubles."""
    replicate_again_s: int = Field(default=3600, ge=1)
    """Until a standby is looked at again that something is in the way of."""
    minute_s: int = Field(default=60, ge=1)
    """What the plan counts in minutes and hours is waited for in these."""
    change_look_s: int = Field(default=3600, ge=1)
    """How long at most until a service with changes is looked at again: its plan may be another one."""
    change_skew_s: int = Field(default=60, ge=1)
    """A change counts as contained in a backup that was started so long after it: two clocks are compared."""
    own_echo_s: int = Field(default=900, ge=1)
    """How long after a restore of ours the changes of its target are still taken for its own."""

    def at_speed(self, speed: float) -> Self:
        """Return the same intervals divided by `speed` (development only), never under 1 s."""
        if speed == 1:
            return self
        scaled = {name: max(1, round(value / speed)) for name, value in self.model_dump().items()}
        return self.model_copy(update=scaled | {"deadline_s": max(120, round(self.deadline_s / speed))})


def backoff_s(attempt: int, first_s: int, max_s: int) -> int:
    """Return the wait before try `attempt` (0 is the first repetition): doubling, capped at max_s."""
    return min(max_s, first_s << min(attempt, 20))
