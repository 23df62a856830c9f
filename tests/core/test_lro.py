"""Reading Azure Resource Manager's answers: what starts an operation, and what ends one."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.errors import ProtocolError
from shared.core.intervals import RETRY_AFTER_S_MAX, RETRY_AFTER_S_MIN
from shared.core.locations import same_origin
from shared.core.lro import Follow, PollState, SubmissionState, fault_of, read_poll, read_submission
from shared.core.response import Response
from tests.core import make

OTHER = make.LOCATION.replace("d2Vz", "b3Ro")
STATUS_URL = make.LOCATION + "&asyncResponse"
S, P = SubmissionState, PollState


def _submit(answer: Response) -> Any:
    return read_submission(answer, request_url=make.POST_URL, now=make.NOW)


def _poll(answer: Response, follow: Follow = Follow.LOCATION) -> Any:
    return read_poll(answer, operation=make.operation(follow=follow), now=make.NOW)


SUBMISSIONS = {
    "202 with Location": (make.response(202, location=make.LOCATION, retry_after="60"), S.ACCEPTED),
    "202 without Retry-After": (make.response(202, location=make.LOCATION), S.ACCEPTED),
    "202 with Azure-AsyncOperation alone": (
        make.response(202, azure_asyncoperation=STATUS_URL),
        S.ACCEPTED,
    ),
    "202 with both": (
        make.response(202, azure_asyncoperation=STATUS_URL, location=make.LOCATION),
        S.ACCEPTED,
    ),
    "201 with Location": (make.response(201, make.resource("Created"), location=make.LOCATION), S.ACCEPTED),
    "200 Updating with Location": (
        make.response(200, make.resource("Updating"), location=make.LOCATION),
        S.ACCEPTED,
    ),
    "200 Succeeded with Location": (
        make.response(200, make.resource(), location=make.LOCATION),
        S.ACCEPTED,
    ),
    "200 with the service": (make.response(200, make.resource()), S.COMPLETED),
    "200 without provisioningState": (make.response(200, make.resource(None)), S.COMPLETED),
    "202 without Location": (make.response(202), S.UNCLEAR),
    "202 with a blank Location": (make.response(202, location="  "), S.UNCLEAR),
    "201 without Location": (make.response(201, make.resource()), S.UNCLEAR),
    "204": (make.response(204), S.UNCLEAR),
    "200 empty": (make.response(200), S.UNCLEAR),
    "200 null": (make.response(200, raw=b"null"), S.UNCLEAR),
    "200 array": (make.response(200, raw=b"[]"), S.UNCLEAR),
    "200 bad JSON": (make.response(200, raw=b"<html>"), S.UNCLEAR),
    "200 Updating": (make.response(200, make.resource("Updating")), S.UNCLEAR),
    "200 InProgress": (make.response(200, {"status": "InProgress"}), S.UNCLEAR),
    "200 with a status that is no text": (make.response(200, {"status": 5}), S.UNCLEAR),
    "200 Failed": (make.response(200, make.resource("Failed")), S.REJECTED),
    "200 Failed with Location": (
        make.response(200, make.resource("Failed"), location=make.LOCATION),
        S.REJECTED,
    ),
    "202 Failed without Location": (make.response(202, {"status": "Failed"}), S.REJECTED),
    "200 with an error": (make.error(200, "BackupRefused"), S.REJECTED),
    "409 ServiceLocked": (make.error(409, "ServiceLocked"), S.BUSY),
    "409 ServiceLocked with Retry-After": (make.error(409, "ServiceLocked", retry_after="30"), S.BUSY),
    "409 of any code with Retry-After": (make.error(409, "Conflict", retry_after="30"), S.BUSY),
    "409 PessimisticConcurrencyConflict": (make.error(409, "PessimisticConcurrencyConflict"), S.BUSY),
    "422 ManagementApiRequestFailed": (make.error(422, "ManagementApiRequestFailed"), S.BUSY),
    "429": (make.response(429), S.BUSY),
    "429 with Retry-After": (make.response(429, retry_after="17"), S.BUSY),
    "425": (make.response(425), S.BUSY),
    "401": (make.error(401, "ExpiredAuthenticationToken"), S.DENIED),
    "403": (make.error(403, "AuthorizationFailed"), S.DENIED),
    "400 with an envelope": (make.error(400, "BadRequest"), S.REJECTED),
    "400 plain": (make.response(400, raw=b"Bad Request"), S.REJECTED),
    "404": (make.error(404, "ResourceNotFound"), S.REJECTED),
    "409 of any other code": (make.error(409, "Conflict"), S.REJECTED),
    "422": (make.error(422, "InvalidParameters"), S.REJECTED),
    "408": (make.response(408), S.UNCLEAR),
    "408 with Retry-After": (make.response(408, retry_after="5"), S.UNCLEAR),
    "500": (make.error(500, "InternalServerError"), S.UNCLEAR),
    "500 ServiceLocked": (make.error(500, "ServiceLocked"), S.UNCLEAR),
    "502 from a proxy": (make.response(502, raw=b"<html>"), S.UNCLEAR),
    "503 with Retry-After": (make.error(503, "ServerBusy", retry_after="30"), S.UNCLEAR),
    "504": (make.error(504, "GatewayTimeout"), S.UNCLEAR),
    "307": (make.response(307, location=OTHER), S.UNCLEAR),
    "302 with Retry-After": (make.response(302, location=OTHER, retry_after="5"), S.UNCLEAR),
    "304": (make.response(304), S.UNCLEAR),
}


@pytest.mark.parametrize(("answer", "expected"), SUBMISSIONS.values(), ids=SUBMISSIONS)
def test_read_submission_knows_what_every_answer_says(answer: Response, expected: SubmissionState) -> None:
    """Success needs a reason, a refusal needs a verdict, and the rest is unclear."""
    assert expected == _submit(answer).state


@pytest.mark.parametrize(("answer", "expected"), SUBMISSIONS.values(), ids=SUBMISSIONS)
def test_only_an_accepted_submission_names_an_operation(answer: Response, expected: SubmissionState) -> None:
    """There is a URL to poll exactly when the operation was accepted, and otherwise a fault or the end."""
    submission = _submit(answer)

    assert (expected is S.ACCEPTED) == (submission.operation is not None)
    assert (expected in {S.ACCEPTED, S.COMPLETED}) == (submission.fault is None)


def test_azure_asyncoperation_is_preferred_to_location() -> None:
    """When both are sent, the status URL is followed, and it speaks its own way."""
    submission = _submit(make.response(202, azure_asyncoperation=STATUS_URL, location=make.LOCATION))

    assert (
        submission.operation.location_url,
        submission.operation.follow,
    ) == (STATUS_URL, Follow.ASYNC_OPERATION)


def test_the_posts_retry_after_is_kept_with_the_operation() -> None:
    """The first poll comes when the POST's own answer asks for it."""
    submission = _submit(make.response(202, location=make.LOCATION, retry_after="60"))

    assert (submission.operation.retry_after_s, submission.retry_after_s) == (60, 60)


