"""GET /api/services/{name}/failover: what is read, what is said, and what is not asked."""

from __future__ import annotations

import json

import pytest

from shared.core import layout
from shared.core.errors import AccessError, NotFoundError
from shared.core.replication import ReplicationWord
from shared.core.reports import NewestPoint
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from tests.fakes import FakePorts
from tests.fakes.ports import plan_json
from tests.steps.standbys import COPIES, back_up, copy, refused, replicate, restored, say, with_copies
from tests.steps.takeovers import HOST, ask, cause, in_the_standbys_region, lose, step, verdicts, with_host


def test_a_standby_that_holds_the_newest_point_is_ready_without_a_call_to_the_primarys_region() -> None:
    """Copies are kept, so nothing of the lost region is asked: neither storage nor service."""
    ports, held = in_the_standbys_region()
    lose(ports)

    status, body = ask(ports)

    assert status == 200
    assert (body["isReady"], body["notRead"], body["ask"]) == (True, [], "")
    assert (body["from"], body["to"]) == ("contoso-weu", "contoso-neu")
    assert body["recoveryPoint"]["name"] == held.name
    assert body["recoveryPoint"]["ageS"] == 27 * 3600
    assert not [path for path in ports.arm.reads if "contoso-weu" in path]
    assert not [path for path in ports.arm.reads if "drprimary" in path]


def test_what_is_lost_stands_in_words() -> None:
    """As it is, and after the restore of the newer copy that is there."""
    ports, _ = in_the_standbys_region(newer_hours=3)

    _, body = ask(ports)

    lost = body["recoveryPoint"]["lost"]
    assert "takes over as it is, every change after" in lost
    assert "(27 hours ago) is lost" in lost
    assert "is restored into it first, every change after" in lost
    assert "(3 hours ago)" in lost
    assert verdicts(body)["HoldsNewest"] == "warning"


def test_the_third_step_is_the_call_that_restores_the_newer_copy() -> None:
    """With its real name, typed confirmation, and this app's own address without the key."""
    ports, _ = in_the_standbys_region(newer_hours=3)

    _, body = ask(ports)

    newer = body["recoveryPoint"]["newer"]["name"]
    (line,) = step(body, 3)["commands"]
    wanted = {
        "service": "contoso",
        "restorePoint": newer,
        "target": "contoso-neu",
        "confirm": "RESTORE contoso-neu",
        "safetyBackup": False,
    }
    assert f"-d '{json.dumps(wanted)}'" in line
    assert line.endswith(" https://dr.example/api/restores")
    assert "secret" not in json.dumps(body)
    assert body["guards"][0]["name"] == "TargetExists"


def test_the_third_step_has_nothing_to_do_where_the_newest_is_held() -> None:
    """Its number stays: people speak of steps by their numbers."""
    ports, _ = in_the_standbys_region()

    _, body = ask(ports)

    assert [one["number"] for one in body["steps"]] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert (step(body, 3)["isNeeded"], step(body, 3)["commands"]) == (False, [])
    assert body["guards"] == []


def test_a_point_of_which_there_is_no_copy_is_named_as_lost() -> None:
    """Replication has seen it, and its region is gone."""
    ports, _ = in_the_standbys_region()
    gone = NewestPoint(name="contoso_gone.apimbackup", started_at=ports.clock.now())
    say(ports, ReplicationWord.WAITING, newest_point=gone)

    _, body = ask(ports)

    assert (
        "contoso_gone.apimbackup was newer, and cannot be restored from here" in body["recoveryPoint"]["lost"]
    )
    assert verdicts(body)["HoldsNewest"] == "warning"


def test_a_standby_without_the_custom_host_name_cannot_take_over_by_dns() -> None:
    """Callers that were led to it would not be served; the fourth step has the line that gives the name."""
    ports, held = in_the_standbys_region()
    there = RestorePoint.from_bytes(ports.records().read(layout.restore_point_key("contoso", held.name))[0])
    with_host(ports, there, "northeurope")

    _, body = ask(ports)

    assert (verdicts(body)["HostNames"], body["isReady"]) == ("refusal", False)
    assert HOST in cause(body, "HostNames")
    assert any("hostnameConfigurations" in line for line in step(body, 4)["commands"])


