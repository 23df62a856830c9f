"""The steps of a later look: what they read, and what they never change."""

from __future__ import annotations

import datetime as dt

import pytest

from run_control.activities import end_run, run_states
from run_control.later import Finding, find_effect, recall_run, write_resolution
from shared.core.errors import UnavailableError
from shared.core.fleet import ActiveRun
from shared.core.lro import Fault
from shared.core.runs import Look, Outcome, RunEnd, RunPhase, advance
from tests.core import make
from tests.fakes.clock import START
from tests.steps.conftest import run

HOUR = dt.timedelta(hours=1)
NO_BACKUP = Fault(code="NoBackup", message="there is no blob")


@pytest.fixture
def wish(ports):
    """The wish for a backup of a service that exists."""
    return make.backup_request().model_copy(update={"source": ports.first.ref})


@pytest.fixture
def unknown(ports, wish):
    """A run that ended as OutcomeUnknown."""
    ports.runs.create(wish.first_record())
    record, etag = ports.runs.read(wish.run_id)
    etag = ports.runs.replace(advance(record, RunPhase.SUBMITTING, START, posts=1, posted_at=START), etag)
    end = RunEnd(run_id=wish.run_id, outcome=Outcome.OUTCOME_UNKNOWN, fault=Fault(code="StillRunning"))
    assert end_run(end.to_json(), ports)["value"] == {"outcome": "OutcomeUnknown"}
    return ports.runs.read(wish.run_id)[0]


def resolve(ports, run_id, outcome=None, **changes):
    """Write a finding and return (the step's result, the record)."""
    finding = Finding(run_id=run_id, outcome=outcome, **changes)
    return write_resolution(finding.to_json(), ports), ports.runs.read(run_id)[0]


def test_a_run_without_proof_stays_open(ports, unknown):
    """Its mark is what the watch finds it by."""
    assert ports.runs.open_ids() == [unknown.run_id]


def test_a_finding_is_written_beside_the_first_word(ports, unknown, caplog):
    """Word, fault and time; the first word and its fault stay; the event is logged; the mark goes."""
    ports.clock.advance(60)

    result, record = resolve(ports, unknown.run_id, Outcome.FAILED, fault=NO_BACKUP)

    assert result["value"] == {"word": "Failed"}
    assert (record.outcome, record.fault) == (unknown.outcome, unknown.fault)
    assert (record.resolution.outcome, record.resolution.fault) == (Outcome.FAILED, NO_BACKUP)
    assert record.resolution.at == START + dt.timedelta(seconds=60)
    assert ports.runs.open_ids() == []
    assert f"run.resolved run_id={unknown.run_id}" in caplog.text


def test_a_finding_is_written_once(ports, unknown):
    """Another one later, with proof or without, changes nothing."""
    _, first = resolve(ports, unknown.run_id, Outcome.SUCCEEDED, restore_point="x")

    for outcome in (Outcome.FAILED, None):
        result, record = resolve(ports, unknown.run_id, outcome, said="too late")
        assert (result["value"], record) == ({"word": "Succeeded"}, first)


def test_a_word_that_was_proven_at_first_is_never_changed(ports, wish):
    """Not even a resolution can be written beside it."""
    ports.runs.create(wish.first_record())
    end_run(RunEnd(run_id=wish.run_id, outcome=Outcome.FAILED).to_json(), ports)
    before, _ = ports.runs.read(wish.run_id)

    for outcome in (Outcome.SUCCEEDED, None):
        assert resolve(ports, wish.run_id, outcome)[1] == before


def test_a_look_without_proof_leaves_when_and_why(ports, unknown):
    """And the run stays open."""
    result, record = resolve(ports, unknown.run_id, said="the operation is still running")

    assert result["value"] == {"word": "OutcomeUnknown"}
    assert record.last_look == Look(at=START, said="the operation is still running")
    assert (record.resolution, ports.runs.open_ids()) == (None, [unknown.run_id])


