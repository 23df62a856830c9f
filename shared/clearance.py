"""
Clearance: reading what the guards of a restore need, and asking all of them.

Whoever restores asks here before he starts a run, and the run asks again right before its POST.
"""

from __future__ import annotations

from shared.core import guards
from shared.core.errors import DrError, NotFoundError
from shared.core.ports import Ports
from shared.core.preflight_facts import Check, Verdict
from shared.core.requests import RestoreRequest


def checks(request: RestoreRequest, ports: Ports) -> tuple[Check, ...]:
    """
    Return the verdict of every guard on a restore as it is wanted, with the target as it is now.

    Args:
        request: the wish. Its run need not exist.
        ports: everything.

    Raises:
        TemporaryError, AccessError: the target could not be read at all.
    """
    try:
        target = ports.arm.service_state(request.target)
    except NotFoundError:
        cause = f"{request.target.name} does not exist in Azure"
        return (Check(name="TargetExists", verdict=Verdict.REFUSAL, cause=cause),)
    refusals = guards.restore_refusals(
        request.point, target, request.target, ports.arm.api_version, ports.clock.now()
    )
    return tuple(
        Check(name=one.guard, verdict=Verdict.REFUSAL, cause=one.message, command=one.hint)
        for one in refusals
    )


def refusals(found: tuple[Check, ...]) -> tuple[Check, ...]:
    """Return the guards that say no."""
    return tuple(check for check in found if check.verdict is Verdict.REFUSAL)


def why_unclear(err: DrError) -> str:
    """Return why the guards could not be asked, in one line."""
    return f"whether it may be restored could not be told: {err.message}"