def test_dns_leads_the_host_name_to_the_standby() -> None:
    """The name is there and its certificate is valid: what is left is one CNAME, with its names filled in."""
    ports, held = in_the_standbys_region()
    there = RestorePoint.from_bytes(ports.records().read(layout.restore_point_key("contoso", held.name))[0])
    with_host(ports, there, "northeurope")
    standby = ports.first.standby
    assert standby is not None
    ports.arm.service(standby.ref).properties["hostnameConfigurations"] = [
        {"type": "Proxy", "hostName": HOST, "certificate": {"expiry": "2099-01-01T00:00:00Z"}}
    ]

    _, body = ask(ports)

    assert (verdicts(body)["HostNames"], verdicts(body)["Certificates"]) == ("ok", "ok")
    (line,) = step(body, 5)["commands"]
    assert "--zone-name contoso.example --record-set-name api --cname contoso-neu.azure-api.net" in line
    assert HOST in step(body, 1)["commands"][0]
    assert "--connect-to" in step(body, 4)["howToKnow"]


@pytest.mark.parametrize(
    ("expiry", "verdict"),
    [("2026-11-01T00:00:00Z", "refusal"), ("2026-12-01T00:00:00Z", "warning"), (None, "notChecked")],
)
def test_a_certificate_that_ends_is_seen_in_time(expiry: str | None, verdict: str) -> None:
    """Over, within 30 days, and not shown at all."""
    ports, _ = in_the_standbys_region()
    standby = ports.first.standby
    assert standby is not None
    shown = {"certificate": {"expiry": expiry}} if expiry else {}
    ports.arm.service(standby.ref).properties["hostnameConfigurations"] = [
        {"type": "Proxy", "hostName": HOST, **shown}
    ]

    assert verdicts(ask(ports)[1])["Certificates"] == verdict


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, "ok"), (503, "refusal"), (None, "warning")],
    ids=["serves", "no", "unreachable"],
)
def test_the_gateway_is_asked(status: int | None, verdict: str) -> None:
    """One that cannot be reached from here may be one inside of a network."""
    ports, _ = in_the_standbys_region()
    standby = ports.first.standby
    assert standby is not None
    ports.arm.service(standby.ref).properties["gatewayUrl"] = "https://contoso-neu.azure-api.net"
    ports.gateway.append(status)

    body = ask(ports)[1]

    assert verdicts(body)["GatewayAnswers"] == verdict
    assert ports.probed == ["https://contoso-neu.azure-api.net"]


def test_a_standby_that_is_gone_is_refused_and_hides_no_other_check() -> None:
    """What it holds is known all the same."""
    ports, held = in_the_standbys_region()
    standby = ports.first.standby
    assert standby is not None
    ports.arm.resources[standby.resource_id.lower()] = NotFoundError("404", code="ResourceNotFound")

    _, body = ask(ports)

    assert verdicts(body)["Exists"] == "refusal"
    assert verdicts(body)["HoldsPoint"] == "ok"
    assert {verdicts(body)[name] for name in ("Usable", "GatewayAnswers")} == {"notChecked"}
    assert held.name in cause(body, "HoldsPoint")


def test_a_standby_of_another_tier_can_never_be_restored_into() -> None:
    """Compared with the tier of the point."""
    ports, _ = in_the_standbys_region()
    standby = ports.first.standby
    assert standby is not None
    ports.arm.service(standby.ref).tier = "Premium"

    body = ask(ports)[1]

    assert (verdicts(body)["TierEqual"], body["isReady"]) == ("refusal", False)


