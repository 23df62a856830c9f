"""What the hook finds in Azure: accounts, services, identities, topics; and what it makes of each."""

from __future__ import annotations

from tests.deploy.conftest import SUBSCRIPTION, Clone, service


def test_an_account_elsewhere_is_used_and_not_made(clone: Clone) -> None:
    """Its containers have to be there, and its settings stay as they are."""
    clone.example("smallest")
    clone.state["accounts"] = [
        {
            "id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-storage/providers/Microsoft.Storage"
            "/storageAccounts/contosodrweu",
            "name": "contosodrweu",
        }
    ]

    missing = clone.run("foundation")
    clone.state["containers"] = ["contosodrweu/apim-dr", "contosodrweu/apim-backups"]
    done = clone.run("foundation")

    assert missing.returncode == 1
    assert missing.stderr.count("az storage container-rm create --storage-account contosodrweu") == 2
    assert done.returncode == 0, done.stderr
    parameters = clone.parameters()
    assert (parameters["createRecordsAccount"], parameters["backupContainers"]) == (False, [])
    assert {one["resourceGroup"] for one in parameters["containerAccess"]} == {"rg-storage"}
    assert "its settings stay as they are" in done.stdout


def test_a_name_that_somebody_else_has_is_refused_before_anything_is_made(clone: Clone) -> None:
    """Names of accounts are worldwide."""
    clone.example("smallest")
    clone.state["taken"] = ["contosodrweu"]

    done = clone.run("foundation")

    assert done.returncode == 1
    assert "its name is taken" in done.stderr
    assert clone.made() == []


def test_a_service_without_identity_is_left_to_do_with_its_command(clone: Clone) -> None:
    """Everything else is deployed."""
    clone.example("smallest")
    clone.state["services"][0]["identity"] = None

    done = clone.run("foundation")

    assert done.returncode == 0
    assert "Left to do (1):" in done.stdout
    assert "contoso-weu has no system-assigned identity" in done.stdout
    assert '"SystemAssigned"' in done.stdout
    assert {one["principalId"] for one in clone.parameters()["containerAccess"]} == {""}


def test_a_service_that_cannot_be_backed_up_stops_everything_with_every_fault(clone: Clone) -> None:
    """Tier and region are named together."""
    clone.example("smallest")
    clone.state["services"] = [service("contoso-weu", "North Europe", group="rg-contoso-weu", tier="BasicV2")]

    done = clone.run("foundation")

    assert done.returncode == 1
    assert "tier BasicV2 has no backup and restore" in done.stderr
    assert "contoso-weu is in northeurope, and not in westeurope" in done.stderr
    assert clone.made() == []


def test_a_service_that_is_not_there_stops_everything(clone: Clone) -> None:
    """With its id."""
    document = clone.example("smallest")
    clone.state["services"] = []

    done = clone.run("foundation")

    assert done.returncode == 1
    assert document["services"][0]["resourceId"] in done.stderr
    assert clone.made() == []


def test_a_plan_for_another_cloud_is_refused(clone: Clone) -> None:
    """Whoever is signed in to US Government cannot deploy a public plan."""
    clone.example("smallest")
    clone.state["cloud"] = "AzureUSGovernment"

    done = clone.run("foundation")

    assert done.returncode == 1
    assert "the plan is for the cloud 'public', and az is signed in to 'usgovernment'" in done.stderr


def test_the_existing_topic_of_a_group_is_used(clone: Clone) -> None:
    """Event Grid allows one for each source; the one that this environment made counts as none."""
    document = clone.example("smallest")
    document["services"][0]["afterChanges"] = {}
    clone.plan(document)
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-contoso-weu"
    topic = {"id": f"{group}/x/y/z", "name": "theirs", "source": group, "resourceGroup": "rg-contoso-weu"}

    clone.state["topics"] = [topic]
    without_identity = clone.run("foundation")
    clone.state["topics"] = [{**topic, "identity": {"principalId": "p"}}]
    clone.run("foundation")
    (theirs,) = clone.parameters()["changeSources"]
    clone.state["topics"] = [{**topic, "name": "evgt-contoso-weu-changes"}]
    clone.run("foundation")
    (ours,) = clone.parameters()["changeSources"]

    assert "--identity systemassigned" in without_identity.stderr
    assert (theirs["topicName"], ours["topicName"]) == ("theirs", "")


def test_a_policy_that_would_stop_pruning_is_refused(clone: Clone) -> None:
    """Days of immutability beyond what retention keeps."""
    document = clone.example("smallest")
    document["services"][0]["retention"] = {"keepWithinDays": 14}
    clone.plan(document)

    done = clone.run("foundation", APIM_DR_IMMUTABILITY_DAYS="30")

    assert done.returncode == 1
    assert "APIM_DR_IMMUTABILITY_DAYS is 30" in done.stderr
    assert "contoso (14, in apim-backups)" in done.stderr


def test_a_policy_on_copies_is_judged_by_the_retention_of_their_service(clone: Clone) -> None:
    """The standby's account holds the copies, and its app prunes them by the same rules."""
    document = clone.example("two-regions")
    document["services"][0]["retention"] = {"keepWithinDays": 14}
    clone.plan(document)
    place = {"AZURE_ENV_NAME": "contoso-neu", "AZURE_LOCATION": "northeurope"}

    done = clone.run("foundation", **place, APIM_DR_IMMUTABILITY_DAYS="30")

    assert done.returncode == 1
    assert "(14, in apim-copies)" in done.stderr


def test_a_policy_is_judged_by_the_defaults_where_services_are_found_by_tags(clone: Clone) -> None:
    """Those that will have the tags some day are pruned as well."""
    document = clone.example("discover")
    document["discover"]["subscriptions"] = [SUBSCRIPTION]
    document["defaults"]["retention"] = {"keepWithinDays": 7}
    clone.plan(document)

    done = clone.run("foundation", APIM_DR_IMMUTABILITY_DAYS="8")

    assert "whatever has the plan's tags (7, in " in done.stderr


def test_discovered_services_get_their_container(clone: Clone) -> None:
    """Those that have the tags today; the subscription is granted for those of tomorrow."""
    document = clone.example("discover")
    document["discover"]["subscriptions"] = [SUBSCRIPTION]
    clone.plan(document)
    clone.state["services"][0]["tags"] = {"apim-dr": "nightly"}

    done = clone.run("foundation")

    assert done.returncode == 0, done.stderr
    parameters = clone.parameters()
    assert parameters["serviceAccess"] == []
    assert [one["subscriptionId"] for one in parameters["discoverySubscriptions"]] == [SUBSCRIPTION]
    backups = [one["principalId"] for one in parameters["containerAccess"] if one["container"] != "apim-dr"]
    assert backups == ["", "principal-of-contoso-weu"]
    assert parameters["changeSources"][0]["resourceGroup"] == "rg-contoso-weu"
