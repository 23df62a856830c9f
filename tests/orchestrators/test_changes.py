"""After changes, over hours of virtual time: whatever comes in whichever order, the right backups follow."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import azure.durable_functions as df
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from change_event.functions import bp
from change_event.receive import receive
from devhost.testing import VirtualHost
from shared import wiring
from shared.core import layout, names
from shared.core.changes import Changes
from shared.core.errors import DrError
from shared.core.nights import NightWish
from shared.core.reports import NightRecord
from shared.core.requests import BackupRequest
from shared.core.runs import Outcome, RunPhase
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.points import make_point
from tests.fakes.ports import plan_json, resource_id
from tests.orchestrators.conftest import MakeStage

MINUTE = dt.timedelta(minutes=1)
QUIET = 10 * MINUTE
INTERVAL = 60 * MINUTE
PRIMARY = resource_id("contoso-weu")
PLAN = plan_json()
PLAN["services"][0]["afterChanges"] = {"quietMinutes": 10, "minIntervalHours": 1}


class WorkerDied(Exception):
    """What the host sees of a worker that dies: nothing of ours."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Backup:
    """One backup: when it was asked for, when its POST went out, whether changes asked for it."""

    asked_at: dt.datetime
    posted_at: dt.datetime
    is_for_changes: bool
    is_good: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message: the event, when it happened, and when it arrives."""

    event_id: str
    at: dt.datetime
    arrives_at: dt.datetime


class HostClient:
    """Durable's client, straight into the virtual host's engine."""

    def __init__(self, host: VirtualHost) -> None:
        self._host = host

    async def start_new(self, name: str, instance_id: str | None = None, client_input: Any = None) -> str:
        """Start an instance."""
        return await self._host._engine.start(name, json.dumps(client_input), instance_id)

    async def get_status(self, instance_id: str, **_options: Any) -> Any:
        """Return what is known of an instance."""
        found = await self._host._engine.get(instance_id)
        if found is None:
            return SimpleNamespace(runtime_status=None, output=None, custom_status=None, input_=None)
        return SimpleNamespace(
            runtime_status=str(found.status), output=None, custom_status=None, input_=found.input
        )


class World:
    """The app's side of changes at work, and backups that take time, wait for their turn, or fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fates: list[tuple[int, int, bool]]) -> None:
        self.ports = FakePorts(PLAN)
        self.fates = fates
        """For each backup: minutes until its POST, minutes until its end, whether it succeeds."""
        self.backups: list[Backup] = []
        self.heard: list[Delivery] = []
        self.deaths = 0
        """So many workers die the next times that changes are written."""
        self._replace = self.ports.records().replace
        self.ports.records().replace = self._replace_or_die  # type: ignore[method-assign]
        monkeypatch.setattr(wiring, "ports", lambda: self.ports)
        app = df.DFApp()
        app.register_blueprint(bp)

        @app.orchestration_trigger(context_name="context")
        def back_up_fleet(context: df.DurableOrchestrationContext) -> Generator[Any, Any, None]:
            wish = context.get_input()
            fate = yield context.call_activity("ask", wish)
            yield context.create_timer(context.current_utc_datetime + fate[0] * MINUTE)
            yield context.call_activity("post", wish)
            yield context.create_timer(context.current_utc_datetime + fate[1] * MINUTE)
            yield context.call_activity("finish", [wish, fate[2]])

        stand_ins = {"ask": self._ask, "post": self._post, "finish": self._finish}
        self.host = VirtualHost(app, activities=stand_ins, start=START)
        self.ports.clock.follow(self.host.clock.now)
        self.client = HostClient(self.host)

    def deliver(self, delivery: Delivery) -> None:
        """Let time pass, and hand over a message until it is taken."""
        self.host.run_for(max(dt.timedelta(0), delivery.arrives_at - self.host.clock.now()))
        event = {
            "id": delivery.event_id,
            "eventType": "Microsoft.Resources.ResourceWriteSuccess",
            "eventTime": delivery.at.isoformat(),
            "data": {"resourceUri": f"{PRIMARY}/apis/orders"},
        }
        for _ in range(5):
            try:
                self.host._runner.run(receive(json.dumps(event), self.client, self.ports))
            except (DrError, WorkerDied):
                self.host.run_for(dt.timedelta(seconds=30))
                continue
            break
        else:
            raise AssertionError("the message was never taken")
        self.heard.append(dataclasses.replace(delivery, arrives_at=self.host.clock.now()))

    def back_up_by_timer(self) -> None:
        """Begin a night that has nothing to do with changes."""
        now = self.host.clock.now()
        night = names.night_id(now)
        wish = NightWish(night=night, trigger="timer", requested_at=now, begun_at=now, services=("contoso",))
        self.host.start("back_up_fleet", wish.to_json(), names.night_instance(night))

    @property
    def changes(self) -> Changes:
        """What is on record."""
        return Changes.from_bytes(self.ports.records().read(layout.changes_key("contoso"))[0])

    def _replace_or_die(self, key: str, content: bytes, etag: str) -> str:
        if key.startswith(layout.CHANGES) and self.deaths:
            self.deaths -= 1
            raise WorkerDied
        return self._replace(key, content, etag)

    def _ask(self, data: dict[str, Any]) -> tuple[int, int, bool]:
        request = self._request(data)
        self.ports.runs.create(request.first_record())
        return self.fates.pop(0) if self.fates else (0, 11, True)

    def _post(self, data: dict[str, Any]) -> None:
        run, etag = self.ports.runs.read(self._request(data).run_id)
        now = self.ports.clock.now()
        changes = {"posted_at": now, "first_posted_at": now, "phase": RunPhase.RUNNING}
        self.ports.runs.replace(run.model_copy(update=changes), etag)

    def _finish(self, data: list[Any]) -> None:
        request, is_good = self._request(data[0]), data[1]
        run, etag = self.ports.runs.read(request.run_id)
        posted_at = run.posted_at
        assert posted_at is not None
        if is_good:
            make_point(self.ports, posted_at, request.backup_name)
        outcome = Outcome.SUCCEEDED if is_good else Outcome.FAILED
        now = self.ports.clock.now()
        end = {"phase": RunPhase.ENDED, "outcome": outcome, "ended_at": now}
        self.ports.runs.replace(run.model_copy(update=end), etag)
        self.backups.append(
            Backup(
                asked_at=request.requested_at,
                posted_at=posted_at,
                is_for_changes=request.trigger == "event",
                is_good=is_good,
            )
        )

    def _request(self, data: dict[str, Any]) -> BackupRequest:
        wish = NightWish.from_json(data)
        service = self.ports.first
        return BackupRequest(
            run_id=names.run_id("backup", "contoso", wish.requested_at, because=wish.night),
            service=service.name,
            source=service.ref,
            storage=service.storage,
            backup_name=names.backup_name("contoso", wish.requested_at),
            trigger=wish.trigger,
            requested_at=wish.requested_at,
            deadline_at=wish.requested_at + dt.timedelta(hours=8),
        )


