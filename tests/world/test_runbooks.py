"""The runbooks of a restore, a drill, keys and the end, block after block, against a simulated Azure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from tests.fakes.drills import drill_plan
from tests.world.app import World
from tests.world.apps import AzureLine
from tests.world.calls import call, functions
from tests.world.conftest import MakeWorld
from tests.world.operators import AtShell, give_host_name, nightly, replicate
from tests.world.runbooks import DOCS, Block, Operator

SERVICE = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-contoso-weu/providers/"
    "Microsoft.ApiManagement/service/contoso-weu"
)
PRINCIPAL = "22222222-2222-2222-2222-222222222222"
OURS = "[?starts_with(name, 'rg-apim-dr-contoso-weu')]"
NORTHEUROPE = "--resource-group rg-apim-dr-contoso-neu --name func-contoso-neu"
WESTEUROPE = "--resource-group rg-apim-dr-contoso-weu --name func-contoso-weu"
GATEWAYS = {"contoso-weu.azure-api.net": 200, "contoso-neu.azure-api.net": 200}


def saying(answer: str) -> AzureLine:
    """Return a line that always says the same."""
    return lambda _words, _folder: answer


def doing(what: Callable[[], None]) -> AzureLine:
    """Return a line that does something, and says nothing."""

    def do(_words: list[str], _folder: Path) -> str:
        what()
        return ""

    return do


def do_all(operator: Operator, blocks: list[Block]) -> None:
    """Run blocks in their order."""
    for block in blocks:
        operator.do(block)


def both_regions(make_world: MakeWorld) -> dict[str, World]:
    """Return the apps of both regions after a night; the standby holds its point."""
    primary = make_world(copies=True)
    standby_service = primary.ports.first.standby
    assert standby_service is not None
    for end in (primary.service, standby_service.ref):
        give_host_name(primary, end)
    nightly(primary)
    standby = primary.in_region("northeurope")
    replicate(standby)
    return {"westeurope": primary, "northeurope": standby}


def test_restore(make_world: MakeWorld, at_shell: AtShell) -> None:
    """An API was deleted on Monday, and the night has backed that up; it is brought back."""
    world = make_world()
    nightly(world)
    orders = f"{world.service.resource_id}/apis/orders"
    world.azure.simulator.arm("DELETE", orders)
    nightly(world)

    def name_of_api(_words: list[str], _folder: Path) -> str:
        return str(world.azure.simulator.arm("GET", orders)["properties"]["displayName"])

    read = f"az rest --method get --url {SERVICE}/apis/orders?api-version=2024-05-01"
    azure = {f"{read} --query properties.displayName -o tsv": name_of_api}
    operator = at_shell({"westeurope": world}, azure, GATEWAYS)

    with operator.through("restore.md") as blocks:
        do_all(operator, blocks)


def test_drill(make_world: MakeWorld, at_shell: AtShell) -> None:
    """A drill that was asked for, down to the evidence in a file."""
    world = make_world(**drill_plan(target="contoso"))
    nightly(world)

    def download(words: list[str], folder: Path) -> str:
        text = world.ports.records().read(words[words.index("--name") + 1])[0]
        (folder / words[words.index("--file") + 1]).write_bytes(text)
        return ""

    operator = at_shell({"westeurope": world}, {}, GATEWAYS)
    with operator.through("drill.md") as blocks:
        for block in blocks:
            if "storage blob download" in block.commands:
                (key,) = [key for key in world.ports.records().keys("evidence/") if key.endswith(".md")]
                operator.azure[
                    "az storage blob download --auth-mode login --account-name contosodrweu --container-name "
                    f"apim-dr --name {key} --file evidence.md --no-progress --output none"
                ] = download
            operator.do(block)


def test_key_rotation(make_world: MakeWorld, at_shell: AtShell) -> None:
    """The old key is refused, the new one works; a backup with the new storage key; both certificates."""
    apps = both_regions(make_world)
    operator = at_shell(apps, {}, GATEWAYS)

    keys = "az functionapp keys"
    read = f"{keys} list {WESTEUROPE} --query functionKeys.default -o tsv"

    def renew() -> None:
        operator.keys["westeurope"] = "another key"
        operator.azure[read] = "another key"

    account = "--resource-group rg-contoso-backups --account-name contosodrweu"
    storage, vault = "az storage account keys", "az keyvault secret set --vault-name kv-contoso"
    default = "--key-type functionKeys --key-name default --query name -o tsv"
    secret = "--name dr-storage-key --file key.txt --query attributes.enabled -o tsv"
    operator.azure |= {
        f"{keys} set {WESTEUROPE} {default}": doing(renew),
        f"{storage} renew {account} --key key2 --query [?keyName=='key2'].keyName -o tsv": "key2",
        f"{storage} list {account} --query [?keyName=='key2'].value | [0] -o tsv": "a storage key",
        f"{vault} {secret}": takes_file("key.txt", "a storage key"),
        f"az functionapp restart {WESTEUROPE}": "",
    }

    with operator.through("key-rotation.md") as blocks:
        do_all(operator, blocks)


def takes_file(name: str, content: str) -> AzureLine:
    """Return a line that says true if a file holds exactly that."""
    return lambda _words, folder: str((folder / name).read_text(encoding="utf-8") == content).lower()


def test_upgrade(make_world: MakeWorld, at_shell: AtShell) -> None:
    """Standby's region first; a backup by the new version comes to the standby; back, with one at work."""
    apps = both_regions(make_world)
    operator = at_shell(apps, {}, GATEWAYS)
    operator.keep_plan()
    deployed: list[str] = []
    for short in ("neu", "weu"):
        operator.azure[f"azd deploy --environment contoso-{short} --no-prompt"] = doing(
            lambda short=short: deployed.append(short)
        )
    host_json = (DOCS.parent / "host.json").read_text(encoding="utf-8")
    operator.azure |= {
        "git fetch --tags": "",
        "git rev-parse HEAD": "c0ffee",
        "git tag --list v* --sort=-version:refname": "v<new>\nv<old>",
        "git show c0ffee:host.json": host_json,
        "git show v<new>:host.json": host_json,
        "git merge v<new>": "",
        "git switch --detach c0ffee": "",
    }
    counted = f"az functionapp function list {NORTHEUROPE} --query length(@) -o tsv"
    operator.azure[counted] = str(functions())

    with operator.through("upgrade.md") as blocks:
        for block in blocks:
            if "systemKeys" in block.commands:
                body = '{"services": ["contoso"], "reason": "in flight"}'
                url = "https://dr-westeurope.example/api/backups"
                assert call(apps["westeurope"], "POST", url, body).status == 202
                operator.let_pass(dt.timedelta(minutes=1))
            operator.do(block)

    assert deployed == ["neu", "weu", "weu"]


