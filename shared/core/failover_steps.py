"""The numbered steps of a failover, and what is lost by it, with real names filled in. Pure."""

from __future__ import annotations

from typing import Any

from shared.core import shell_lines
from shared.core.documents import Utc, Value
from shared.core.failover_facts import Facts
from shared.core.held_back import HeldBack
from shared.core.preflight_facts import Unseen
from shared.core.reports import FixUp
from shared.core.service_state import PointState, hours
from shared.core.takeover_steps import (
    STATUS_PATH,
    Apps,
    Step,
    check,
    fix,
    hosts_of,
    lead_callers,
    numbered,
    set_settings,
    tell,
)


class RecoveryPoint(Value):
    """What the one that takes over holds, what it could hold, and in words what is lost."""

    name: str | None
    started_at: Utc | None
    age_s: int | None
    newer: PointState | None
    """The newest restore point here that is not held back, if it is newer; restoring it loses less."""
    held_back: tuple[HeldBack, ...]
    """Newer ones here that replication would not bring, with its reasons."""
    restore_duration_s: int | None
    lost: str


def recovery_point(facts: Facts) -> RecoveryPoint:
    """Return what is held, and what is lost if this takes over."""
    held = None if isinstance(facts.held, Unseen) else facts.held
    newer = facts.newer
    return RecoveryPoint(
        name=held.name if held else None,
        started_at=held.point_started_at if held else None,
        age_s=round((facts.now - held.point_started_at).total_seconds()) if held else None,
        newer=PointState.of(newer, facts.now) if newer else None,
        held_back=facts.held_back,
        restore_duration_s=facts.restore_duration_s,
        lost=_lost(facts),
    )


def _lost(facts: Facts) -> str:
    if isinstance(facts.held, Unseen):
        return f"what {facts.name} holds could not be read: {facts.held.reason}"
    if facts.held is None:
        said = f"{facts.name} holds nothing: if it takes over as it is, everything is lost."
    else:
        said = f"If {facts.name} takes over as it is, {_after(facts, facts.held.point_started_at)} is lost."
    if facts.doubt:
        said += f" But {facts.doubt}."
    if facts.newer is not None:
        took = facts.restore_duration_s
        how_long = f" The last restore into it took {hours(took)}." if took is not None else ""
        after = _after(facts, facts.newer.started_at)
        said += f" If {facts.newer.name} is restored into it first, {after} is lost.{how_long}"
    if isinstance(facts.newest, Unseen):
        said += f" Whether there is a newer one could not be read: {facts.newest.reason}."
    elif facts.gone is not None:
        said += f" {facts.gone.name} was newer, and cannot be restored from here."
    for one in facts.held_back:
        said += f" {one.name} is newer, and replication holds it back: {'; '.join(one.reasons)}."
    return said


def _after(facts: Facts, at: Utc) -> str:
    age = hours((facts.now - at).total_seconds())
    return f"every change after {at:%Y-%m-%d %H:%M} UTC ({age} ago)"


def failover_steps(
    facts: Facts, missing: tuple[FixUp, ...], apps: Apps, faults: tuple[str, ...]
) -> tuple[Step, ...]:
    """
    Return the steps, in order.

    Args:
        facts: of the standby.
        missing: what no restore brings and the standby lacks.
        apps: addresses.
        faults: what would be wrong with the plan if the roles were swapped.
    """
    found = (
        _confirm(facts),
        _stop_replication(facts, apps),
        _restore(facts, apps),
        fix(facts, missing),
        lead_callers(facts),
        check(facts, apps),
        tell(facts),
        _protect(facts, apps, faults),
    )
    return numbered(found)


def _confirm(facts: Facts) -> Step:
    known, primary = hosts_of(facts), facts.instead_of
    urls = [f"https://{name}{STATUS_PATH}" for name in known[1]] if known else []
    probes = [f"curl -sS -m 10 -i {shell_lines.argument(url)}" for url in urls]
    return Step(
        what=(
            f"Confirm that {primary.region} is lost. If the gateway of {primary.name} still answers, nothing "
            f"is urgent: back up {facts.service} once more, wait until {facts.name} holds that point, and "
            "then go on with step 2. That is a planned failover."
        ),
        commands=(*probes, shell_lines.show(primary, "properties.provisioningState")),
        how_to_know=(
            "None of it answers, again and again for some minutes, and Azure's service health names "
            f"{primary.region}. Somebody who may decide it has decided to fail over."
        ),
    )


