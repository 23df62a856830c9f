"""The calls of drills, over fakes: asking for one, and reading what they came to."""

from __future__ import annotations

import datetime as dt
from typing import Any

import azure.functions as func
import pytest

from drill_timer import calls
from operate_http.regions import Regions
from operate_http.services import show
from shared.core import drills, layout, names
from shared.core.drills import DrillQueue
from shared.core.reports import Replica
from shared.core.runs import Outcome
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.drills import drill_plan, put_drill
from tests.fakes.ports import plan_json
from tests.steps.conftest import body_of, put_point, request, run

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
TARGET = "rehearsal-drill"
GOOD = {"service": "contoso", "confirm": f"DRILL {TARGET}"}
URL = "https://dr.example/api/drills"


@pytest.fixture
def ports() -> FakePorts:
    """The ports, with a restore point that is one hour old."""
    ports = FakePorts(plan_json(**drill_plan()))
    put_point(ports)
    return ports


def call(ports: FakePorts, client: Any, body: Any, url: str = URL) -> func.HttpResponse:
    """Ask for a drill and return the answer."""
    return run(calls.start_drill(request(body, url=url), client, ports, request_id="a test"))


def codes(answer: func.HttpResponse) -> set[str]:
    """Return the codes of every fault of an answer."""
    return {detail["code"] for detail in body_of(answer)["error"]["details"]}


def get(ports: FakePorts, **params: str) -> Any:
    """List drills and return the entries."""
    asked = func.HttpRequest(method="GET", url=URL, body=b"", params=params)
    answer = run(calls.list_drills(asked, ports))
    return body_of(answer)["value"] if answer.status_code == 200 else answer


def follow(ports: FakePorts, client: Any, drill_id: str) -> func.HttpResponse:
    """Follow a drill."""
    return run(calls.get_drill(request(url=f"{URL}/{drill_id}", drill_id=drill_id), client, ports))


# Asking for a drill.


def test_a_good_call_is_accepted(ports, client):
    """202 with the drill's Location; its orchestration is started, and nothing else has happened yet."""
    answer = call(ports, client, GOOD)

    body = body_of(answer)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"{URL}/{body['drillId']}"
    assert (body["service"], body["target"]) == ("contoso", TARGET)
    ((function, instance, wish),) = client.started
    assert (function, instance) == ("drill_services", drills.drill_instance(body["drillId"]))
    assert DrillQueue.from_json(wish).waiting[0].trigger == "http"
    assert ports.arm.posts == []


def test_no_function_key_comes_back(ports, client):
    """A key in the caller's URL is in no header and no body of the answer."""
    answer = call(ports, client, GOOD, url=f"{URL}?code=SECRET")

    assert "SECRET" not in str(dict(answer.headers)) + answer.get_body().decode()


@pytest.mark.parametrize(
    ("change", "status", "found"),
    [
        ({"service": "nobody"}, 400, {"ServiceNotFound", "ConfirmationMissing"}),
        ({"confirm": ""}, 400, {"ConfirmationMissing"}),
        ({"confirm": "RESTORE rehearsal-drill"}, 400, {"ConfirmationMissing"}),
        ({"point": "nothing"}, 404, {"RestorePointNotFound"}),
        ({"point": "contoso_20200101T000000Z.apimbackup"}, 404, {"RestorePointNotFound"}),
        ({"point": 3}, 400, {"RequestInvalid"}),
        ({"extra": 3, "point": "nothing", "confirm": "x"}, 400,
         {"RequestInvalid", "RestorePointNotFound", "ConfirmationMissing"}),
    ],
)  # fmt: skip
def test_every_fault_of_a_call_is_named_at_once(ports, client, change, status, found):
    """Nothing is started, and nobody has to ask twice to learn of the second fault."""
    answer = call(ports, client, GOOD | change)

    assert answer.status_code == status
    assert codes(answer) == found
    assert client.started == []


