"""The apps of a story, as azure-cli sees them: where they answer, their keys, their plans."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.world.app import World, WorldPorts

SHORT = {"westeurope": "weu", "northeurope": "neu"}
"""The regions, in the order in which a shell is prepared for them."""

AzureLine = str | Callable[[list[str], Path], str]
"""What a line of azure-cli says; or what makes it, of its words and of the folder it is called in."""


def key_of(region: str) -> str:
    """Return the host key of a region's app."""
    return f"key-of-{region}"


def system_key_of(region: str) -> str:
    """Return the key of the Durable extension in a region's app."""
    return f"system-key-of-{region}"


def plan_of(world: World) -> dict[str, Any]:
    """Return an app's plan as it was written."""
    # what was not said must not come back as null, which takes back the defaults
    plan: dict[str, Any] = world.ports.plan.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return plan


def with_plan(monkeypatch: pytest.MonkeyPatch, world: World, plan: dict[str, Any]) -> World:
    """Return the app with another plan, over the same world, as after a restart."""
    ports = WorldPorts(plan, azure=world.azure, clock=world.ports.clock, storage=world.ports.storage)
    other = World(monkeypatch, ports)
    world.others.append(other)
    return other


def shown(line: list[str]) -> str:
    """Return a line as the stand-ins know it: a plan in it is `<plan>`."""
    return " ".join("DR_PLAN=<plan>" if word.startswith("DR_PLAN=") else word for word in line)


def lines_of(apps: dict[str, World], monkeypatch: pytest.MonkeyPatch) -> dict[str, AzureLine]:
    """Return what azure-cli knows of these apps; one that gets a plan is another app from then on."""
    known: dict[str, AzureLine] = {}
    for region in SHORT:
        group, name = f"rg-apim-dr-contoso-{SHORT[region]}", f"func-contoso-{SHORT[region]}"
        app = f"--resource-group {group} --name {name}"
        settings = "az functionapp config appsettings"
        known |= {
            f"az functionapp list --resource-group {group} --query [0].name -o tsv": name,
            f"az functionapp show {app} --query defaultHostName -o tsv": f"dr-{region}.example",
            f"az functionapp keys list {app} --query functionKeys.default -o tsv": key_of(region),
            f"az functionapp keys list {app} --query systemKeys.durabletask_extension -o tsv": system_key_of(
                region
            ),
            f"{settings} list {app} --query [?name=='DR_PLAN'].value | [0] -o tsv": _reads(apps, region),
            f"{settings} set {app} --settings DR_PLAN=<plan> --query [?name=='DR_PLAN'].name -o tsv": _writes(
                apps, region, monkeypatch
            ),
            f"azd provision --environment contoso-{SHORT[region]} --no-prompt": _provisions(
                apps, region, monkeypatch
            ),
        }
    return known


def _reads(apps: dict[str, World], region: str) -> AzureLine:
    return lambda _words, _folder: json.dumps(plan_of(apps[region]))


def _writes(apps: dict[str, World], region: str, monkeypatch: pytest.MonkeyPatch) -> AzureLine:
    def write(words: list[str], _folder: Path) -> str:
        plan = next(word for word in words if word.startswith("DR_PLAN=")).removeprefix("DR_PLAN=")
        apps[region] = with_plan(monkeypatch, apps[region], json.loads(plan))
        return "DR_PLAN"

    return write


def _provisions(apps: dict[str, World], region: str, monkeypatch: pytest.MonkeyPatch) -> AzureLine:
    def provision(_words: list[str], folder: Path) -> str:
        plan = json.loads((folder / "infra" / "plan.json").read_text(encoding="utf-8"))
        apps[region] = with_plan(monkeypatch, apps[region], plan | {"region": region})
        return ""

    return provision
