"""
Whatever goes wrong with a poll: the operation goes on, and the run ends in the right word.

The real orchestrators and the real client; each test scripts what the simulator's operation results answer.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import threading

import pytest

from shared.core.runs import Outcome
from tests.fakes.clock import START

FOR_EVER = 99_999
FORBIDDEN = {"error": {"code": "AuthorizationFailed", "message": "does not have authorization"}}
POLLS_OF_A_BACKUP = 11
"""Eleven minutes, asked once a minute."""


def proven(world, run):
    """Whether a run ended as Succeeded, with one POST and one operation, which succeeded as well."""
    (operation,) = world.azure.operations(world.service)
    assert operation.state == "Succeeded"
    return (run.outcome, world.azure.posts(world.service), run.posts) == (Outcome.SUCCEEDED, 1, 1)


# Refused tokens and missing rights.


def test_401_is_followed_by_one_token_refresh(world):
    """The token was refused once: exactly one new one is asked for, and the run Succeeds."""
    world.azure.poll_fault(status=401)

    run = world.back_up()

    assert proven(world, run)
    assert world.azure.credentials.made == 2


def test_a_token_that_expires_in_the_middle_of_a_backup_is_replaced_once(world):
    """From the third minute on every older token is refused: one new one is asked for, and it works."""
    world.azure.expire_tokens_at(START + dt.timedelta(minutes=3))

    run = world.back_up()

    assert proven(world, run)
    assert [one["status"] for one in world.azure.polls(world.service)].count(401) == 1
    assert world.azure.credentials.made == 2


def test_401_for_ever_is_poll_denied(world):
    """No token will do: PollDenied after 15 minutes, although the backup went well; the Location is kept."""
    world.azure.poll_fault(status=401, times=FOR_EVER)

    run = world.back_up()

    assert run.outcome == Outcome.POLL_DENIED
    assert "/operationresults/" in run.operation.location_url
    assert world.azure.posts(world.service) == 1
    assert [one.state for one in world.azure.operations(world.service)] == ["Succeeded"]


def test_403_for_a_while_is_survived(world):
    """A role assignment that takes ten minutes to work costs polls, not the run."""
    world.azure.poll_fault(status=403, body=FORBIDDEN, times=5)

    assert proven(world, world.back_up())


def test_403_for_ever_is_poll_denied(world):
    """We may not read operation results: PollDenied, the missing right in the hint, the Location kept."""
    world.azure.poll_fault(status=403, body=FORBIDDEN, times=FOR_EVER)

    run = world.back_up()

    assert (run.outcome, run.fault.code) == (Outcome.POLL_DENIED, "AuthorizationFailed")
    assert "operationresults/read" in run.fault.hint
    assert "/operationresults/" in run.operation.location_url
    assert world.azure.posts(world.service) == 1
    assert [one.state for one in world.azure.operations(world.service)] == ["Succeeded"]


def test_a_right_to_read_results_that_is_seen_to_be_missing_means_no_post(world):
    """Preflight finds that nobody could read how the backup ends: Refused, and nothing was sent."""
    world.azure.deny("operationresults/read")

    run = world.back_up()

    assert run.outcome == Outcome.REFUSED
    assert world.azure.posts(world.service) == 0


# A Location that is not there.


def test_an_early_404_is_survived(world):
    """The Location exists only after a while."""
    world.azure.poll_fault(status=404, times=3)

    assert proven(world, world.back_up())


def test_404_for_ever_is_outcome_unknown(world):
    """The Location is lost: no verdict, so no word about the backup; its URL is kept."""
    world.azure.poll_fault(status=404, times=FOR_EVER)

    run = world.back_up()

    assert run.outcome == Outcome.OUTCOME_UNKNOWN
    assert "/operationresults/" in run.operation.location_url
    assert world.azure.posts(world.service) == 1


# Throttling, time-outs, servers that fail, connections that break.


def test_429_with_retry_after_is_obeyed(world):
    """The next poll is not earlier than Retry-After says."""
    world.azure.poll_fault(status=429, headers={"Retry-After": "444"})

    run = world.back_up()

    assert proven(world, run)
    assert world.azure.poll_pauses(world.service)[0] >= 444


def test_429_without_retry_after_is_survived(world):
    """Nothing says when to come back: a pause of our own, and the run goes on."""
    world.azure.poll_fault(status=429, headers={"Retry-After": None}, times=4)

    run = world.back_up()

    assert proven(world, run)
    assert world.azure.poll_pauses(world.service)[:4] == [15, 30, 60, 120]


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_poll_that_a_server_failed_is_repeated(world, status):
    """408 and 5xx say nothing about the operation."""
    world.azure.poll_fault(status=status, times=3)

    assert proven(world, world.back_up())


def test_5xx_for_longer_than_the_backup_takes_is_survived(world):
    """Half an hour of 503 over a backup of eleven minutes: its end is read afterwards."""
    world.azure.poll_fault(status=503, times=9)

    run = world.back_up()

    assert proven(world, run)
    assert run.ended_at >= START + dt.timedelta(minutes=20)


def test_5xx_until_the_deadline_is_outcome_unknown(make_world):
    """Nobody could be asked for the whole time: OutcomeUnknown, and the Location is kept."""
    world = make_world(deadlineHours=1)
    world.azure.poll_fault(status=503, times=FOR_EVER)

    run = world.back_up()

    assert run.outcome == Outcome.OUTCOME_UNKNOWN
    assert "/operationresults/" in run.operation.location_url
    assert world.azure.posts(world.service) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_reset_connection_is_repeated(world, when):
    """A poll whose connection is cut is asked again, whether it had arrived or not."""
    world.azure.poll_fault(drop=when, times=3)

    assert proven(world, world.back_up())


# Answers that cannot be read.


@pytest.mark.parametrize("body", ["<html>Bad gateway</html>", '{"id": "/subscr', "[]"])
def test_an_unreadable_body_of_a_poll_is_no_success(world, body):
    """200 with something that is no service resource: asked again, and the true end is found."""
    world.azure.poll_fault(status=200, body=body, times=2)

    run = world.back_up()

    assert proven(world, run)
    assert run.polls == POLLS_OF_A_BACKUP or run.polls > 2


def test_an_unreadable_body_for_ever_is_outcome_unknown(make_world):
    """200 and never a body that says anything: no success without a reason."""
    world = make_world(deadlineHours=1)
    world.azure.poll_fault(status=200, body="not json", times=FOR_EVER)

    run = world.back_up()

    assert (run.outcome, run.fault.code) == (Outcome.OUTCOME_UNKNOWN, "BodyUnreadable")


def test_an_error_page_in_between_is_no_verdict(world):
    """400 without an error envelope comes from something in the middle, not from the operation."""
    world.azure.poll_fault(status=400, body="<html>no</html>", times=2)

    assert proven(world, world.back_up())


def test_a_verdict_of_the_operation_is_failed(world):
    """400 with an envelope is what a failed operation answers: Failed, with Azure's code."""
    world.azure.ends(world.service, error={"code": "BackupFailed", "message": "no"})

    run = world.back_up()

    assert (run.outcome, run.fault.code) == (Outcome.FAILED, "BackupFailed")
    assert [one.state for one in world.azure.operations(world.service)] == ["Failed"]
    assert world.azure.posts(world.service) == 1


