"""What backups hold, what restores do, and how both fail, against a real Azurite."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest


def _content(container: Any, blob: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(container.download_blob(blob).readall()))
    return found


def _add_named_value(simulator: Any, service: Any, name: str, value: str, *, secret: bool = False) -> None:
    body = {"properties": {"displayName": name, "value": value, "secret": secret}}
    assert simulator.call("PUT", f"{service.path}/namedValues/{name}", body).status_code == 201


def _names(simulator: Any, service: Any, collection: str) -> list[str]:
    return [one["name"] for one in simulator.call("GET", f"{service.path}/{collection}").json()["value"]]


def test_backup_writes_a_blob_that_holds_the_entities(simulator: Any, service: Any, container: Any) -> None:
    """Users, subscriptions, groups and named values are in the backup, secrets included."""
    _add_named_value(simulator, service, "token", "s3cret", secret=True)
    simulator.run("backup", service)

    content = _content(container, service.blob)
    by_path = {one["path"]: one["properties"] for one in content["entities"]}
    assert {"users/1", "subscriptions/master", "groups/administrators", "namedValues/token"} <= by_path.keys()
    assert by_path["namedValues/token"]["value"] == "s3cret"
    assert (content["sku"], content["serviceId"]) == ("Developer", service.path)


def test_backup_leaves_out_what_backups_are_documented_to_leave_out(simulator: Any, container: Any) -> None:
    """Host names, certificates, network, identity, cipher settings and diagnostics are not in the blob."""
    custom = {
        "publisherEmail": "owner@contoso.example",
        "publisherName": "Contoso",
        "hostnameConfigurations": [{"type": "Proxy", "hostName": "api.contoso.example"}],
        "virtualNetworkConfiguration": {"subnetResourceId": "/subnet-of-the-service"},
        "customProperties": {"Ciphers.Marker": "false"},
    }
    service = simulator.new_service(properties=custom)
    certificate = {"properties": {"data": "bm90IGEgY2VydGlmaWNhdGU=", "password": "x"}}
    simulator.call("PUT", f"{service.path}/certificates/client", certificate)
    simulator.call(
        "PUT", f"{service.path}/diagnostics/azuremonitor", {"properties": {"loggerId": "/loggers/x"}}
    )
    simulator.run("backup", service)

    text = gzip.decompress(container.download_blob(service.blob).readall()).decode()
    for absent in (
        "api.contoso",
        "subnet-of",
        "Ciphers.Marker",
        "certificates/",
        "diagnostics/",
        "principalId",
    ):
        assert absent not in text
    assert "groups/administrators" in text


def test_backup_is_dated_at_its_start(start_simulator: Any, container: Any) -> None:
    """The 30 days count from the start of the operation, not from its end."""
    own = start_simulator()
    service = own.new_service()
    own.scene("progression", operation="backup", seconds=5 * 3600, service=service.path)
    own.call("POST", f"{service.path}/backup", service.backup_body())
    own.scene("clock", advanceSeconds=5 * 3600)

    started = own.control("GET", "state").json()["operations"][0]["startedAt"]
    assert _content(container, service.blob)["createdAt"] == started


def test_backup_creates_a_missing_container(simulator: Any, service: Any, blobs: Any) -> None:
    """A container that is not there is made by the backup."""
    name = f"made-for-{service.name}"
    simulator.run("backup", service, containerName=name)

    assert [one.name for one in blobs.get_container_client(name).list_blobs()] == [service.blob]


def test_backup_blob_is_not_there_before_the_end(simulator: Any, service: Any, container: Any) -> None:
    """A running backup has written nothing yet."""
    simulator.scene("progression", operation="backup", polls=1, service=service.path)
    accepted = simulator.call("POST", f"{service.path}/backup", service.backup_body())
    simulator.call("GET", accepted.headers["Location"])
    while_running = container.get_blob_client(service.blob).exists()
    simulator.call("GET", accepted.headers["Location"])

    assert (while_running, container.get_blob_client(service.blob).exists()) == (False, True)


def test_backup_of_the_same_name_replaces_the_blob(simulator: Any, service: Any, container: Any) -> None:
    """The last backup of a name is the one that is there."""
    simulator.run("backup", service)
    _add_named_value(simulator, service, "second", "2")
    simulator.run("backup", service)

    paths = {one["path"] for one in _content(container, service.blob)["entities"]}
    assert "namedValues/second" in paths


def test_wrong_account_key_fails_for_storage_s_own_reason(
    simulator: Any, service: Any, container: Any
) -> None:
    """
    The POST ends 400 with the status and code with which the storage emulator refused, and nothing starts.
    """
    wrong = base64.b64encode(b"not the key").decode()
    answer = simulator.call(
        "POST", f"{service.path}/backup", service.backup_body(accessType="AccessKey", accessKey=wrong)
    )

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "BadRequest")
    assert "storage account 'drprimary' refused access: 4" in error["message"]
    assert wrong not in answer.text
    assert simulator.call("GET", service.path).json()["properties"]["provisioningState"] == "Succeeded"
    assert not container.get_blob_client(service.blob).exists()


def test_unknown_storage_account_is_refused(simulator: Any, service: Any) -> None:
    """An account that the emulator does not have is refused by the POST."""
    answer = simulator.call("POST", f"{service.path}/backup", service.backup_body(storageAccount="nobody"))

    assert answer.status_code == 400
    assert "storage account 'nobody' refused access" in answer.json()["error"]["message"]


def test_storage_that_is_not_there_is_refused(start_simulator: Any) -> None:
    """Without storage behind it a backup cannot start, and the answer says what is wrong."""
    own = start_simulator(blobs="https://127.0.0.1:1/{account}")
    service = own.new_service()
    answer = own.call("POST", f"{service.path}/backup", service.backup_body())

    assert answer.status_code == 400
    assert "refused access: ServiceRequestError" in answer.json()["error"]["message"]


def test_system_assigned_identity_must_be_enabled(simulator: Any) -> None:
    """A service without that identity cannot use it."""
    service = simulator.new_service(identity={"type": "None"})
    answer = simulator.call("POST", f"{service.path}/backup", service.backup_body())

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidOperation")


IDENTITY = (
    "/subscriptions/s/resourceGroups/RG/providers/Microsoft.ManagedIdentity/userAssignedIdentities/backup"
)


def test_user_assigned_identity_is_named_by_its_client_id(simulator: Any, container: Any) -> None:
    """The client id that the service shows opens storage."""
    service = simulator.new_service(
        identity={"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {IDENTITY: {}}}
    )
    shown = simulator.call("GET", service.path).json()["identity"]["userAssignedIdentities"]
    (resource_id, identity), *_ = shown.items()
    final = simulator.run(
        "backup", service, accessType="UserAssignedManagedIdentity", clientId=identity["clientId"]
    )

    assert final.status_code == 200
    assert container.get_blob_client(service.blob).exists()
    assert "/resourcegroups/RG/" in resource_id


@pytest.mark.parametrize("wrong", ["principalId", "unknown"])
def test_user_assigned_identity_is_not_named_by_anything_else(simulator: Any, wrong: str) -> None:
    """A principal id, or a client id of another identity, is refused."""
    service = simulator.new_service(
        identity={"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}}
    )
    shown = simulator.call("GET", service.path).json()["identity"]["userAssignedIdentities"]
    client_id = next(iter(shown.values())).get(wrong, "6c1f3b1e-0000-0000-0000-000000000000")
    body = service.backup_body(accessType="UserAssignedManagedIdentity", clientId=client_id)
    answer = simulator.call("POST", f"{service.path}/backup", body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidOperation")


def test_restore_replaces_the_entities_of_another_service(simulator: Any, service: Any) -> None:
    """After a restore the target has the source's entities and none of its own."""
    _add_named_value(simulator, service, "from-source", "1")
    simulator.run("backup", service)
    target = simulator.new_service()
    _add_named_value(simulator, target, "from-target", "2")
    final = simulator.run("restore", target, backupName=service.blob)

    assert final.status_code == 200
    assert _names(simulator, target, "namedValues") == ["from-source"]
    assert final.json()["id"] == target.path


