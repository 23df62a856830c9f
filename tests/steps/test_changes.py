"""Receiving events about changes, and the step that waits with them: what is written, started and refused."""

from __future__ import annotations

import datetime as dt
import json
import logging
from typing import Any

import pytest

from change_event.activities import weigh_changes
from change_event.receive import TRIES_MAX, receive
from shared.core import layout, names
from shared.core.changes import Changes
from shared.core.errors import ConflictError, ProtocolError, UnavailableError
from shared.core.nights import NightWish
from shared.core.requests import RestoreRequest
from shared.core.runs import Outcome, RunPhase, RunRecord
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.points import make_point
from tests.fakes.ports import plan_json, resource_id
from tests.steps.conftest import FakeClient, run

KEY = layout.changes_key("contoso")
PRIMARY = resource_id("contoso-weu")
HOUR = dt.timedelta(hours=1)


def make_ports(**changes: Any) -> FakePorts:
    """Return the ports of an app whose only service is backed up after changes."""
    data = plan_json()
    data["services"][0] |= {"afterChanges": {"quietMinutes": 30, "minIntervalHours": 4}, **changes}
    return FakePorts(data)


@pytest.fixture
def ports() -> FakePorts:
    """Ports of such an app."""
    return make_ports()


def event(
    event_id: str = "1", at: dt.datetime | None = None, uri: str = f"{PRIMARY}/apis/orders", **more: Any
) -> str:
    """Return an event of Azure Resource Manager as Event Grid puts it into the queue."""
    body = {
        "id": event_id,
        "eventType": "Microsoft.Resources.ResourceWriteSuccess",
        "subject": uri,
        "eventTime": (at or START).isoformat(),
        "data": {"resourceUri": uri, "operationName": "Microsoft.ApiManagement/service/apis/write"},
        **more,
    }
    return json.dumps(body)


def kept(ports: FakePorts) -> Changes:
    """Return what is on record of the service's changes."""
    return Changes.from_bytes(ports.records().read(KEY)[0])


def instance(wait: int = 1) -> str:
    """Return the instance that waits with the service's changes."""
    return names.changes_instance(PRIMARY, wait)


def weigh(ports: FakePorts, client: FakeClient, wait: int = 1) -> dict[str, Any]:
    """Look at the changes as their orchestration does."""
    wish = {"v": 1, "service": "contoso", "wait": wait, "at": ports.clock.now().isoformat()}
    answer: dict[str, Any] = run(weigh_changes(wish, client, ports))
    return answer


def nights(client: FakeClient) -> list[NightWish]:
    """Return the nights that were started."""
    return [NightWish.from_json(wish) for name, _, wish in client.started if name == "back_up_fleet"]


def test_a_change_is_written_down_and_somebody_waits_with_it(ports: FakePorts, client: FakeClient) -> None:
    """The record comes first: a crash in between is made good when the message comes again."""
    client.on_start = RuntimeError("no host")
    with pytest.raises(UnavailableError, match="nobody waits"):
        run(receive(event(), client, ports))
    assert (kept(ports).count, kept(ports).last_at) == (1, START)

    client.on_start = None
    run(receive(event(), client, ports))

    assert [(name, where) for name, where, _ in client.started] == [("wait_for_quiet", instance())]
    assert kept(ports).count == 1


def test_further_changes_start_nobody_else(ports: FakePorts, client: FakeClient) -> None:
    """One orchestration waits with all of them."""
    for number in range(5):
        run(receive(event(str(number), START - HOUR * number), client, ports))

    assert len(client.started) == 1
    assert (kept(ports).count, kept(ports).last_at, kept(ports).first_at) == (5, START, START - 4 * HOUR)


@pytest.mark.parametrize("status", ["Failed", "Terminated", "Completed"])
def test_a_wait_that_came_to_nothing_is_begun_again(
    ports: FakePorts, client: FakeClient, status: str
) -> None:
    """The record says that somebody waits, and nobody does."""
    run(receive(event(), client, ports))
    client.put(instance(), status)

    run(receive(event("2"), client, ports))

    assert [where for _, where, _ in client.started] == [instance(), instance()]


def test_two_messages_at_a_time_start_one_wait(ports: FakePorts, client: FakeClient) -> None:
    """The host refuses the second start; what counts is that somebody waits."""

    class Late(FakeClient):
        async def start_new(self, *_args: Any, **_more: Any) -> str:
            client.put(instance(), "Running")
            raise RuntimeError("exists")

    late = Late()
    late.instances = client.instances

    run(receive(event(), late, ports))

    assert kept(ports).is_waiting


