"""
The numbered steps of the way back, with real names filled in. Pure.

Nothing is restored into a service of which the plan does not say that it is restored into, and nothing is
backed up that the plan does not call a primary. So the way back goes through a plan in which the roles are
swapped: what serves is the primary of it, and the old primary its standby.
"""

from __future__ import annotations

from typing import Any

from shared.core import shell_lines
from shared.core.failover_facts import Facts
from shared.core.reports import FixUp
from shared.core.takeover_steps import (
    Apps,
    Step,
    check,
    fix,
    lead_callers,
    numbered,
    set_settings,
    tell,
)


def failback_steps(
    facts: Facts, missing: tuple[FixUp, ...], apps: Apps, faults: tuple[str, ...]
) -> tuple[Step, ...]:
    """
    Return the steps, in order.

    Args:
        facts: of the old primary, which is to take back; `instead_of` is what serves now.
        missing: what no restore brings and the old primary lacks.
        apps: addresses.
        faults: what would be wrong with the plan if the roles were swapped.
    """
    found = (
        _confirm(facts, apps),
        _save(facts, apps),
        _swap(facts, apps, faults),
        _back_up(facts, apps),
        _bring_back(facts, apps),
        fix(facts, missing),
        _freeze(facts, apps),
        lead_callers(facts),
        check(facts, apps),
        tell(facts),
        _swap_back(facts, apps),
    )
    return numbered(found)


def _get_state(facts: Facts, apps: Apps, region: str) -> str:
    return apps.get(region, f"/api/services/{facts.service}")


def _confirm(facts: Facts, apps: Apps) -> Step:
    region = facts.end.region
    return Step(
        what=f"Confirm that {region} is back: {facts.name} itself, the app of that region, and its storage.",
        commands=(
            shell_lines.show(facts.end.ref, "properties.provisioningState"),
            apps.get(region, f"/api/restore-points?service={facts.service}"),
        ),
        how_to_know="Succeeded, and a list of restore points.",
    )


def _save(facts: Facts, apps: Apps) -> Step:
    old = facts.end.region
    body = {"services": [facts.service], "reason": f"what {facts.name} holds before the failback"}
    return Step(
        what=(
            f"Save what {facts.name} holds: its last changes before the failover may be nowhere else. As "
            f"long as the plan of {apps.say(old)} calls it the primary, a backup does. Where that plan has "
            "the swapped roles already, nothing is lost: replication waits with the first restore into it "
            "until somebody lets it through, and the restore of step 5 makes a safety backup first."
        ),
        commands=(_get_state(facts, apps, old), apps.post(old, "/api/backups", body)),
        how_to_know=(
            f"resourceId of the state is {facts.name}, and the backup's Location answers 200: Succeeded."
        ),
    )


def _swap(facts: Facts, apps: Apps, faults: tuple[str, ...]) -> Step:
    old, serving = facts.end.region, facts.instead_of.region
    wrong = f" As it is it could not be used: {'; '.join(faults)}." if faults else ""
    return Step(
        what=(
            "Swap the roles, unless the failover has done so: put `planEntry` in place of the entry of "
            f"{facts.service} in the plans of both apps.{wrong} Until {apps.say(old)} has it, that app goes "
            f"on backing up {facts.name}, whose configuration is old. Save {facts.name} before: step 2."
        ),
        commands=tuple(set_settings(region, 'DR_PLAN="$(cat plan.json)"') for region in (serving, old)),
        how_to_know=(
            f"{_get_state(facts, apps, serving)} and {_get_state(facts, apps, old)} both name "
            f"{facts.instead_of.name} as resourceId, and {facts.name} as the standby."
        ),
    )


def _back_up(facts: Facts, apps: Apps) -> Step:
    body = {"services": [facts.service], "reason": "failback"}
    return Step(
        what=f"Back up {facts.instead_of.name}, which serves.",
        commands=(apps.post(facts.instead_of.region, "/api/backups", body),),
        how_to_know=(
            "The Location of the answer, asked until it is no longer 202, answers 200: Succeeded. Then "
            f"{apps.say(facts.end.region)} copies that restore point, which may take ten minutes: until its "
            f"list names it ({apps.get(facts.end.region, f'/api/restore-points?service={facts.service}')}), "
            "step 5 answers RestorePointNotFound, or takes an older one."
        ),
    )


def _bring_back(facts: Facts, apps: Apps) -> Step:
    region = facts.end.region
    body: dict[str, Any] = {
        "service": facts.service,
        "restorePoint": "latest",
        "target": facts.name,
        "confirm": f"RESTORE {facts.name}",
    }
    return Step(
        what=(
            f"Bring that restore point to {facts.name}. The first one has to be asked for: no replica "
            f"explains what {facts.name} holds, so replication waits. A safety backup of it is made before; "
            "the point is compared with its inventory, entity by entity. From then on "
            f"{apps.say(region)} brings newer ones by itself."
        ),
        commands=(apps.post(region, "/api/restores", body), apps.look(region, facts.service)),
        how_to_know=(
            "The Location of the first answer, asked until it is no longer 202, answers 200: Succeeded. Its "
            "report has no differences, and names the safety backup. Some minutes after the second call, "
            "which has replication look again, standby.word is InSync."
        ),
    )


def _freeze(facts: Facts, apps: Apps) -> Step:
    region = facts.end.region
    return Step(
        what=(
            f"From now on nobody changes {facts.instead_of.name}. If anybody did since step 4, do steps 4 "
            f"and 5 once more. Then stop replication into {facts.name}, so that no backup of "
            f"{facts.instead_of.name} overwrites it when it serves, and ask {apps.say(region)} whether it is "
            "ready."
        ),
        commands=(
            apps.stop(region, facts.service, f"failback to {facts.name}"),
            apps.get(region, f"/api/services/{facts.service}/failover"),
        ),
        how_to_know=(
            f"isReady is true, and recoveryPoint names the backup of step 4. (Under the swapped plan "
            f"{facts.name} is the standby, and the way back is its failover.)"
        ),
    )


def _swap_back(facts: Facts, apps: Apps) -> Step:
    serving, old = facts.instead_of.region, facts.end.region
    body = {"services": [facts.service], "reason": "failed back"}
    return Step(
        what=(
            f"Swap the roles back: put the former entry of {facts.service} in the plans of both apps again, "
            f"take the stop of step 7 back, and back up {facts.name} at once. Until then the newest restore "
            f"points are backups of {facts.instead_of.name}, and none of {facts.name}. In {serving} a stop "
            "may be left of the failover, if its last step was not done."
        ),
        commands=(
            *(set_settings(region, 'DR_PLAN="$(cat plan.json)"') for region in (old, serving)),
            apps.go_on(old, facts.service),
            apps.go_on(serving, facts.service),
            apps.post(old, "/api/backups", body),
        ),
        how_to_know=(
            f"{_get_state(facts, apps, old)} names {facts.name} as resourceId, with a restore point of "
            f"today, and its standby {facts.instead_of.name} becomes InSync."
        ),
    )
