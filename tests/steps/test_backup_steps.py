"""The steps of one backup: what each finds, and that a second execution changes nothing."""

from __future__ import annotations

import datetime as dt

import pytest

from backup_timer import activities, after, before
from run_control.activities import end_run
from shared.core import layout
from shared.core.errors import AccessError, ConflictError, UnavailableError
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome, RunEnd, RunPhase
from shared.core.steps import StepResult, StepState
from tests.fakes import FakePorts
from tests.fakes.clock import START

BUSY = UnavailableError("the records: ServerBusy")


@pytest.fixture
def ports():
    """The ports of the app in the primary's region."""
    return FakePorts()


@pytest.fixture
def request_(ports):
    """The wish of a backup, its run on record."""
    request = activities.request_for(ports.first, START, ports)
    ports.runs.create(request.first_record())
    return request


def prepare(ports, request):
    """Run the first step."""
    return StepResult.from_json(before.prepare_backup(request.to_json(), ports))


def begin(ports, request):
    """Run the second step."""
    return StepResult.from_json(before.begin_backup(request.to_json(), ports))


def facts_of(ports, request):
    """Bring a backup to the point where it is to be verified, and return that step's input."""
    prepared = prepare(ports, request)
    begin(ports, request)
    ports.clock.advance(660)
    ports.arm.service(request.source)
    return {"request": request.to_json(), "prepared": prepared.value, "polls": 11}


def verify(ports, facts):
    """Run the third step."""
    return StepResult.from_json(after.verify_backup(facts, ports))


def record(ports, verified):
    """Run the fourth step."""
    return StepResult.from_json(after.record_restore_point(verified.value, ports))


def test_preparing_changes_nothing_but_our_records(ports, request_):
    """Sidecar and inventory before are stored, no container is touched, and no POST is sent."""
    result = prepare(ports, request_)

    assert (result.state, result.value["tier"]) == (StepState.DONE, "Standard")
    assert ports.arm.posts == []
    written = [key for key, _ in ports.records().written]
    assert [key for key in written if not key.startswith(("runs/", "open-runs/"))] == [
        layout.sidecar_key("contoso", request_.backup_name),
        layout.inventory_key("contoso", request_.backup_name),
    ]
    assert ports.backups("drprimary", "apim-backups").written == []


def test_a_service_that_cannot_be_read_now_is_asked_again(ports, request_):
    """ARM is unavailable: RETRY as it asked, and Refused if it never comes back."""
    ports.arm.on_state.append(UnavailableError("arm", retry_after_s=42))

    result = prepare(ports, request_)

    assert (result.state, result.retry_after_s, result.outcome) == (StepState.RETRY, 42, Outcome.REFUSED)


def test_a_service_that_may_not_be_read_ends_the_run(ports, request_):
    """403 on the service: Refused with the hint, at once."""
    ports.arm.on_state.append(AccessError("403", hint="Give the role."))

    result = prepare(ports, request_)

    assert (result.state, result.outcome, result.fault.hint) == (
        StepState.END, Outcome.REFUSED, "Give the role.",
    )  # fmt: skip


def test_a_service_that_is_gone_is_refused(ports, request_):
    """The service of the plan does not exist."""
    ports.arm._services.clear()

    assert prepare(ports, request_).outcome == Outcome.REFUSED


def test_beginning_twice_posts_once(ports, request_):
    """The second execution of the step returns the Location that is on record."""
    first, second = begin(ports, request_), begin(ports, request_)

    assert first == second
    assert len(ports.arm.posts) == 1


def test_the_run_is_on_record_before_the_post(ports, request_):
    """When the POST leaves, the record already says that one may be on its way."""
    seen = []

    def script(accept):
        seen.append(ports.runs.read(request_.run_id)[0])
        return accept()

    ports.arm.on_post.append(script)

    begin(ports, request_)

    assert [(run.phase, run.posts, run.posted_at) for run in seen] == [(RunPhase.SUBMITTING, 1, START)]


def test_two_executions_at_once_post_once(ports, request_):
    """A second execution that starts while the first one posts waits for its evidence."""
    results = []

    def script(accept):
        results.append(begin(ports, request_))
        return accept()

    ports.arm.on_post.append(script)

    begin(ports, request_)

    assert [result.state for result in results] == [StepState.RETRY]
    assert len(ports.arm.posts) == 1


def test_a_loser_of_the_record_does_not_post(ports, request_):
    """The record changed between reading and writing: no POST, and the step is repeated."""
    ports.records().faults["replace"].append(ConflictError("ConditionNotMet"))

    result = begin(ports, request_)

    assert result.state is StepState.RETRY
    assert ports.arm.posts == []


def test_a_run_that_has_ended_posts_nothing(ports, request_):
    """A late execution of the step finds the word on record, and sends nothing."""
    end_run(RunEnd(run_id=request_.run_id, outcome=Outcome.REFUSED).to_json(), ports)

    result = begin(ports, request_)

    assert (result.state, result.outcome) == (StepState.END, Outcome.REFUSED)
    assert ports.arm.posts == []


