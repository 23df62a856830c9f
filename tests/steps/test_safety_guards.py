"""What would end a safety backup is told before the restore begins: by a dry run, and by the call."""

from __future__ import annotations

import pytest

from restore_http.call import start_restore
from shared.contents import LISTS
from tests.fakes import FakePorts
from tests.fakes.arm import PRINCIPAL
from tests.fakes.ports import plan_json
from tests.fakes.surroundings import account_id, role_assignment
from tests.steps.conftest import body_of, put_point, request, run

ASKED = {"service": "contoso", "restorePoint": "latest", "target": "contoso-neu", "dryRun": True}
READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"


@pytest.fixture
def read_only(ports):
    """The target has content, and may only read where its safety backup would go."""
    point = put_point(ports)
    ports.arm.resources[f"{ports.first.standby.resource_id}/apis".lower()] = [{"name": "orders"}]
    account = account_id(point.source.resource_id.split("/")[2], point.account)
    roles = f"{account}/providers/Microsoft.Authorization/roleAssignments".lower()
    ports.arm.resources[roles] = [role_assignment(account, PRINCIPAL, READER)]


def dry_run(ports, client, **change):
    """Send the call; return the body of its 200."""
    answer = run(start_restore(request(ASKED | change), client, ports, request_id="a test"))
    assert answer.status_code == 200, answer.get_body()
    return body_of(answer)


def test_what_would_end_the_safety_backup_is_told_before(ports, client, read_only):
    """The restore would be refused for it; the way out is named."""
    body = dry_run(ports, client)

    no = [guard for guard in body["guards"] if guard["verdict"] == "refusal"]
    assert [guard["name"] for guard in no] == ["SafetyBackup: IdentityMayWrite"]
    assert "Storage Blob Data Contributor" in no[0]["command"]
    assert no[0]["command"].endswith('; or say "safetyBackup": false')
    assert (body["verdict"], body["safetyBackup"]) == ("refusal", True)


def test_without_a_safety_backup_nobody_needs_to_write(ports, client, read_only):
    """The caller refused it."""
    body = dry_run(ports, client, safetyBackup=False)

    assert body["verdict"] == "ok"
    assert not [guard for guard in body["guards"] if guard["name"].startswith("SafetyBackup")]


def test_a_call_is_refused_for_what_would_end_its_safety_backup(ports, client, read_only):
    """Nothing is started, and the error says which of both has to be mended."""
    sure = {**ASKED, "dryRun": False, "confirm": "RESTORE contoso-neu"}

    answer = run(start_restore(request(sure), client, ports))

    (detail,) = body_of(answer)["error"]["details"]
    assert (answer.status_code, detail["code"]) == (409, "SafetyBackup: IdentityMayWrite")
    assert client.started == []
    answer = run(start_restore(request(sure | {"safetyBackup": False}), client, ports))
    assert answer.status_code == 202


def test_what_the_guards_say_of_the_target_is_said_once(ports, client, read_only):
    """No tier and no lock is mended by doing without a safety backup."""
    ports.arm.service(ports.first.standby.ref).tier = "StandardV2"
    lock = {"id": "/locks/x", "properties": {"level": "ReadOnly"}}
    locks = f"{ports.first.standby.resource_id}/providers/Microsoft.Authorization/locks".lower()
    ports.arm.resources[locks] = [lock]

    no = {guard["name"] for guard in dry_run(ports, client)["guards"] if guard["verdict"] == "refusal"}

    assert no == {"TierHasBackup", "TierEqual", "TargetUnlocked", "SafetyBackup: IdentityMayWrite"}


def test_where_the_backup_goes_elsewhere_is_asked_as_well(client):
    """A primary in place is backed up where its own backups go, and not beside the point."""
    ports = FakePorts(plan_json(region="westeurope"))
    put_point(ports)
    service = ports.first
    ports.arm.resources[f"{service.resource_id}/apis".lower()] = [{"name": "orders"}]
    ports.backups("drprimary", "apim-backups").is_there = False
    own = {**ASKED, "target": "contoso-weu", "overwriteSource": True}

    answer = run(start_restore(request(own), client, ports))

    names = [guard["name"] for guard in body_of(answer)["guards"] if guard["verdict"] == "refusal"]
    assert "SafetyBackup: ContainerExists" in names


def test_an_empty_target_needs_no_safety_backup(ports, client, read_only):
    """Nothing of one is asked."""
    standby = ports.first.standby.resource_id
    ports.arm.resources |= {f"{standby}/{name}".lower(): [] for name in LISTS}

    body = dry_run(ports, client)

    assert (body["verdict"], body["safetyBackup"]) == ("ok", False)
