"""
Clearance: reading what the guards of a restore need, and asking all of them.

Whoever restores asks here before he starts a run, and the run asks again right before each of its POSTs.
"""

from __future__ import annotations

from shared import target_survey
from shared.core import restore_guards
from shared.core.errors import DrError, TemporaryError
from shared.core.ports import Ports
from shared.core.preflight_facts import Check, Verdict
from shared.core.requests import RestoreRequest


def checks(request: RestoreRequest, ports: Ports, *, read_through: bool = False) -> tuple[Check, ...]:
    """
    Return the verdict of every guard on a restore as it is wanted, with everything as it is now.

    Args:
        request: the wish. Its run need not exist.
        ports: everything.
        read_through: whether the blob is read through, as each run does once. Else a blob of the recorded
            size and ETag counts as the recorded one, and only another one is read through.

    Raises:
        TemporaryError: what a guard needs could not be read for now, and no other guard refuses.
    """
    facts = target_survey.take(ports, request, read_through=read_through)
    found = restore_guards.judge(facts)
    reason = restore_guards.pending(facts, found)
    if reason:
        raise TemporaryError(
            f"whether it may be restored could not be told: {reason}",
            code="NotTold",
            hint="; ".join(f"{check.name}: {check.command}" for check in refusals(found)),
        )
    return found


def verdicts(request: RestoreRequest, ports: Ports) -> tuple[Check, ...]:
    """Return the same for somebody who only looks: what cannot be read for now is one no among others."""
    return restore_guards.judge(target_survey.take(ports, request, read_through=True))


def refusals(found: tuple[Check, ...]) -> tuple[Check, ...]:
    """Return the guards that say no."""
    return tuple(check for check in found if check.verdict is Verdict.REFUSAL)


def why_unclear(err: DrError) -> str:
    """Return why the guards could not be asked, in one line."""
    return f"whether it may be restored could not be told: {err.message}"