def check(world: World) -> None:
    """Say what must be true of any world that has come to rest."""
    skew = dt.timedelta(seconds=world.ports.intervals.change_skew_s)
    last = max(min(one.at, one.arrives_at) for one in world.heard)
    assert not world.changes.is_waiting
    assert any(backup.posted_at >= last for backup in world.backups), "no backup after the last change"
    for backup in world.backups:
        if not backup.is_for_changes:
            continue
        before = [other for other in world.backups if other.asked_at < backup.asked_at]
        for other in before:
            assert backup.asked_at - other.posted_at >= INTERVAL or other.posted_at > backup.asked_at
        # a message of the very same moment may have been read before the night was begun, or after it
        known = [one for one in world.heard if one.arrives_at <= backup.asked_at]
        before_it = [one for one in known if one.arrives_at < backup.asked_at]
        assert all(min(one.at, one.arrives_at) <= backup.asked_at - QUIET for one in before_it), "not quiet"
        covered = max((other.posted_at for other in before if other.is_good), default=START - 365 * INTERVAL)
        assert any(one.at + skew > covered for one in known), "nothing had changed"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Generator[World, None, None]:
    """A world in which every backup succeeds after eleven minutes."""
    made = World(monkeypatch, [])
    yield made
    made.host.close()


def at(minutes: int, *, event_id: str = "", arrives: int | None = None) -> Delivery:
    """Return a change so many minutes after the start, and its message, at once or later."""
    happened = START + minutes * MINUTE
    return Delivery(
        event_id=event_id or f"event-{minutes}",
        at=happened,
        arrives_at=START + (minutes if arrives is None else arrives) * MINUTE,
    )


