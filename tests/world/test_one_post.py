"""
One POST, whatever becomes of its answer: the real orchestrators, the real client, the simulator's counter.

The counter counts POSTs that arrived, whether they took effect or not; an operation is a POST that did.
"""

from __future__ import annotations

import datetime as dt

import pytest

from backup_timer import before
from shared.core.errors import UnavailableError
from shared.core.runs import Outcome
from tests.fakes.clock import START

LOCKED = {"error": {"code": "ServiceLocked", "message": "The API Service is transitioning at this time."}}


def the_one_operation(world):
    """Return the only operation that the app started; there must be exactly one, and it must have ended."""
    (operation,) = world.azure.operations(world.service)
    assert operation.state == "Succeeded"
    return operation


def dies_after_sending(ports):
    """Make the worker die, once, when the POST's answer has come and nothing of it was written down."""
    start = ports.arm.start
    deaths = iter([True])

    def send_and_die(*args, **kwargs):
        answer = start(*args, **kwargs)
        if next(deaths, False):
            raise RuntimeError("SIGKILL")
        return answer

    ports.arm.start = send_and_die


# The POST is answered with a 5xx.


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_post_answered_5xx_that_took_effect_is_not_sent_again(world, status):
    """POST 5xx with effect: one POST, one operation, Succeeded by its blob."""
    world.azure.post_fault(status=status, effect=True)

    run = world.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert world.azure.posts(world.service) == run.posts == 1
    assert the_one_operation(world).blob == run.restore_point


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_post_answered_5xx_without_effect_is_sent_again_and_one_takes_effect(world, status):
    """POST 5xx without effect: sent again when no trace was found; one operation."""
    world.azure.post_fault(status=status)

    run = world.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert world.azure.posts(world.service) == run.posts == 2
    assert the_one_operation(world).started_at >= START + dt.timedelta(seconds=120)


def test_a_post_answered_5xx_again_and_again_is_left_to_a_human(world):
    """Three POSTs without a trace: OutcomeUnknown, no fourth one, no operation."""
    world.azure.post_fault(status=503, times=99)

    run = world.back_up()

    assert (run.outcome, run.fault.code) == (Outcome.OUTCOME_UNKNOWN, "NoTrace")
    assert world.azure.posts(world.service) == 3
    assert world.azure.operations(world.service) == []


# The POST times out, or its connection breaks.


def test_a_post_that_timed_out_after_it_took_effect_is_not_sent_again(world):
    """Connection dropped after the effect: one POST, one operation, Succeeded by its blob."""
    world.azure.post_fault(drop="after")

    run = world.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert world.azure.posts(world.service) == run.posts == 1
    assert the_one_operation(world).blob == run.restore_point
    assert "verdict was not read" in " ".join(run.warnings)


def test_a_post_that_timed_out_before_it_took_effect_is_sent_again(world):
    """Connection dropped before the effect: a second POST, and one operation."""
    world.azure.post_fault(drop="before")

    run = world.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert world.azure.posts(world.service) == 2
    the_one_operation(world)


def test_a_post_lost_after_its_effect_whose_operation_takes_five_hours_is_waited_for(world):
    """The service stays in transition for five hours: no second POST meanwhile, and Succeeded at the end."""
    world.azure.takes("backup", seconds=5 * 3600)
    world.azure.post_fault(drop="after")

    run = world.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert world.azure.posts(world.service) == 1
    assert the_one_operation(world).ended_at == START + dt.timedelta(hours=5)


# The worker dies between the POST and its record, or the record cannot be written.


def test_a_worker_killed_between_post_and_record_starts_nothing_twice(world):
    """The POST took effect and the process died before writing that down: one POST, Succeeded by the blob."""
    dies_after_sending(world.ports)

    run = world.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert world.azure.posts(world.service) == run.posts == 1
    the_one_operation(world)
    assert world.activities().count("begin_backup") > 1


def test_a_worker_killed_between_post_and_record_of_a_post_without_effect_sends_it_again(world):
    """The POST had no effect and the process died as well: looked for, then sent again; one operation."""
    world.azure.post_fault(status=500)
    dies_after_sending(world.ports)

    run = world.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert world.azure.posts(world.service) == 2
    the_one_operation(world)