def test_restored_entities_have_ids_of_the_target(simulator: Any, service: Any) -> None:
    """Ids and references that a backup brings along point into the target."""
    simulator.run("backup", service)
    target = simulator.new_service()
    simulator.run("restore", target, backupName=service.blob)

    master = simulator.call("GET", f"{target.path}/subscriptions/master").json()
    assert master["id"] == f"{target.path}/subscriptions/master"
    assert master["properties"]["scope"] == f"{target.path}/"


def test_restore_brings_secrets_and_keys_back(simulator: Any, service: Any) -> None:
    """The target answers with the source's secret and subscription keys."""
    _add_named_value(simulator, service, "token", "s3cret", secret=True)
    simulator.run("backup", service)
    target = simulator.new_service()
    simulator.run("restore", target, backupName=service.blob)

    keys = [
        simulator.call("POST", f"{one.path}/subscriptions/master/listSecrets").json()
        for one in (service, target)
    ]
    value = simulator.call("POST", f"{target.path}/namedValues/token/listValue").json()
    assert value == {"value": "s3cret"}
    assert keys[0] == keys[1]


def test_restore_leaves_the_target_s_own_settings_alone(simulator: Any, service: Any) -> None:
    """Host names, identity, tags, publisher and diagnostics of the target are what they were."""
    simulator.run("backup", service)
    own = {
        "publisherEmail": "standby@contoso.example",
        "publisherName": "Standby",
        "hostnameConfigurations": [{"type": "Proxy", "hostName": "api.contoso.example"}],
    }
    target = simulator.new_service(properties=own, tags={"role": "standby"})
    simulator.call("PUT", f"{target.path}/diagnostics/azuremonitor", {"properties": {"verbosity": "error"}})
    before = simulator.call("GET", target.path).json()
    simulator.run("restore", target, backupName=service.blob)

    after = simulator.call("GET", target.path).json()
    before.pop("etag")
    after.pop("etag")
    assert before == after
    assert _names(simulator, target, "diagnostics") == ["azuremonitor"]