def test_a_mark_that_could_not_be_cleared_is_cleared_by_the_repetition(ports, unknown):
    """The finding is on record; the step runs again and finds nothing else to do."""
    ports.records().faults["delete"].append(UnavailableError("the records: ServerBusy"))

    first, record = resolve(ports, unknown.run_id, Outcome.FAILED, fault=NO_BACKUP)
    assert (first["state"], record.word, ports.runs.open_ids()) == (
        "retry",
        Outcome.FAILED,
        [unknown.run_id],
    )

    second, again = resolve(ports, unknown.run_id, Outcome.FAILED, fault=NO_BACKUP)
    assert (second["state"], again, ports.runs.open_ids()) == ("done", record, [])


def test_what_a_look_begins_with_is_read_from_the_record(ports, unknown, wish):
    """Wish, Location, polls, and whether the deadline has passed."""
    before = recall_run({"runId": unknown.run_id}, ports)["value"]
    ports.clock.advance(8 * 3600)
    after = recall_run({"runId": unknown.run_id}, ports)["value"]

    assert (before["wish"], before["isProven"]) == (wish.to_json(), False)
    assert (before["isLate"], after["isLate"]) == (False, True)


def test_recalling_a_run_that_was_sent_ends_it_without_proof(ports, wish):
    """Only this look drives it, so it is over; what became of it is found out now."""
    ports.runs.create(wish.first_record())
    record, etag = ports.runs.read(wish.run_id)
    ports.runs.replace(advance(record, RunPhase.SUBMITTING, START, posts=1, posted_at=START), etag)

    recalled = recall_run({"runId": wish.run_id}, ports)["value"]

    record, _ = ports.runs.read(wish.run_id)
    assert (record.outcome, record.fault.code) == (Outcome.OUTCOME_UNKNOWN, "RunAbandoned")
    assert recalled["isProven"] is False


def test_recalling_a_run_that_was_not_sent_refuses_it(ports, wish):
    """There is nothing to find out: nothing was changed."""
    ports.runs.create(wish.first_record())

    recalled = recall_run({"runId": wish.run_id}, ports)["value"]

    assert (recalled["isProven"], ports.runs.read(wish.run_id)[0].outcome) == (True, Outcome.REFUSED)
    assert ports.runs.open_ids() == []


def test_the_effect_of_a_backup_is_its_blob(ports, unknown, wish):
    """Looked for where the wish says; a service in transition is not judged."""
    question = {"runId": unknown.run_id}
    backups = ports.backups(wish.storage.account, wish.storage.container)

    assert find_effect(question, ports)["value"] == {"inTransition": False, "isThere": False}
    backups.put(wish.backup_name, b"x")
    assert find_effect(question, ports)["value"] == {"inTransition": False, "isThere": True}
    ports.arm.service(wish.source).foreign_until = START + HOUR
    assert find_effect(question, ports)["value"] == {"inTransition": True, "isThere": False}


def test_the_end_that_is_returned_is_the_one_on_record(ports, wish):
    """Unknown, but nothing was ever sent: Refused, for the record and for the orchestration."""
    ports.runs.create(wish.first_record())
    end = RunEnd(run_id=wish.run_id, outcome=Outcome.OUTCOME_UNKNOWN, fault=Fault(code="StepCrashed"))

    results = [end_run(end.to_json(), ports) for _ in range(2)]

    record, _ = ports.runs.read(wish.run_id)
    assert [result["value"] for result in results] == [{"outcome": "Refused"}] * 2
    assert (record.outcome, record.fault.code) == (Outcome.REFUSED, "StepCrashed")


def test_whoever_looks_at_a_resolved_run_sees_the_word_that_counts(ports, client, unknown):
    """A night that looks late hears of the later word and of its restore point."""
    resolve(ports, unknown.run_id, Outcome.SUCCEEDED, restore_point="x")
    active = ActiveRun.model_validate(
        {
            "service": "contoso",
            "runId": unknown.run_id,
            "instanceId": unknown.instance_id,
        }
    )

    (look,) = run(run_states({"v": 1, "runs": [active.to_json()]}, client, ports))["runs"]

    assert (look["end"]["outcome"], look["end"]["restorePoint"], look["end"]["fault"]) == (
        "Succeeded",
        "x",
        None,
    )
