"""Which point, which target, and which flags a call means."""

from __future__ import annotations

import datetime as dt

import pytest

from restore_http.call import start_restore
from shared.core import layout, names
from shared.core.errors import UnavailableError
from shared.core.requests import RestoreRequest
from shared.core.restore_points import Copied
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.ports import plan_json, resource_id
from tests.steps.conftest import body_of, put_point, request, run

HOUR = dt.timedelta(hours=1)
GOOD = {"service": "contoso", "target": "contoso-neu", "confirm": "RESTORE contoso-neu"}
OWN = {
    "service": "contoso",
    "target": "contoso-weu",
    "confirm": "RESTORE contoso-weu",
    "restorePoint": "latest",
}


def call(ports, client, body):
    """Send the call; return status and body of its answer."""
    answer = run(start_restore(request(body), client, ports, request_id="a test"))
    return answer.status_code, body_of(answer)


def wish_of(client):
    """Return the wish of the one run that was started."""
    ((_, _, wish),) = client.started
    return RestoreRequest.from_json(wish)


def details_of(body):
    """Return the messages of an error by their codes."""
    return {detail["code"]: detail["message"] for detail in body["error"]["details"]}


@pytest.mark.parametrize(("hours", "expected"), [(2.5, 3), (3, 4), (0, 1), (1, 2)])
def test_the_newest_point_before_a_time_is_chosen(ports, client, hours, expected):
    """One whose backup started at that very moment is not before it."""
    points = {ago: put_point(ports, START - ago * HOUR) for ago in (1, 2, 3, 4)}

    status, body = call(ports, client, GOOD | {"before": (START - hours * HOUR).isoformat()})

    assert (status, body["restorePoint"]) == (202, points[expected].name)


def test_a_backup_that_started_after_its_wish_counts_from_its_start(ports, client):
    """It waited for its service: its name is older than what is in it."""
    older, waited = put_point(ports, START - 4 * HOUR), put_point(ports, START - 3 * HOUR)
    late = waited.model_copy(update={"started_at": START - HOUR})
    ports.records("westeurope").put(layout.restore_point_key("contoso", late.name), late.to_bytes())

    body = call(ports, client, GOOD | {"before": (START - 2 * HOUR).isoformat()})[1]

    assert body["restorePoint"] == older.name


def test_a_time_before_all_points_is_404(ports, client):
    """With the points that there are."""
    point = put_point(ports)

    status, body = call(ports, client, GOOD | {"before": "2020-01-01T00:00:00Z"})

    assert (status, body["error"]["code"]) == (404, "RestorePointNotFound")
    assert point.name in body["error"]["message"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({}, "$.restorePoint"),
        ({"restorePoint": "latest", "before": "2026-11-23T00:00:00Z"}, "$.before"),
        ({"before": "yesterday"}, "$.before"),
        ({"before": "2026-11-23T00:00:00"}, "$.before"),
        ({"restorePoint": "latest", "dryRun": "yes"}, "$.dryRun"),
        ({"restorePoint": "latest", "overwriteSource": 1}, "$.overwriteSource"),
        ({"restorePoint": "latest", "despiteTraffic": None}, "$.despiteTraffic"),
        ({"restorePoint": "latest", "safetyBackup": "no"}, "$.safetyBackup"),
    ],
)
def test_fields_that_cannot_be_meant_are_named(ports, client, change, where):
    """No point or two of them, a time without a zone, a word for a truth value: 400, nothing started."""
    put_point(ports)

    status, body = call(ports, client, GOOD | change)

    assert (status, [detail["target"] for detail in body["error"]["details"]]) == (400, [where])
    assert client.started == []


