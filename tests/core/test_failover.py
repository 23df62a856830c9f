"""Readiness, steps, and the plan with swapped roles."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest

from shared.core import failover, role_swap
from shared.core.failback_steps import failback_steps
from shared.core.failover_facts import Facts
from shared.core.failover_steps import failover_steps, recovery_point
from shared.core.plan import parse_plan
from shared.core.preflight_facts import Check, Verdict
from shared.core.replication import ReplicationState, ReplicationWord
from shared.core.reports import FixUp, GatewayProbe, NewestPoint
from tests.core import make
from tests.core.takeovers import APPS, HOST, UNSEEN, facts

EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "examples").glob("*.json"))
COPIES = {"account": "drstandby", "container": "apim-copies"}


def verdict(name: str, found: Facts) -> Verdict:
    """Return the verdict of one check."""
    return next(check.verdict for check in failover.judge(found) if check.name == name)


@pytest.mark.parametrize(
    ("name", "bad", "expected"),
    [
        ("Exists", {"is_missing": True, "resource": UNSEEN}, "refusal"),
        ("Exists", {"resource": UNSEEN}, "notChecked"),
        ("Usable", {"resource": make.resource("Failed")}, "refusal"),
        ("Usable", {"resource": make.resource("Updating")}, "warning"),
        ("TierEqual", {"tier": "Premium"}, "refusal"),
        ("TierEqual", {"tier": UNSEEN}, "notChecked"),
        ("HoldsPoint", {"held_days": None}, "refusal"),
        ("HoldsPoint", {"held_days": 2}, "warning"),
        ("HoldsPoint", {"doubt": "what it holds is not certain"}, "refusal"),
        ("HoldsPoint", {"held": UNSEEN}, "notChecked"),
        ("HoldsNewest", {"held_days": 2}, "warning"),
        ("HoldsNewest", {"newest_days": None}, "refusal"),
        ("HoldsNewest", {"newest": UNSEEN}, "notChecked"),
        ("HoldsNewest", {"known": NewestPoint(name="newer", started_at=make.NOW)}, "warning"),
        ("HoldsNewest", {"held_days": 40, "newest_days": 40}, "warning"),
        ("HostNames", {"scene": UNSEEN}, "notChecked"),
        ("GatewayAnswers", {"gateway": GatewayProbe(url="u", status=503, said="no")}, "refusal"),
        ("GatewayAnswers", {"gateway": GatewayProbe(url="u", status=None, said="no")}, "warning"),
        ("GatewayAnswers", {"gateway": UNSEEN}, "notChecked"),
        ("NoTraffic", {"calls": 7}, "warning"),
        ("NoTraffic", {"calls": UNSEEN}, "notChecked"),
        ("CanBeProtected", {"preflight": ()}, "notChecked"),
        (
            "CanBeProtected",
            {"preflight": (Check(name="NoReadOnlyLock", verdict=Verdict.REFUSAL, cause="locked"),)},
            "warning",
        ),
    ],
)
def test_each_check_says_what_it_sees(name: str, bad: dict[str, Any], expected: str) -> None:
    """One thing is wrong, and the check that is about it says so; it is ok otherwise."""
    assert verdict(name, facts(**bad)) == expected
    assert verdict(name, facts()) == "ok"


def test_a_resource_of_an_unknown_shape_hides_no_other_check() -> None:
    """What cannot be understood is not checked, and never ok."""
    found = failover.judge(facts(resource={"id": 7}))

    assert {check.name: check.verdict for check in found}["Usable"] is Verdict.NOT_CHECKED
    assert len(found) == len(failover.FAILOVER)


def test_only_a_refusal_keeps_a_standby_from_being_ready() -> None:
    """What is lost or has to be mended is for a person to weigh."""
    assert failover.is_ready(failover.judge(facts(held_days=2, calls=7)))
    assert not failover.is_ready(failover.judge(facts(tier="Premium")))


@pytest.mark.parametrize(
    "unseen",
    [{"resource": UNSEEN}, {"tier": UNSEEN}, {"held": UNSEEN}],
    ids=["the service", "the tier", "what it holds"],
)
def test_what_decides_and_was_not_checked_is_not_ready(unseen: dict[str, Any]) -> None:
    """Whether it is there, works, has the tier, and holds something: not known is no yes."""
    found = failover.judge(facts(**unseen))

    assert Verdict.REFUSAL not in {check.verdict for check in found}
    assert not failover.is_ready(found)


def test_what_does_not_decide_may_be_unknown() -> None:
    """A gateway inside of a network, rights that nobody but a person can tell."""
    assert failover.is_ready(failover.judge(facts(gateway=UNSEEN, calls=UNSEEN, scene=UNSEEN)))


def test_the_old_primary_is_not_asked_what_it_holds() -> None:
    """What it holds is replaced before it takes back."""
    names = {check.name for check in failover.judge(facts(), failover.FAILBACK)}

    assert {check.name for check in failover.judge(facts())} - names == {"HoldsPoint", "HoldsNewest"}


def test_an_expired_point_is_not_offered_for_a_restore() -> None:
    """It is newer than what is held, and Azure would refuse it."""
    found = facts(held_days=None, newest_days=31)

    assert found.newer is None
    assert recovery_point(found).newer is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "takes over as it is, every change after 2026-11-22 02:00 UTC (24 hours ago) is lost."),
        ({"held_days": None, "newest_days": None}, "if it takes over as it is, everything is lost."),
        ({"held_days": 3, "restore_duration_s": 1320}, "The last restore into it took 22 minutes."),
        ({"doubt": "the last one failed"}, "But the last one failed."),
        ({"held": UNSEEN}, "what contoso-neu holds could not be read"),
        ({"newest": UNSEEN}, "Whether there is a newer one could not be read"),
        ({"known": NewestPoint(name="gone", started_at=make.NOW)}, "gone was newer, and cannot be restored"),
    ],
)  # fmt: skip
def test_what_is_lost_is_said_in_words(changes: dict[str, Any], said: str) -> None:
    """Whatever is known, and whatever is not."""
    assert said in recovery_point(facts(**changes)).lost


def test_steps_are_numbered_and_each_says_how_to_know() -> None:
    """Also where nothing at all could be read."""
    unknown = facts(resource=UNSEEN, tier=UNSEEN, scene=UNSEEN, gateway=UNSEEN, calls=UNSEEN, held=UNSEEN,
                    newest=UNSEEN)  # fmt: skip
    for found in (facts(), facts(held_days=3), unknown):
        for steps in (failover_steps(found, (), APPS, ()), failback_steps(found, (), APPS, ())):
            assert [step.number for step in steps] == list(range(1, len(steps) + 1))
            assert all(step.what and step.how_to_know for step in steps)
            assert not [line for step in steps for line in step.commands if "\n" in line]


def test_steps_that_name_another_step_name_the_right_one() -> None:
    """The numbers in the sentences are those of the steps."""
    steps = failover_steps(facts(), (), APPS, ())
    back = failback_steps(facts(), (), APPS, ())

    assert "until step 8 takes it back" in steps[1].what
    assert "take the stop of step 2 back" in steps[7].what
    assert "step 2 of the failback" in steps[7].what
    assert "go on with step 2" in steps[0].what
    assert steps[1].what.startswith("Stop replication")
    assert back[1].what.startswith("Save what contoso-neu holds")
    assert "the restore of step 5" in back[1].what
    assert back[2].what.startswith("Swap")
    assert back[3].what.startswith("Back up")
    assert back[4].what.startswith("Bring that restore point")
    assert "since step 4, do steps 4 and 5" in back[6].what
    assert "stop replication" in back[6].what
    assert "take the stop of step 7 back" in back[10].what


def stops(lines: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return method and address of the lines that stop replication, or let it go on."""
    found = [re.search(r"-X (\w+) .* (\S+)/replication-stop$", line) for line in lines]
    return [(match[1], match[2]) for match in found if match]


