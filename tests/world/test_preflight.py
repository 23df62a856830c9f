"""Preflight against the simulator: what it asks is answered there, and what it refuses would have failed."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core import layout
from shared.core.runs import Outcome
from shared.core.sidecar import Sidecar
from tests.fakes.ports import SUBSCRIPTION

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dr"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/drprimary"
ROLES = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
CONTRIBUTOR = f"{ROLES}/ba92f5b4-2d11-453d-a403-e96b0029c9fe"
READER = f"{ROLES}/acdd72a7-3385-48ef-bd42-f606fba818e7"
KEY = {"type": "AccessKey", "keySetting": "BACKUP_KEY"}


def put(world, path: str, properties: dict[str, Any], **more: Any) -> None:
    """Let Azure know something."""
    world.azure.simulator.arm("PUT", path, {"properties": properties, **more})


def furnish(world, *, role: str | None = CONTRIBUTOR, **account: Any) -> None:
    """Put a storage account where the plan's is, and a role of the service's identity on it."""
    kind = account.pop("kind", "StorageV2")
    put(world, ACCOUNT, account, location="northeurope", kind=kind, sku={"name": "Standard_LRS"})
    if role is not None:
        found = world.azure.simulator.arm("GET", world.service.resource_id)
        principal = found["identity"]["principalId"]
        path = f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments/dr"
        put(world, path, {"roleDefinitionId": role, "principalId": principal})


def test_a_backup_of_a_service_that_is_set_up_well_carries_no_warning(world):
    """Every check could be made, through the real client, and every one was ok."""
    furnish(world)
    path = f"{world.service.resource_id}/providers/Microsoft.Insights/diagnosticSettings/audit"
    put(world, path, {"workspaceId": f"{GROUP}/workspaces/log"})

    run = world.back_up()

    point = world.newest_point()
    assert (run.outcome, run.warnings, point.warnings) == (Outcome.SUCCEEDED, (), ())
    content, _ = world.ports.records().read(layout.sidecar_key("contoso", point.name))
    sidecar = Sidecar.from_bytes(content)
    assert sidecar.not_read == ()
    assert [setting.name for setting in sidecar.diagnostics or ()] == ["audit"]


def is_of_inventory_or_poll(path: str, service_id: str) -> bool:
    """Tell whether a call was made to take an inventory, or to follow the operation."""
    below = path.removeprefix(f"{service_id}/")
    return below != path and not below.startswith(("providers/", "workspaceLinks"))


def test_a_plain_backup_costs_preflight_one_post_the_polls_and_one_look(world):
    """Apart from the inventories: eight calls before, one POST, eleven polls, one GET after."""
    furnish(world)
    already = len(world.azure.calls("GET", "/"))

    world.back_up()

    service_id = world.service.resource_id
    paths = [one["path"].partition("?")[0] for one in world.azure.calls("GET", "/")[already:]]
    below = f"{service_id}/providers"
    assert sorted(path for path in paths if not is_of_inventory_or_poll(path, service_id)) == sorted(
        [
            service_id,
            f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Storage/storageAccounts",
            f"{service_id}/workspaceLinks",
            f"{below}/Microsoft.Authorization/permissions",
            f"{below}/Microsoft.Authorization/locks",
            f"{ACCOUNT}/blobServices/default",
            f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments",
            f"{below}/Microsoft.Insights/diagnosticSettings",
            service_id,
        ]
    )
    assert len(world.azure.polls(world.service)) == 11
    assert world.azure.posts(world.service) == 1


def _read_only(world) -> None:
    furnish(world)
    put(world, f"{GROUP}/providers/Microsoft.Authorization/locks/freeze", {"level": "ReadOnly"})


def _gateways(world) -> None:
    furnish(world)
    link = {"workspaceId": f"{world.service.resource_id}/workspaces/pay", "gateways": [{"id": "/gateways/g"}]}
    put(world, f"{world.service.resource_id}/workspaceLinks/pay", link)


def _no_right_to_start(world) -> None:
    furnish(world)
    world.azure.deny("backup/action")


def _no_right_to_poll(world) -> None:
    furnish(world)
    world.azure.deny("operationresults/read")


REFUSED = {
    "read-only lock": (_read_only, "NoReadOnlyLock", "az lock delete --ids"),
    "workspace gateways": (_gateways, "NoWorkspaceGateways", '"paused"'),
    "right to start": (_no_right_to_start, "BackupAllowed", "API Management Service Operator Role"),
    "right to poll": (_no_right_to_poll, "ResultReadable", "API Management Service Operator Role"),
    "role of the identity": (
        lambda world: furnish(world, role=READER), "IdentityMayWrite", "Storage Blob Data Contributor",
    ),
    "firewall": (
        lambda world: furnish(world, networkAcls={"defaultAction": "Deny", "bypass": "None"}),
        "FirewallLetsIn", "--bypass AzureServices",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_fail_is_refused_before_the_post(world, what):
    """The run names the check and the line that mends it, and Azure has had no POST."""
    scene, name, command = REFUSED[what]
    scene(world)

    run = world.back_up()

    assert run.outcome == Outcome.REFUSED
    assert run.fault.message.startswith(f"{name}: ")
    assert command in run.fault.hint
    assert world.azure.posts(world.service) == 0


def test_a_key_that_the_account_refuses_is_refused_before_the_post(make_world, monkeypatch):
    """Neither is a CORS rule borne where the key is used: both are named."""
    monkeypatch.setenv("BACKUP_KEY", "bWFkZSB1cA==")
    world = make_world(access=KEY)
    furnish(world, role=None, allowSharedKeyAccess=False)
    rule = {"allowedOrigins": ["*"], "allowedMethods": ["PATCH"]}
    put(world, f"{ACCOUNT}/blobServices/default", {"cors": {"corsRules": [rule]}})

    run = world.back_up()

    assert [part.split(":")[0] for part in run.fault.message.split("; ")] == [
        "SharedKeyAllowed", "NoCorsRules",
    ]  # fmt: skip


RIGHTS = {
    "Microsoft.Authorization/permissions/read": "BackupAllowed, ResultReadable",
    "Microsoft.Authorization/locks/read": "NoReadOnlyLock",
    "Microsoft.Authorization/roleAssignments/read": "IdentityMayWrite",
    "Microsoft.ApiManagement/service/workspaceLinks/read": "NoWorkspaceGateways",
    "Microsoft.Storage/storageAccounts/blobServices/read": "NoCorsRules",
}


@pytest.mark.parametrize("right", RIGHTS)
def test_a_right_that_is_missing_makes_a_check_less_and_no_backup_less(world, right):
    """The record says which checks were not made."""
    furnish(world)
    world.azure.simulator.control("POST", "rights", {"principal": "app", "deny": [right]})

    run = world.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert [line for line in run.warnings if f"not checked: {RIGHTS[right]} (" in line] == list(run.warnings)
    assert run.warnings != ()


def test_a_change_while_it_ran_is_on_record_for_the_night(world):
    """The run says so in a field, and its warning names the entity."""
    furnish(world)
    world.azure.ends(world.service, changed=True)

    run = world.back_up()

    assert run.changed_while_running is True
    assert any("either state of" in line for line in run.warnings)


def test_a_plain_run_is_not_on_record_as_changed(world):
    """False is the rule."""
    furnish(world)

    assert world.back_up().changed_while_running is False
