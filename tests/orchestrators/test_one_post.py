"""Whatever is lost between the POST and its record: one operation is started, and its word is found."""

from __future__ import annotations

import datetime as dt

import pytest

from backup_timer import before
from shared.core import layout
from shared.core.errors import AccessError, UnavailableError
from shared.core.lro import Follow
from shared.core.response import Response
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from tests.fakes.arm import HANGS, answered, error, lost_after, lost_before
from tests.fakes.clock import START

LOST = UnavailableError("azure resource manager could not be reached: ReadTimeout", code="ReadTimeout")
NEVER_SENT = UnavailableError("azure resource manager could not be reached", maybe_sent=False)


def test_an_answer_lost_after_the_effect_is_found_by_evidence(stage):
    """The connection broke after the POST took effect: one POST, and Succeeded by the blob."""
    stage.ports.arm.on_post.append(lost_after(LOST))

    run = stage.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert len(stage.ports.arm.posts) == run.posts == 1


def test_a_503_after_the_effect_is_found_by_evidence(stage):
    """503 from a POST that took effect all the same: one POST, and Succeeded by the blob."""
    stage.ports.arm.on_post.append(answered(error(503, "ServiceUnavailable", "try again"), takes_effect=True))

    run = stage.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert len(stage.ports.arm.posts) == 1


def test_a_post_lost_before_the_effect_is_sent_again_after_the_grace(stage):
    """No trace of the first POST after two minutes: the second one is sent, and counted."""
    stage.ports.arm.on_post.append(lost_before(LOST))

    run = stage.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert len(stage.ports.arm.posts) == run.posts == 2
    assert run.posted_at >= START + dt.timedelta(seconds=stage.ports.intervals.evidence_grace_s)


def test_the_start_of_a_backup_is_its_first_post(stage):
    """Of two POSTs the first may have been the one: age and expiry count from it."""
    stage.ports.arm.on_post.append(lost_before(LOST))

    run = stage.back_up()

    records = stage.ports.records()
    point = RestorePoint.from_bytes(records.read(layout.restore_point_key("contoso", run.restore_point))[0])
    assert (run.first_posted_at, point.started_at) == (START, START)
    assert run.posted_at > START


def test_three_posts_without_trace_are_left_to_a_human(stage):
    """POSTs that vanish one after the other end as OutcomeUnknown after the third."""
    stage.ports.arm.on_post.extend([lost_before(LOST)] * 9)

    run = stage.back_up()

    assert (run.outcome, run.fault.code) == (Outcome.OUTCOME_UNKNOWN, "NoTrace")
    assert len(stage.ports.arm.posts) == 3


def test_a_409_first_is_waited_for_and_not_counted(stage):
    """The service became busy between check and POST: sent again later, and one POST is on record."""
    locked = error(409, "ServiceLocked", "The API Service is transitioning at this time.")
    stage.ports.arm.on_post.append(answered(locked, takes_effect=False))

    run = stage.back_up()

    assert (run.outcome, run.posts) == (Outcome.SUCCEEDED, 1)
    assert len(stage.ports.arm.posts) == 2


def test_a_202_without_location_is_settled_by_evidence(stage):
    """Accepted, but with no URL to poll: waited for without polls, and Succeeded by the blob."""
    stage.ports.arm.on_post.append(answered(Response(status=202), takes_effect=True))

    run = stage.back_up()

    assert (run.outcome, run.polls) == (Outcome.SUCCEEDED, 0)
    assert len(stage.ports.arm.posts) == 1
    assert stage.ports.arm.polled == []


def test_a_foreign_location_is_never_asked(stage):
    """A Location of another origin gets no request and so no token; the blob tells how it ended."""
    foreign = Response(status=202, headers={"location": "https://evil.example/operationresults/1"})
    stage.ports.arm.on_post.append(answered(foreign, takes_effect=True))

    run = stage.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert len(stage.ports.arm.posts) == 1
    assert stage.ports.arm.polled == []
    assert "https://evil.example/" not in stage.stored_state()


def test_a_foreign_location_in_a_poll_is_never_asked(stage):
    """An operation that moves to another origin is still asked where it was, and nowhere else."""
    moves = iter([True])

    def poll(_now, honest):
        if next(moves, False):
            return error(202, "", "", location="https://evil.example/operationresults/1")
        return honest()

    stage.ports.arm.on_poll = poll

    run = stage.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert {url for _, url in stage.ports.arm.polled} == {run.operation.location_url}


def test_an_azure_asyncoperation_is_followed(stage):
    """When Azure sends the other header, its status is read instead."""
    url = stage.ports.arm.start_url(stage.ports.first.ref, "operations/1")
    accepted = Response(status=202, headers={"azure-asyncoperation": url})
    stage.ports.arm.on_post.append(answered(accepted, takes_effect=True))
    stage.ports.arm.on_poll = lambda now, _honest: Response(
        status=200,
        body=b'{"status": "Succeeded"}'
        if now >= START + dt.timedelta(seconds=660)
        else b'{"status": "Running"}',
    )

    run = stage.back_up()

    assert (run.outcome, run.operation.follow) == (Outcome.SUCCEEDED, Follow.ASYNC_OPERATION)