FINAL = make.resource()
POLLS = {
    "202": (make.response(202, location=make.LOCATION, retry_after="60"), P.RUNNING),
    "202 without Location": (make.response(202), P.RUNNING),
    "202 with a body": (make.response(202, {"status": "Failed"}), P.RUNNING),
    "200 with the service": (make.response(200, FINAL), P.SUCCEEDED),
    "200 with the service and a BOM": (
        make.response(200, raw=b"\xef\xbb\xbf" + json.dumps(FINAL).encode()),
        P.SUCCEEDED,
    ),
    "200 as text/plain": (make.response(200, FINAL, content_type="text/plain"), P.SUCCEEDED),
    "200 status Succeeded": (make.response(200, {"status": "Succeeded"}), P.SUCCEEDED),
    "200 in other case": (make.response(200, make.resource("SUCCEEDED")), P.SUCCEEDED),
    "200 without provisioningState": (make.response(200, make.resource(None)), P.SUCCEEDED),
    "200 provisioningState empty": (make.response(200, make.resource("")), P.SUCCEEDED),
    "201 with the service": (make.response(201, FINAL), P.SUCCEEDED),
    "204": (make.response(204), P.SUCCEEDED),
    "200 empty": (make.response(200), P.SUCCEEDED),
    "200 blank": (make.response(200, raw=b" \r\n"), P.SUCCEEDED),
    "200 null": (make.response(200, raw=b"null"), P.SUCCEEDED),
    "200 Updating": (make.response(200, make.resource("Updating")), P.RUNNING),
    "200 status InProgress": (make.response(200, {"status": "InProgress"}), P.RUNNING),
    "200 Succeeded but Updating": (
        make.response(200, {"status": "Succeeded", "properties": {"provisioningState": "Updating"}}),
        P.RUNNING,
    ),
    "201 Activating": (make.response(201, make.resource("Activating")), P.RUNNING),
    "200 status Failed": (make.response(200, {"status": "Failed"}), P.FAILED),
    "200 status Canceled": (make.response(200, {"status": "Canceled"}), P.FAILED),
    "200 status Cancelled": (make.response(200, {"status": "cancelled"}), P.FAILED),
    "200 provisioningState Failed": (make.response(200, make.resource("Failed")), P.FAILED),
    "200 with an error": (make.error(200, "RestoreFailed"), P.FAILED),
    "200 bad JSON": (make.response(200, raw=b'{"id": '), P.FAULT),
    "200 text": (make.response(200, raw=b"OK"), P.FAULT),
    "200 HTML": (make.response(200, raw=b"<html>sign in</html>"), P.FAULT),
    "200 not UTF-8": (make.response(200, raw=b"\xff\xfe{\x00}\x00"), P.FAULT),
    "200 array": (make.response(200, raw=b"[]"), P.FAULT),
    "200 JSON text": (make.response(200, raw=b'"Failed"'), P.FAULT),
    "200 NaN": (make.response(200, raw=b"NaN"), P.FAULT),
    "200 nested too deeply": (make.response(200, raw=b"[" * 200_000), P.FAULT),
    "200 status is a number": (make.response(200, {"status": 400}), P.FAULT),
    "200 provisioningState is a list": (
        make.response(200, {"properties": {"provisioningState": ["Failed"]}}),
        P.FAULT,
    ),
    "400 RestoreFailed": (make.error(400, "RestoreFailed", "Cannot restore: backup expired"), P.FAILED),
    "422 with an envelope": (make.error(422, "BackupFailed"), P.FAILED),
    "409 with an envelope": (make.error(409, "Conflict"), P.FAILED),
    "400 with a bare envelope": (make.response(400, {"code": "BadRequest"}), P.FAILED),
    "400 from a proxy": (make.response(400, raw=b"<html>Bad Request</html>"), P.FAULT),
    "400 empty": (make.response(400), P.FAULT),
    "400 with an envelope without code": (make.response(400, {"error": {"message": "x"}}), P.FAULT),
    "400 of OAuth": (make.response(400, {"error": "invalid_request"}), P.FAULT),
    "400 nested too deeply": (make.response(400, raw=b'{"a":' * 100_000), P.FAULT),
    "409 ServiceLocked": (make.error(409, "ServiceLocked"), P.FAULT),
    "409 with Retry-After": (make.error(409, "Conflict", retry_after="30"), P.FAULT),
    "400 with milliseconds to wait": (make.error(400, "Later", x_ms_retry_after_ms="500"), P.FAULT),
    "400 with a Retry-After that is junk": (make.error(400, "Later", retry_after="soon"), P.FAULT),
    "422 ManagementApiRequestFailed": (make.error(422, "ManagementApiRequestFailed"), P.FAULT),
    "429 with an envelope": (make.error(429, "TooManyRequests"), P.FAULT),
    "429 with Retry-After": (make.response(429, retry_after="30"), P.FAULT),
    "408": (make.error(408, "RequestTimeout"), P.FAULT),
    "425": (make.error(425, "TooEarly"), P.FAULT),
    "500 with an envelope": (make.error(500, "InternalServerError"), P.FAULT),
    "502": (make.response(502, raw=b"<html>"), P.FAULT),
    "503": (make.error(503, "ServiceUnavailable"), P.FAULT),
    "504": (make.error(504, "GatewayTimeout"), P.FAULT),
    "401": (make.error(401, "ExpiredAuthenticationToken"), P.UNAUTHENTICATED),
    "403": (make.error(403, "AuthorizationFailed"), P.DENIED),
    "404": (make.error(404, "OperationNotFound"), P.NOT_FOUND),
    "410": (make.response(410), P.NOT_FOUND),
    "307 elsewhere": (make.response(307, location=OTHER), P.RUNNING),
    "302 to the same": (make.response(302, location=make.LOCATION), P.FAULT),
    "303 to nowhere": (make.response(303), P.FAULT),
    "304": (make.response(304), P.FAULT),
    "no HTTP status at all": (make.response(0), P.FAULT),
}