def _stop_replication(facts: Facts, apps: Apps) -> Step:
    region, run_id = facts.end.region, facts.restoring
    wait = (
        f" Run {run_id} restores into it already: wait until it has ended, and do not take DNS to it before."
        if run_id
        else ""
    )
    state = apps.get(region, f"/api/services/{facts.service}")
    follow = (apps.get(region, f"/api/runs/{run_id}"),) if run_id else ()
    return Step(
        what=(
            f"Stop replication into {facts.name}, so that nothing of {facts.instead_of.name} overwrites it "
            "when it serves. (As long as its reports show traffic, the guards refuse that as well.) The stop "
            f"stays, whatever restarts, until step 8 takes it back.{wait}"
        ),
        commands=(apps.stop(region, facts.service, f"failover to {facts.name}"), state, *follow),
        how_to_know=(
            "underWay of the first answer is null, or GET /api/runs/{run_id} of that run no longer answers "
            "202. The state of the service names the stop among standby.reasons, and standby.word is not "
            "Replicating. If that run ended other than Succeeded, what the standby holds is not certain."
        ),
    )


def _restore(facts: Facts, apps: Apps) -> Step:
    point = facts.newer
    if point is None and facts.doubt and not isinstance(facts.newest, Unseen):
        point = facts.newest
    if point is None:
        return _restore_nothing(facts, apps)
    took = facts.restore_duration_s
    return Step(
        what=(
            f'Restore {point.name} into {facts.name}. With "dryRun": true in the body the call says what '
            "would happen, and does nothing."
            + (f" The last restore took {hours(took)}." if took is not None else "")
            + _beware(facts)
        ),
        commands=(_restore_line(point.name, facts, apps),),
        how_to_know="The Location of the answer, asked until it is no longer 202, answers 200: Succeeded.",
    )


def _restore_nothing(facts: Facts, apps: Apps) -> Step:
    """Return the third step where there is nothing that is newer and good."""
    region, beware = facts.end.region, _beware(facts)
    if isinstance(facts.held, Unseen) or isinstance(facts.newest, Unseen):
        return Step(
            what=f"Find out whether there is anything newer to restore: it could not be read.{beware}",
            is_needed=None,
            commands=(apps.get(region, f"/api/restore-points?service={facts.service}"),),
            how_to_know=f"{facts.name} holds the newest restore point that is listed.",
        )
    if facts.held_back and (facts.held is None or facts.doubt):
        return Step(
            what=(
                f"Decide whether {facts.name} is to get a restore point that replication holds back: there "
                f"is no other one.{beware}"
            ),
            is_needed=None,
            commands=(_restore_line(facts.held_back[0].name, facts, apps),),
            how_to_know="Somebody who knows the service has decided; the run, if there is one, is Succeeded.",
        )
    return Step(
        what=f"Restore nothing: there is nothing newer to restore.{beware}",
        is_needed=False,
        how_to_know=f"{facts.name} holds the newest restore point that is listed and not held back.",
    )


def _beware(facts: Facts) -> str:
    """Return what replication has against newer points, in sentences."""
    return "".join(f" Beware: {remark}." for remark in facts.remarks)


def _restore_line(point: str, facts: Facts, apps: Apps) -> str:
    body: dict[str, Any] = {
        "service": facts.service,
        "restorePoint": point,
        "target": facts.name,
        "confirm": f"RESTORE {facts.name}",
    }
    if not isinstance(facts.held, Unseen) and facts.held is not None and not facts.doubt:
        body["safetyBackup"] = False  # what it holds is a restore point, and a backup would cost time
    return apps.post(facts.end.region, "/api/restores", body)


def _protect(facts: Facts, apps: Apps, faults: tuple[str, ...]) -> Step:
    region = facts.end.region
    body = {"services": [facts.service], "reason": f"failed over to {facts.name}"}
    wrong = f" As it is it could not be used: {'; '.join(faults)}." if faults else ""
    return Step(
        what=(
            f"Protect {facts.name}: in the plan of {apps.say(region)} put `planEntry` in place of the entry "
            f"of {facts.service}, take the stop of step 2 back, and back up.{wrong} The plan of "
            f"{apps.say(facts.instead_of.region)} gets it as well when that can be reached; before, save "
            f"what {facts.instead_of.name} holds: that is step 2 of the failback."
        ),
        commands=(
            set_settings(region, 'DR_PLAN="$(cat plan.json)"'),
            apps.go_on(region, facts.service),
            apps.post(region, "/api/backups", body),
        ),
        how_to_know=(
            f"{apps.get(region, f'/api/services/{facts.service}')} names {facts.name} as resourceId, and a "
            "restore point of today."
        ),
    )
