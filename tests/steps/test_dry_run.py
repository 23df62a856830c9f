"""The dry run of a restore: the whole plan of it in one answer, and nothing started or changed."""

from __future__ import annotations

import datetime as dt

import pytest

from restore_http.call import start_restore
from shared.contents import LISTS
from shared.core import layout, names
from shared.core.errors import AccessError, UnavailableError
from shared.core.inventory import DIFFERENCES_SHOWN_MAX
from shared.core.reports import RestoreReport
from shared.core.restore_guards import GUARDS
from shared.core.restore_points import Covered
from tests.fakes.clock import START
from tests.fakes.ports import ENTITIES
from tests.steps.conftest import body_of, put_point, request, run

HOUR = dt.timedelta(hours=1)
ASKED = {"service": "contoso", "restorePoint": "latest", "target": "contoso-neu", "dryRun": True}
WAITS = UnavailableError("the inventory of contoso-neu waits for others", code="InventoryWaits")


@pytest.fixture
def point(ports):
    """A restore point, one hour old, that says what it leaves out."""
    point = put_point(ports)
    coverage = (
        Covered(what="configuration", where="backup"),
        Covered(what="custom host names", where="sidecar"),
        Covered(what="content of the developer portal", where="nowhere"),
    )
    point = point.model_copy(update={"coverage": coverage})
    ports.records("westeurope").put(layout.restore_point_key("contoso", point.name), point.to_bytes())
    return point


def dry_run(ports, client, **change):
    """Send the call; return the body of its 200."""
    answer = run(start_restore(request(ASKED | change), client, ports, request_id="a test"))
    assert answer.status_code == 200, answer.get_body()
    return body_of(answer)


def target_of(ports):
    """Return the standby as Azure has it."""
    return ports.arm.service(ports.first.standby.ref)


def test_the_answer_holds_the_whole_plan(ports, client, point):
    """Point, age, expiry, verdict, guards, what is left out, all without a confirmation."""
    body = dry_run(ports, client)

    assert body["point"] == {
        "name": point.name,
        "startedAt": "2026-11-23T01:00:00Z",
        "ageS": 3600,
        "expiresAt": "2026-12-23T01:00:00Z",
        "copied": None,
    }
    assert (body["verdict"], body["target"], body["tookBefore"]) == ("ok", "contoso-neu", [])
    asked = [row.name for row in GUARDS if "restore" in row.kinds]
    assert [guard["name"] for guard in body["guards"]][: len(asked)] == asked
    assert [one["what"] for one in body["missingAfterwards"]] == [
        "custom host names",
        "content of the developer portal",
    ]


def test_nothing_is_started_or_changed(ports, client, point):
    """No run, no orchestration, no POST, and not one blob written."""
    written = len(ports.records().written), len(ports.records("westeurope").written)

    dry_run(ports, client, confirm="RESTORE contoso-neu")

    assert (len(ports.records().written), len(ports.records("westeurope").written)) == written
    assert (client.started, ports.arm.posts) == ([], [])


def test_what_refuses_is_shown_and_not_answered_with_an_error(ports, client, point):
    """Every guard with its verdict, among them those that say no."""
    target_of(ports).tier = "Premium"
    ports.backups(point.account, point.container).put(point.name, b"another")

    body = dry_run(ports, client)

    refusing = {guard["name"] for guard in body["guards"] if guard["verdict"] == "refusal"}
    assert (body["verdict"], refusing) == ("refusal", {"TierEqual", "BlobAsRecorded"})


def test_the_blob_is_read_through(ports, client, point):
    """One that only looks like the recorded one is found out."""
    blobs = ports.backups(point.account, point.container)
    content, etag = blobs.read(point.name)
    blobs._blobs[point.name] = (b"x" * len(content), etag)

    assert dry_run(ports, client)["verdict"] == "refusal"


