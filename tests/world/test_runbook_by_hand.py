"""The runbook of a restore without the app: Azure's calls at the simulator, `az` played by the test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.ports import plan_json
from tests.world.app import World
from tests.world.conftest import COPIES, MakeWorld
from tests.world.operators import AtShell, nightly, replicate
from tests.world.runbooks import PAGES, Operator, blocks_of
from tests.world.test_failback import tags_of

STANDBY = "northeurope"
TARGET = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-contoso-neu/providers/"
    "Microsoft.ApiManagement/service/contoso-neu"
)
STORAGE = "az storage blob {verb} --auth-mode login --account-name {account} --container-name {container}"
TOKEN = "az account get-access-token --resource https://management.azure.com/ --query accessToken -o tsv"


@pytest.fixture
def standby(make_world: MakeWorld) -> World:
    """The app of the standby's region: it has a copy of last night's backup, with a tag of its own."""
    (service,) = plan_json()["services"]
    service["standby"] |= {"resourceId": TARGET, "storage": dict(COPIES)}
    primary = make_world(services=[service])
    primary.azure.change(primary.service)
    nightly(primary)
    standby = primary.in_region(STANDBY)
    replicate(standby)
    target = standby.ports.first.standby
    assert target is not None
    standby.azure.simulator.arm("DELETE", f"{TARGET}/tags/green")
    return standby


@pytest.fixture
def operator(standby: World, at_shell: AtShell) -> Operator:
    """Somebody who may read the accounts of the standby's region, and write the standby."""
    operator = at_shell({STANDBY: standby})
    records = STORAGE.format(verb="list", account="contosodrneu", container="apim-dr")
    operator.azure |= {
        TOKEN: standby.azure.simulator.authorization("app").removeprefix("Bearer "),
        f"{records} --prefix restore-points/contoso/ --query sort([].name)[-5:] -o tsv": "\n".join(
            standby.ports.records().keys("restore-points/contoso/")
        ),
    }
    (key,) = standby.ports.records().keys("restore-points/contoso/")
    offer(operator, standby.ports.records().read(key)[0], "contosodrneu", "apim-dr", key, "record.json")
    name = key.rpartition("/")[2].removesuffix(".json")
    account, container = str(COPIES["account"]), str(COPIES["container"])
    copy = standby.ports.backups(account, container).read(name)[0]
    offer(operator, copy, account, container, name, name)
    return operator


def offer(operator: Operator, content: bytes, account: str, container: str, name: str, file: str) -> None:
    """Let a blob be downloaded into a file."""

    def download(_words: list[str], folder: Path) -> str:
        (folder / file).write_bytes(content)
        return ""

    line = STORAGE.format(verb="download", account=account, container=container)
    operator.azure[f"{line} --name {name} --file {file} --no-progress --output none"] = download


def test_a_restore_point_is_restored_without_the_app(standby: World, operator: Operator) -> None:
    """The tag that somebody has deleted is there again, by one restore that no app knows of."""
    target = standby.ports.first.standby
    assert target is not None
    restores = standby.azure.posts(target.ref, "restore")
    runs = list(standby.ports.records().keys("runs/"))
    assert "green" not in tags_of(standby, target.ref)

    with operator.through("by-hand.md") as blocks:
        for block in blocks:
            operator.do(block)

    assert "green" in tags_of(standby, target.ref)
    assert standby.azure.posts(target.ref, "restore") == restores + 1
    assert list(standby.ports.records().keys("runs/")) == runs


def test_another_blob_than_the_recorded_one_is_noticed(standby: World, operator: Operator) -> None:
    """Before anything is sent to the target."""
    newest, read, compare, *_ = blocks_of(PAGES / "by-hand.md")
    operator.do(newest)
    operator.do(read)
    name = standby.newest_point().name
    offer(operator, b"another one", str(COPIES["account"]), str(COPIES["container"]), name, name)

    with pytest.raises(AssertionError, match="FAILED"):
        operator.do(compare)
