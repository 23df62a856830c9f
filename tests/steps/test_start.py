"""Starting a run: once, whoever asks at the same time, and nothing is left if nothing was started."""

from __future__ import annotations

import random

import pytest

from shared import start
from shared.core import layout
from shared.core.errors import ConflictError
from shared.core.runs import Outcome, RunPhase, advance
from shared.start import Started, start_look, start_run
from tests.core import make
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.steps.conftest import FakeClient, run

OTHER = {"runId": "20261123T010000Z-restore-other"}


@pytest.fixture
def wish():
    """The wish for a backup."""
    return make.backup_request()


def instance(wish):
    """Return the instance that all runs of the wish's service share."""
    return wish.first_record().instance_id


def written(ports):
    """Return the names of everything that is on record of runs."""
    return [*ports.records().keys(layout.RUNS), *ports.records().keys(layout.OPEN_RUNS)]


class Overtaken(FakeClient):
    """A client whose second look at the instance lets something else happen first."""

    def __init__(self, meanwhile):
        super().__init__()
        self._looks = 0
        self._meanwhile = meanwhile

    async def get_status(self, instance_id, **options):
        """Let it happen at the second look, and answer as it was or is."""
        self._looks += 1
        if self._looks == 2:
            return await self._meanwhile(self)
        return await super().get_status(instance_id, **options)


def test_a_wish_starts_a_run(ports, client, wish):
    """Its record and its mark are there, dated when it was written down, and it is started."""
    ports.clock.advance(7200)

    word = run(start_run(ports, client, wish))

    record, _ = ports.runs.read(wish.run_id)
    assert (word, len(client.started)) == (Started.STARTED, 1)
    assert (record.requested_at, record.phase_at) == (wish.requested_at, ports.clock.now())
    assert record.wish == wish.to_json()
    assert ports.runs.open_ids() == [wish.run_id]


def test_the_same_wish_again_is_the_same_run(ports, client, wish):
    """The second finds it at work."""
    words = [run(start_run(ports, client, wish)) for _ in range(2)]

    assert (words, len(client.started)) == ([Started.STARTED, Started.RUNNING], 1)


def test_a_wish_that_has_ended_is_not_started_again(ports, client, wish):
    """The word is there already."""
    run(start_run(ports, client, wish))
    client.put(instance(wish), "Completed")
    record, etag = ports.runs.read(wish.run_id)
    ended = advance(record, RunPhase.ENDED, START, outcome=Outcome.REFUSED)
    ports.runs.replace(ended, etag)

    assert run(start_run(ports, client, wish)) == Started.ENDED
    assert len(client.started) == 1


def test_a_service_that_is_busy_from_the_start_gets_no_record(ports, client, wish):
    """Another run is at work: nothing is written at all."""
    client.put(instance(wish), "Running", input_=OTHER)

    assert run(start_run(ports, client, wish)) == Started.BUSY
    assert written(ports) == []


def test_a_service_that_turns_out_to_be_busy_keeps_no_record(ports, wish):
    """Another run takes the service between record and start: record and mark are taken back."""

    async def meanwhile(client):
        client.put(instance(wish), "Running", input_=OTHER)
        return client.instances[instance(wish)]

    assert run(start_run(ports, Overtaken(meanwhile), wish)) == Started.BUSY
    assert written(ports) == []


def test_a_run_that_another_execution_of_the_wish_started_is_not_taken_back(ports, wish):
    """The first saw the service busy; before it takes its record back, the second starts the run."""

    async def meanwhile(client):
        client.put(instance(wish), "Running", input_=OTHER)
        as_it_was = client.instances[instance(wish)]
        client.put(instance(wish), "Completed")
        assert await start_run(ports, client, wish) == Started.STARTED
        return as_it_was

    word = run(start_run(ports, Overtaken(meanwhile), wish))

    assert word == Started.BUSY  # what it saw; the run itself is at work
    assert ports.runs.read(wish.run_id)[0].phase is RunPhase.REQUESTED
    assert ports.runs.open_ids() == [wish.run_id]


def test_a_run_that_was_under_way_is_not_taken_back(ports, wish):
    """It was lost in Submitting, and started again while another run took the service: it stays."""
    ports.runs.create(wish.first_record())
    record, etag = ports.runs.read(wish.run_id)
    ports.runs.replace(advance(record, RunPhase.SUBMITTING, START, posts=1, posted_at=START), etag)

    async def meanwhile(client):
        client.put(instance(wish), "Running", input_=OTHER)
        return client.instances[instance(wish)]

    assert run(start_run(ports, Overtaken(meanwhile), wish)) == Started.BUSY
    assert ports.runs.read(wish.run_id)[0].phase is RunPhase.SUBMITTING
    assert ports.runs.open_ids() == [wish.run_id]


