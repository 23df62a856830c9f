"""The runbooks of a restore, a drill, keys and the end, block after block, against a simulated Azure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.fakes.drills import drill_plan
from tests.world.app import World
from tests.world.apps import AzureLine
from tests.world.conftest import MakeWorld
from tests.world.operators import AtShell, give_host_name, nightly, replicate
from tests.world.runbooks import PAGES, Operator, blocks_of

SERVICE = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-contoso-weu/providers/"
    "Microsoft.ApiManagement/service/contoso-weu"
)
OURS = "[?starts_with(name, 'rg-contoso-weu')]"
WESTEUROPE = "--resource-group rg-contoso-weu --name func-contoso-weu"
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


def do_all(operator: Operator, page: str) -> None:
    """Run every block of a page in its order."""
    for block in blocks_of(PAGES / page):
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

    do_all(operator, "restore.md")


def test_drill(make_world: MakeWorld, at_shell: AtShell) -> None:
    """A drill that was asked for, down to the evidence in a file."""
    world = make_world(**drill_plan(target="contoso"))
    nightly(world)

    def download(words: list[str], folder: Path) -> str:
        text = world.ports.records().read(words[words.index("--name") + 1])[0]
        (folder / words[words.index("--file") + 1]).write_bytes(text)
        return ""

    operator = at_shell({"westeurope": world}, {}, GATEWAYS)
    for block in blocks_of(PAGES / "drill.md"):
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

    do_all(operator, "key-rotation.md")


def takes_file(name: str, content: str) -> AzureLine:
    """Return a line that says true if a file holds exactly that."""
    return lambda _words, folder: str((folder / name).read_text(encoding="utf-8") == content).lower()


def test_upgrade(make_world: MakeWorld, at_shell: AtShell) -> None:
    """The standby's region first; then a backup by the new version comes to the standby."""
    apps = both_regions(make_world)
    operator = at_shell(apps, {}, GATEWAYS)
    operator.keep_plan()
    deployed: list[str] = []
    for short in ("neu", "weu"):
        operator.azure[f"azd deploy --environment contoso-{short} --no-prompt"] = doing(
            lambda short=short: deployed.append(short)
        )
    operator.azure |= {"git fetch --tags": "", "git merge v0.2.0": ""}
    counted = "az functionapp function list --resource-group rg-contoso-neu --name func-contoso-neu"
    operator.azure[f"{counted} --query length(@) -o tsv"] = "67"

    do_all(operator, "upgrade.md")

    assert deployed == ["neu", "weu"]


def test_uninstall(make_world: MakeWorld, at_shell: AtShell) -> None:
    """First the app alone, then everything; a group that is there is said to be."""
    world = make_world()
    nightly(world)
    groups = {"rg-contoso-weu", "rg-contoso-weu-keep"}
    settings: dict[str, str] = {}

    def down() -> None:
        groups.discard("rg-contoso-weu")
        if settings.get("APIM_DR_DELETE_KEPT") == "contoso-weu":
            groups.discard("rg-contoso-weu-keep")

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
    rights = [
        f"az role assignment delete --ids {SERVICE}/providers/Microsoft.Authorization/roleAssignments/"
        "11111111-1111-1111-1111-111111111111",
        "az role definition delete --name apim-dr backup operator (00000000)",
        f"az eventgrid system-topic delete {topic} --subscription {SERVICE.split('/')[2]} --yes",
        "az role assignment list --all --query [?starts_with(roleDefinitionName, 'apim-dr ')].scope -o tsv",
        "az eventgrid system-topic list --query [?starts_with(name, 'evgt-contoso-weu')].name -o tsv",
    ]
    operator.azure |= dict.fromkeys(rights, "")

    do_all(operator, "uninstall.md")

    assert groups == set()
