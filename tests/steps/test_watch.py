"""One look of the watch, in the moments when somebody else moves the same run."""

from __future__ import annotations

import pytest

from run_control.watch import watch
from shared.core import layout
from shared.core.errors import ConflictError, UnavailableError
from shared.core.runs import Outcome, RunPhase, advance
from tests.core import make
from tests.fakes.clock import START
from tests.steps.conftest import run

GHOST = "20261123T020000Z-backup-ghost"


@pytest.fixture
def wish():
    """The wish for a backup."""
    return make.backup_request()


@pytest.fixture
def lost(ports, client, wish):
    """A backup that was accepted, and that nothing has driven for ten minutes."""
    ports.runs.create(wish.first_record())
    record, etag = ports.runs.read(wish.run_id)
    sent = advance(record, RunPhase.SUBMITTING, START, posts=1, posted_at=START)
    etag = ports.runs.replace(sent, etag)
    running = advance(sent, RunPhase.RUNNING, START, operation=make.operation())
    ports.runs.replace(running, etag)
    client.put(running.instance_id, "Terminated", input_=wish.to_json())
    ports.clock.advance(600)
    return running


def test_a_lost_run_is_started_with_its_wish(ports, client, wish, lost):
    """The same orchestrator, on the same instance, with the same input as at first."""
    run(watch(client, ports))

    assert client.started == [("back_up_service", lost.instance_id, wish.to_json())]
    assert ports.runs.read(wish.run_id)[0].resumes == 1


def test_a_run_that_moved_while_it_was_looked_at_is_not_started(ports, client, wish, lost):
    """Somebody wrote the record after it was read: it is driven after all."""
    ports.records().faults["replace"].append(ConflictError("ConditionNotMet"))

    run(watch(client, ports))

    assert client.started == []
    assert ports.runs.read(wish.run_id)[0].resumes == 0


def test_a_run_that_ends_while_it_is_looked_at_is_not_started(ports, client, wish, lost):
    """Its last step wrote the word between our two reads: the word counts."""
    status = client.get_status

    async def get_status(instance_id, **options):
        record, etag = ports.runs.read(wish.run_id)
        ports.runs.replace(advance(record, RunPhase.ENDED, START, outcome=Outcome.FAILED), etag)
        return await status(instance_id, **options)

    client.get_status = get_status

    run(watch(client, ports))

    assert client.started == []
    assert ports.runs.read(wish.run_id)[0].outcome is Outcome.FAILED
    assert ports.runs.open_ids() == []


@pytest.mark.parametrize("status", ["Running", "Pending", "Suspended", "ContinuedAsNew"])
def test_a_run_that_anything_drives_is_not_started(ports, client, wish, lost, status):
    """Also one whose instance is held, or has begun its next generation."""
    client.put(lost.instance_id, status, input_={"v": 1, "runId": wish.run_id, "generation": 7})

    run(watch(client, ports))

    assert client.started == []


def test_a_run_whose_instance_does_not_show_its_input_is_not_started(ports, client, lost):
    """It may be this run's: the doubt is in favour of leaving it alone."""
    client.put(lost.instance_id, "Running")

    run(watch(client, ports))

    assert client.started == []


def test_a_host_that_cannot_be_asked_ends_no_run(ports, client, wish, lost, caplog):
    """Durable's client fails: nothing is known, and nothing is done."""
    client.on_status = RuntimeError("the host said 500")

    run(watch(client, ports))

    assert (client.started, ports.runs.read(wish.run_id)[0]) == ([], lost)
    assert "watch.failed" in caplog.text


def test_a_start_that_fails_is_tried_again_at_the_next_look(ports, client, wish, lost):
    """The host took nothing: not counted, and started five minutes later."""
    client.on_start = RuntimeError("the host said 500")
    run(watch(client, ports))
    assert ports.runs.read(wish.run_id)[0] == lost
    client.on_start = None
    ports.clock.advance(300)

    run(watch(client, ports))

    assert [name for name, _, _ in client.started] == ["back_up_service"]
    assert ports.runs.read(wish.run_id)[0].resumes == 1


def test_a_run_whose_service_is_taken_meanwhile_is_not_counted_as_taken_up(ports, client, wish, lost):
    """Another run got the service between our look and our start."""
    status, looks = client.get_status, []

    async def get_status(instance_id, **options):
        looks.append(instance_id)
        if len(looks) == 2:
            client.put(instance_id, "Running", input_={"v": 1, "runId": "another"})
        return await status(instance_id, **options)

    client.get_status = get_status

    run(watch(client, ports))

    assert (client.started, ports.runs.read(wish.run_id)[0]) == ([], lost)


def test_a_start_of_unknown_fate_is_counted(ports, client, wish, lost):
    """It may be at work: what it is followed by must not have the name of what followed it before."""

    async def start_new(*_args):
        client.on_status = RuntimeError("the host does not answer")
        raise client.on_status

    client.start_new = start_new

    run(watch(client, ports))

    assert ports.runs.read(wish.run_id)[0].resumes == 1


def test_a_count_that_cannot_be_taken_back_stays(ports, client, wish, lost, caplog):
    """Storage fails as well: one too many, and what is logged is why nothing was started."""
    client.on_start = RuntimeError("the host said 500")
    ports.records().faults["replace"].extend([None, UnavailableError("the records: ServerBusy")])

    run(watch(client, ports))

    assert ports.runs.read(wish.run_id)[0].resumes == 1
    assert "RuntimeError" in caplog.text


def test_a_mark_that_is_set_while_it_is_cleared_stays(ports, client, monkeypatch):
    """Its run is written down between our look and our deletion: the new mark is not ours to take."""
    key = layout.open_run_key(GHOST)
    ports.records().put(key, b"")
    run(watch(client, ports))
    ports.clock.advance(600)
    read = ports.records().read

    def read_and_write(name):
        if name == layout.run_key(GHOST):
            ports.records().put(key, b"")
        return read(name)

    monkeypatch.setattr(ports.records(), "read", read_and_write)

    run(watch(client, ports))

    assert ports.runs.open_ids() == [GHOST]