def test_a_run_that_was_under_way_and_is_started_again_counts_as_taken_up(ports, client, wish):
    """Its polling needs an instance of its own, and a refusal comes too late."""
    ports.runs.create(wish.first_record())
    record, etag = ports.runs.read(wish.run_id)
    ports.runs.replace(advance(record, RunPhase.SUBMITTING, START, posts=1, posted_at=START), etag)

    assert run(start_run(ports, client, wish)) == Started.STARTED
    assert ports.runs.read(wish.run_id)[0].resumes == 1


def test_a_record_that_vanishes_while_it_is_read_is_a_conflict(ports, client, wish):
    """The other execution takes it back at this moment: neither starts, and the wish may be repeated."""
    ports.records().faults["create"].append(ConflictError("BlobAlreadyExists"))

    with pytest.raises(ConflictError):
        run(start_run(ports, client, wish))
    assert client.started == []


def test_a_record_that_is_made_while_another_is_taken_back_has_its_mark(ports, wish, monkeypatch):
    """The first is deleted between our look and our write, and its mark with it: ours is marked anew."""
    monkeypatch.setattr(ports.records(), "exists", lambda _key: True)

    ports.runs.create(wish.first_record())

    assert ports.runs.open_ids() == [wish.run_id]


def test_a_host_that_takes_nothing_leaves_the_record(ports, client, wish):
    """Whether it was started is not known: the record stays, so that the watch finds the run."""
    client.on_start = RuntimeError("the host said 500")

    with pytest.raises(RuntimeError):
        run(start_run(ports, client, wish))
    assert ports.runs.open_ids() == [wish.run_id]


def test_a_later_look_is_started_once(ports, client, wish):
    """On the service's instance, with the run's id, and not beside another run."""
    record = wish.first_record()

    assert run(start_look(ports, client, record))
    assert run(start_look(ports, client, record))
    client.put(instance(wish), "Running", input_=OTHER)
    assert not run(start_look(ports, client, record))

    ((function, instance_id, payload),) = client.started
    assert (function, instance_id, payload["runId"]) == ("resolve_run", instance(wish), wish.run_id)


class Pause:
    """A point at which another coroutine may have its turn."""

    def __await__(self):
        yield


class Host(FakeClient):
    """A host that refuses a second instance of one id, and takes its time for every answer."""

    async def get_status(self, instance_id, **options):
        """Answer after a pause, with what was true before it."""
        await Pause()
        answer = await super().get_status(instance_id, **options)
        await Pause()
        return answer

    async def start_new(self, name, instance_id=None, client_input=None):
        """Start after a pause, unless something runs there."""
        await Pause()
        found = self.instances.get(instance_id)
        if found is not None and found.runtime_status.value == "Running":
            raise RuntimeError("an instance of that id is running")
        await super().start_new(name, instance_id, client_input)
        await Pause()
        return instance_id


async def come_and_go(client, instance_id, pauses):
    """Be another run that takes the service now and then."""
    for count in pauses:
        for _ in range(count):
            await Pause()
        found = client.instances.get(instance_id)
        if found is None or found.runtime_status.value == "Completed":
            client.put(instance_id, "Running", input_=OTHER)
            for _ in range(count):
                await Pause()
            client.put(instance_id, "Completed", input_=OTHER)


def interleave(coroutines, chance):
    """Run coroutines to their ends, a random one at each step; return their results or errors."""
    results = {}
    while left := [index for index in range(len(coroutines)) if index not in results]:
        index = chance.choice(left)
        try:
            coroutines[index].send(None)
        except StopIteration as stop:
            results[index] = stop.value
        except (ConflictError, RuntimeError) as err:  # the caller judges
            results[index] = err
    return [results[index] for index in range(len(coroutines))]


def test_three_executions_of_one_wish_start_one_run_and_lose_nothing(wish, monkeypatch):
    """In any order: it is started at most once, and then has its record; no record is without its mark."""

    async def to_thread(function, *arguments):
        await Pause()
        result = function(*arguments)
        await Pause()
        return result

    monkeypatch.setattr(start, "in_thread", to_thread)
    traces = [layout.run_key(wish.run_id), layout.open_run_key(wish.run_id)]
    for seed in range(300):
        chance, ports, client = random.Random(seed), FakePorts(), Host()
        others = come_and_go(client, instance(wish), [chance.randrange(12) for _ in range(4)])

        interleave([*(start_run(ports, client, wish) for _ in range(3)), others], chance)

        starts = [payload["runId"] for _, _, payload in client.started]
        assert starts in ([], [wish.run_id]), seed
        assert written(ports) in ([traces] if starts else [[], traces]), seed
