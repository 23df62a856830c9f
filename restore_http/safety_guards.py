"""
What would end a safety backup before it is sent, told before the restore is begun.

The safety backup is a run of its own, and refuses for reasons of its own: so its preflight is asked at the
call, and by a dry run. The run asks it again.
"""

from __future__ import annotations

from restore_http.safety import backup_wish
from shared import survey
from shared.contents import has_content
from shared.core import preflight
from shared.core.errors import DrError
from shared.core.ports import Ports
from shared.core.preflight_facts import Check, Unseen, Verdict
from shared.core.requests import RestoreRequest

PREFIX = "SafetyBackup: "

SAID_BY_GUARDS = frozenset({"ServiceReadable", "ResultReadable", "NoReadOnlyLock"})
"""Checks that the guards make in words of their own: TargetExists, ResultReadable, TargetUnlocked."""


def is_made(request: RestoreRequest, found: tuple[Check, ...], ports: Ports) -> bool:
    """
    Tell whether the target would be backed up first.

    Args:
        request: the wish.
        found: what the guards say: nothing is backed up of a target that is not there.
        ports: for what it holds.
    """
    is_there = any(check.name == "TargetExists" and check.verdict is Verdict.OK for check in found)
    return request.safety_backup and is_there and has_content(ports.arm, request.target)


def checks(request: RestoreRequest, found: tuple[Check, ...], ports: Ports) -> tuple[Check, ...]:
    """
    Return what preflight says of the safety backup; each no names the way to do without one.

    Args:
        request: the wish.
        found: what the guards say. What they have said of the target is not said again: it stops the
            restore without a safety backup as well.
        ports: what preflight reads.
    """
    wish = backup_wish(request, ports)
    resource: dict[str, object] | Unseen
    try:
        resource = survey.read_service(ports.arm, wish.source)
    except DrError as err:
        right = "Microsoft.ApiManagement/service/read"
        resource = survey.unseen(err, right, wish.source.resource_id)
    facts = survey.take(ports, wish.service, wish.source, wish.storage, resource)
    said = {(check.name, check.cause) for check in found}
    return tuple(
        _named(check)
        for check in preflight.judge(facts)
        if check.name not in SAID_BY_GUARDS and (check.name, check.cause) not in said
    )


def _named(check: Check) -> Check:
    command = check.command
    if check.verdict is Verdict.REFUSAL:
        command = f'{command}; or say "safetyBackup": false'
    return check.model_copy(update={"name": f"{PREFIX}{check.name}", "command": command})