def test_the_flags_are_in_the_wish(ports, client):
    """A safety backup is made unless it is refused; the other two are off unless said."""
    put_point(ports)
    call(ports, client, GOOD | {"restorePoint": "latest"})
    plain = wish_of(client)
    client.started.clear()
    client.instances.clear()
    flags = {"safetyBackup": False, "despiteTraffic": True, "overwriteSource": True}
    call(ports, client, GOOD | {"restorePoint": "latest", **flags})
    said = wish_of(client)

    assert (plain.safety_backup, plain.despite_traffic, plain.overwrite_source) == (True, False, False)
    assert (said.safety_backup, said.despite_traffic, said.overwrite_source) == (False, True, True)


def test_the_primary_is_overwritten_only_if_that_is_said(client):
    """By the app of its own region; refused by the guard that says how."""
    ports = FakePorts()
    put_point(ports)

    status, body = call(ports, client, OWN)
    assert (status, set(details_of(body))) == (409, {"TargetIsNotSource", "TargetIsNoPrimary"})
    assert "overwriteSource" in body["error"]["message"]

    status, body = call(ports, client, OWN | {"overwriteSource": True})
    assert (status, wish_of(client).target) == (202, ports.first.ref)
    assert any(line.startswith("TargetIsNotSource") for line in body["warnings"])


def test_a_target_of_another_region_is_for_the_app_of_that_region(ports, client):
    """The standby's app does not overwrite the primary, and asks nothing of it."""
    put_point(ports)

    status, body = call(ports, client, OWN | {"overwriteSource": True})

    assert (status, set(details_of(body))) == (409, {"OtherRegion"})
    assert ports.arm.reads == []


def test_a_drill_target_can_be_restored_into(client):
    """With its own way to the blob."""
    plan = plan_json(region="northeurope")
    plan["services"][0]["drillTarget"] = plan["services"][0]["standby"] | {
        "resourceId": resource_id("contoso-drill")
    }
    ports = FakePorts(plan)
    put_point(ports)
    body = GOOD | {"restorePoint": "latest", "target": "contoso-drill", "confirm": "RESTORE contoso-drill"}

    assert call(ports, client, body)[0] == 202
    assert wish_of(client).target.name == "contoso-drill"


def test_no_line_to_copy_is_given_for_a_target_that_is_none(ports, client):
    """Whoever misspells the target is not led to confirm it."""
    put_point(ports)
    good = {**GOOD, "restorePoint": "latest", "confirm": ""}

    for target, is_shown in (("contoso-neu", True), ("contoso-eu", False)):
        said = details_of(call(ports, client, good | {"target": target})[1])["ConfirmationMissing"]
        assert (f'"RESTORE {target}"' in said) == is_shown


def test_faults_are_named_although_the_guards_cannot_be_asked(ports, client):
    """The report is not to be had for now; what the caller can mend he hears at once."""
    put_point(ports)
    path = f"{ports.first.standby.resource_id}/reports/byApi".lower()
    ports.arm.resources[path] = UnavailableError("azure resource manager: 503")

    status, body = call(ports, client, GOOD | {"restorePoint": "latest", "confirm": ""})
    assert (status, set(details_of(body))) == (400, {"ConfirmationMissing"})

    status, body = call(ports, client, GOOD | {"restorePoint": "latest"})
    assert (status, body["error"]["code"]) == (503, "NotTold")
    assert "NoTraffic" in body["error"]["message"]
    assert 'say "despiteTraffic": true' in body["error"]["message"]


def test_all_refusing_guards_are_named(ports, client):
    """With what each of them says to do."""
    put_point(ports)
    target = ports.arm.service(ports.first.standby.ref)
    target.tier, target.resting_state = "Premium", "Failed"
    path = f"{ports.first.standby.resource_id}/reports/byApi".lower()
    ports.arm.resources[path] = [{"apiId": "/apis/orders", "callCountTotal": 3}]

    status, body = call(ports, client, GOOD | {"restorePoint": "latest"})

    assert (status, set(details_of(body))) == (409, {"TierEqual", "ServiceUsable", "NoTraffic"})
    assert "despiteTraffic" in details_of(body)["NoTraffic"]
    assert client.started == []