def test_edits_during_a_restore_are_overwritten(simulator: Any, service: Any) -> None:
    """What is changed on the target while the restore runs is gone afterwards."""
    simulator.run("backup", service)
    simulator.scene("progression", operation="restore", polls=1, service=service.path)
    accepted = simulator.call("POST", f"{service.path}/restore", service.backup_body())
    _add_named_value(simulator, service, "meanwhile", "1")
    for _ in range(2):
        simulator.call("GET", accepted.headers["Location"])

    assert _names(simulator, service, "namedValues") == []


def _failed_restore(simulator: Any, target: Any, **changes: Any) -> str:
    """Run a restore that must fail as documented, leaving the target as it was; return the message."""
    _add_named_value(simulator, target, "before", "1")
    answer = simulator.run("restore", target, **changes)
    error = answer.json()["error"]
    assert (
        answer.status_code,
        error["code"],
        error["details"],
        error["innerError"],
    ) == (400, "RestoreFailed", None, None)
    assert simulator.call("GET", target.path).json()["properties"]["provisioningState"] == "Succeeded"
    assert _names(simulator, target, "namedValues") == ["before"]
    return str(error["message"])


def test_restore_onto_another_tier_fails_with_the_known_words(simulator: Any, service: Any) -> None:
    """The poll ends 400 RestoreFailed and names both tiers; the target keeps its entities."""
    simulator.run("backup", service)
    target = simulator.new_service(tier="Standard")
    message = _failed_restore(simulator, target, backupName=service.blob)

    assert message == "Cannot restore: current SKU is 'Standard', backup SKU is 'Developer'"