@pytest.mark.parametrize(("answer", "expected"), POLLS.values(), ids=POLLS)
def test_read_poll_tells_a_verdict_from_a_fault_of_the_read(answer: Response, expected: PollState) -> None:
    """Every answer at a Location, and what it says."""
    assert expected == _poll(answer).state


@pytest.mark.parametrize(("answer", "expected"), POLLS.values(), ids=POLLS)
def test_whatever_is_neither_running_nor_succeeded_has_a_fault(answer: Response, expected: PollState) -> None:
    """An operator always learns a code."""
    status = _poll(answer)

    assert (expected in {P.RUNNING, P.SUCCEEDED}) == (status.fault is None)
    assert status.fault is None or status.fault.code


STATUS_POLLS = {
    "InProgress": (make.response(200, {"status": "InProgress"}), P.RUNNING),
    "any other word": (make.response(200, {"status": "Cooking"}), P.RUNNING),
    "Succeeded": (make.response(200, {"status": "Succeeded"}), P.SUCCEEDED),
    "Succeeded with error null": (make.response(200, {"status": "Succeeded", "error": None}), P.SUCCEEDED),
    "Failed": (make.response(200, {"status": "Failed", "error": {"code": "E"}}), P.FAILED),
    "Canceled": (make.response(200, {"status": "Canceled"}), P.FAILED),
    "no status": (make.response(200, {"id": "x"}), P.FAULT),
    "the service instead": (make.response(200, FINAL), P.FAULT),
    "status is a number": (make.response(200, {"status": 1}), P.FAULT),
    "empty": (make.response(200), P.FAULT),
    "204": (make.response(204), P.FAULT),
    "bad JSON": (make.response(200, raw=b"{"), P.FAULT),
    "202 empty": (make.response(202), P.RUNNING),
    "202 that is no JSON": (make.response(202, raw=b"Accepted"), P.RUNNING),
    "202 Succeeded": (make.response(202, {"status": "Succeeded"}), P.SUCCEEDED),
    "202 Failed": (make.response(202, {"status": "Failed"}), P.FAILED),
    "400 with an envelope": (make.error(400, "RestoreFailed"), P.FAULT),
    "404": (make.error(404, "OperationNotFound"), P.NOT_FOUND),
    "403": (make.error(403, "AuthorizationFailed"), P.DENIED),
    "500": (make.error(500, "InternalServerError"), P.FAULT),
}