def test_uninstall(make_world: MakeWorld, at_shell: AtShell) -> None:
    """First the app alone, then everything; a group that is there is said to be."""
    world = make_world()
    nightly(world)
    groups = {"rg-apim-dr-contoso-weu", "rg-apim-dr-contoso-weu-keep"}
    settings: dict[str, str] = {}

    def down() -> None:
        groups.discard("rg-apim-dr-contoso-weu")
        if settings.get("APIM_DR_DELETE_KEPT") == "contoso-weu":
            groups.discard("rg-apim-dr-contoso-weu-keep")

    azure: dict[str, AzureLine] = {
        "azd down --environment contoso-weu": doing(down),
        "azd env set APIM_DR_DELETE_KEPT contoso-weu --environment contoso-weu": doing(
            lambda: settings.update(APIM_DR_DELETE_KEPT="contoso-weu")
        ),
        f"az group list --query {OURS}.name -o tsv": lambda _words, _folder: "\n".join(groups),
    }
    for name in sorted(groups):
        azure[f"az group exists --name {name}"] = lambda words, _folder: str(words[-1] in groups).lower()
    operator = at_shell({"westeurope": world}, azure, GATEWAYS)
    topic = "--name evgt-contoso-weu-changes --resource-group rg-contoso-weu-apim"
    assignments = f"{SERVICE}/providers/Microsoft.Authorization/roleAssignments"
    right = f"{assignments}/11111111-1111-1111-1111-111111111111"
    left = {right}
    rights = "az role assignment list --all --query"
    roles = "az role definition list --custom-role-only true --query"
    identity = "--resource-group rg-apim-dr-contoso-weu-keep --name id-contoso-weu"
    operator.azure |= {
        f"az identity show {identity} --query principalId -o tsv": PRINCIPAL,
        f"az role assignment delete --ids {right}": doing(left.clear),
        f"{rights} [?principalId=='{PRINCIPAL}'].id -o tsv": lambda _words, _folder: "\n".join(left),
    }
    others = [
        "az role definition delete --name apim-dr backup operator (00000000)",
        f"az eventgrid system-topic delete {topic} --subscription {SERVICE.split('/')[2]} --yes",
        f"{roles} [?starts_with(roleName, 'apim-dr ')].roleName -o tsv",
        "az eventgrid system-topic list --query [?starts_with(name, 'evgt-contoso-weu')].name -o tsv",
    ]
    operator.azure |= dict.fromkeys(others, "")

    with operator.through("uninstall.md") as blocks:
        do_all(operator, blocks)

    assert groups == set()
