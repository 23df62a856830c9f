"""A night of many services: each has its own word, and one's trouble is nothing to the others."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter

from backup_timer import activities, night
from devhost.testing import InstanceStatus
from shared import wiring
from shared.core import layout, names, schedule
from shared.core.errors import UnavailableError
from shared.core.intervals import Intervals
from shared.core.runs import Outcome, RunPhase
from shared.start import start_run
from tests.fakes.arm import HANGS
from tests.fakes.clock import START

NIGHTLY = schedule.parse("0 0 2 * * *")
SLOT = dt.timedelta(seconds=Intervals().slot_s - 60)
FLEET = tuple(f"team{number:02d}" for number in range(1, 26))


def trouble(stage):
    """Let one service fail, one hang and one be refused; return their names in the plan."""
    failing, hanging, refused = (stage.ports.plan.services[index] for index in (3, 4, 20))
    stage.ports.arm.service(failing.ref).failure = ("BackupFailed", "storage said no")
    stage.ports.arm.service(hanging.ref).duration_s["backup"] = HANGS
    stage.ports.arm.service(refused.ref).tier = "Consumption"
    return failing.name, hanging.name, refused.name


def test_the_record_of_a_night_is_true_for_every_service(make_stage):
    """25 services under a cap of 5, three of them in trouble: each gets its own word."""
    stage = make_stage(*FLEET, concurrency=5, deadlineHours=1)
    failing, hanging, refused = trouble(stage)
    busiest, begun = 0, {}

    def poll(now, honest):
        nonlocal busiest
        running = [one.url for one in stage.ports.arm._operations if not one.is_over]
        # one that takes longer than a place under the cap is kept for holds up nobody
        young = [url for url in running if now - begun.setdefault(url, now) < SLOT]
        busiest = max(busiest, len(young))
        return honest()

    stage.ports.arm.on_poll = poll

    record, _ = stage.fleet()

    words = {item.service: item.outcome for item in record.services}
    expected = dict.fromkeys(FLEET, Outcome.SUCCEEDED)
    expected |= {failing: Outcome.FAILED, hanging: Outcome.OUTCOME_UNKNOWN, refused: Outcome.REFUSED}
    assert words == expected
    assert busiest == 5
    posts = Counter(post.service for post in stage.ports.arm.posts)
    assert posts == {f"{name}-weu": 3 if name == failing else 1 for name in FLEET if name != refused}
    for item in record.services:
        runs = [stage.ports.runs.read(run_id)[0] for run_id in item.run_ids]
        assert {(run.phase, run.outcome) for run in runs} == {(RunPhase.ENDED, item.outcome)}
    assert record.words == {"Succeeded": 22, "Failed": 1, "Refused": 1, "OutcomeUnknown": 1}


def test_a_night_names_its_restore_points(make_stage):
    """Each service that succeeded names the restore point that it got."""
    stage = make_stage("one", "two")

    record, _ = stage.fleet()

    for item in record.services:
        assert stage.ports.records().exists(layout.restore_point_key(item.service, item.restore_point))


def test_the_history_of_a_night_does_not_grow_with_its_length(make_stage):
    """A night of hours starts anew every 20 looks."""
    stage = make_stage("one", "two", deadlineHours=1)
    stage.ports.arm.service(stage.ports.first.ref).duration_s["backup"] = HANGS

    stage.fleet()

    lengths = [
        len(payload["history"]) for name, payload, _ in stage.recorder.values() if name == "back_up_fleet"
    ]
    assert len(lengths) > 5
    assert max(lengths) < 220


def test_storage_down_when_a_night_ends_delays_its_record(make_stage):
    """The night's record is written when storage is back; no word is lost."""
    stage = make_stage("one", "two")
    put, left = stage.ports.records().put, [3]

    def is_down(key, content, **more):
        if key.startswith(layout.NIGHTS) and left[0]:
            left[0] -= 1
            raise UnavailableError("the records: ServerBusy")
        put(key, content, **more)

    stage.ports.records().put = is_down

    record, _ = stage.fleet()

    assert left == [0]

    assert [item.outcome for item in record.services] == [Outcome.SUCCEEDED] * 2


def test_a_run_whose_record_is_not_readable_does_not_hold_up_the_night(make_stage):
    """A damaged run record costs its own service the word, and the night goes on."""
    stage = make_stage("one", "two")
    records = stage.ports.records()
    run_id = names.run_id("backup", "one", START)

    def damage(_now, honest):
        records.put(layout.run_key(run_id), b"{ not JSON")
        return honest()

    stage.ports.arm.on_poll = damage

    record, _ = stage.fleet()

    words = {item.service: item.outcome for item in record.services}
    assert words == {"one": Outcome.OUTCOME_UNKNOWN, "two": Outcome.SUCCEEDED}