def test_what_is_stopped_goes_on_at_the_end() -> None:
    """By one call for one service, which is taken back in the last step; so it is on the way back."""
    steps = failover_steps(facts(), (), APPS, ())
    back = failback_steps(facts(), (), APPS, ())

    here = "https://dr.example/api/services/contoso"
    assert stops(steps[1].commands) == [("PUT", here)]
    assert stops(steps[7].commands) == [("DELETE", here)]
    assert [method for method, _ in stops(back[6].commands)] == ["PUT"]
    assert set(stops(back[6].commands)[0][1:]) < {address for _, address in stops(back[10].commands)}


@pytest.mark.parametrize("seen", ["sent", "begun"])
def test_a_restore_that_is_under_way_is_waited_for(seen: str) -> None:
    """The stop does not end it: it is named, whether it was sent or has only begun."""
    said = ReplicationState(
        service="contoso",
        target=facts().end.ref,
        at=make.NOW,
        word=ReplicationWord.REPLICATING,
        run_id="20261123T010000Z-replicate-contoso",
    )
    found = facts(replication=said) if seen == "begun" else facts(under_way=said.run_id)

    second = failover_steps(found, (), APPS, ())[1]

    assert "Run 20261123T010000Z-replicate-contoso restores into it already" in second.what
    assert second.commands[2].endswith("/api/runs/20261123T010000Z-replicate-contoso")
    assert "GET /api/runs/{run_id} of that run no longer answers 202" in second.how_to_know