def test_a_verified_backup_becomes_a_point(ports, request_):
    """Size, digest and times of the point are those of the blob and the run."""
    result = verify(ports, facts_of(ports, request_))

    point = RestorePoint.from_json(result.value["point"])
    blob = ports.backups("drprimary", "apim-backups").measure(request_.backup_name)
    assert (point.size_bytes, point.sha256, point.etag) == (blob.size_bytes, blob.sha256, blob.etag)
    assert (point.started_at, point.ended_at) == (START, START + dt.timedelta(seconds=660))
    assert ports.runs.read(request_.run_id)[0].phase is RunPhase.VERIFYING


def test_verifying_twice_gives_the_same_point(ports, request_):
    """A second execution, later, differs in the time of verification only."""
    facts = facts_of(ports, request_)
    first = verify(ports, facts).value["point"]
    ports.clock.advance(60)
    second = verify(ports, facts).value["point"]

    assert {name for name in first if first[name] != second[name]} == {"verifiedAt"}


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_a_blob_that_is_no_backup_is_failed(ports, request_, content):
    """Missing or empty, whatever Azure said: Failed, UnusableBackup."""
    facts = facts_of(ports, request_)
    backups = ports.backups("drprimary", "apim-backups")
    if content is None:
        backups.delete(request_.backup_name)
    else:
        backups.put(request_.backup_name, content)

    result = verify(ports, facts)

    assert (result.state, result.outcome, result.fault.code) == (
        StepState.END, Outcome.FAILED, "UnusableBackup",
    )  # fmt: skip


def test_a_record_that_changed_meanwhile_is_read_again(ports, request_):
    """The storage client repeats a write whose answer was lost and finds another ETag: no end of the run."""
    facts = facts_of(ports, request_)
    ports.records().faults["replace"].append(ConflictError("ConditionNotMet"))

    assert verify(ports, facts).state is StepState.RETRY
    assert verify(ports, facts).state is StepState.DONE


def test_a_blob_replaced_while_it_was_read_proves_nothing(ports, request_):
    """Somebody wrote the blob under our hands: OutcomeUnknown, and no record."""
    facts = facts_of(ports, request_)
    ports.backups("drprimary", "apim-backups").faults["measure"].append(ConflictError("ConditionNotMet"))

    assert verify(ports, facts).outcome == Outcome.OUTCOME_UNKNOWN


def test_recording_twice_is_recording_once(ports, request_):
    """The second execution finds the record of its own run."""
    verified = verify(ports, facts_of(ports, request_))

    assert [record(ports, verified).state for _ in range(2)] == [StepState.DONE] * 2


def test_a_record_of_another_run_is_not_overwritten(ports, request_):
    """The name is taken by a point of another run: the step ends, and that point stays."""
    verified = verify(ports, facts_of(ports, request_))
    mine = RestorePoint.from_json(verified.value["point"])
    key = layout.restore_point_key("contoso", mine.name)
    other = mine.model_copy(update={"run_id": "another"})
    ports.records().put(key, other.to_bytes())

    result = record(ports, verified)

    assert (result.state, result.outcome, result.fault.code) == (
        StepState.END, Outcome.OUTCOME_UNKNOWN, "Conflict",
    )  # fmt: skip
    assert RestorePoint.from_bytes(ports.records().read(key)[0]) == other


def test_a_run_keeps_its_first_word(ports, request_):
    """A second end of a run changes nothing."""
    for outcome in (Outcome.FAILED, Outcome.SUCCEEDED):
        end_run(RunEnd(run_id=request_.run_id, outcome=outcome).to_json(), ports)

    assert ports.runs.read(request_.run_id)[0].outcome == Outcome.FAILED


def test_an_end_that_cannot_be_written_is_repeated(ports, request_):
    """Storage is down, or the record changed: RETRY, never a lost word."""
    end = RunEnd(run_id=request_.run_id, outcome=Outcome.FAILED).to_json()
    ports.records().faults["replace"].extend([BUSY, ConflictError("ConditionNotMet")])

    states = [StepResult.from_json(end_run(end, ports)).state for _ in range(3)]

    assert states == [StepState.RETRY, StepState.RETRY, StepState.DONE]


def test_a_service_that_does_not_stand_at_succeeded_has_no_new_point(ports, request_):
    """A blob alone is no proof: what a service in state Failed wrote nobody can vouch for."""
    facts = facts_of(ports, request_)
    ports.arm.service(request_.source).resting_state = "Failed"

    result = verify(ports, facts)

    assert (result.state, result.outcome) == (StepState.END, Outcome.OUTCOME_UNKNOWN)
    assert result.fault.code == "SourceNotSucceeded"
    assert list(ports.records().keys(layout.RESTORE_POINTS)) == []


def test_a_backup_that_was_settled_by_evidence_says_so(ports, request_):
    """A point whose verdict was never read carries that as a warning."""
    facts = facts_of(ports, request_)
    run, etag = ports.runs.read(request_.run_id)
    ports.runs.replace(run.model_copy(update={"operation": None}), etag)

    warnings = verify(ports, facts).value["point"]["warnings"]

    assert [text for text in warnings if "verdict was not read" in text]


def test_preparing_again_after_the_post_waits_for_nothing(ports, request_):
    """A driver that starts anew finds its own operation at work, which is not somebody else's."""
    prepare(ports, request_)
    before = ports.records().read(layout.inventory_key(request_.service, request_.backup_name))
    begin(ports, request_)

    again = prepare(ports, request_)

    assert again.state is StepState.DONE
    assert ports.records().read(layout.inventory_key(request_.service, request_.backup_name)) == before