def test_one_change_is_one_backup_when_it_is_quiet(world: World) -> None:
    """Ten minutes after it, to the second."""
    world.deliver(at(0))
    world.host.run_for(dt.timedelta(days=2))

    assert [backup.posted_at for backup in world.backups] == [START + QUIET]
    check(world)


def test_a_deployment_is_one_backup_after_its_end(world: World) -> None:
    """A hundred changes, a minute apart, put the backup off until it is quiet."""
    for minute in range(100):
        world.deliver(at(minute))
    world.host.run_for(dt.timedelta(days=1))

    assert [backup.posted_at for backup in world.backups] == [START + 99 * MINUTE + QUIET]
    check(world)


def test_changes_while_the_backup_runs_lead_to_another_one(world: World) -> None:
    """An hour after the first one's start, as the plan says."""
    world.deliver(at(0))
    world.deliver(at(15))
    world.host.run_for(dt.timedelta(days=1))

    assert [backup.posted_at for backup in world.backups] == [START + QUIET, START + QUIET + INTERVAL]
    check(world)


def test_a_backup_of_the_timer_makes_one_for_changes_needless(world: World) -> None:
    """The change is in it, whoever asked for it."""
    world.deliver(at(0))
    world.host.run_for(5 * MINUTE)
    world.back_up_by_timer()
    world.host.run_for(dt.timedelta(days=1))

    assert [backup.is_for_changes for backup in world.backups] == [False]
    check(world)


def test_a_backup_of_the_timer_that_fails_does_not(world: World) -> None:
    """The one for the changes comes as soon as the interval allows."""
    world.fates.append((0, 30, False))
    world.deliver(at(0))
    world.host.run_for(5 * MINUTE)
    world.back_up_by_timer()
    world.host.run_for(dt.timedelta(days=1))

    assert [(backup.posted_at, backup.is_good) for backup in world.backups] == [
        (START + 5 * MINUTE, False),
        (START + 5 * MINUTE + INTERVAL, True),
    ]
    check(world)


def test_a_message_of_a_change_that_is_backed_up_already_leads_to_none(world: World) -> None:
    """Event Grid brings events up to a day late, and more than once."""
    world.deliver(at(0))
    world.host.run_for(dt.timedelta(hours=3))
    for arrives in (180, 300, 301):
        world.deliver(at(0, event_id=f"late-{arrives}", arrives=arrives))
    world.host.run_for(dt.timedelta(days=1))

    assert len(world.backups) == 1
    check(world)