def test_what_would_be_replaced_is_named(ports, client, point):
    """Seen from the target: what comes, what goes, what becomes another."""
    target_of(ports).entities = {
        "/apis/orders": "f" * 16,
        "/apis/by-hand": "f" * 16,
        "/products/gold": ENTITIES["/products/gold"],
    }

    body = dry_run(ports, client)

    assert body["replaced"] == {
        "added": 1,
        "removed": 1,
        "altered": 1,
        "total": 3,
        "first": [
            {"entity": "/apis/by-hand", "what": "removed"},
            {"entity": "/apis/orders", "what": "altered"},
            {"entity": "/apis/orders/operations/get", "what": "added"},
        ],
        "notCompared": [],
    }
    assert body["replacedHint"] == "3 entities in the target, 3 in the backup"


def test_only_the_first_differences_are_named(ports, client, point):
    """All are counted."""
    target_of(ports).entities = {f"/apis/a{number:03}": "f" * 16 for number in range(100)}

    replaced = dry_run(ports, client)["replaced"]

    assert (replaced["removed"], len(replaced["first"])) == (100, DIFFERENCES_SHOWN_MAX)


def test_a_list_that_cannot_be_read_is_named(ports, client, point):
    """What is under it is not called equal."""
    ports.unreadable["contoso-neu"] = ("apis: AuthorizationFailed",)

    assert dry_run(ports, client)["replaced"]["notCompared"] == ["apis: AuthorizationFailed"]


def test_an_inventory_that_takes_long_is_gone_on_with_by_the_next_call(ports, client, point):
    """Each call answers in time; the last one has the whole."""
    ports.inventory_pieces = [{"/apis/first": "1" * 16}, WAITS]

    for _ in range(2):
        body = dry_run(ports, client)
        assert (body["replaced"], "ask again" in body["replacedHint"]) == (None, True)

    assert {"entity": "/apis/first", "what": "removed"} in dry_run(ports, client)["replaced"]["first"]
    assert list(ports.records().keys(layout.DRY_RUNS)) == []


def test_a_piece_is_short_enough_for_an_answer(ports, client, point, monkeypatch):
    """Whoever asks over HTTP is cut off after less than four minutes."""
    asked, take = [], ports.take_inventory
    monkeypatch.setattr(
        ports, "take_inventory", lambda *args, **more: asked.append(more["piece_s"]) or take(*args)
    )

    dry_run(ports, client)

    assert asked == [60]


def test_a_point_without_inventory_says_so(ports, client, point):
    """The rest of the plan is there all the same."""
    ports.records("westeurope").delete(point.inventory.key)

    body = dry_run(ports, client)

    assert (body["replaced"], "no inventory" in body["replacedHint"]) == (None, True)


def test_a_target_that_is_gone_has_a_plan_with_a_refusal(ports, client, point):
    """Nothing of it is listed."""
    del ports.arm._services[ports.first.standby.resource_id.lower()]

    body = dry_run(ports, client)

    assert (body["verdict"], body["replaced"], body["safetyBackup"]) == ("refusal", None, False)


@pytest.mark.parametrize(
    ("change", "lists", "expected"),
    [
        ({}, [{"name": "orders"}], True),
        ({"safetyBackup": False}, [{"name": "orders"}], False),
        ({}, [], False),
    ],
    ids=["content", "refused", "empty"],
)
def test_whether_the_target_would_be_backed_up_first_is_said(ports, client, point, change, lists, expected):
    """Only one that holds something, and only if the caller does not refuse it."""
    standby = ports.first.standby.resource_id
    ports.arm.resources |= {f"{standby}/{name}".lower(): [] for name in LISTS}
    ports.arm.resources[f"{standby}/apis".lower()] = lists

    assert dry_run(ports, client, **change)["safetyBackup"] is expected


