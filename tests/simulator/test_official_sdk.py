"""The official SDK, unmodified, over https with a managed identity, and plain curl."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.identity import ManagedIdentityCredential
from azure.mgmt.apimanagement import ApiManagementClient, models

SYSTEM_ASSIGNED = "SystemAssignedManagedIdentity"


@pytest.fixture
def sdk(simulator: Any, service: Any, monkeypatch: pytest.MonkeyPatch) -> ApiManagementClient:
    """Return the SDK's client as an app with a managed identity would make it."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", simulator.identity_endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", simulator.identity_header)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", simulator.ca)
    return ApiManagementClient(
        ManagedIdentityCredential(),
        service.path.split("/")[2],
        base_url=simulator.https,
        credential_scopes=[f"{simulator.https}/.default"],
    )


def _parameters(blob: str, **changes: Any) -> models.ApiManagementServiceBackupRestoreParameters:
    given = {"access_type": SYSTEM_ASSIGNED, **changes}
    return models.ApiManagementServiceBackupRestoreParameters(
        storage_account="drprimary", container_name="apim-backups", backup_name=blob, **given
    )


def test_sdk_backs_up_and_restores(
    sdk: ApiManagementClient, simulator: Any, service: Any, container: Any
) -> None:
    """begin_backup writes the blob, begin_restore onto another service brings its APIs."""
    api = models.ApiCreateOrUpdateParameter(path="orders", display_name="Orders", protocols=["https"])
    sdk.api.begin_create_or_update(service.group, service.name, "orders", api).result()
    operations = sdk.api_management_service
    backed_up = operations.begin_backup(service.group, service.name, _parameters(service.blob)).result()
    size = container.get_blob_client(service.blob).get_blob_properties().size
    target = simulator.new_service()
    restored = operations.begin_restore(target.group, target.name, _parameters(service.blob)).result()

    assert (backed_up.name, backed_up.provisioning_state, backed_up.target_provisioning_state) == (
        service.name,
        "Succeeded",
        "",
    )
    assert size > 0
    assert restored.name == target.name
    assert [one.name for one in sdk.api.list_by_service(target.group, target.name)] == ["orders"]


def test_sdk_backs_up_with_an_account_key(
    sdk: ApiManagementClient, service: Any, container: Any, account_key: str
) -> None:
    """The key form works as well."""
    parameters = _parameters(service.blob, access_type="AccessKey", access_key=account_key)
    sdk.api_management_service.begin_backup(service.group, service.name, parameters).result()

    assert container.get_blob_client(service.blob).exists()


def test_sdk_polls_until_the_end(sdk: ApiManagementClient, simulator: Any, service: Any) -> None:
    """An operation of three polls is polled four times by the SDK."""
    simulator.scene("progression", operation="backup", polls=3, retryAfter="0.01", service=service.path)
    sdk.api_management_service.begin_backup(service.group, service.name, _parameters(service.blob)).result()

    counts = simulator.control("GET", "counts", service=service.path).json()
    assert (counts["POST backup"], counts["GET operationresults"]) == (1, 4)


def test_sdk_reports_a_failed_restore_with_its_code(
    sdk: ApiManagementClient, simulator: Any, service: Any
) -> None:
    """The 400 of the last poll arrives as RestoreFailed."""
    sdk.api_management_service.begin_backup(service.group, service.name, _parameters(service.blob)).result()
    target = simulator.new_service(tier="Premium")
    poller = sdk.api_management_service.begin_restore(target.group, target.name, _parameters(service.blob))

    with pytest.raises(
        HttpResponseError, match="current SKU is 'Premium', backup SKU is 'Developer'"
    ) as found:
        poller.result()
    assert found.value.error is not None
    assert found.value.error.code == "RestoreFailed"


def test_sdk_reports_a_locked_service(sdk: ApiManagementClient, simulator: Any, service: Any) -> None:
    """A second operation is refused at once; the SDK gives ServiceLocked its misleading class."""
    simulator.scene("progression", operation="backup", polls=9, service=service.path)
    simulator.call("POST", f"{service.path}/backup", service.backup_body())

    with pytest.raises(ResourceExistsError, match="is transitioning at this time"):
        sdk.api_management_service.begin_backup(service.group, service.name, _parameters(service.blob))


def test_sdk_creates_gets_lists_and_deletes_services(sdk: ApiManagementClient, service: Any) -> None:
    """The life of a service, over the SDK's own pollers and pagers."""
    services = sdk.api_management_service
    resource = models.ApiManagementServiceResource(
        location="North Europe",
        sku=models.ApiManagementServiceSkuProperties(name="Developer", capacity=1),
        identity=models.ApiManagementServiceIdentity(type="SystemAssigned"),
        publisher_email="owner@contoso.example",
        publisher_name="Contoso",
    )
    name = f"{service.name}-sdk"
    created = services.begin_create_or_update(service.group, name, resource).result()
    listed = [one.name for one in services.list()]
    in_group = [one.name for one in services.list_by_resource_group(service.group)]
    services.begin_delete(service.group, name).wait()

    assert created.provisioning_state == "Succeeded"
    assert {service.name, name} <= set(listed)
    assert in_group == [service.name, name]
    assert name not in [one.name for one in services.list()]
    assert services.get(service.group, service.name).location == "West Europe"