def test_a_target_in_transition_is_refused_at_the_call(ports, client):
    """Inside of a run it is waited for; a caller can wait himself."""
    put_point(ports)
    ports.arm.service(ports.first.standby.ref).foreign_until = START + HOUR

    status, body = call(ports, client, GOOD | {"restorePoint": "latest"})

    assert (status, body["error"]["code"]) == (409, "TargetNotInTransition")


# Copies and safety backups.


@pytest.fixture
def copies():
    """The app of a standby whose region keeps copies."""
    plan = plan_json(region="northeurope")
    plan["services"][0]["standby"]["storage"] = {"account": "drstandby", "container": "apim-copies"}
    return FakePorts(plan)


def put_copy(ports):
    """Store a copy of a point in the standby's region: blob, record, and no inventory."""
    point = put_point(ports)
    blobs = ports.backups("drstandby", "apim-copies")
    blobs.put(point.name, ports.backups("drprimary", "apim-backups").read(point.name)[0])
    copied = Copied(account="drprimary", container="apim-backups", at=START)
    changes = {"account": "drstandby", "container": "apim-copies", "copied": copied, "inventory": None}
    copy = point.model_copy(update={**changes, "etag": blobs.measure(point.name).etag})
    ports.records().put(layout.restore_point_key("contoso", copy.name), copy.to_bytes())
    return copy


@pytest.mark.parametrize("is_dry_run", [False, True])
def test_where_copies_are_kept_nothing_of_the_primarys_region_is_asked(copies, client, is_dry_run):
    """Neither its records, nor its storage, nor its service: they may be gone."""
    put_copy(copies)
    for blobs in (copies.records("westeurope"), copies.backups("drprimary", "apim-backups")):
        blobs.is_there = False
        for method in ("keys", "read", "exists", "look", "measure", "container_exists"):
            blobs.faults[method].append(AssertionError(f"{method} in the lost region"))
    del copies.arm._services[copies.first.resource_id.lower()]

    status, body = call(copies, client, GOOD | {"restorePoint": "latest", "dryRun": is_dry_run})

    assert status == (200 if is_dry_run else 202), body
    assert not [path for path in copies.arm.reads if "contoso-weu" in path or "drprimary" in path]
    assert is_dry_run or wish_of(client).point.copied is not None


def put_safety(ports):
    """Store a safety backup of the standby, as a restore leaves it."""
    kept_under = names.safety_service("contoso")
    point = put_point(ports)
    name = names.backup_name(kept_under, START - HOUR, because="x")
    ports.backups(point.account, point.container).put(name, b"what was there")
    blob = ports.backups(point.account, point.container).measure(name)
    facts = {"size_bytes": blob.size_bytes, "sha256": blob.sha256, "etag": blob.etag}
    source = ports.first.standby.ref
    safety = point.model_copy(update={"name": name, "service": kept_under, "source": source, **facts})
    ports.records().put(layout.restore_point_key(kept_under, name), safety.to_bytes())
    return safety


def test_a_safety_backup_goes_back_where_it_came_from(ports, client):
    """By its name, from the records of the target's region, without overwriteSource."""
    safety = put_safety(ports)

    status, body = call(ports, client, GOOD | {"restorePoint": safety.name})

    assert (status, body.get("restorePoint")) == (202, safety.name), body
    assert (wish_of(client).service, wish_of(client).point.service) == ("contoso", "safety-of-contoso")


def test_a_safety_backup_is_never_the_latest(ports, client):
    """It is no restore point of the service."""
    safety = put_safety(ports)

    assert call(ports, client, GOOD | {"restorePoint": "latest"})[1]["restorePoint"] != safety.name


def test_a_safety_backup_of_another_service_is_unknown(ports, client):
    """As any name that is none of this service."""
    put_point(ports)
    other = names.backup_name(names.safety_service("other"), START)

    assert call(ports, client, GOOD | {"restorePoint": other})[0] == 404
