"""The runbooks of a lost region, of a planned failover and of the way back, block after block."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from shared.copying import copy_restore_point
from shared.core import names
from tests.world.app import World
from tests.world.apps import SHORT, AzureLine
from tests.world.conftest import MakeWorld
from tests.world.operators import HOST, AtShell, give_host_name, nightly, replicate
from tests.world.runbooks import Operator
from tests.world.test_failback import change_last, saved, tags_of
from tests.world.test_runbooks import SERVICE

PRIMARY, STANDBY = "westeurope", "northeurope"
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def apps(make_world: MakeWorld) -> dict[str, World]:
    """The apps of both regions after a night; the standby holds its point."""
    primary = make_world(copies=True)
    standby = primary.ports.first.standby
    assert standby is not None
    for end in (primary.service, standby.ref):
        give_host_name(primary, end)
    nightly(primary)
    other = primary.in_region(STANDBY)
    replicate(other)
    return {PRIMARY: primary, STANDBY: other}


@pytest.fixture
def operator(apps: dict[str, World], at_shell: AtShell) -> Operator:
    """Somebody who has prepared a shell on a quiet day, and may change DNS."""
    operator = at_shell(apps, {}, {f"contoso-{short}.azure-api.net": 200 for short in SHORT.values()})
    operator.keep_plan()
    for short in SHORT.values():
        change = (
            "az network dns record-set cname set-record --resource-group rg-dns --zone-name contoso.example"
            f" --record-set-name api --cname contoso-{short}.azure-api.net --ttl 60"
        )
        operator.azure[change] = leads(operator, short)
    return operator


def leads(operator: Operator, short: str) -> AzureLine:
    """Return what leads DNS to a service."""

    def lead(_words: list[str], _folder: Path) -> str:
        operator.azure[f"dig +short CNAME {HOST}"] = f"contoso-{short}.azure-api.net."
        operator.gateways[HOST] = 200
        return ""

    return lead


def test_a_lost_region_and_the_way_back(apps: dict[str, World], operator: Operator) -> None:
    """Nothing is lost but what was changed after the last copy; and the old primary's last change is kept."""
    primary, standby = apps[PRIMARY], apps[STANDBY]
    weu = primary.service
    primary.take_over()
    primary.azure.change(weu)
    nightly(primary)
    newest = primary.newest_point().name
    standby.take_over()
    copy_restore_point({"service": "contoso", "name": newest}, standby.ports)
    change_last(primary)
    primary.lose(PRIMARY)
    del apps[PRIMARY]

    with operator.through("lost-region.md", but=("Several services", "A planned failover")) as blocks:
        for block in blocks:
            operator.do(block)
    serving = apps[STANDBY]
    neu = serving.service
    assert neu.name == "contoso-neu"
    assert "green" in tags_of(serving, neu)

    primary.lose(PRIMARY, "up")
    apps[PRIMARY] = primary
    serving.azure.simulator.arm("PUT", f"{neu.resource_id}/tags/blue2", {"properties": {"displayName": "2"}})
    read = f"az rest --method get --url {SERVICE}?api-version=2024-05-01"
    operator.azure[f"{read} --query properties.provisioningState -o tsv"] = "Succeeded"
    with operator.through("failback.md") as (*steps, last):
        for block in steps:
            operator.do(block)
        operator.let_pass(HOUR)
        operator.do(last)
    assert apps[PRIMARY].service.is_same_as(weu)
    assert "blue2" in tags_of(apps[PRIMARY], weu)
    assert "/tags/last" in saved(apps[PRIMARY], names.safety_service("contoso"))
    assert "/tags/last" in saved(apps[PRIMARY], "contoso")


def test_a_planned_failover_loses_nothing(apps: dict[str, World], operator: Operator) -> None:
    """The standby holds the backup that was made last, and then the steps of the lost region are done."""
    primary = apps[PRIMARY]
    primary.take_over()
    primary.azure.change(primary.service)

    with operator.through("lost-region.md", only="A planned failover") as (back_up, look):
        operator.do(back_up)
        operator.let_pass(HOUR)
        said = operator.do(look)

    assert f"standby.standing.holds: {primary.newest_point().name}\n" in said
