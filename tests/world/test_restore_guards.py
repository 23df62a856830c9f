"""The guards of a restore against the simulator: what they read is there, through the real client."""

from __future__ import annotations

import datetime as dt

import pytest

from shared.core.restore_guards import GUARDS
from shared.core.runs import Outcome
from tests.world.test_preflight import CONTRIBUTOR, GROUP, furnish, put

ASKED = {"service": "contoso", "restorePoint": "latest", "target": "contoso-neu"}
SURE = {**ASKED, "confirm": "RESTORE contoso-neu", "safetyBackup": False}
RESTORE_RIGHT = "Microsoft.ApiManagement/service/restore/action"


@pytest.fixture
def scene(world):
    """The standby's app, with a restore point and with everything in its place."""
    furnish(world)
    assert world.back_up().outcome is Outcome.SUCCEEDED
    standby = world.in_region("northeurope")
    found = world.azure.simulator.arm("GET", target_of(standby).resource_id)
    path = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/drprimary"
    path = f"{path}/providers/Microsoft.Authorization/roleAssignments/standby"
    put(standby, path, {"roleDefinitionId": CONTRIBUTOR, "principalId": found["identity"]["principalId"]})
    return standby


def target_of(world):
    """Return the standby."""
    return world.ports.first.standby.ref


def dry_run(world, **change):
    """Ask for a dry run; return its guards by name."""
    status, body = world.ask("POST", "start_restore", ASKED | {"dryRun": True} | change)
    assert status == 200, body
    return {guard["name"]: guard for guard in body["guards"]}, body


def test_where_everything_is_in_its_place_every_guard_is_ok(scene):
    """All of them could be asked, and nothing was sent but reads."""
    calls = scene.azure.simulator.arm("GET", target_of(scene).resource_id)
    guards, body = dry_run(scene)

    assert calls["properties"]["provisioningState"] == "Succeeded"
    assert {name: guard["verdict"] for name, guard in guards.items()} == {
        row.name: "ok" for row in GUARDS if "restore" in row.kinds
    }
    assert (body["verdict"], body["safetyBackup"]) == ("ok", False)
    assert body["replaced"]["added"] == body["replaced"]["total"] > 0
    assert scene.azure.posts(target_of(scene), "restore") == 0


def test_the_restore_that_was_planned_is_made(scene):
    """What the dry run let pass, the restore does."""
    status, body = scene.ask("POST", "start_restore", SURE)
    assert (status, body["warnings"]) == (202, [])
    scene.host.run_for(dt.timedelta(hours=1))

    assert scene.ports.runs.read(body["runId"])[0].word is Outcome.SUCCEEDED
    took = dry_run(scene)[1]["tookBefore"]
    assert [(one["runId"], one["outcome"]) for one in took] == [(body["runId"], "Succeeded")]


def test_a_target_that_was_deleted_lately_is_said_to_be_so(scene):
    """With the time until which Azure keeps it."""
    scene.azure.simulator.arm("DELETE", target_of(scene).resource_id)

    guards, body = dry_run(scene)

    assert guards["TargetExists"]["verdict"] == "refusal"
    assert "was deleted, and Azure keeps it until 2026-11-25T" in guards["TargetExists"]["cause"]
    assert body["replaced"] is None


def test_traffic_is_seen_and_can_be_accepted(scene):
    """Some calls in every quarter of an hour: refused, unless the caller knows of them."""
    target = target_of(scene).resource_id
    put(scene, f"{target}/apis/own", {"displayName": "Own", "path": "own", "protocols": ["https"]})
    operation = {"displayName": "Get", "method": "GET", "urlTemplate": "/"}
    put(scene, f"{target}/apis/own/operations/get", operation)
    assert dry_run(scene)[0]["NoTraffic"]["verdict"] == "ok"
    tags = {"tags": {"simulator-requests-per-day": "2880"}}
    scene.azure.simulator.arm("PATCH", target, tags)

    assert dry_run(scene)[0]["NoTraffic"]["verdict"] == "refusal"
    assert dry_run(scene, despiteTraffic=True)[0]["NoTraffic"]["verdict"] == "warning"


def test_a_lock_and_a_missing_right_are_seen(scene):
    """Both are named in one answer, and nothing is started."""
    lock = f"{target_of(scene).resource_id}/providers/Microsoft.Authorization/locks/still"
    put(scene, lock, {"level": "ReadOnly"})
    scene.azure.simulator.control("POST", "rights", {"principal": "app", "deny": [RESTORE_RIGHT]})

    status, body = scene.ask("POST", "start_restore", SURE)

    codes = {detail["code"] for detail in body["error"]["details"]}
    assert (status, codes) == (409, {"TargetUnlocked", "RestoreAllowed"})
    assert scene.azure.posts(target_of(scene), "restore") == 0


def test_rights_that_are_missing_for_the_guards_are_named(scene):
    """What Azure would refuse by itself is not checked; traffic that nobody can count refuses."""
    rights = {
        "Microsoft.Authorization/locks/read": ("TargetUnlocked", "notChecked"),
        "Microsoft.Authorization/permissions/read": ("RestoreAllowed", "notChecked"),
        "Microsoft.Authorization/roleAssignments/read": ("IdentityMayRead", "notChecked"),
        "Microsoft.ApiManagement/service/reports/read": ("NoTraffic", "refusal"),
    }
    scene.azure.simulator.control("POST", "rights", {"principal": "app", "deny": list(rights)})

    guards, _ = dry_run(scene)

    for right, (name, verdict) in rights.items():
        assert (guards[name]["verdict"], right in guards[name]["cause"]) == (verdict, True), name