def test_a_worker_killed_after_the_record_starts_nothing_twice(make_world):
    """Only the step's result was lost: the second execution finds the Location, and polls as usual."""
    deaths = iter([True])

    def begin(wish):
        result = before.begin_backup(wish, world.ports)
        if next(deaths, False):
            raise RuntimeError("SIGKILL")
        return result

    world = make_world(stand_ins={"begin_backup": begin})

    run = world.back_up()

    assert (run.outcome, run.polls) == (Outcome.SUCCEEDED, 11)
    assert world.azure.posts(world.service) == 1
    the_one_operation(world)


def test_a_record_that_cannot_be_written_after_the_post_loses_no_location(world):
    """Storage refuses the write after the POST: its answer is used all the same."""
    world.ports.records().faults["replace"].extend([None, UnavailableError("the records: ServerBusy")])

    run = world.back_up()

    assert (run.outcome, run.polls) == (Outcome.SUCCEEDED, 11)
    assert world.azure.posts(world.service) == 1
    the_one_operation(world)


def test_a_record_that_cannot_be_written_before_a_worker_dies_starts_nothing_twice(make_world):
    """The write after the POST fails and the result is lost, too: what is left is the evidence."""
    deaths = iter([True])

    def begin(wish):
        if not next(deaths, False):
            return before.begin_backup(wish, world.ports)
        world.ports.records().faults["replace"].extend([None, UnavailableError("the records: ServerBusy")])
        before.begin_backup(wish, world.ports)
        raise RuntimeError("SIGKILL")

    world = make_world(stand_ins={"begin_backup": begin})

    run = world.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert world.azure.posts(world.service) == 1
    the_one_operation(world)


def test_a_record_that_cannot_be_written_before_the_post_means_no_post(world):
    """Nothing is sent that is not on record: the write fails twice, and there is one POST all the same."""
    world.ports.records().faults["replace"].extend([UnavailableError("the records: ServerBusy")] * 2)

    run = world.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert world.azure.posts(world.service) == 1
    the_one_operation(world)


# The POST is answered with 409.


def test_409_because_our_own_backup_runs_already_ends_with_one_operation(world):
    """
    The answer was lost and the service's state lags behind, so a second POST meets our own operation.

    It is refused as busy, and the first one's blob settles the run: one operation, Succeeded.
    """
    world.azure.post_fault(drop="after")
    world.azure.lags(world.service)

    run = world.back_up()

    statuses = [one["status"] for one in world.azure.calls("POST", "/backup")]
    assert 409 in statuses
    assert run.outcome == Outcome.SUCCEEDED
    assert the_one_operation(world).blob == run.restore_point
    assert run.posts == 1


def test_409_because_somebody_elses_operation_runs_is_waited_for(world):
    """Somebody else's backup begins between our look and our POST: 409, a wait, then one of ours."""
    world.azure.somebody_else_backs_up(world.service, seconds=1800)
    world.azure.lags(world.service)

    run = world.back_up()

    assert world.azure.calls("POST", "/backup")[0]["status"] == 409
    assert (run.outcome, run.posts) == (Outcome.SUCCEEDED, 1)
    assert the_one_operation(world).started_at >= START + dt.timedelta(seconds=1800)


def test_somebody_elses_operation_that_is_seen_in_time_is_waited_for_without_a_post(world):
    """The service shows that it is busy: nothing is sent until it is not."""
    world.azure.somebody_else_backs_up(world.service, seconds=1800)

    run = world.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert world.azure.posts(world.service) == 1
    assert the_one_operation(world).started_at >= START + dt.timedelta(seconds=1800)


def test_somebody_elses_operation_without_an_end_is_refused_without_a_post(world):
    """After four hours of somebody else's operation the run is Refused: nothing was sent."""
    world.azure.somebody_else_backs_up(world.service, seconds=24 * 3600)

    run = world.back_up()

    assert run.outcome == Outcome.REFUSED
    assert run.ended_at <= START + dt.timedelta(hours=4, minutes=10)
    assert world.azure.posts(world.service) == 0


def test_409_for_ever_is_refused_and_nothing_was_started(make_world):
    """Every POST is answered 409 although the service shows no transition: Refused at last, no operation."""
    world = make_world(deadlineHours=1)
    world.azure.post_fault(status=409, body=LOCKED, times=9999)

    run = world.back_up()

    assert (run.outcome, run.fault.code, run.posts) == (Outcome.REFUSED, "ServiceLocked", 0)
    assert world.azure.operations(world.service) == []