def put_evidence(ports, hours, kind="restore", service="contoso", seconds=1200):
    """Store the report of a restore so many hours ago."""
    at = START - hours * HOUR
    run_id = names.run_id(kind, service, at, because="a test")
    report = RestoreReport(
        run_id=run_id,
        kind=kind,
        service=service,
        target=ports.first.standby.ref,
        point=put_point(ports, at - HOUR),
        requested_at=at,
        verified_at=at,
        recovery_point_age_s=1,
        restore_duration_s=seconds,
        entities=0,
        counts={},
        differences=(),
        differences_total=0,
        outcome="Succeeded",
    )
    ports.records().put(layout.report_key(run_id), report.to_bytes())
    return run_id


def test_how_long_it_took_before_is_said(ports, client, point):
    """Of the last five restores of this service of whatever kind, newest first."""
    wanted = [put_evidence(ports, hours, kind) for hours, kind in ((2, "drill"), (3, "replicate"))]
    wanted += [put_evidence(ports, hours, seconds=600) for hours in (4, 5, 6, 7)]
    put_evidence(ports, 1, service="contoso-shop")
    ports.records().put(f"{layout.EVIDENCE}{wanted[4]}.json", b"{")
    ports.records().put(f"{layout.EVIDENCE}{wanted[0]}.md", b"# text")

    found = dry_run(ports, client)["tookBefore"]

    assert [one["runId"] for one in found] == wanted[:4]
    assert found[0] | {"restorePoint": ""} == {
        "runId": wanted[0],
        "kind": "drill",
        "target": "contoso-neu",
        "restorePoint": "",
        "outcome": "Succeeded",
        "restoreDurationS": 1200,
    }


def test_faults_of_the_call_are_answered_as_ever(ports, client, point):
    """A dry run needs no confirmation, but all the rest."""
    answer = run(start_restore(request(ASKED | {"target": "other", "extra": 1}), client, ports))

    codes = {detail["code"] for detail in body_of(answer)["error"]["details"]}
    assert (answer.status_code, codes) == (400, {"TargetNotFound", "RequestInvalid"})


DOWN = UnavailableError("503 for the moment")


def test_what_cannot_be_told_for_now_is_a_verdict(ports, client, point):
    """Storage of the blob and the reports are down: the plan says so, and what to do."""
    ports.backups(point.account, point.container).faults["measure"].append(DOWN)
    ports.arm.resources[f"{ports.first.standby.resource_id}/reports/byApi".lower()] = DOWN

    body = dry_run(ports, client)

    no = {guard["name"]: guard for guard in body["guards"] if guard["verdict"] == "refusal"}
    assert set(no) == {"NoTraffic", "BlobAsRecorded"}
    assert all("503 for the moment" in guard["cause"] for guard in no.values())
    assert (no["BlobAsRecorded"]["command"], "despiteTraffic" in no["NoTraffic"]["command"]) == (
        "ask again",
        True,
    )
    assert body["point"]["name"] == point.name


@pytest.mark.parametrize("fault", [DOWN, AccessError("403", code="AuthorizationFailed")])
def test_what_stands_beside_the_point_may_be_out_of_reach(ports, client, point, fault):
    """Nothing is compared then, and the answer says why."""
    read = ports.records("westeurope").read

    def reads(key):
        if key == point.inventory.key:
            raise fault
        return read(key)

    ports.records("westeurope").read = reads

    body = dry_run(ports, client)

    assert body["replaced"] is None
    assert body["replacedHint"]


def test_earlier_restores_that_cannot_be_read_are_null(ports, client, point):
    """Else it would look as if there had been none."""
    ports.records().faults["keys"].append(DOWN)

    assert dry_run(ports, client)["tookBefore"] is None


def test_a_right_that_is_missing_is_in_the_plan(ports, client, point):
    """The blob may not be read: a refusal that names the role."""
    ports.backups(point.account, point.container).faults["measure"].append(
        AccessError("403", code="AuthorizationPermissionMismatch")
    )

    guards = {guard["name"]: guard for guard in dry_run(ports, client)["guards"]}

    assert guards["BlobAsRecorded"]["verdict"] == "refusal"
    assert "Storage Blob Data Reader" in guards["BlobAsRecorded"]["command"]