def test_sdk_handles_entities_of_every_kind(sdk: ApiManagementClient, service: Any) -> None:
    """Products, links, policies, named values, users, subscriptions, tags and backends, over the SDK."""
    where = (service.group, service.name)
    document = json.dumps(
        {"openapi": "3.0.0", "info": {"title": "Orders"}, "paths": {"/o": {"get": {"operationId": "list"}}}}
    )
    imported = models.ApiCreateOrUpdateParameter(path="orders", format="openapi+json", value=document)
    sdk.api.begin_create_or_update(*where, "orders", imported).result()
    sdk.product.create_or_update(*where, "gold", models.ProductContract(display_name="Gold"))
    sdk.product_api.create_or_update(*where, "gold", "orders")
    sdk.api_policy.create_or_update(*where, "orders", "policy", models.PolicyContract(value="<policies/>"))
    secret = models.NamedValueCreateContract(display_name="token", value="s3cret", secret=True)
    sdk.named_value.begin_create_or_update(*where, "token", secret).result()
    person = models.UserCreateParameters(email="u@contoso.example", first_name="U", last_name="V")
    sdk.user.create_or_update(*where, "u", person)
    sdk.group_user.create(*where, "developers", "u")
    wish = models.SubscriptionCreateParameters(scope="/products/gold", display_name="mine")
    sdk.subscription.create_or_update(*where, "mine", wish)
    sdk.tag.create_or_update(*where, "blue", models.TagCreateUpdateParameters(display_name="blue"))
    sdk.tag.assign_to_api(*where, "orders", "blue")
    backend = models.BackendContract(url="https://b.contoso.example", protocol="http")
    sdk.backend.create_or_update(*where, "b", backend)

    assert [one.name for one in sdk.api_operation.list_by_api(*where, "orders")] == ["list"]
    assert [one.display_name for one in sdk.product_api.list_by_product(*where, "gold")] == ["Orders"]
    assert sdk.product_api.check_entity_exists(*where, "gold", "orders") is True
    assert sdk.api_policy.get(*where, "orders", "policy").value == "<policies/>"
    assert sdk.named_value.get(*where, "token").value is None
    assert sdk.named_value.list_value(*where, "token").value == "s3cret"
    assert sdk.subscription.get(*where, "mine").primary_key is None
    assert sdk.subscription.list_secrets(*where, "mine").primary_key
    assert {one.name for one in sdk.group_user.list(*where, "developers")} == {"1", "u"}
    assert [one.name for one in sdk.tag.list_by_api(*where, "orders")] == ["blue"]
    sdk.api.begin_delete(*where, "orders", if_match="*").wait()
    assert list(sdk.api.list_by_service(*where)) == []


def test_sdk_pages_through_more_entities_than_one_page_holds(
    sdk: ApiManagementClient, simulator: Any, service: Any
) -> None:
    """The SDK's pager follows nextLink."""
    for number in range(130):
        body = {"properties": {"displayName": f"t{number}"}}
        simulator.call("PUT", f"{service.path}/tags/t{number}", body)

    assert len(list(sdk.tag.list_by_service(service.group, service.name))) == 130


# --- curl --------------------------------------------------------------------------------------------


def _curl(simulator: Any, *arguments: str) -> tuple[int, dict[str, str], str]:
    """Run curl; return status, headers with names in lower case, and body."""
    curl = shutil.which("curl")
    if not curl:
        pytest.skip("curl is not on this machine, so the protocol was not checked with it")
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        [curl, "--silent", "--show-error", "--include", "--http1.1", "--cacert", simulator.ca, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    first, *rest = head.splitlines()
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
    return int(first.split()[1]), headers, body


@pytest.mark.parametrize("operation", ["backup", "restore"])
def test_curl_runs_an_operation(simulator: Any, service: Any, tmp_path: Path, operation: str) -> None:
    """curl gets a token, posts, follows the Location as it is, and reads the service at the end."""
    simulator.run("backup", service)
    simulator.scene("progression", operation=operation, polls=1, service=service.path)
    url = f"{simulator.identity_endpoint}?api-version=2019-08-01&resource={simulator.https}"
    _, _, identity = _curl(simulator, url, "--header", f"X-IDENTITY-HEADER: {simulator.identity_header}")
    # In a file, because arguments of processes can be read by everybody.
    bearer = tmp_path / "authorization"
    bearer.write_text(f"Authorization: Bearer {json.loads(identity)['access_token']}")
    body = tmp_path / "body.json"
    body.write_text(json.dumps(service.backup_body()))
    post = f"{simulator.https}{service.path}/{operation}?api-version=2024-05-01"
    json_type = ("--header", "Content-Type: application/json")
    accepted, headers, empty = _curl(
        simulator, post, "--header", f"@{bearer}", *json_type, "--data", f"@{body}"
    )
    polls = [_curl(simulator, headers["location"], "--header", f"@{bearer}") for _ in range(2)]

    assert (accepted, empty, headers["content-length"]) == (202, "", "0")
    assert "content-type" not in headers
    assert [one[0] for one in polls] == [202, 200]
    assert json.loads(polls[1][2])["properties"]["provisioningState"] == "Succeeded"