@pytest.mark.parametrize(("answer", "expected"), STATUS_POLLS.values(), ids=STATUS_POLLS)
def test_a_status_url_speaks_by_its_status_only(answer: Response, expected: PollState) -> None:
    """An Azure-AsyncOperation answers 200 with a status; an error status there is a fault of the read."""
    assert expected == _poll(answer, Follow.ASYNC_OPERATION).state


def test_a_verdict_keeps_the_code_and_message_of_azure() -> None:
    """What Azure Resource Manager said is what the operator reads."""
    status = _poll(make.error(400, "RestoreFailed", "Cannot restore: backup expired"))

    assert (status.fault.code, status.fault.message) == ("RestoreFailed", "Cannot restore: backup expired")


def test_a_failed_status_without_an_error_is_named_by_its_word() -> None:
    """Canceled without an error object is still a code."""
    assert _poll(make.response(200, {"status": "Canceled"})).fault.code == "OperationCanceled"


def test_the_newest_location_is_followed() -> None:
    """A later poll may name a new Location; the next poll goes there."""
    assert _poll(make.response(202, location=OTHER)).operation.location_url == OTHER


def test_a_200_that_goes_on_may_move_as_well() -> None:
    """InProgress under a 200 goes on, so its Location counts."""
    answer = make.response(200, {"status": "InProgress"}, location=OTHER)

    assert _poll(answer).operation.location_url == OTHER


@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_an_error_never_moves_the_operation(status: int) -> None:
    """Whoever answers an error may be something in between; its Location is not ours."""
    answer = make.response(status, location="https://evil.example/x")

    assert _poll(answer).operation.location_url == make.LOCATION


@pytest.mark.parametrize(
    ("follow", "answer"),
    [
        (Follow.LOCATION, make.response(200, FINAL, location="https://evil.example/x")),
        (
            Follow.ASYNC_OPERATION,
            make.response(200, {"status": "Succeeded"}, azure_asyncoperation="https://evil.example/x"),
        ),
    ],
    ids=["Location", "Azure-AsyncOperation"],
)
def test_an_end_stays_an_end_whatever_its_headers_say(follow: Follow, answer: Response) -> None:
    """An operation that ended is not lost for a URL that nobody will ask any more."""
    status = _poll(answer, follow)

    assert (status.state, status.operation.location_url) == (P.SUCCEEDED, make.LOCATION)