def test_a_service_without_drills_cannot_be_drilled(client):
    """The plan names no target for it."""
    ports = FakePorts()
    put_point(ports)
    answer = call(ports, client, GOOD)

    assert answer.status_code == 400
    assert codes(answer) == {"NoDrills", "ConfirmationMissing"}


def test_the_app_of_another_region_is_named(ports, client):
    """Runs of one target exclude each other only within one app."""
    answer = call(ports.in_region("northeurope"), client, GOOD)

    assert answer.status_code == 409
    assert codes(answer) == {"OtherRegion"}
    assert "westeurope" in body_of(answer)["error"]["message"]


def test_every_guard_that_says_no_is_named(ports, client):
    """Traffic and a host name of its own, in one answer."""
    target = ports.first.drill_target.ref
    ports.arm.resources[f"{target.resource_id}/reports/byApi".lower()] = [{"callCountTotal": 7}]
    ports.arm.service(target).properties["hostnameConfigurations"] = [
        {"type": "Proxy", "hostName": "api.contoso.example"}
    ]
    answer = call(ports, client, GOOD)

    assert answer.status_code == 409
    assert codes(answer) == {"NoTraffic", "NoCustomHostName"}
    assert client.started == []


def test_a_target_in_transition_is_waited_for_and_not_refused(ports, client):
    """The drill's run waits, as any run does."""
    ports.arm.service(ports.first.drill_target.ref).foreign_until = START + HOUR

    assert call(ports, client, GOOD).status_code == 202


def test_a_point_may_be_named(ports, client):
    """Somebody wants to know of this very one; the drill takes it, and not the newest."""
    older = put_point(ports, START - 3 * HOUR)
    answer = call(ports, client, GOOD | {"point": older.name})

    assert body_of(answer)["restorePoint"] == older.name
    assert DrillQueue.from_json(client.started[0][2]).waiting[0].point == older.name


def test_a_drill_that_durable_does_not_take_is_not_accepted(ports, client):
    """502 and a code that says so; nothing is left behind."""
    client.on_start = RuntimeError("no")
    answer = call(ports, client, GOOD)

    assert body_of(answer)["error"]["code"] == "StartFailed"
    assert get(ports, service="contoso")[0]["drills"] == []


# Into the standby.


def standby_ports() -> FakePorts:
    """Return the ports of the standby's app, whose drills go into the standby."""
    plan = plan_json(region="northeurope", defaults={"drill": {"into": "standby"}})
    return FakePorts(plan)


def hold_point(ports: FakePorts, point: Any) -> None:
    """Record that the standby holds a point."""
    replica = Replica(
        name=point.name,
        service="contoso",
        target=ports.first.standby.ref,
        run_id="",
        point_started_at=point.started_at,
        inventory_digest=point.inventory.digest,
        recorded_at=ports.clock.now(),
    )
    ports.records().put(layout.replica_key("contoso", point.name), replica.to_bytes())


def test_a_standby_is_drilled_with_what_it_holds(client):
    """Not with a newer point, which replication may be holding back, and not with an older one."""
    ports = standby_ports()
    held = put_point(ports, START - 3 * HOUR)
    put_point(ports, START - HOUR)
    hold_point(ports, held)
    answer = call(ports, client, {"service": "contoso", "confirm": "DRILL contoso-neu"})

    assert body_of(answer)["restorePoint"] == held.name


@pytest.mark.parametrize("hours", [1, 5], ids=["newer", "older"])
def test_a_standby_is_not_left_with_another_point(client, hours):
    """A point that somebody names and that the standby does not hold is refused."""
    ports = standby_ports()
    hold_point(ports, put_point(ports, START - 3 * HOUR))
    other = put_point(ports, START - hours * HOUR)
    body = {"service": "contoso", "point": other.name, "confirm": "DRILL contoso-neu"}

    assert codes(call(ports, client, body)) == {"StandbyKeepsItsPoint"}


def test_a_standby_that_holds_nothing_has_no_point_for_a_drill(client):
    """404: there is nothing to rehearse with."""
    ports = standby_ports()
    put_point(ports)
    answer = call(ports, client, {"service": "contoso", "confirm": "DRILL contoso-neu"})

    assert codes(answer) == {"RestorePointNotFound"}
    assert "holds no restore point" in body_of(answer)["error"]["message"]


