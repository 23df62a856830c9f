"""What is judged before anything is made: topics, keys, spellings, the region, the size of the plan."""

from __future__ import annotations

import json
from typing import Any

from tests.deploy.conftest import SUBSCRIPTION, Clone, service

KEPT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-apim-dr-contoso-weu-keep"
ACCOUNT = f"{KEPT}/providers/Microsoft.Storage/storageAccounts/contosodrweu"
SECRET = "https://contoso.vault.azure.net/secrets/backup-key"


def refused(clone: Clone, **variables: str) -> str:
    """Return why nothing was deployed."""
    done = clone.run("foundation", **variables)
    assert done.returncode == 1, done.stdout
    assert clone.made() == []
    return " ".join(done.stderr.split())


def two_spellings(clone: Clone) -> None:
    """Plan two services of one group, in two spellings that are not Azure's, and let changes be heard of."""
    document = clone.example("smallest")
    first = document["services"][0]
    first["resourceId"] = first["resourceId"].replace("rg-contoso-weu", "RG-CONTOSO-WEU")
    other = {**first, "name": "other"}
    other["resourceId"] = first["resourceId"].rsplit("/", 1)[0].replace("RG-CONTOSO-WEU", "rg-Contoso-Weu")
    other["resourceId"] += "/Contoso-Other"
    document["services"] = [first, other]
    document["defaults"] = {"afterChanges": {}}
    clone.plan(document)
    clone.state["services"].append(service("contoso-other", "West Europe", group="rg-contoso-weu"))


def test_a_group_in_two_spellings_is_one_group(clone: Clone) -> None:
    """One topic, one nested deployment, and everything as Azure spells it."""
    two_spellings(clone)

    done = clone.run("foundation")

    assert done.returncode == 0, done.stderr
    parameters = clone.parameters()
    assert parameters["changeSources"] == [
        {"subscriptionId": SUBSCRIPTION, "resourceGroup": "rg-contoso-weu", "topicName": ""}
    ]
    assert {(one["resourceGroup"], one["name"]) for one in parameters["serviceAccess"]} == {
        ("rg-contoso-weu", "contoso-weu"),
        ("rg-contoso-weu", "contoso-other"),
    }


def test_another_spelling_in_the_plan_changes_no_parameter(clone: Clone) -> None:
    """So no role assignment gets another name."""
    document = clone.example("two-regions")
    clone.run("foundation")
    first = clone.parameters()
    text = json.dumps(document).replace("resourceGroups/rg-contoso", "resourceGroups/RG-Contoso")
    clone.plan(text)

    done = clone.run("foundation")

    assert done.returncode == 0, done.stderr
    assert clone.parameters() == first


def topic(**changes: Any) -> dict[str, Any]:
    """Return a system topic on the account of the records."""
    said = {"id": f"{KEPT}/x/y/z", "name": "theirs", "source": ACCOUNT, "identity": {"principalId": "p"}}
    return {**said, "resourceGroup": "rg-apim-dr-contoso-weu-keep", **changes}


def with_account(clone: Clone, found: dict[str, Any]) -> None:
    """Let the records account be there, made by this environment, with a system topic."""
    clone.example("smallest")
    clone.state["accounts"] = [{"id": ACCOUNT, "name": "contosodrweu"}]
    clone.state["containers"] = ["contosodrweu/apim-dr", "contosodrweu/apim-backups"]
    clone.state["topics"] = [found]


def test_the_topic_that_the_records_have_already_is_used(clone: Clone) -> None:
    """Event Grid allows one for each source; the one that this environment made is made again."""
    with_account(clone, topic())
    clone.run("foundation")
    theirs = clone.parameters()["recordsTopicName"]
    clone.state["topics"] = [topic(name="evgt-contoso-weu-records")]
    clone.run("foundation")

    assert (theirs, clone.parameters()["recordsTopicName"]) == ("theirs", "")


def test_a_standby_in_the_same_region_hears_through_that_topic(clone: Clone) -> None:
    """Its source has the name of the topic that is there."""
    with_account(clone, topic())
    document = clone.example("two-regions")
    standby = document["services"][0]["standby"]
    standby |= {"region": "westeurope"}
    del standby["storage"]
    clone.plan(document)
    clone.state["services"][1]["location"] = "westeurope"

    done = clone.run("foundation")

    assert done.returncode == 0, done.stderr
    (source,) = clone.parameters()["recordSources"]
    assert source["topicName"] == "theirs"


def test_a_topic_on_the_records_that_cannot_deliver_is_named_with_the_command(clone: Clone) -> None:
    """It needs an identity of its own."""
    with_account(clone, topic(identity=None))

    said = refused(clone)

    assert "contosodrweu has a system topic already, theirs" in said
    assert "system-topic update --name theirs" in said and "--identity systemassigned" in said


def test_a_topic_on_the_records_in_another_group_is_named_with_what_to_do(clone: Clone) -> None:
    """A second one would be refused in the middle of the deployment."""
    with_account(clone, topic(resourceGroup="rg-security"))

    said = refused(clone)

    assert "it is in another group (rg-security), where it cannot be used" in said
    assert "az eventgrid system-topic delete --name theirs --resource-group rg-security" in said


def with_key(clone: Clone, **account: Any) -> None:
    """Plan a service that reaches an account of its own with a key."""
    document = clone.example("smallest")
    storage = document["services"][0]["storage"]
    storage |= {"account": "contosoown", "access": {"type": "AccessKey", "keySetting": "BACKUP_KEY"}}
    clone.plan(document)
    own = ACCOUNT.replace("rg-apim-dr-contoso-weu-keep", "rg-storage").replace("contosodrweu", "contosoown")
    clone.state["accounts"] = [{"id": own, "name": "contosoown", **account}]
    clone.state["containers"] = ["contosoown/apim-backups"]


