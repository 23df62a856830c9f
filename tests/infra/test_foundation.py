"""What the foundation would make of an example: what it deletes, whose events it hears of, who is let in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bicep
import deploying
import pytest
from bicep_functions import NotWorkedOut

from shared.core import layout
from shared.core.change_events import ARM
from shared.core.events import BLOB_CREATED
from shared.settings import CHANGES_QUEUE, QUEUE

ROOT = Path(__file__).resolve().parents[2]
HERE = "00000000-0000-0000-0000-0000000000aa"
OTHER = "00000000-0000-0000-0000-0000000000bb"
EXAMPLE: dict[str, Any] = {
    "environmentName": "contoso-weu",
    "location": "westeurope",
    "recordsAccount": "contosodrweu",
    "createRecordsAccount": True,
    "backupContainers": ["apim-backups", "apim-copies"],
    "immutabilityDays": 5,
    "recordSources": [
        {
            "subscriptionId": OTHER,
            "resourceGroup": "rg-apim-dr-contoso-neu-keep",
            "topicName": "evgt-contoso-neu-records",
            "container": "apim-dr",
        }
    ],
    "changeSources": [
        {"subscriptionId": OTHER, "resourceGroup": "rg-contoso", "topicName": ""},
        {"subscriptionId": OTHER, "resourceGroup": "rg-adatum", "topicName": "theirs"},
    ],
    "vnetAddressPrefix": "10.20.0.0/24",
}


def deployed(**changes: Any) -> deploying.Deployment:
    """Return what the foundation would make of the example."""
    top = ROOT / "infra/foundation.bicep"
    return deploying.deploy(bicep.read(ROOT), top, {**EXAMPLE, **changes})


def of(deployment: deploying.Deployment, kind: str) -> list[deploying.Deployed]:
    """Return the resources of a type, which may leave out `Microsoft.Storage/storageAccounts`."""
    return deployment.of(
        kind if kind.startswith("Microsoft.") else f"Microsoft.Storage/storageAccounts/{kind}"
    )


def rules(deployment: deploying.Deployment) -> list[dict[str, Any]]:
    """Return the definitions of the lifecycle rules."""
    (policy,) = of(deployment, "managementPolicies")
    return [rule["definition"] for rule in policy.get("properties", "policy", "rules")]


def test_current_blobs_go_only_where_nothing_depends_on_them():
    """A rule that deletes a current blob is bound to the notes of rebuilds and dry runs, in one container."""
    concerned = [
        rule["filters"]["prefixMatch"] for rule in rules(deployed()) if "baseBlob" in rule["actions"]
    ]

    assert concerned == [[f"apim-dr/{layout.REBUILDS}", f"apim-dr/{layout.DRY_RUNS}"]]


def test_no_rule_moves_a_blob_to_another_tier():
    """A backup in the archive cannot be restored."""
    actions = [rule["actions"] for rule in rules(deployed())]

    assert [list(kind) for rule in actions for kind in rule.values()] == [["delete"], ["delete"]]


def test_old_versions_go_by_their_own_age():
    """Everywhere, and by no condition that a current blob could meet."""
    (versions,) = [rule for rule in rules(deployed(versionDays=90)) if "version" in rule["actions"]]

    assert versions["actions"] == {"version": {"delete": {"daysAfterCreationGreaterThan": 90}}}
    assert "prefixMatch" not in versions["filters"]


def test_what_is_deleted_can_be_brought_back():
    """Versioning, and soft delete of blobs and containers, for as long as was said; and no CORS."""
    services = [one for one in of(deployed(softDeleteDays=45), "blobServices") if "contosodrweu" in one.id]
    (blobs,) = [one.body["properties"] for one in services]

    assert blobs["isVersioningEnabled"] is True
    assert blobs["deleteRetentionPolicy"] == {"enabled": True, "days": 45}
    assert blobs["containerDeleteRetentionPolicy"] == {"enabled": True, "days": 45}
    assert blobs["cors"] == {"corsRules": []}


def test_immutability_concerns_the_containers_of_backups_only():
    """Records are written anew; and without days there is no policy at all."""
    policies = of(deployed(), "blobServices/containers/immutabilityPolicies")

    assert [one.id.split("/containers/")[1].split("/")[0] for one in policies] == EXAMPLE["backupContainers"]
    assert {one.get("properties", "immutabilityPeriodSinceCreationInDays") for one in policies} == {5}
    assert of(deployed(immutabilityDays=0), "blobServices/containers/immutabilityPolicies") == []


def subscriptions(deployment: deploying.Deployment) -> dict[str, dict[str, Any]]:
    """Return the event subscriptions by the name of their topics."""
    found = of(deployment, "Microsoft.EventGrid/systemTopics/eventSubscriptions")
    return {one.id.split("/systemTopics/")[1].split("/")[0]: one.body["properties"] for one in found}


def queue_of(subscription: dict[str, Any]) -> str:
    """Return where a subscription delivers to."""
    return subscription["deliveryWithResourceIdentity"]["destination"]["properties"]["queueName"]


def test_the_record_of_a_restore_point_is_heard_of_and_no_other_blob():
    """In another region's records, whose standbys are here; nothing else of that container is heard of."""
    heard = subscriptions(deployed())
    found = heard["evgt-contoso-neu-records"]
    assert "evgt-contoso-weu-records" not in heard  # the other region's app hears of the own records
    begins = found["filter"]["subjectBeginsWith"]
    key = layout.restore_point_key("contoso", "contoso_20261123T020000Z.apimbackup")
    prefix = "/blobServices/default/containers/apim-dr/blobs/"

    assert f"{prefix}{key}".startswith(begins)
    others = [value for value in vars(layout).values() if isinstance(value, str) and value.endswith("/")]
    assert [one for one in others if f"{prefix}{one}".startswith(begins)] == [layout.RESTORE_POINTS]
    assert [one.lower() for one in found["filter"]["includedEventTypes"]] == [BLOB_CREATED]
    assert queue_of(found) == QUEUE