def test_a_message_that_is_written_at_the_same_time_loses_nothing(
    ports: FakePorts, client: FakeClient
) -> None:
    """The slower one reads again what the faster one wrote."""
    run(receive(event("1"), client, ports))
    ports.records().faults["replace"].extend([ConflictError("changed"), ConflictError("changed")])

    run(receive(event("2"), client, ports))

    assert kept(ports).count == 2


def test_a_record_that_never_holds_still_sends_the_message_back(ports: FakePorts, client: FakeClient) -> None:
    """The host brings it again later."""
    ports.records().faults["create"].extend(ConflictError("changed") for _ in range(TRIES_MAX))

    with pytest.raises(ConflictError):
        run(receive(event(), client, ports))


def test_a_broken_record_is_begun_anew(ports: FakePorts, client: FakeClient) -> None:
    """Its wait has a number that was never used before."""
    ports.records().put(KEY, b"{")

    run(receive(event(), client, ports))

    assert (kept(ports).count, kept(ports).is_waiting) == (1, True)
    assert kept(ports).wait > 1_000_000_000


IGNORED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no rule in the plan": ({"afterChanges": None}, event(), "asks for no backups"),
    "a pause": ({"paused": {"reason": "moving house"}}, event(), "paused: moving house"),
    "an unknown service": ({}, event(uri=resource_id("stranger")), "does not know"),
    "the standby": ({}, event(uri=resource_id("contoso-neu")), "does not know"),
    "a blob": ({}, event(eventType="Microsoft.Storage.BlobCreated"), "event type"),
}


@pytest.mark.parametrize(("changes", "text", "reason"), IGNORED.values(), ids=IGNORED)
def test_what_asks_for_no_backup_leaves_only_a_line_in_the_log(
    client: FakeClient, caplog: pytest.LogCaptureFixture, changes: dict[str, Any], text: str, reason: str
) -> None:
    """Nothing is written and nothing is started."""
    ports = make_ports(**changes)

    with caplog.at_level(logging.INFO, logger="apim_dr"):
        run(receive(text, client, ports))

    assert reason in caplog.text
    assert "change.ignored" in caplog.text
    assert (client.started, ports.records().exists(KEY)) == ([], False)


def test_the_app_of_another_region_leaves_it_to_the_services_own(
    ports: FakePorts, client: FakeClient
) -> None:
    """Both apps may hear of the same subscription."""
    run(receive(event(), client, ports.in_region("northeurope")))

    assert client.started == []


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[{}, {}]", event(subject=None, data={})])
def test_what_is_no_event_goes_to_the_poison_queue(ports: FakePorts, client: FakeClient, text: str) -> None:
    """The host repeats a message that raises, and then sets it aside."""
    with pytest.raises(ProtocolError):
        run(receive(text, client, ports))


