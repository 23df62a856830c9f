"""The runbook of a lost region with several services, block after block, and what `swap_roles` refuses."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from shared.copying import copy_restore_point
from tests.fakes.ports import IDENTITY, plan_json, resource_id
from tests.world.app import World
from tests.world.apps import plan_of
from tests.world.conftest import COPIES, MakeWorld
from tests.world.operators import AtShell
from tests.world.runbooks import PAGES, Block, Operator, blocks_of
from tests.world.test_failback import tags_of

PRIMARY, STANDBY = "westeurope", "northeurope"
LOST = ("contoso", "fabrikam")
HOUR = dt.timedelta(hours=1)


def services() -> list[dict[str, Any]]:
    """Return two services whose primaries are in the region that is lost, after one of the other region."""
    lost = plan_json(LOST)["services"]
    for one in lost:
        one["standby"]["storage"] = dict(COPIES)
    served = {
        "name": "adatum",
        "resourceId": resource_id("adatum-neu"),
        "region": STANDBY,
        "storage": {"account": "drstandby", "container": "apim-backups", "access": IDENTITY},
        "standby": {
            "resourceId": resource_id("adatum-weu"),
            "region": PRIMARY,
            "access": IDENTITY,
            "storage": {"account": "drprimary", "container": "apim-copies"},
        },
    }
    return [served, *lost]


def night(world: World) -> None:
    """Back up every service of an app's region."""
    world.take_over()
    record, _ = world.fleet()
    assert {one.outcome.value for one in record.services} == {"Succeeded"}


def replicate(world: World) -> None:
    """Give an app the time to copy and to restore what it has not."""
    world.take_over()
    world.fire("find_unreplicated")
    world.let_pass(HOUR)


@pytest.fixture
def apps(make_world: MakeWorld) -> dict[str, World]:
    """Both apps after two nights: the standbys hold the first, and have copies of the second."""
    primary = make_world(services=services())
    night(primary)
    standby = primary.in_region(STANDBY)
    night(standby)
    replicate(primary)
    replicate(standby)
    primary.take_over()
    refs = [one.ref for one in primary.ports.plan.services if one.name in LOST]
    for ref in refs:
        primary.azure.change(ref)
    night(primary)
    standby.take_over()
    for name in LOST:
        *_, key = standby.ports.records(PRIMARY).keys(f"restore-points/{name}/")
        newest = key.rpartition("/")[2].removesuffix(".json")
        copy_restore_point({"service": name, "name": newest}, standby.ports)
    return {PRIMARY: primary, STANDBY: standby}


@pytest.fixture
def operator(make_world: MakeWorld, at_shell: AtShell) -> Operator:
    """Somebody who has lost a region before the first night: enough for the plans."""
    primary = make_world(services=services())
    standby = primary.in_region(STANDBY)
    primary.lose(PRIMARY)
    operator = at_shell({STANDBY: standby})
    operator.keep_plan()
    return operator


def in_clone(operator: Operator) -> dict[str, Any]:
    """Return the plan of the clone."""
    plan: dict[str, Any] = json.loads((operator.folder / "infra" / "plan.json").read_text(encoding="utf-8"))
    return plan


def test_two_services_are_failed_over_together(apps: dict[str, World], at_shell: AtShell) -> None:
    """Both standbys have what the copies had, both plans one swap for each, and nothing else changed."""
    operator = at_shell(apps)
    operator.keep_plan()
    before = in_clone(operator)
    apps[PRIMARY].lose(PRIMARY)
    del apps[PRIMARY]

    with operator.through("lost-region.md", only="Several services") as blocks:
        for block in blocks:
            operator.do(block)

    serving = apps[STANDBY]
    swapped = in_clone(operator)
    assert [one["name"] for one in swapped["services"]] == ["adatum", *LOST]
    assert [one["region"] for one in swapped["services"]] == [STANDBY, STANDBY, STANDBY]
    assert swapped["region"] == before["region"] == PRIMARY
    assert swapped["services"][0] == before["services"][0]
    assert plan_of(serving) == swapped | {"region": STANDBY}
    for service in serving.ports.plan.services[1:]:
        assert service.ref.name == f"{service.name}-neu"
        assert "green" in tags_of(serving, service.ref)


def swap(service: str, *files: str) -> Block:
    """Return the block that swaps the roles of a service."""
    url = f'"$NORTHEUROPE_APP/api/services/{service}/failover"'
    ask = f'KEY=$NORTHEUROPE_KEY; curl -sS -H "x-functions-key: $KEY" {url} | show planEntry.region'
    return Block(f"{ask}\nswap_roles northeurope {' '.join(files)}", None)


def test_a_swap_leaves_the_edits_of_the_clone_alone(operator: Operator) -> None:
    """What was written into the plan since it was deployed stays, beside the entry and in it."""
    path = operator.folder / "infra" / "plan.json"
    plan = in_clone(operator) | {"rpoHours": 99}
    plan["services"][1]["rpoHours"] = 7
    path.write_text(json.dumps(plan), encoding="utf-8")

    operator.do(swap("contoso", "infra/plan.json"))

    swapped = in_clone(operator)
    assert path.read_text(encoding="utf-8") == json.dumps(swapped, indent=2) + "\n"
    assert list(swapped) == list(plan)
    assert list(swapped["services"][1]) == list(plan["services"][1])
    assert swapped["services"][1]["rpoHours"] == 7
    assert swapped["services"][1]["standby"]["resourceId"] == plan["services"][1]["resourceId"]
    plan["services"][1] = swapped["services"][1]
    assert swapped == plan


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda one: one.update(name="other"), "infra/plan.json has no service contoso"),
        (lambda one: one.update(one["standby"]), "contoso is swapped already in infra/plan.json"),
        (
            lambda one: one.update(resourceId=resource_id("elsewhere")),
            "in infra/plan.json contoso is elsewhere, and not contoso-weu as the app says",
        ),
    ],
    ids=["absent", "swapped", "another"],
)
def test_a_swap_that_makes_no_sense_changes_no_file(operator: Operator, change: Any, wrong: str) -> None:
    """Nor the other file that was named: half a swap would be deployed by the next provision."""
    plan = in_clone(operator)
    good = operator.folder / "plan.json"
    good.write_text(json.dumps(plan), encoding="utf-8")
    change(plan["services"][1])
    path = operator.folder / "infra" / "plan.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    before = good.read_text(encoding="utf-8"), path.read_text(encoding="utf-8")

    with pytest.raises(AssertionError, match=wrong):
        operator.do(swap("contoso", "plan.json", "infra/plan.json"))

    assert (good.read_text(encoding="utf-8"), path.read_text(encoding="utf-8")) == before


def test_the_same_block_twice_does_not_swap_back(operator: Operator) -> None:
    """The app has the swapped plan by then, and its answer would lead back into the lost region."""
    *_, swap_all, _back_up, _look = blocks_of(PAGES / "lost-region.md", only="Several services")
    operator.do(Block('LOST="contoso fabrikam"; KEY=$NORTHEUROPE_KEY', None))
    operator.do(swap_all)
    operator.do(Block('wait_for "$NORTHEUROPE_APP" contoso contoso-neu', None))
    once = in_clone(operator)

    with pytest.raises(
        AssertionError, match="contoso is swapped already: the last answer would swap it back"
    ):
        operator.do(swap_all)

    assert in_clone(operator) == once
    assert plan_of(operator.apps[STANDBY]) == once
