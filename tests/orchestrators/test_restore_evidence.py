"""What Succeeded stands for, and what is left as evidence, whatever is lost on the way."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from shared.core import layout
from shared.core.errors import UnavailableError
from shared.core.lro import Fault
from shared.core.runs import Outcome, RunPhase, advance
from tests.fakes.arm import error, lost_before
from tests.fakes.clock import START
from tests.fakes.drills import drilled
from tests.fakes.ports import ENTITIES
from tests.orchestrators.test_drills import drilling, hold, point_of

HOUR = dt.timedelta(hours=1)
LOST = UnavailableError("azure resource manager could not be reached: ReadTimeout", code="ReadTimeout")


@pytest.fixture
def stage(standby_stage):
    """The app of the standby's region."""
    return standby_stage


@pytest.fixture
def point(stage):
    """A restore point, one hour old."""
    return stage.put_point(START - HOUR)


def target(stage):
    """Return the standby as Azure has it."""
    return stage.ports.arm.service(stage.ports.first.standby.ref)


def report(stage, run):
    """Return the evidence of a restore."""
    return json.loads(stage.ports.records().read(layout.report_key(run.run_id))[0])


def resolve(stage, run):
    """Look at a run again, and return its record."""
    stage.ask("POST", "start_resolving", run_id=run.run_id)
    stage.host.run_for(HOUR)
    return stage.ports.runs.read(run.run_id)[0]


def test_a_report_that_cannot_be_left_does_not_hold_up_the_verdict_of_azure(stage, point):
    """Storage takes no evidence: the word is Azure's all the same, a few minutes later."""
    target(stage).failure = ("RestoreFailed", "the tier differs")
    begun = stage.start_restore(point)
    stage.ports.records().faults["put"].extend([UnavailableError("storage is down")] * 99)

    stage.host.run_for(5 * HOUR)

    run = stage.run_of(begun)
    assert (run.outcome, run.fault.code) == (Outcome.FAILED, "RestoreFailed")
    assert run.ended_at - START < HOUR


def test_the_report_has_the_guards_of_the_last_look_before_the_post(stage, point):
    """Traffic came while the safety backup was made: the report says what was known when it was sent."""
    target(stage).entities = {"/apis/legacy": "4" * 16}
    begun = stage.start_restore(point, safety_backup=True, despite_traffic=True)
    stage.host.run_for(HOUR / 12)
    reports = f"{begun.target.resource_id}/reports/byApi".lower()
    stage.ports.arm.resources[reports] = [{"apiId": "/apis/x", "callCountTotal": 77}]

    stage.host.run_for(5 * HOUR)

    run = stage.run_of(begun)
    verdicts = {one["name"]: one["verdict"] for one in report(stage, run)["guards"]}
    assert (run.outcome, verdicts["NoTraffic"], verdicts["TierEqual"]) == (Outcome.SUCCEEDED, "warning", "ok")


def test_a_restore_that_was_taken_up_again_reports_its_guards(stage, point):
    """They are on record, and need no orchestration to be remembered."""
    begun = stage.start_restore(point)
    stage.host.run_for(HOUR / 12)
    stage.host.terminate(begun.first_record().instance_id)
    for _ in range(9):
        stage.fire("watch_runs")
        stage.host.run_for(HOUR / 6)

    run = stage.run_of(begun)
    assert (run.outcome, run.resumes) == (Outcome.SUCCEEDED, 1)
    assert "TierEqual" in [one["name"] for one in report(stage, run)["guards"]]


def test_a_run_that_was_called_refused_and_starts_all_the_same_does_nothing(stage, point):
    """No POST of its own, and no safety backup of a target with content either."""
    target(stage).entities = {"/apis/legacy": "4" * 16}
    begun = stage.start_restore(point, safety_backup=True)
    run, etag = stage.ports.runs.read(begun.run_id)
    fault = Fault(code="NotStarted", message="the orchestration could not be started")
    stage.ports.runs.replace(advance(run, RunPhase.ENDED, START, outcome=Outcome.REFUSED, fault=fault), etag)

    stage.host.run_for(5 * HOUR)

    assert stage.run_of(begun).fault.code == "NotStarted"
    assert stage.ports.arm.posts == []
    assert "prepare_safety" not in stage.activities()