# Reading.


def test_drills_are_listed_newest_first_with_the_state(ports):
    """One entry for the service: how it stands, and each drill."""
    old, new = put_drill(ports, 40 * DAY), put_drill(ports, DAY, Outcome.FAILED, rto_kept=None)
    (entry,) = get(ports, service="contoso")

    assert [drill["runId"] for drill in entry["drills"]] == [new.run_id, old.run_id]
    assert entry["state"]["isFailed"] is True
    assert entry["state"]["lastWord"] == "Failed"
    assert entry["state"]["isOverdue"] is True


def test_what_was_never_drilled_is_overdue_here_as_in_its_service_s_state(ports):
    """GET /api/services and GET /api/drills look at the same: the points are old, and none was rehearsed."""
    ports.clock.advance(38 * 24 * 3600)
    (entry,) = get(ports, service="contoso")
    shown = show(ports.first, Regions(ports), ports).drills

    assert entry["state"]["isOverdue"] is True
    assert entry["state"] == shown.to_json()


def test_without_a_service_all_that_are_drilled_here_are_listed(ports):
    """And none whose target is in another region."""
    assert [entry["service"] for entry in get(ports)] == ["contoso"]
    assert get(ports.in_region("northeurope")) == []


def test_the_app_of_another_region_shows_the_drills_of_a_named_service(ports):
    """It reads the records of the region that drills."""
    put_drill(ports, DAY)
    (entry,) = get(ports.in_region("northeurope"), service="contoso")

    assert len(entry["drills"]) == 1
    assert entry["state"]["region"] == "westeurope"


def test_a_service_without_drills_has_no_state():
    """Null, and no drills: nothing was planned."""
    assert get(FakePorts(), service="contoso") == [{"service": "contoso", "state": None, "drills": []}]


def test_a_service_that_the_plan_does_not_know_is_not_found(ports):
    """404 with the code."""
    answer = get(ports, service="nobody")

    assert (answer.status_code, body_of(answer)["error"]["code"]) == (404, "ServiceNotFound")


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.SUCCEEDED, 200),
        (Outcome.FAILED, 422),
        (Outcome.REFUSED, 409),
        (Outcome.POLL_DENIED, 424),
        (Outcome.OUTCOME_UNKNOWN, 424),
    ],
)
def test_a_drill_that_has_ended_answers_with_the_status_of_its_word(ports, client, outcome, status):
    """As its run would; the record stands in the body in any case."""
    record = put_drill(ports, DAY, outcome)
    answer = follow(ports, client, record.run_id)

    body = body_of(answer)
    assert answer.status_code == status
    shown = body if status == 200 else body["error"]["drill"]
    assert (shown["runId"], shown["outcome"]) == (record.run_id, outcome)


def test_a_drill_of_a_call_is_found_by_its_id_with_the_tail(ports, client):
    """The service's name in the id is followed by eight hex digits."""
    at = ports.clock.now()
    run_id = names.run_id("drill", "contoso", at, because="a test")
    put_drill(ports, DAY, run_id=run_id)

    assert follow(ports, client, run_id).status_code == 200


def test_a_drill_that_waits_for_its_target_is_under_way(ports, client):
    """202, before there is any run."""
    drill_id = body_of(call(ports, client, GOOD))["drillId"]
    answer = follow(ports, client, drill_id)

    assert answer.status_code == 202
    assert answer.headers["Location"] == f"{URL}/{drill_id}"
    assert "waiting" in body_of(answer)["message"]


@pytest.mark.parametrize("drill_id", ["20261123T090000Z-drill-contoso", "nonsense", "../plan", "x" * 300,
                                      "20261123T090000Z-backup-contoso"])  # fmt: skip
def test_an_unknown_drill_is_not_found(ports, client, drill_id):
    """404, whatever was asked for."""
    assert follow(ports, client, drill_id).status_code == 404