def test_a_run_that_was_terminated_is_given_up(make_stage):
    """An operator ends one service's orchestration: the night says so instead of waiting for ever."""
    stage = make_stage("one", "two")
    night = stage.start_night()
    stage.host.run_for(dt.timedelta(minutes=3))
    stage.host.terminate(names.service_instance(stage.ports.first.resource_id), "by hand")

    stage.host.run_until_done(names.night_instance(night))

    services = stage.night_record(night).services
    found = {item.service: item.fault and item.fault.code for item in services}
    assert found == {"one": "RunAbandoned", "two": None}


def test_a_service_that_another_run_has_is_waited_for(make_stage):
    """A restore that holds a service's instance delays its backup, and the night still ends well."""
    stage = make_stage("one")
    other = activities.request_for(stage.ports.first, START - dt.timedelta(hours=1), stage.ports)
    stage.ports.runs.create(other.first_record())
    stage.host.start("back_up_service", other.to_json(), other.first_record().instance_id)
    stage.host.run_for(dt.timedelta(minutes=1))

    record, _ = stage.fleet()

    assert [item.outcome for item in record.services] == [Outcome.SUCCEEDED]
    assert len(stage.ports.arm.posts) == 2


class Client:
    """Durable's client over a virtual host, without a socket."""

    def __init__(self, host):
        self._host = host
        self.started = []

    async def start_new(self, name, instance_id=None, client_input=None):
        """Start an instance."""
        self.started.append(instance_id)
        return await self._host._engine.start(name, _json(client_input), instance_id)

    async def get_status(self, instance_id, **_options):
        """Return the state of an instance."""
        found = await self._host._engine.get(instance_id)
        return _Status(InstanceStatus(found) if found else None)


class _Status:
    def __init__(self, found):
        self.runtime_status = found.runtime_status if found else None
        self.output = found.output if found else None
        self.custom_status = found.custom_status if found else None
        self.input_ = found.input if found else None


def _json(value):
    import json

    return json.dumps(value)


def test_a_second_firing_of_a_night_does_nothing(make_stage):
    """The timer fires twice for one occurrence: one fleet, one POST per service."""
    stage = make_stage("one", "two")
    client = Client(stage.host)

    stage.host._runner.run(night.start(client, wiring.ports(), NIGHTLY))
    stage.host.run_for(dt.timedelta(hours=1))
    stage.host._runner.run(night.start(client, wiring.ports(), NIGHTLY))
    stage.host.run_for(dt.timedelta(hours=1))

    assert client.started == ["night-20261123T020000Z"]
    assert len(stage.ports.arm.posts) == 2
    record = stage.night_record("20261123T020000Z")
    assert {item.outcome for item in record.services} == {Outcome.SUCCEEDED}


def test_the_next_night_is_another_one(make_stage):
    """A day later the timer starts a fleet of its own, with blobs of its own."""
    stage = make_stage("one")
    client = Client(stage.host)

    for _ in range(2):
        stage.host._runner.run(night.start(client, wiring.ports(), NIGHTLY))
        stage.host.run_for(dt.timedelta(days=1))

    assert client.started == ["night-20261123T020000Z", "night-20261124T020000Z"]
    assert len({post.backup_name for post in stage.ports.arm.posts}) == 2


def test_two_starts_of_one_wish_are_one_run(make_stage):
    """An activity that starts a backup and is executed twice starts it once."""
    stage = make_stage("one")
    client = Client(stage.host)
    request = activities.request_for(stage.ports.first, START, stage.ports)

    words = [stage.host._runner.run(start_run(stage.ports, client, request)) for _ in range(2)]
    stage.host.run_for(dt.timedelta(hours=1))
    words.append(stage.host._runner.run(start_run(stage.ports, client, request)))

    assert [str(word) for word in words] == ["started", "running", "ended"]
    assert len(stage.ports.arm.posts) == 1


def test_a_start_whose_answer_was_lost_is_seen_as_running(make_stage):
    """Durable took the run, but the answer was lost: it is started, not busy."""
    stage = make_stage("one")
    request = activities.request_for(stage.ports.first, START, stage.ports)

    class Lossy(Client):
        async def start_new(self, *arguments, **more):
            await super().start_new(*arguments, **more)
            raise ConnectionResetError("the answer was lost")

    word = stage.host._runner.run(start_run(stage.ports, Lossy(stage.host), request))

    assert str(word) == "started"


def test_a_loser_of_a_race_is_busy(make_stage):
    """Two runs see the service free; the second start is refused by the host: busy, nothing started."""
    stage = make_stage("one")
    winner, loser = (
        activities.request_for(stage.ports.first, START + dt.timedelta(seconds=n), stage.ports)
        for n in range(2)
    )

    class Blind(Client):
        looks = 0

        async def get_status(self, instance_id, **options):
            self.looks += 1
            if self.looks <= 2:
                return _Status(None)
            return await super().get_status(instance_id, **options)

    async def race():
        await start_run(stage.ports, Client(stage.host), winner)
        return await start_run(stage.ports, Blind(stage.host), loser)

    word = stage.host._runner.run(asyncio.wait_for(race(), 60))

    assert str(word) == "busy"