# Where to ask next.


def test_a_202_poll_without_location_is_asked_at_the_same_url_again(world):
    """A 202 that names no Location changes nothing."""
    world.azure.poll_fault(headers={"Location": None}, times=5)

    run = world.back_up()

    assert proven(world, run)
    assert run.polls == POLLS_OF_A_BACKUP


def test_a_202_poll_without_retry_after_is_asked_after_a_minute(world):
    """Nothing says when: Azure's own default."""
    world.azure.takes("backup", seconds=660, retryAfter=None)

    run = world.back_up()

    assert proven(world, run)
    assert set(world.azure.poll_pauses(world.service)) == {60}


def test_a_rotated_location_is_followed(world):
    """Every 202 names a new URL and forgets the old one: each is asked once, and the end is found."""
    world.azure.poll_fault(location="rotated", times=POLLS_OF_A_BACKUP)

    run = world.back_up()

    paths = [one["path"] for one in world.azure.polls(world.service)]
    assert proven(world, run)
    assert len(paths) == len(set(paths)) == POLLS_OF_A_BACKUP


def test_a_relative_location_is_resolved_against_the_url_asked(world):
    """A Location without scheme and host, of the POST and of each poll, stays at the origin asked."""
    world.azure.post_fault(location="relative")
    world.azure.poll_fault(location="relative", times=POLLS_OF_A_BACKUP)

    run = world.back_up()

    assert proven(world, run)
    assert run.polls == POLLS_OF_A_BACKUP


class Elsewhere:
    """An origin that is not Azure Resource Manager: counts the connections to it, and cuts them."""

    def __init__(self, listener):
        self.connections = 0
        self.url = f"https://127.0.0.1:{listener.getsockname()[1]}/operationresults/1"
        threading.Thread(target=self._cut, args=(listener,), daemon=True).start()

    def _cut(self, listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.connections += 1
                connection.close()


@pytest.fixture
def elsewhere():
    """Another origin."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Elsewhere(listener)


def test_a_foreign_location_of_the_post_gets_no_request_and_no_token(world, elsewhere):
    """The POST's Location leads elsewhere: nobody connects there, and the blob tells how it ended."""
    world.azure.post_fault(headers={"Location": elsewhere.url})

    run = world.back_up()

    assert elsewhere.connections == 0
    assert proven(world, run)
    assert world.azure.polls(world.service) == []


def test_a_foreign_location_of_a_poll_gets_no_request_and_no_token(world, elsewhere):
    """A poll's Location leads elsewhere: the operation is asked where it was, and nowhere else."""
    world.azure.poll_fault(headers={"Location": elsewhere.url}, times=3)

    run = world.back_up()

    assert elsewhere.connections == 0
    assert proven(world, run)
    assert len({one["path"] for one in world.azure.polls(world.service)}) == 1


# How long it may take.


def test_a_backup_of_five_hours_succeeds(world):
    """Three hundred polls, one POST, one point."""
    world.azure.takes("backup", seconds=5 * 3600)

    run = world.back_up()

    assert proven(world, run)
    assert (run.polls, run.ended_at) == (300, START + dt.timedelta(hours=5))


def test_a_backup_beyond_the_deadline_is_outcome_unknown_with_its_location(make_world):
    """Still running at the deadline: no failure, no success, one POST, and a URL for a later look."""
    world = make_world(deadlineHours=2)
    world.azure.takes("backup", seconds=3 * 3600)

    run = world.back_up()

    (operation,) = world.azure.operations(world.service)
    assert (run.outcome, run.fault.code) == (Outcome.OUTCOME_UNKNOWN, "StillRunning")
    assert run.ended_at == START + dt.timedelta(hours=2)
    assert operation.state == "Running"
    assert run.operation.location_url.startswith(f"{world.azure.url}{world.service.resource_id}")
    assert world.azure.posts(world.service) == 1


def test_a_backup_that_ends_at_the_deadline_is_read_at_the_last_look(make_world):
    """The last poll is taken at the deadline itself, and its answer counts."""
    world = make_world(deadlineHours=1)
    world.azure.takes("backup", seconds=3600)

    assert proven(world, world.back_up())