def test_the_fourth_step_has_the_lines_of_what_is_needed_and_not_of_dns() -> None:
    """DNS comes after it; what only a person can tell has no line that could be run blindly."""
    missing = (
        FixUp(what="custom host names", why="w", command="az 1"),
        FixUp(what=f"DNS of {HOST}", why="w", command="az dns", is_needed=None),
        FixUp(what="content of the developer portal", why="w", command="git", is_needed=None),
    )

    fourth = failover_steps(facts(), missing, APPS, ())[3]

    assert fourth.commands == ("az 1",)


def test_faults_of_the_swapped_plan_are_said_in_the_step_that_needs_it() -> None:
    """Better before the region is lost than after it."""
    steps = failover_steps(facts(), (), APPS, ("$.services[0].storage is missing",))

    assert "$.services[0].storage is missing" in steps[7].what


def plan_with(**standby: Any) -> Any:
    """Return a plan of two regions with one service."""
    document = make.plan(make.plan_service(standby=make.standby(**standby)))
    document["regions"]["northeurope"] = {"account": "drstandby"}
    return parse_plan(json.dumps(document))


def test_swapped_twice_is_the_plan_as_it_was() -> None:
    """The way back is the same step."""
    plan = plan_with(storage=COPIES, rpoHours=40)
    swapped = parse_plan(json.dumps(role_swap.swapped_plan(plan, plan.services[0])))

    again = role_swap.swapped_entry(swapped, swapped.services[0])

    assert again == plan.entries[0].model_dump(mode="json", by_alias=True, exclude_unset=True)


def test_backups_of_the_new_primary_go_beside_the_copies() -> None:
    """With the access that it had to them; its copies go to where the backups were."""
    plan = plan_with(storage=COPIES)

    entry = role_swap.swapped_entry(plan, plan.services[0])

    assert entry["storage"] == {**COPIES, "access": {"type": "SystemAssignedManagedIdentity"}}
    assert entry["standby"]["storage"] == {"account": "drprimary", "container": "apim-backups"}
    assert (entry["region"], entry["standby"]["region"]) == ("northeurope", "westeurope")


def test_without_copies_backups_go_to_the_new_primarys_own_region() -> None:
    """Never to an account in the region that was lost."""
    plan = plan_with()

    entry = role_swap.swapped_entry(plan, plan.services[0])

    assert entry["storage"]["account"] == "drstandby"
    assert "storage" not in entry["standby"]
    assert role_swap.faults_of_swap(plan, plan.services[0]) == ()


def test_a_place_that_the_region_names_is_used() -> None:
    """Then the entry need not name one."""
    document = json.loads(json.dumps(role_swap._said(plan_with())))
    access = {"type": "SystemAssignedManagedIdentity"}
    storage = {"account": "drother", "container": "backups", "access": access}
    document["regions"]["northeurope"]["storage"] = storage
    plan = parse_plan(json.dumps(document))

    assert "storage" not in role_swap.swapped_entry(plan, plan.services[0])
    assert role_swap.faults_of_swap(plan, plan.services[0]) == ()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_plan_can_be_swapped(path: Path) -> None:
    """Each service that has a standby: the swapped plan is a plan."""
    plan = parse_plan(path.read_text(encoding="utf-8"))

    for service in plan.services:
        if service.standby is not None:
            assert role_swap.faults_of_swap(plan, service) == ()


def test_a_plan_that_cannot_be_swapped_says_why() -> None:
    """The old primary's region keeps its records where the copies would go."""
    document = make.plan(make.plan_service(standby=make.standby(storage=COPIES)))
    document["regions"]["northeurope"] = {"account": "drstandby"}
    plan = parse_plan(json.dumps(document))
    places = {"westeurope": plan.regions["westeurope"].model_copy(update={"container": "apim-backups"})}
    broken = plan.model_copy(update={"regions": {**plan.regions, **places}})

    assert any("records" in fault for fault in role_swap.faults_of_swap(broken, plan.services[0]))


def test_durations_are_read_by_people() -> None:
    """Minutes, hours, days: none of them with more digits than anybody needs."""
    day = dt.timedelta(days=1).total_seconds()

    assert [failover.hours(one) for one in (1500, 2 * 3600, 31 * 3600, 4 * day)] == [
        "25 minutes", "2 hours", "31 hours", "4 days",
    ]  # fmt: skip