def test_a_standby_that_holds_nothing_is_not_ready() -> None:
    """Everything would be lost, and the step says what to restore."""
    primary = FakePorts(with_copies())
    copy(primary, back_up(primary, 3))

    _, body = ask(primary.in_region("northeurope"))

    assert (verdicts(body)["HoldsPoint"], body["isReady"]) == ("refusal", False)
    assert "everything is lost" in body["recoveryPoint"]["lost"]
    assert step(body, 3)["isNeeded"] is True
    assert "safetyBackup" not in step(body, 3)["commands"][0]


def test_a_restore_that_failed_is_done_again() -> None:
    """What the standby holds is not certain, although nothing newer is there."""
    ports, held = in_the_standbys_region()
    restored(ports, held, Outcome.FAILED)

    _, body = ask(ports)

    assert verdicts(body)["HoldsPoint"] == "refusal"
    assert held.name in step(body, 3)["commands"][0]


def test_a_restore_that_failed_is_not_forgotten_over_later_runs_that_changed_nothing() -> None:
    """However many were refused since: the last one that was sent into this standby counts."""
    ports, held = in_the_standbys_region()
    restored(ports, held, Outcome.FAILED)
    for minute in range(1, 13):
        refused(ports, held, minutes_ago=minute)

    _, body = ask(ports)

    assert (verdicts(body)["HoldsPoint"], body["isReady"]) == ("refusal", False)


def test_nothing_read_is_not_ready() -> None:
    """The app may not read the standby: it is not known whether it could serve."""
    ports, _ = in_the_standbys_region()
    standby = ports.first.standby
    assert standby is not None
    ports.arm.resources[standby.resource_id.lower()] = AccessError("403", code="AuthorizationFailed")

    _, body = ask(ports)

    assert (verdicts(body)["Exists"], body["isReady"]) == ("notChecked", False)


def test_how_long_the_last_restore_took_is_told() -> None:
    """From its wish to its word: an hour."""
    ports, held = in_the_standbys_region(newer_hours=3)
    restored(ports, held, Outcome.SUCCEEDED, kind="replicate")

    _, body = ask(ports)

    assert body["recoveryPoint"]["restoreDurationS"] == 3600
    assert "The last restore into it took 60 minutes" in body["recoveryPoint"]["lost"]


def test_the_primarys_app_answers_too_and_says_whom_to_ask() -> None:
    """It reads the other region's records; restoring is not its business."""
    ports = FakePorts(with_copies())
    held = back_up(ports, 3)
    copy(ports, held)
    replicate(ports, held)

    status, body = ask(ports)

    assert status == 200
    assert "the app of northeurope" in body["ask"]
    assert body["recoveryPoint"]["name"] == held.name
    assert '"$NORTHEUROPE_APP"/api/backups' in step(body, 8)["commands"][2]


def test_without_copies_a_lost_region_is_said_and_the_rest_is_answered() -> None:
    """What could be restored is not known then; what the standby holds is."""
    primary = FakePorts()
    held = back_up(primary, 3)
    replicate(primary, held)
    ports = primary.in_region("northeurope")
    lose(ports)

    status, body = ask(ports)

    assert status == 200
    assert any("restore points in the records of westeurope" in line for line in body["notRead"])
    assert verdicts(body)["HoldsPoint"] == "ok"
    assert verdicts(body)["HoldsNewest"] == "notChecked"
    assert step(body, 3)["isNeeded"] is None


def test_the_last_step_protects_what_serves_then_with_an_entry_of_the_plan() -> None:
    """The roles are swapped: the standby is backed up beside the copies, the old primary stands by."""
    ports, _ = in_the_standbys_region()

    _, body = ask(ports)

    entry = body["planEntry"]
    assert entry["resourceId"].endswith("/contoso-neu")
    assert (entry["storage"]["account"], entry["storage"]["container"]) == tuple(COPIES.values())
    assert entry["standby"]["resourceId"].endswith("/contoso-weu")
    assert "planEntry" in step(body, 8)["what"]


def test_a_service_without_a_standby_has_nothing_that_could_take_over() -> None:
    """409, with what to do."""
    plan = plan_json()
    del plan["services"][0]["standby"]

    status, body = ask(FakePorts(plan))

    assert (status, body["error"]["code"]) == (409, "NoStandby")