def test_a_key_of_the_plan_needs_a_secret(clone: Clone) -> None:
    """With the command that says where it is."""
    with_key(clone)

    said = refused(clone)

    assert "no secret of a key vault is said for BACKUP_KEY" in said
    assert "azd env set APIM_DR_KEY_SETTINGS 'BACKUP_KEY=https://<vault>/secrets/<name>'" in said


def test_a_secret_for_no_key_is_named_with_the_key_that_has_none(clone: Clone) -> None:
    """A slip in the name shows on both sides."""
    with_key(clone)

    said = refused(clone, APIM_DR_KEY_SETTINGS=f"BACKUP_KYE={SECRET}")

    assert "is said for BACKUP_KEY" in said
    assert "a secret for BACKUP_KYE, and the plan names no such setting" in said


def test_the_right_on_the_secret_is_left_to_do(clone: Clone) -> None:
    """One role, for one identity, on one secret; the services write with the key, and get no role."""
    with_key(clone)

    done = clone.run("foundation", APIM_DR_KEY_SETTINGS=f"BACKUP_KEY={SECRET}")

    said = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stderr
    assert "az role assignment create --role 'Key Vault Secrets User'" in said
    assert "az identity show --name id-contoso-weu" in said
    assert "az keyvault show --name contoso --query id --output tsv)/secrets/backup-key" in said
    assert {one["principalId"] for one in clone.parameters()["containerAccess"]} == {""}


def test_secrets_reach_the_apps_template(clone: Clone) -> None:
    """As they were said."""
    with_key(clone)
    said = {"APIM_DR_KEY_SETTINGS": f"BACKUP_KEY={SECRET}"}
    clone.run("foundation", **said)
    clone.run("parameters", **said)

    assert clone.parameters(template="main")["keySettings"] == said["APIM_DR_KEY_SETTINGS"]


def test_an_account_that_refuses_keys_is_no_account_for_a_key(clone: Clone) -> None:
    """Those that say so, and those that are made here."""
    with_key(clone, allowSharedKeyAccess=False)
    own = refused(clone, APIM_DR_KEY_SETTINGS=f"BACKUP_KEY={SECRET}")
    document = clone.example("smallest")
    document["services"][0]["storage"]["access"] = {"type": "AccessKey", "keySetting": "BACKUP_KEY"}
    clone.plan(document)
    made = refused(clone, APIM_DR_KEY_SETTINGS=f"BACKUP_KEY={SECRET}")

    assert "contosoown with the key in BACKUP_KEY, and this account refuses keys" in own
    assert "contosodrweu with the key in BACKUP_KEY, and this account refuses keys" in made


def sku(name: str, location: str, **changes: Any) -> dict[str, Any]:
    """Return a redundancy as `az storage sku list` shows it."""
    said = {"name": name, "kind": "StorageV2", "resourceType": "storageAccounts", "locations": [location]}
    return {**said, "restrictions": [], **changes}


def test_a_region_without_zones_is_refused_with_what_it_has(clone: Clone) -> None:
    """In another region, of another kind, or held back from this subscription does not count."""
    clone.example("smallest")
    clone.state["skus"] = [
        sku("Standard_LRS", "WestEurope"),
        sku("Standard_GRS", "westeurope"),
        sku("Standard_ZRS", "northeurope"),
        sku("Standard_ZRS", "westeurope", kind="FileStorage"),
        sku("Standard_ZRS", "westeurope", restrictions=[{"reasonCode": "NotAvailableForSubscription"}]),
    ]

    said = refused(clone)
    done = clone.run("foundation", APIM_DR_STORAGE_SKU="Standard_LRS")

    assert "there are Standard_GRS, Standard_LRS: azd env set APIM_DR_STORAGE_SKU Standard_LRS" in said
    assert done.returncode == 0, done.stderr


def test_an_az_that_cannot_list_redundancies_stops_nothing(clone: Clone) -> None:
    """Azure itself refuses what it does not have."""
    clone.example("smallest")
    fault = "ERROR: 'sku' is misspelled or not recognized by the system."
    clone.state["faults"] = [{"command": "az storage sku list", "stderr": fault, "exit": 2}]

    assert clone.run("foundation").returncode == 0


def test_a_network_needs_its_provider(clone: Clone) -> None:
    """With the command; without a network nobody asks."""
    clone.example("smallest")
    said = refused(clone, APIM_DR_VNET_PREFIX="10.20.0.0/24")
    clone.state["providers"] = {"Microsoft.App": "Registered"}
    done = clone.run("foundation", APIM_DR_VNET_PREFIX="10.20.0.0/24")

    assert "az provider register --namespace Microsoft.App" in said
    assert done.returncode == 0, done.stderr


def test_a_very_large_plan_is_warned_of(clone: Clone) -> None:
    """Its size stands in the list in any case."""
    document = clone.example("smallest")
    small = clone.run("foundation").stdout
    (first,) = document["services"]
    names = [f"contoso-{number}" for number in range(120)]
    document["services"] = [
        {**first, "name": name, "resourceId": first["resourceId"].replace("/contoso-weu", f"/{name}")}
        for name in names
    ]
    clone.plan(document)
    clone.state["services"] = [service(name, "West Europe", group="rg-contoso-weu") for name in names]

    large = clone.run("foundation")

    assert "kB as the app's setting DR_PLAN" in small
    assert "  ! " not in small
    assert large.returncode == 0, large.stderr
    assert "nobody has tried one above 32 kB" in " ".join(large.stdout.split())
