"""The runbook of a region move, block after block: a new service by replication, then the same name."""

from __future__ import annotations

import json
import re
from pathlib import Path

from shared.core.services import ServiceRef
from tests.fakes.ports import resource_id
from tests.world.app import World
from tests.world.apps import AzureLine
from tests.world.conftest import MakeWorld
from tests.world.operators import AtShell, give_host_name, nightly
from tests.world.runbooks import PAGES, Operator, blocks_of

PAGE = PAGES / "region-move.md"
NEW = ServiceRef(resource_id=resource_id("contoso-neu"), region="northeurope")
CHECK = "python3 -m tools.deploy check"


def creating(name: str) -> str:
    """Return the line that makes a service in the new region."""
    return (
        f"az apim create --resource-group rg-contoso-neu-apim --name {name} --location northeurope"
        " --publisher-name Contoso --publisher-email owner@contoso.example --sku-name Standard"
        " --sku-capacity 1 --enable-managed-identity true --output none"
    )


def standby_of_page() -> dict[str, object]:
    """Return the standby as the page writes it, with the id that it has in this world."""
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    return {**json.loads(shown), "resourceId": NEW.resource_id}


def edit_plan(operator: Operator, standby: dict[str, object] | None) -> None:
    """Change the service's entry in the plan of the clone, as the page says."""
    path = operator.folder / "infra" / "plan.json"
    plan = json.loads(path.read_text(encoding="utf-8"))
    (entry,) = plan["services"]
    if standby is None:
        del entry["standby"]
    else:
        entry["standby"] = standby
    path.write_text(json.dumps(plan))


def swap_roles(operator: Operator) -> None:
    """Do step 8 of the failover, to which the page sends its reader."""
    blocks = blocks_of(PAGES / "lost-region.md", only="Steps")
    first = next(index for index, block in enumerate(blocks) if "swap_roles" in block.commands)
    for block in blocks[first:]:
        operator.do(block)


def without_standby(make_world: MakeWorld) -> World:
    """Return the old region's app, whose plan knows no other place for its service yet."""
    (entry,) = make_world().ports.plan.model_dump(mode="json", by_alias=True, exclude_unset=True)["services"]
    del entry["standby"]
    return make_world(services=[entry])


def test_region_move(make_world: MakeWorld, at_shell: AtShell) -> None:
    """The new service holds all, proven by the app; the same-name lines are known to the stand-in only."""
    old = without_standby(make_world)
    give_host_name(old, old.service)
    nightly(old)
    apps = {"westeurope": old}

    def create(_words: list[str], _folder: Path) -> str:
        old.azure.add(NEW, entities={})
        give_host_name(old, NEW)
        return ""

    def up(_words: list[str], folder: Path) -> str:
        apps["northeurope"] = apps["westeurope"].in_region("northeurope")
        return ""

    delete = "az apim delete --resource-group rg-contoso-weu-apim --name contoso-weu --yes"
    new = "azd env new contoso-neu --location northeurope --subscription"
    azure: dict[str, AzureLine] = {
        creating("contoso-neu"): create,
        f"{new} 00000000-0000-0000-0000-000000000001 --no-prompt": "",
        "azd up --environment contoso-neu --no-prompt": up,
        delete: "",
        "az apim deletedservice purge --service-name contoso-weu --location westeurope": "",
        creating("contoso-weu"): "",
    }
    operator = at_shell(apps, azure, {})

    with operator.through("region-move.md") as blocks:
        for block in blocks:
            if CHECK in block.commands and "northeurope" not in apps:
                operator.keep_plan()
                edit_plan(operator, standby=standby_of_page())
            elif CHECK in block.commands:
                swap_roles(operator)
                edit_plan(operator, standby=None)
            operator.do(block)

    assert [app.ports.first.standby for app in apps.values()] == [None, None]
    found = old.azure.simulator.arm("GET", f"{NEW.resource_id}/apis")
    assert [api["name"] for api in found["value"]] == ["orders"]