@pytest.mark.parametrize(("days", "is_expired"), [(29, False), (31, True)])
def test_backup_expires_after_30_days(start_simulator: Any, days: int, is_expired: bool) -> None:
    """A backup of 29 days can be restored, one of 31 days ends as expired."""
    own = start_simulator()
    service = own.new_service()
    own.run("backup", service)
    own.scene("clock", advanceSeconds=days * 86_400)

    if is_expired:
        assert _failed_restore(own, service) == "Cannot restore: backup expired"
    else:
        assert own.run("restore", service).status_code == 200


def test_copy_of_a_backup_does_not_renew_it(start_simulator: Any, container: Any) -> None:
    """The age is in the blob, so a fresh copy of an old backup is expired too."""
    own = start_simulator()
    service = own.new_service()
    own.run("backup", service)
    own.scene("clock", advanceSeconds=31 * 86_400)
    container.upload_blob("renewed", container.download_blob(service.blob).readall(), overwrite=True)

    assert _failed_restore(own, service, backupName="renewed") == "Cannot restore: backup expired"


@pytest.mark.parametrize("container_name", ["apim-backups", "no-such-container"])
def test_restore_of_a_missing_blob_fails(simulator: Any, service: Any, container_name: str) -> None:
    """A blob or a container that is not there ends the operation, not the POST."""
    message = _failed_restore(simulator, service, containerName=container_name, backupName="not-there")

    assert message == (f"Cannot restore: blob 'not-there' was not found in container '{container_name}'")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a backup",
        gzip.compress(b"{"),
        gzip.compress(b"[]"),
        gzip.compress(b'{"format": "other/9"}'),
        gzip.compress(b'{"format": "apim-dr-simulator/1"}'),
    ],
    ids=["empty", "text", "broken", "list", "other-format", "fields-missing"],
)
def test_restore_of_an_unreadable_blob_fails(
    simulator: Any, service: Any, container: Any, content: bytes
) -> None:
    """Whatever is not a backup ends as RestoreFailed."""
    container.upload_blob(service.blob, content, overwrite=True)
    message = _failed_restore(simulator, service)

    assert message.startswith("Cannot restore: the ")


def test_restore_of_a_cut_backup_fails(simulator: Any, service: Any, container: Any) -> None:
    """A blob that lost its end is unreadable."""
    simulator.run("backup", service)
    content = container.download_blob(service.blob).readall()
    container.upload_blob(service.blob, content[:-20], overwrite=True)

    assert _failed_restore(simulator, service) == "Cannot restore: the blob is not a readable backup"


def test_failed_operation_answers_the_same_again(simulator: Any, service: Any) -> None:
    """The verdict stays readable."""
    accepted = simulator.call("POST", f"{service.path}/restore", service.backup_body(backupName="not-there"))
    answers = [simulator.call("GET", accepted.headers["Location"]) for _ in range(2)]

    assert [one.status_code for one in answers] == [400, 400]
    assert answers[0].content == answers[1].content


def test_service_can_be_backed_up_again_after_a_failure(simulator: Any, service: Any) -> None:
    """A failed operation locks nothing."""
    simulator.run("restore", service, backupName="not-there")

    assert simulator.run("backup", service).status_code == 200


def test_backup_that_loses_its_container_fails_on_the_poll(simulator: Any, service: Any, blobs: Any) -> None:
    """Storage that goes away while the backup runs ends the operation as failed."""
    name = f"vanishing-{service.name}"
    simulator.scene("progression", operation="backup", polls=1, service=service.path)
    body = service.backup_body(containerName=name)
    accepted = simulator.call("POST", f"{service.path}/backup", body)
    blobs.delete_container(name)
    simulator.call("GET", accepted.headers["Location"])
    answer = simulator.call("GET", accepted.headers["Location"])

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BackupFailed")
    assert "ContainerNotFound" in answer.json()["error"]["message"]