def test_changes_of_services_are_heard_of_from_a_new_topic_and_from_one_that_is_there():
    """Each in the group that it is about; only what lies under a service."""
    found = subscriptions(deployed())
    places = {"evgt-contoso-weu-changes": "rg-contoso", "theirs": "rg-adatum"}

    for topic, group in places.items():
        begins = found[topic]["filter"]["subjectBeginsWith"]
        start = f"/subscriptions/{OTHER}/resourceGroups/{group}/providers/Microsoft.ApiManagement/service/"
        assert begins == start
        assert found[topic]["filter"]["isSubjectCaseSensitive"] is False
        assert {one.lower() for one in found[topic]["filter"]["includedEventTypes"]} == ARM
        assert queue_of(found[topic]) == CHANGES_QUEUE


def test_a_topic_that_is_there_is_not_written():
    """Two topics are made: of the records, and of the group that has none."""
    made = of(deployed(), "Microsoft.EventGrid/systemTopics")

    assert {one.name for one in made} == {"evgt-contoso-weu-records", "evgt-contoso-weu-changes"}
    assert {one.get("identity", "type") for one in made} == {"SystemAssigned"}


def test_a_topic_that_the_records_account_has_is_not_written():
    """Azure allows one for each account, and somebody else may have made it."""
    made = of(deployed(recordsTopicName="theirs-too"), "Microsoft.EventGrid/systemTopics")

    assert {one.name for one in made} == {"evgt-contoso-weu-changes"}


def test_two_environments_of_one_name_deploy_side_by_side_in_one_scope():
    """A subscription's deployment is bound to its region: one of that name elsewhere is refused."""
    rights = {
        "roleSubscriptions": [OTHER],
        "discoverySubscriptions": [{"subscriptionId": OTHER, "roles": ["backupOperator"]}],
    }
    names = [
        {one.name for one in deployed(location=place, **rights).modules if OTHER in one.scope}
        for place in ("westeurope", "northeurope")
    ]

    assert len(names[0]) == len(names[1]) > len(rights)
    assert names[0].isdisjoint(names[1])


def test_access_to_a_container_is_one_of_two_words():
    """Any other has no role, and the deployment ends there."""
    place = {"subscriptionId": OTHER, "resourceGroup": "rg", "account": "abc", "container": "apim-dr"}
    with pytest.raises(NotWorkedOut, match="there is no owner"):
        deployed(containerAccess=[{**place, "principalId": "", "role": "owner"}])


def test_events_are_delivered_and_dead_lettered_by_identity():
    """Never with a key, and in the schema that host.json and the readers expect."""
    for found in subscriptions(deployed()).values():
        assert found["deliveryWithResourceIdentity"]["identity"] == {"type": "SystemAssigned"}
        assert found["deadLetterWithResourceIdentity"]["identity"] == {"type": "SystemAssigned"}
        assert not {"destination", "deadLetterDestination"} & found.keys()
        assert found["eventDeliverySchema"] == "EventGridSchema"
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    assert host["extensions"]["queues"]["messageEncoding"] == "base64"


@pytest.mark.parametrize(("prefix", "action"), [("", "Allow"), ("10.20.0.0/24", "Deny")])
def test_a_network_closes_storage_to_all_but_private_endpoints_and_trusted_services(prefix, action):
    """Public network access stays enabled: API Management and Event Grid come as trusted services."""
    deployment = deployed(vnetAddressPrefix=prefix)

    for account in of(deployment, "Microsoft.Storage/storageAccounts"):
        settings = account.body["properties"]
        assert settings["networkAcls"] == {"bypass": "AzureServices", "defaultAction": action}
        assert settings["publicNetworkAccess"] == "Enabled"
        assert settings["allowSharedKeyAccess"] is False
        assert settings["allowBlobPublicAccess"] is False
    endpoints = {one.name for one in of(deployment, "Microsoft.Network/privateEndpoints")}
    assert {name.rsplit("-", 1)[1] for name in endpoints} == ({"blob", "queue", "table"} if prefix else set())
    assert len(endpoints) == (4 if prefix else 0)


def test_an_account_that_exists_is_not_touched():
    """No account, container, rule or topic of it; rights only."""
    deployment = deployed(createRecordsAccount=False)

    assert [one.id for one in deployment.resources if "contosodrweu" in one.id] == []
    assert "evgt-contoso-weu-records" not in subscriptions(deployment)


def test_azd_does_not_take_the_kept_group_for_its_own():
    """The tag by which azd finds its groups is not on it."""
    (group,) = of(deployed(), "Microsoft.Resources/resourceGroups")

    assert group.name == "rg-apim-dr-contoso-weu-keep"
    assert group.body["tags"] == {"apim-dr-env": "contoso-weu", "apim-dr-region": "westeurope"}


def test_nothing_but_rights_and_topics_lies_outside_of_the_kept_group():
    """What is in groups of others is small, and named in docs/rights.md."""
    kept = f"/subscriptions/{HERE}/resourceGroups/rg-apim-dr-contoso-weu-keep"
    outside = {one.type for one in deployed().resources if not one.id.startswith(kept)}

    assert outside <= {
        "Microsoft.Authorization/roleAssignments",
        "Microsoft.Authorization/roleDefinitions",
        "Microsoft.EventGrid/systemTopics",
        "Microsoft.EventGrid/systemTopics/eventSubscriptions",
    }