def test_a_restore_into_an_equal_standby_whose_post_was_lost_is_sent_again(stage, point):
    """Nobody saw the standby at work: Succeeded stands for a restore that Azure did, and not for equality."""
    target(stage).entities = dict(ENTITIES)
    stage.ports.arm.on_post.append(lost_before(LOST))

    run = stage.restore(point)

    assert (run.outcome, len(stage.ports.arm.posts)) == (Outcome.SUCCEEDED, 2)
    assert run.operation is not None


def test_a_restore_into_an_equal_standby_is_not_sent_again_late(stage, point):
    """Azure could not be asked for half an hour: what equals the point now proves nothing, and it is said."""
    run = late(stage, point)

    assert (run.outcome, run.fault.code, run.posts) == (Outcome.OUTCOME_UNKNOWN, "AnswerLost", 1)
    assert "equals the restore point" in run.fault.message
    assert "Secret values" in run.fault.message


def test_a_drill_whose_post_never_arrived_is_not_proven_by_the_drill_before(make_stage):
    """The target still equals the point of last month: the POST is sent again, and Azure restores."""
    stage = drilling(make_stage)
    hold(stage)
    stage.host.run_for(dt.timedelta(days=31))
    point_of(stage, "contoso", stage.ports.clock.now() - HOUR)
    stage.ports.arm.on_post.append(lost_before(LOST))
    hold(stage)

    second = drilled(stage.ports)[-1]
    run, _ = stage.ports.runs.read(second.run_id)
    assert (second.outcome, run.posts) == (Outcome.SUCCEEDED, 2)
    assert run.operation is not None


def late(stage, point):
    """Return a restore into an equal standby that ended without anybody having seen it at work."""
    target(stage).entities = dict(ENTITIES)
    stage.ports.arm.on_post.append(lost_before(LOST))
    request = stage.start_restore(point)
    stage.host.run_for(dt.timedelta(seconds=10))
    stage.ports.arm.on_state.extend([UnavailableError("no answer")] * 9)
    stage.host.run_for(3 * HOUR)
    return stage.run_of(request)


def test_a_later_look_at_an_equal_standby_keeps_the_word(stage, point):
    """Days later it is no more certain than before; the look and its report say why."""
    run = resolve(stage, late(stage, point))

    assert (run.word, run.resolution) == (Outcome.OUTCOME_UNKNOWN, None)
    assert "equals the restore point" in run.last_look.said
    assert report(stage, run)["fault"]["code"] == "NoVerdict"


def test_a_standby_that_was_seen_at_work_by_polls_needs_no_verdict(stage, point):
    """At the deadline it was running still; its URL is gone later, and the standby equals the point."""
    target(stage).duration_s["restore"] = 7200
    run = stage.restore(point, deadline_at=START + HOUR)
    assert (run.outcome, run.transition_seen_at is None) == (Outcome.OUTCOME_UNKNOWN, False)
    stage.host.run_for(2 * HOUR)
    stage.ports.arm.on_poll = lambda _now, _honest: error(404, "NotFound", "gone")

    run = resolve(stage, run)

    assert (run.word, report(stage, run)["isSeenLate"]) == (Outcome.SUCCEEDED, True)


def test_a_look_that_finds_a_standby_at_work_notes_it(stage, point):
    """Nobody may read the operation, but the service can be: what is at work now may be it."""
    stage.ports.arm.on_poll = lambda _now, _honest: error(403, "AuthorizationFailed", "no right")
    target(stage).duration_s["restore"] = 7200
    run = resolve(stage, stage.restore(point))
    assert (run.word, run.transition_seen_at is None) == (Outcome.POLL_DENIED, False)
    stage.host.run_for(2 * HOUR)

    assert resolve(stage, run).word == Outcome.SUCCEEDED


def test_a_verdict_of_azure_that_is_read_later_leaves_its_report(stage, point):
    """The word is Failed then, and the evidence says what was the matter."""
    target(stage).duration_s["restore"] = 7200
    target(stage).failure = ("RestoreFailed", "the tier differs")
    run = stage.restore(point, deadline_at=START + HOUR)
    stage.host.run_for(2 * HOUR)

    run = resolve(stage, run)

    assert (run.word, report(stage, run)["fault"]["code"]) == (Outcome.FAILED, "RestoreFailed")
