"""The call that lets a point through: what it needs, what it leaves, and all its faults at once."""

from __future__ import annotations

import datetime as dt

import pytest

from replicate_event.call import ask_replication
from shared.core import layout
from shared.core.replication import Approval
from shared.core.reports import Replica
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.ports import plan_json
from tests.steps.conftest import body_of, put_point, request, run

URL = "https://dr.example/api/services/contoso/replicate"


def ask(ports, client, body=b"", service="contoso"):
    """Send the call, and return status, body and headers."""
    answer = run(ask_replication(request(body, url=f"{URL}?code=secret", service=service), client, ports))
    return answer.status_code, body_of(answer), answer.headers


def wish(point, **changes):
    """Return a body that lets a point through."""
    return {
        "restorePoint": point.name, "reason": "checked by hand", "confirm": "REPLICATE contoso", **changes
    }  # fmt: skip


def codes(body):
    """Return the codes of all faults."""
    return [detail["code"] for detail in body["error"]["details"]]


def test_without_a_point_the_standby_is_looked_at(ports, client):
    """202 with the service's Location, without the caller's key; nothing is approved."""
    status, body, headers = ask(ports, client)

    assert (status, body["approved"]) == (202, None)
    assert headers["Location"] == "https://dr.example/api/services/contoso"
    assert [(name, given["trigger"]) for name, _, given in client.started] == [("replicate_service", "http")]
    assert list(ports.records().keys(layout.APPROVALS)) == []


def test_a_point_is_let_through_by_name_and_for_a_reason(ports, client, caplog):
    """The approval is stored with its reason, and a look is started."""
    point = put_point(ports)

    status, body, _ = ask(ports, client, wish(point))

    approval = Approval.from_bytes(ports.records().read(layout.approval_key("contoso", point.name))[0])
    assert (status, body["approved"]) == (202, point.name)
    assert (approval.reason, approval.approved_at) == ("checked by hand", START)
    assert len(client.started) == 1
    assert "replication.approved" in caplog.text


def test_a_replication_at_work_hears_of_it_all_the_same(ports, client):
    """It looks once more before it ends; the answer is the same."""
    ask(ports, client)

    status, _, _ = ask(ports, client, wish(put_point(ports)))

    assert (status, len(client.started)) == (202, 1)


def test_every_fault_is_named_at_once(ports, client):
    """No reason, no confirmation, no such point: three faults, and nothing is stored or started."""
    status, body, _ = ask(ports, client, {"restorePoint": "contoso_20260101T000000Z.apimbackup"})

    assert status == 400
    assert sorted(codes(body)) == ["ConfirmationMissing", "RequestInvalid", "RestorePointNotFound"]
    assert (client.started, list(ports.records().keys(layout.APPROVALS))) == ([], [])


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"confirm": "REPLICATE nordhav"}, 400, "ConfirmationMissing"),
        ({"reason": " "}, 400, "RequestInvalid"),
        ({"reason": None}, 400, "RequestInvalid"),
        ({"restorePoint": None}, 400, "RequestInvalid"),
        ({"restorePoint": "../contoso"}, 404, "RestorePointNotFound"),
        ({"force": True}, 400, "RequestInvalid"),
    ],
)
def test_one_fault_is_enough(ports, client, change, status, code):
    """Each is refused by itself."""
    answer = ask(ports, client, wish(put_point(ports), **change))

    assert (answer[0], codes(answer[1])[0]) == (status, code)
    assert client.started == []


def test_a_point_that_is_not_newer_is_not_let_through(ports, client):
    """Replication never brings an older point over a newer one; that is a restore."""
    point = put_point(ports)
    replica = Replica(
        name=point.name,
        service="contoso",
        target=ports.first.standby.ref,
        run_id="r",
        point_started_at=point.started_at + dt.timedelta(hours=1),
        inventory_digest="",
        recorded_at=START,
    )
    ports.records().put(
        layout.replica_key("contoso", "contoso_20261123T015959Z.apimbackup"), replica.to_bytes()
    )

    status, body, _ = ask(ports, client, wish(point))

    assert (status, codes(body)) == (409, ["StandbyHoldsNewer"])


def test_a_point_without_inventory_is_not_let_through(ports, client):
    """Whether it came to the standby could never be told."""
    point = put_point(ports)
    key = layout.restore_point_key(point.service, point.name)
    bare = point.model_copy(update={"inventory": None})
    ports.records("westeurope").put(key, bare.to_bytes())

    status, body, _ = ask(ports, client, wish(point))

    assert (status, codes(body)) == (409, ["NoInventory"])


def test_the_app_of_another_region_refuses(ports, client):
    """Only the standby's app replicates to it."""
    status, body, _ = ask(ports.in_region("westeurope"), client)

    assert (status, codes(body)) == (409, ["OtherRegion"])
    assert "northeurope" in body["error"]["message"]


def test_a_service_without_a_standby_or_unknown_is_refused(client):
    """There is nothing to replicate to."""
    plan = plan_json(region="northeurope")
    del plan["services"][0]["standby"]
    ports = FakePorts(plan)

    assert codes(ask(ports, client)[1]) == ["NoStandby"]
    assert codes(ask(ports, client, service="nobody")[1]) == ["ServiceNotFound"]


def test_a_start_that_durable_did_not_take_keeps_the_approval(ports, client):
    """503: asked again, or by the timer's next look, it goes on."""
    point = put_point(ports)
    client.on_start = RuntimeError("503")

    status, body, _ = ask(ports, client, wish(point))

    assert (status, body["error"]["code"]) == (503, "StartFailed")
    assert ports.records().exists(layout.approval_key("contoso", point.name))