# Answers to the POST that leave the way open, or no way at all.


def test_a_202_without_location_is_not_sent_again(world):
    """Accepted, but nothing to poll: one POST, no poll, Succeeded by the blob."""
    world.azure.post_fault(headers={"Location": None})

    run = world.back_up()

    assert (run.outcome, run.polls) == (Outcome.SUCCEEDED, 0)
    assert world.azure.posts(world.service) == 1
    assert world.azure.polls(world.service) == []
    the_one_operation(world)


def test_a_429_on_the_post_is_obeyed_and_one_operation_starts(world):
    """Throttled: the next POST is not sent before Retry-After, and takes effect."""
    body = {"error": {"code": "SubscriptionRequestsThrottled", "message": "Number of requests exceeded."}}
    world.azure.post_fault(status=429, headers={"Retry-After": "300"}, body=body)

    run = world.back_up()

    assert (run.outcome, run.posts) == (Outcome.SUCCEEDED, 1)
    assert the_one_operation(world).started_at >= START + dt.timedelta(seconds=300)


def test_a_429_on_a_read_before_the_post_is_obeyed(world):
    """A list of the inventory is throttled: it begins anew when Retry-After has passed, and then one POST."""
    body = {"error": {"code": "SubscriptionRequestsThrottled", "message": "Number of requests exceeded."}}
    world.azure.fault("GET", "/products", status=429, headers={"Retry-After": "77"}, body=body)

    run = world.back_up()

    assert (run.outcome, run.posts) == (Outcome.SUCCEEDED, 1)
    assert the_one_operation(world).started_at == START + dt.timedelta(seconds=77)


def test_a_401_on_the_post_is_sent_again_with_a_new_token(world):
    """A refused token started nothing: the POST is repeated with another one, and one operation starts."""
    world.azure.post_fault(status=401)

    run = world.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert world.azure.credentials.made == 2
    the_one_operation(world)


def test_a_post_that_we_may_not_send_is_refused(world):
    """403 on the POST: Refused, with the hint which right is missing; one POST, no operation."""
    body = {"error": {"code": "AuthorizationFailed", "message": "does not have authorization"}}
    world.azure.post_fault(status=403, body=body)

    run = world.back_up()

    assert (run.outcome, run.fault.code) == (Outcome.REFUSED, "AuthorizationFailed")
    assert "backup/action" in run.fault.hint
    assert world.azure.posts(world.service) == 1
    assert world.azure.operations(world.service) == []


def test_a_right_that_is_seen_to_be_missing_means_no_post(world):
    """Preflight finds that we may not start a backup: Refused, and nothing was sent."""
    world.azure.deny("backup/action")

    run = world.back_up()

    assert run.outcome == Outcome.REFUSED
    assert world.azure.posts(world.service) == 0


def test_a_verdict_on_the_post_is_failed_and_not_repeated(world):
    """400: Azure has judged; one POST, no operation, Failed with Azure's code."""
    world.azure.post_fault(status=400, body={"error": {"code": "BadRequest", "message": "no such key"}})

    run = world.back_up()

    assert (run.outcome, run.fault.code) == (Outcome.FAILED, "BadRequest")
    assert world.azure.posts(world.service) == 1
    assert world.azure.operations(world.service) == []


# The same for a restore, which replaces what the target holds.


def test_a_restore_whose_post_timed_out_after_it_took_effect_is_not_sent_again(world):
    """A restore must not run twice either: one POST, one operation, and the target is compared."""
    world.back_up()
    point = world.newest_point()
    world.azure.fault("POST", "/restore", drop="after")

    run = world.restore(point)

    (operation,) = world.azure.operations(run.subject)
    assert (run.outcome, operation.kind, operation.state) == (Outcome.SUCCEEDED, "Restore", "Succeeded")
    assert world.azure.posts(run.subject, "restore") == 1


def test_a_restore_whose_post_was_answered_5xx_without_effect_is_sent_again(world):
    """No trace of the first: a second POST, one operation."""
    world.back_up()
    point = world.newest_point()
    world.azure.fault("POST", "/restore", status=503)

    run = world.restore(point)

    (operation,) = world.azure.operations(run.subject)
    assert (run.outcome, operation.state) == (Outcome.SUCCEEDED, "Succeeded")
    assert world.azure.posts(run.subject, "restore") == 2
