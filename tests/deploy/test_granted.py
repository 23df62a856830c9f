"""What the foundation grants is what the app uses: everything that it touches, and nothing else."""

from __future__ import annotations

import datetime as dt
import threading
from collections import defaultdict
from typing import Any

import pytest

from deploy.needs import (
    ALL_ROLES,
    BACKUP,
    CONTRIBUTOR,
    PREFLIGHT,
    READER,
    RESTORE,
    USAGE,
    backup_places,
    needs_of,
)
from shared import wiring
from shared.core.plan import Plan
from shared.core.runs import Outcome
from tests.fakes import MemoryBlobs
from tests.fakes.ports import IDENTITY, resource_id
from tests.world.app import World
from tests.world.azure import Vault
from tests.world.conftest import MakeWorld, ca_dir, clock, cloud, make_world, storage

__all__ = ["ca_dir", "clock", "cloud", "make_world", "storage"]

WEU, NEU = "westeurope", "northeurope"
LONG = dt.timedelta(days=3)
WRITES = {"create", "create_from", "put", "replace", "delete", "create_container"}


class Witness:
    """Sees which container is read and written by whom, and which call goes to which service."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.touched: defaultdict[tuple[str, str], dict[tuple[str, str], str]] = defaultdict(dict)
        """By (region of the app, "app" or "service"): each place with the role that it took."""
        self._by_service = threading.local()
        fault, write, read = MemoryBlobs._fault, Vault.write, Vault.read

        def noted(blobs: MemoryBlobs, method: str) -> None:
            who = "service" if getattr(self._by_service, "at_work", False) else "app"
            self._note(who, (blobs.account, blobs.container), method in WRITES)
            fault(blobs, method)

        def by_service(method: Any) -> Any:
            def called(*arguments: Any) -> Any:
                self._by_service.at_work = True
                try:
                    return method(*arguments)
                finally:
                    self._by_service.at_work = False

            return called

        monkeypatch.setattr(MemoryBlobs, "_fault", noted)
        monkeypatch.setattr(Vault, "write", by_service(write))
        monkeypatch.setattr(Vault, "read", by_service(read))

    def planned(self, region: str, who: str, plan: Plan) -> dict[tuple[str, str], str]:
        """
        Return what was touched of what the plan names.

        Without copies, a failback asks whether there is a container that only the next plan would name.
        """
        places = {*backup_places(plan), *((one.account, one.container) for one in plan.regions.values())}
        return {place: role for place, role in self.touched[region, who].items() if place in places}

    def _note(self, who: str, place: tuple[str, str], is_write: bool) -> None:
        touched = self.touched[wiring.ports().plan.region, who]
        if is_write or place not in touched:
            touched[place] = CONTRIBUTOR if is_write else READER


def roles_used(world: World, since: int) -> tuple[set[tuple[str, str]], int]:
    """Return (service, role) for all calls since a number of the journal, and the last number."""
    used: set[tuple[str, str]] = set()
    entries = world.azure.simulator.world.journal.entries(after=since)
    for one in entries:
        path = one["path"].split("?")[0]
        if "/microsoft.apimanagement/service/" not in path.lower():
            continue
        parts = path.split("/")
        service, tail = "/".join(parts[:9]).lower(), "/".join(parts[9:])
        role = {"backup": BACKUP, "restore": RESTORE}.get(tail, USAGE if tail.startswith("reports") else "")
        used.add((service, role if one["method"] != "GET" or role == USAGE else PREFLIGHT))
    return used, int(entries[-1]["number"]) if entries else since


def ask_restore(world: World, target: str, **more: Any) -> None:
    """Restore the newest point into a target, with a safety backup, and let it come to its end."""
    body = {"service": "contoso", "restorePoint": "latest", "target": target, "confirm": f"RESTORE {target}"}
    status, started = world.ask("POST", "start_restore", {**body, "despiteTraffic": True, **more})
    assert (status, started.get("error")) == (202, None)
    world.let_pass(dt.timedelta(hours=4))
    _, run = world.ask("GET", "get_run", run_id=started["runId"])
    assert run["outcome"] == Outcome.SUCCEEDED, run


def fill(world: World, name: str) -> None:
    """Give a service some content of its own, so that it is backed up before it is restored into."""
    body = {"properties": {"displayName": "own", "value": "1"}}
    world.azure.simulator.arm("PUT", f"{resource_id(name)}/namedValues/own", body)


def a_life(make_world: MakeWorld, **plan: Any) -> tuple[World, dict[str, set[tuple[str, str]]]]:
    """Let both apps do all that they are for; return one of them, and the roles that each has used."""
    weu = make_world(defaults={"retention": {"keepLast": 1, "keepWithinDays": 0, "keepAtLeast": 1}}, **plan)
    assert weu.back_up().outcome is Outcome.SUCCEEDED
    weu.host.run_for(dt.timedelta(days=1))
    assert weu.back_up().outcome is Outcome.SUCCEEDED
    ask_restore(weu, "contoso-weu", overwriteSource=True)
    for name in ("get_service", "show_failback"):
        assert weu.ask("GET", name, name="contoso")[0] == 200
    of_weu, mark = roles_used(weu, 0)
    fill(weu, "contoso-neu")
    _, mark = roles_used(weu, mark)
    neu = weu.in_region(NEU)
    assert neu.host.run_until_done(neu.replicate(), LONG).runtime_status == "Completed"
    ask_restore(neu, "contoso-neu")
    assert neu.ask("GET", "show_failover", name="contoso")[0] == 200
    return weu, {WEU: of_weu, NEU: roles_used(neu, mark)[0]}


@pytest.mark.parametrize("copies", [True, False], ids=["with copies", "without copies"])
def test_each_container_is_granted_as_it_is_used(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, copies: bool
) -> None:
    """Both apps, and the services that they work on, read and write exactly what is granted to them."""
    witness = Witness(monkeypatch)
    world, _ = a_life(make_world, copies=copies)

    for region in (WEU, NEU):
        needs = needs_of(world.ports.plan, region).containers
        for who, is_app in (("app", True), ("service", False)):
            granted = {
                (one.account, one.container): one.role for one in needs if (one.identity is None) == is_app
            }
            assert witness.planned(region, who, world.ports.plan) == granted, (region, who)


def test_each_service_is_granted_as_it_is_used(make_world: MakeWorld) -> None:
    """Every right to back up, to restore and to read usage is used, and no call needs another one."""
    world, used = a_life(make_world, copies=True)

    for region in (WEU, NEU):
        services = needs_of(world.ports.plan, region).services
        granted = {(service.lower(), role) for service, roles in services.items() for role in roles}
        assert used[region] == granted, region


def test_a_right_too_many_is_seen(make_world: MakeWorld) -> None:
    """The comparison can fail: a drill target that nobody drills is granted, and not used."""
    world, used = a_life(make_world, copies=True)
    document = world.ports.plan.model_dump(mode="json", by_alias=True, exclude_unset=True)
    target = {"resourceId": resource_id("contoso-drill"), "region": WEU, "access": IDENTITY}
    document["services"][0]["drillTarget"] = target

    services = needs_of(Plan.model_validate(document), WEU).services

    granted = {(service.lower(), role) for service, roles in services.items() for role in roles}
    assert granted - used[WEU] == {(target["resourceId"].lower(), role) for role in ALL_ROLES}