def test_a_status_url_may_move() -> None:
    """The newest Azure-AsyncOperation of a running operation is asked next."""
    answer = make.response(200, {"status": "InProgress"}, azure_asyncoperation=OTHER)

    assert _poll(answer, Follow.ASYNC_OPERATION).operation.location_url == OTHER


def test_a_status_url_does_not_move_to_the_location_beside_it() -> None:
    """Location names the result, Azure-AsyncOperation the status; they are not mixed up."""
    answer = make.response(200, {"status": "InProgress"}, location=OTHER)

    assert _poll(answer, Follow.ASYNC_OPERATION).operation.location_url == make.LOCATION


@pytest.mark.parametrize("status", [202, 302, 307, 308])
def test_a_foreign_location_is_refused_while_the_operation_runs(status: int) -> None:
    """Neither a running answer nor a redirect carries our token away."""
    with pytest.raises(ProtocolError, match=r"evil\.example"):
        _poll(make.response(status, location="https://evil.example/x"))


def test_a_faults_answer_carries_its_own_retry_after() -> None:
    """429 with Retry-After tells when to ask again."""
    assert _poll(make.response(429, retry_after="30")).operation.retry_after_s == 30


def test_an_answer_without_retry_after_forgets_the_last_one() -> None:
    """Each answer speaks for itself; without a time the choice is ours."""
    operation = make.operation(retry_after_s=600)

    status = read_poll(make.response(202), operation=operation, now=make.NOW)

    assert status.operation.retry_after_s is None


def test_a_fault_without_envelope_is_named_by_its_status() -> None:
    """A proxy's page gives a code and the correlation id, and none of its text."""
    fault = fault_of(make.response(502, raw=b"<html>secret</html>", x_ms_correlation_request_id="abc"))

    assert (fault.code, fault.message, fault.correlation_id) == ("Http502", "", "abc")


def test_a_fault_is_short_and_can_be_stored_whatever_was_sent() -> None:
    """Half characters, escapes and long texts do not reach a record or a log."""
    answer = make.error(400, "Bad\ud800\x1b[31m", "x" * 5000 + "\ud800", x_ms_request_id="i" * 5000)

    status = _poll(answer)

    assert len(status.to_bytes()) < 2000
    assert status.fault.code == "Bad [31m"


HEADER_NAMES = ["location", "azure-asyncoperation", "retry-after", "retry-after-ms", "x-ms-request-id"]
URLS = st.one_of(
    st.text(max_size=60),
    st.sampled_from([make.LOCATION, OTHER, "/relative", "?x", "//evil", "https://[::1", "https://evil.example/x"]),
    st.builds(lambda tail: make.ORIGIN + tail, st.text(max_size=30)),
)  # fmt: skip
HEADERS = st.dictionaries(st.sampled_from(HEADER_NAMES), st.one_of(URLS, st.integers().map(str)), max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "error", "code", "message", "properties", "provisioningState"]), inner
        )
    ),
    max_leaves=8,
)
BODIES = st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode())
ANSWERS = st.builds(
    Response,
    status=st.one_of(st.sampled_from([200, 202, 302, 400, 401, 404, 409, 500]), st.integers(-1, 1000)),
    headers=HEADERS,
    body=BODIES,
)


@settings(max_examples=400, deadline=None)
@given(answer=ANSWERS, follow=st.sampled_from(Follow))
def test_no_poll_raises_succeeds_or_strays_without_reason(answer: Response, follow: Follow) -> None:
    """For any answer: only ProtocolError, the asked origin, 1..600 s, and success only under a 2xx."""
    try:
        status = _poll(answer, follow)
    except ProtocolError:
        return

    assert same_origin(status.operation.location_url, make.LOCATION)
    assert status.state is not P.SUCCEEDED or 200 <= answer.status < 300
    wait = status.operation.retry_after_s
    assert wait is None or RETRY_AFTER_S_MIN <= wait <= RETRY_AFTER_S_MAX
    assert type(status).from_bytes(status.to_bytes()) == status


@settings(max_examples=400, deadline=None)
@given(answer=ANSWERS)
def test_no_submission_raises_succeeds_or_strays_without_reason(answer: Response) -> None:
    """For any answer to a POST: only ProtocolError, the asked origin, and a start only under a 2xx."""
    with contextlib.suppress(ProtocolError):
        submission = _submit(answer)

        assert submission.state not in {S.ACCEPTED, S.COMPLETED} or 200 <= answer.status < 300
        assert (submission.state is S.ACCEPTED) == (submission.operation is not None)
        assert submission.operation is None or same_origin(submission.operation.location_url, make.POST_URL)