def test_a_wait_of_days_ends_at_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through many generations of its orchestration, each of which replays as it ran."""
    world = World(monkeypatch, [])
    try:
        data = json.loads(json.dumps(PLAN))
        data["services"][0]["afterChanges"]["minIntervalHours"] = 168
        world.ports.plan = FakePorts(data).plan
        world.back_up_by_timer()
        world.deliver(at(30))
        instance = names.changes_instance(PRIMARY, 1)
        world.host.run_for(dt.timedelta(days=8))

        assert [backup.posted_at for backup in world.backups] == [START, START + dt.timedelta(days=7)]
        assert world.host.check_determinism(instance) > 5
    finally:
        world.host.close()


def test_a_host_that_loses_its_orchestration_is_helped_by_the_next_change(world: World) -> None:
    """Whatever ended it: the record says that somebody waits, and the next message sees that nobody does."""
    world.deliver(at(0))
    world.host.terminate(names.changes_instance(PRIMARY, 1))
    world.deliver(at(30))
    world.host.run_for(dt.timedelta(days=1))

    assert [backup.posted_at for backup in world.backups] == [START + 30 * MINUTE + QUIET]
    check(world)


def test_a_change_becomes_a_restore_point_through_the_whole_app(make_stage: MakeStage) -> None:
    """Queue, wait, night, run: the app itself, and its record says what began it."""
    rule = {"quietMinutes": 10, "minIntervalHours": 1}
    stage = make_stage("contoso", "fabrikam", defaults={"afterChanges": rule})
    event = {
        "id": "1",
        "type": "Microsoft.ApiManagement.APIUpdated",
        "time": START.isoformat(),
        "source": resource_id("FABRIKAM-WEU"),
        "data": {"resourceUri": resource_id("fabrikam-weu") + "/apis/orders"},
    }
    stage.host._runner.run(receive(json.dumps(event), HostClient(stage.host), stage.ports))

    stage.host.run_for(dt.timedelta(hours=2))

    (key,) = stage.ports.records().keys(layout.NIGHTS)
    night = NightRecord.from_bytes(stage.ports.records().read(key)[0])
    assert (night.trigger, night.requested_at) == ("event", START + QUIET)
    assert [(one.service, one.outcome) for one in night.services] == [("fabrikam", Outcome.SUCCEEDED)]
    assert len(list(stage.ports.records().keys(layout.RESTORE_POINTS))) == 1
    assert list(stage.ports.records().keys(layout.OPEN_NIGHTS)) == []


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 480),
        st.lists(st.integers(0, 240), min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=8,
)
"""When a change happens, in minutes, and how much later each of its messages arrives."""

FATES = st.lists(st.tuples(st.integers(0, 90), st.integers(1, 200), st.booleans()), max_size=5)


@settings(max_examples=15)
@given(events=EVENTS, timers=st.lists(st.integers(0, 600), max_size=3, unique=True), fates=FATES,
       kills=st.sets(st.integers(0, 20), max_size=3))  # fmt: skip
def test_any_schedule_ends_with_the_right_backups(
    events: list[tuple[int, list[int]]],
    timers: list[int],
    fates: list[tuple[int, int, bool]],
    kills: set[int],
) -> None:
    """
    Events doubled, late and reordered, nights of the timer in between, backups that wait and fail.

    Never more backups than the minimum interval allows, never one without a change, and after the last
    change one that was started after it.
    """
    with pytest.MonkeyPatch.context() as monkeypatch:
        world = World(monkeypatch, list(fates))
        try:
            deliveries = [
                at(minute, event_id=f"event-{index}", arrives=minute + delay)
                for index, (minute, delays) in enumerate(events)
                for delay in delays
            ]
            steps: list[tuple[dt.datetime, Delivery | None]] = [(one.arrives_at, one) for one in deliveries]
            steps += [(START + minute * MINUTE, None) for minute in timers]
            for number, (when, delivery) in enumerate(sorted(steps, key=lambda step: step[0])):
                if delivery is None:
                    world.host.run_for(max(dt.timedelta(0), when - world.host.clock.now()))
                    world.back_up_by_timer()
                    continue
                if number in kills:
                    world.deaths += 1
                world.deliver(delivery)
            world.host.run_for(dt.timedelta(days=4))
            check(world)
            for wait in range(1, world.changes.wait + 1):
                world.host.check_determinism(names.changes_instance(PRIMARY, wait))
        finally:
            world.host.close()