@pytest.mark.parametrize("takes_effect", [True, False])
def test_a_worker_that_dies_after_the_post_starts_nothing_twice(make_stage, takes_effect):
    """The worker is lost between the POST and its record: the repeated step finds what became of it."""
    dies = iter([True])

    def begin(wish):
        if not next(dies, False):
            return before.begin_backup(wish, stage.ports)
        script = lost_after if takes_effect else lost_before
        stage.ports.arm.on_post.append(script(RuntimeError("SIGKILL")))  # not one of ours: it passes
        return before.begin_backup(wish, stage.ports)

    stage = make_stage(stand_ins={"begin_backup": begin})

    run = stage.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert len(stage.ports.arm.posts) == (1 if takes_effect else 2)


def test_a_worker_that_dies_after_the_record_starts_nothing_twice(make_stage):
    """The step's result is lost after its record was written: the second execution returns the Location."""
    dies = iter([True])

    def begin(wish):
        result = before.begin_backup(wish, stage.ports)
        if next(dies, False):
            raise RuntimeError("SIGKILL")
        return result

    stage = make_stage(stand_ins={"begin_backup": begin})

    run = stage.back_up()

    assert (run.outcome, run.polls) == (Outcome.SUCCEEDED, 11)
    assert len(stage.ports.arm.posts) == 1


def test_storage_that_fails_after_the_post_loses_no_location(stage):
    """The answer to the POST is used although it could not be written down."""
    stage.ports.records().faults["replace"].extend([None, UnavailableError("the records: ServerBusy")])

    run = stage.back_up()

    assert (run.outcome, run.polls) == (Outcome.SUCCEEDED, 11)
    assert len(stage.ports.arm.posts) == 1


def test_a_post_that_was_never_sent_is_sent_without_waiting_for_evidence(stage):
    """A connection that was not made leaves nothing to look for: the next try comes in seconds."""
    stage.ports.arm.on_post.append(lost_before(NEVER_SENT))

    run = stage.back_up()

    assert (run.outcome, run.posts) == (Outcome.SUCCEEDED, 1)
    assert run.posted_at < START + dt.timedelta(seconds=stage.ports.intervals.evidence_grace_s)


def test_a_post_that_was_never_sent_does_not_forget_an_earlier_one(stage):
    """After a lost POST, one that cannot be sent leaves the run where it was: unknown, not refused."""
    stage.ports.arm.on_post.extend([lost_before(LOST), lost_before(AccessError("no token"))])

    run = stage.back_up()

    assert (run.outcome, run.posts) == (Outcome.OUTCOME_UNKNOWN, 1)
    assert run.posted_at is not None


def test_unsent_tries_after_a_lost_post_are_not_counted_as_posts(stage):
    """Ten minutes without a connection after a lost POST do not use up the POSTs that may be sent."""
    stage.ports.arm.on_post.append(lost_before(LOST))
    stage.ports.arm.on_post.extend([lost_before(NEVER_SENT)] * 5)

    run = stage.back_up()

    assert (run.outcome, run.posts) == (Outcome.SUCCEEDED, 2)


def test_no_token_before_the_first_post_is_refused(stage):
    """Without a token nothing was sent: Refused, and the record says zero POSTs."""
    stage.ports.arm.on_post.append(lost_before(AccessError("no token", code="TokenUnavailable")))

    run = stage.back_up()

    assert (run.outcome, run.fault.code, run.posts) == (Outcome.REFUSED, "TokenUnavailable", 0)


def test_a_verdict_on_the_post_is_failed(stage):
    """400 on the POST ends as Failed with ARM's code, without a second POST."""
    stage.ports.arm.on_post.append(answered(error(400, "BadRequest", "no such key"), takes_effect=False))

    run = stage.back_up()

    assert (run.outcome, run.fault.code, run.posts) == (Outcome.FAILED, "BadRequest", 0)
    assert len(stage.ports.arm.posts) == 1


def test_an_operation_without_location_that_hangs_is_outcome_unknown(make_stage):
    """Accepted without a URL and never over: the deadline ends it as OutcomeUnknown."""
    stage = make_stage(deadlineHours=2)
    stage.ports.arm.service(stage.ports.first.ref).duration_s["backup"] = HANGS
    stage.ports.arm.on_post.append(answered(Response(status=202), takes_effect=True))

    run = stage.back_up()

    assert (run.outcome, run.fault.code) == (Outcome.OUTCOME_UNKNOWN, "AnswerLost")
    assert len(stage.ports.arm.posts) == 1
