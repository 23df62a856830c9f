"""The timer of replication: what it starts without any event, what it costs, and what it survives."""

from __future__ import annotations

import datetime as dt
import threading

import pytest

from replicate_event.finding import find_unreplicated
from shared.core import layout, names
from shared.core.errors import UnavailableError
from shared.core.replication import Approval, ReplicationState, ReplicationWord
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.ports import plan_json
from tests.steps.conftest import put_point, run

DOWN = UnavailableError("the records: ServerBusy")


def note(ports, seen, **changes):
    """Store what replication said last: in sync with what it saw."""
    state = ReplicationState(
        service="contoso",
        target=ports.first.standby.ref,
        at=START - dt.timedelta(hours=1),
        word=ReplicationWord.IN_SYNC,
        seen=seen,
    ).model_copy(update=changes)
    ports.records().put(layout.replication_key("contoso"), state.to_bytes())
    return state


def noted(ports):
    """Return what is stored of the first service's replication."""
    return ReplicationState.from_bytes(ports.records().read(layout.replication_key("contoso"))[0])


def test_a_point_that_no_event_told_of_is_found(ports, client):
    """Nothing is known of the service, and there is a record."""
    put_point(ports)

    run(find_unreplicated(client, ports))

    ((name, instance, wish),) = client.started
    assert (name, wish["service"], wish["trigger"]) == ("replicate_service", "contoso", "timer")
    assert instance == names.replication_instance(ports.first.standby.resource_id)


def test_a_stray_file_among_the_records_starts_nothing(ports, client):
    """It has no name that a backup has: the look after it would not see it either, and so for ever."""
    note(ports, put_point(ports).name)
    ports.records("westeurope").put("restore-points/contoso/zz-notes.json", b"{}")

    run(find_unreplicated(client, ports))

    assert client.started == []


def test_what_was_seen_before_starts_nothing(ports, client):
    """The newest record is the one that replication saw, and it left nothing to do."""
    note(ports, put_point(ports).name)

    run(find_unreplicated(client, ports))

    assert client.started == []


@pytest.mark.parametrize(
    "changes",
    [{"seen": None}, {"again_at": START}, {"primary_fault": "gone"}],
    ids=["newer", "due", "back"],
)
def test_what_is_left_to_do_is_started(ports, client, changes):
    """A newer record, a look whose time has come, a region that answers again."""
    note(ports, **{"seen": put_point(ports).name, **changes})

    run(find_unreplicated(client, ports))

    assert len(client.started) == 1


def test_a_replication_at_work_is_left_alone(ports, client):
    """Ten minutes later it may still be at work."""
    put_point(ports)
    run(find_unreplicated(client, ports))

    run(find_unreplicated(client, ports))

    assert len(client.started) == 1


@pytest.mark.parametrize(("minutes", "starts"), [(30, 1), (90, 0)])
def test_an_approval_after_the_last_look_starts_one(ports, client, minutes, starts):
    """The call that approves starts a look; should that be lost, the timer makes up for it."""
    point = put_point(ports)
    note(ports, point.name, word=ReplicationWord.HELD_BACK)
    at = START - dt.timedelta(minutes=minutes)
    approval = Approval(service="contoso", name=point.name, reason="looked at", approved_at=at)
    ports.records().put(layout.approval_key("contoso", point.name), approval.to_bytes())

    run(find_unreplicated(client, ports))

    assert len(client.started) == starts


def test_a_region_that_does_not_answer_is_said_once(ports, client, logged):
    """The word stays, the reason is added and not repeated, and the call's own thread logs it each time."""
    note(ports, put_point(ports).name)
    ports.records("westeurope").faults["keys"].extend([DOWN, DOWN])

    run(find_unreplicated(client, ports))
    run(find_unreplicated(client, ports))

    state = noted(ports)
    assert state.word is ReplicationWord.IN_SYNC
    assert state.reasons == ("the records of westeurope cannot be read: the records: ServerBusy",)
    assert len([key for key, _ in ports.records().written if key.startswith("replications/")]) == 2
    assert [line.split()[0] for line, _, _ in logged] == ["replication.not_seen"] * 2
    assert {(level, thread) for _, level, thread in logged} == {("ERROR", threading.get_ident())}
    assert client.started == []


def test_what_is_due_goes_on_without_the_primary_region(ports, client):
    """A restore from a copy that failed is tried again, whether the other region is there or not."""
    note(ports, put_point(ports).name, again_at=START)
    ports.records("westeurope").faults["keys"].append(DOWN)

    run(find_unreplicated(client, ports))

    assert len(client.started) == 1


def test_a_service_that_cannot_be_looked_after_hides_no_other(client, caplog):
    """Its state cannot be read for now; the next one is started."""
    ports = FakePorts(plan_json(("alpha", "beta"), region="northeurope"))
    for service in ports.plan.services:
        name = names.backup_name(service.name, START)
        ports.records("westeurope").put(layout.restore_point_key(service.name, name), b"{}")
    ports.records().faults["read"].append(DOWN)

    run(find_unreplicated(client, ports))

    assert len(client.started) == 1
    assert "replication.not_seen" in caplog.text


def test_records_of_the_own_region_that_are_down_end_the_look(ports, client, caplog):
    """Nothing is started, nothing is raised, and it is in the log."""
    ports.records().faults["keys"].append(DOWN)

    run(find_unreplicated(client, ports))

    assert client.started == []
    assert "replication.not_seen" in caplog.text


def test_a_thousand_services_cost_one_read_each_and_two_lists(client, monkeypatch):
    """The whole look fits into one execution of the timer."""
    services = tuple(f"s{number}" for number in range(1000))
    ports = FakePorts(
        plan_json(
            services,
            region="northeurope",
        )
    )
    reads, lists = [], []
    for records in (ports.records(), ports.records("westeurope")):
        monkeypatch.setattr(records, "read", lambda key, read=records.read: reads.append(key) or read(key))
        monkeypatch.setattr(
            records, "keys", lambda prefix, keys=records.keys: lists.append(prefix) or keys(prefix)
        )

    run(find_unreplicated(client, ports))

    assert len(reads) == 1000
    assert sorted(lists) == [layout.APPROVALS, layout.RESTORE_POINTS]