def test_nothing_of_who_changed_it_is_kept_or_logged(
    ports: FakePorts, client: FakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The events of Azure Resource Manager carry the claims of whoever called."""
    body = json.loads(event())
    body["data"]["claims"] = {"name": "somebody@contoso.example", "ipaddr": "203.0.113.7"}

    with caplog.at_level(logging.DEBUG):
        run(receive(json.dumps(body), client, ports))

    everywhere = ports.storage.everything_written() + json.dumps(client.started) + caplog.text
    assert "somebody" not in everywhere
    assert "203.0.113.7" not in everywhere


def put_restore(
    ports: FakePorts, client: FakeClient, *, posted_at: dt.datetime | None, ended_at: dt.datetime | None
) -> None:
    """Let the last run on the primary be a restore of ours."""
    point = make_point(ports, START - 20 * HOUR, names.backup_name("contoso", START - 20 * HOUR))
    request = RestoreRequest(
        run_id=names.run_id("restore", "contoso", START - 3 * HOUR, because="a test"),
        kind="restore",
        service="contoso",
        target=ports.first.ref,
        access=ports.first.storage.access,
        point=point,
        trigger="http",
        requested_at=START - 3 * HOUR,
        deadline_at=START + 5 * HOUR,
    )
    record = request.first_record().model_copy(
        update={
            "posted_at": posted_at,
            "first_posted_at": posted_at,
            "ended_at": ended_at,
            "phase": RunPhase.ENDED if ended_at else RunPhase.RUNNING,
            "outcome": Outcome.SUCCEEDED if ended_at else None,
        }
    )
    ports.runs.create(record)
    client.put(record.instance_id, "Completed" if ended_at else "Running", input_=request.to_json())


MINUTE = dt.timedelta(minutes=1)
ECHOES: dict[str, tuple[dt.datetime | None, dt.datetime | None, dt.datetime, bool]] = {
    "while it runs": (START - HOUR, None, START, True),
    "shortly after it": (START - 2 * HOUR, START - HOUR, START - HOUR + 15 * MINUTE, True),
    "while it ran, told of much later": (START - 2 * HOUR, START - HOUR, START - 90 * MINUTE, True),
    "before it was sent": (START - HOUR, None, START - 61 * MINUTE, False),
    "before it is sent": (None, None, START, False),
    "long after it": (START - 2 * HOUR, START - HOUR, START - HOUR + 16 * MINUTE, False),
}


@pytest.mark.parametrize(("posted_at", "ended_at", "at", "is_ours"), ECHOES.values(), ids=ECHOES)
def test_what_a_restore_of_ours_changes_is_no_change(
    ports: FakePorts,
    client: FakeClient,
    posted_at: dt.datetime | None,
    ended_at: dt.datetime | None,
    at: dt.datetime,
    is_ours: bool,
) -> None:
    """By the time of the change, not by that of the message."""
    put_restore(ports, client, posted_at=posted_at, ended_at=ended_at)

    run(receive(event(at=at), client, ports))

    assert bool(client.started) is not is_ours


def test_a_quiet_service_gets_a_night_of_its_own(ports: FakePorts, client: FakeClient) -> None:
    """Named by the look, begun because of an event, for this service alone."""
    run(receive(event(), client, ports))
    ports.clock.advance(30 * 60)

    answer = weigh(ports, client)

    (night,) = nights(client)
    assert answer["night"] == night.night == kept(ports).night
    assert (night.trigger, night.services, night.requested_at) == ("event", ("contoso",), START + HOUR / 2)
    assert "1 changes" in night.reason
    assert (kept(ports).count, kept(ports).is_waiting) == (0, False)


def test_the_same_look_twice_is_one_night(ports: FakePorts, client: FakeClient) -> None:
    """The worker died after the night was begun and before it was written down."""
    run(receive(event(), client, ports))
    ports.clock.advance(30 * 60)
    ports.records().faults["replace"].append(RuntimeError("the worker died"))
    with pytest.raises(RuntimeError):
        weigh(ports, client)

    weigh(ports, client)

    assert len(nights(client)) == 1
    assert not kept(ports).is_waiting


def test_a_night_that_was_marked_and_not_started_is_started(ports: FakePorts, client: FakeClient) -> None:
    """The worker died between the two."""
    run(receive(event(), client, ports))
    ports.clock.advance(30 * 60)
    plain = client.start_new
    died = []

    async def start_new(name: str, *args: Any, **more: Any) -> str:
        if not died:
            died.append(name)
            raise SystemExit
        return await plain(name, *args, **more)

    client.start_new = start_new  # type: ignore[method-assign]
    with pytest.raises(SystemExit):
        weigh(ports, client)

    answer = weigh(ports, client)

    assert [night.night for night in nights(client)] == [answer["night"]]


def test_a_night_that_durable_does_not_take_is_begun_by_a_later_look(
    ports: FakePorts, client: FakeClient
) -> None:
    """And leaves no mark that somebody else would take up."""
    run(receive(event(), client, ports))
    ports.clock.advance(30 * 60)
    client.on_start = RuntimeError("no host")

    answer = weigh(ports, client)

    assert dt.datetime.fromisoformat(answer["until"]) == ports.clock.now() + dt.timedelta(minutes=5)
    assert list(ports.records().keys(layout.OPEN_NIGHTS)) == []
    assert kept(ports).is_waiting


def test_a_change_during_the_look_is_left_for_another_backup(ports: FakePorts, client: FakeClient) -> None:
    """The night has those that were weighed; somebody goes on waiting with the other."""
    run(receive(event("1"), client, ports))
    ports.clock.advance(30 * 60)
    plain = client.start_new

    async def start_new(*args: Any, **more: Any) -> str:
        client.start_new = plain  # type: ignore[method-assign]
        await receive(event("2", ports.clock.now()), client, ports)
        return await plain(*args, **more)

    client.start_new = start_new  # type: ignore[method-assign]
    answer = weigh(ports, client)

    assert len(nights(client)) == 1
    assert (kept(ports).count, kept(ports).is_waiting, kept(ports).wait) == (1, True, 1)
    assert dt.datetime.fromisoformat(answer["until"]) == ports.clock.now() + 4 * HOUR


def put_run(ports: FakePorts, at: dt.datetime, *, ended: bool, posted: bool = True) -> RunRecord:
    """Store a backup run of the service."""
    record = RunRecord(
        run_id=names.run_id("backup", "contoso", at),
        kind="backup",
        service="contoso",
        subject=ports.first.ref,
        instance_id="svc-1",
        trigger="timer",
        phase=RunPhase.ENDED if ended else RunPhase.REQUESTED,
        outcome=Outcome.FAILED if ended else None,
        requested_at=at,
        phase_at=at,
        posted_at=at if posted else None,
        first_posted_at=at if posted else None,
    )
    ports.runs.create(record)
    return record


def test_the_interval_counts_from_the_backup_before_whatever_started_it(
    ports: FakePorts, client: FakeClient
) -> None:
    """A run of the timer that failed counts too: nothing is tried more often than the plan says."""
    put_run(ports, START - HOUR, ended=True)
    run(receive(event(), client, ports))
    ports.clock.advance(30 * 60)

    answer = weigh(ports, client)

    assert dt.datetime.fromisoformat(answer["until"]) == START + 3 * HOUR


def test_a_backup_that_waits_for_its_turn_is_waited_for(ports: FakePorts, client: FakeClient) -> None:
    """It will hold the change; a second one would find the service busy."""
    put_run(ports, START - HOUR, ended=False, posted=False)
    run(receive(event(), client, ports))
    ports.clock.advance(30 * 60)

    assert weigh(ports, client)["reason"] == "a backup is under way"


def test_a_run_that_nobody_ends_does_not_put_off_backups_for_ever(
    ports: FakePorts, client: FakeClient
) -> None:
    """After the longest time that a run can take it is no reason to wait."""
    put_run(ports, START - 12 * HOUR, ended=False, posted=False)
    run(receive(event(), client, ports))
    ports.clock.advance(30 * 60)

    assert weigh(ports, client).get("night")


def test_runs_of_services_with_a_similar_name_are_not_taken_for_its_own(
    ports: FakePorts, client: FakeClient
) -> None:
    """contoso-12345678 is no second run of contoso."""
    other = put_run(ports, START - HOUR, ended=True)
    twin = other.model_copy(update={"service": "contoso-12345678", "run_id": f"{other.run_id}-12345678"})
    ports.records().delete(layout.run_key(other.run_id))
    ports.runs.create(twin)
    run(receive(event(), client, ports))
    ports.clock.advance(30 * 60)

    assert weigh(ports, client).get("night")


def test_a_backup_that_was_started_after_the_change_ends_the_wait(
    ports: FakePorts, client: FakeClient
) -> None:
    """Whoever started it: the change is in it."""
    run(receive(event(at=START - HOUR), client, ports))
    make_point(ports, START - HOUR / 2, names.backup_name("contoso", START - HOUR / 2))

    answer = weigh(ports, client)

    assert (answer["night"], nights(client)) == (None, [])
    assert not kept(ports).is_waiting


OTHER_PLANS: dict[str, dict[str, Any]] = {
    "no rule any more": {"afterChanges": None},
    "a pause": {"paused": {"reason": "moving house"}},
    "another name": {"name": "renamed"},
}


@pytest.mark.parametrize("changes", OTHER_PLANS.values(), ids=OTHER_PLANS)
def test_another_plan_ends_the_wait(client: FakeClient, changes: dict[str, Any]) -> None:
    """The plan of the moment counts, and not that of the event."""
    before = make_ports()
    run(receive(event(), client, before))
    later = FakePorts(make_ports(**changes).plan.model_dump(mode="json", by_alias=True, exclude_unset=True),
                      clock=before.clock, storage=before.storage, arm=before.arm)  # fmt: skip

    answer = weigh(later, client)

    assert (answer["night"], kept(later).is_waiting) == (None, False)


@pytest.mark.parametrize("wait", [0, 2])
def test_only_the_one_that_the_record_names_waits(ports: FakePorts, client: FakeClient, wait: int) -> None:
    """An older one that comes back to life ends without a backup."""
    run(receive(event(), client, ports))
    ports.clock.advance(30 * 60)

    assert weigh(ports, client, wait)["night"] is None
    assert (nights(client), kept(ports).is_waiting) == ([], True)


def test_storage_that_fails_is_looked_at_again(ports: FakePorts, client: FakeClient) -> None:
    """The answer says when, and why."""
    run(receive(event(), client, ports))
    ports.records().faults["read"].append(UnavailableError("storage is away"))

    answer = weigh(ports, client)

    assert answer["reason"] == "storage is away"
    assert dt.datetime.fromisoformat(answer["until"]) > ports.clock.now()
