"""
The same transcripts through azure-core's own polling and through ours.

Where the two differ the table says why. azure-core is driven by its ARM variant, as the management SDKs
use it, but without the retry policy: what is compared is what an answer means, not how often a request
is repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from azure.core import PipelineClient
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import Pipeline
from azure.core.pipeline.policies import RequestIdPolicy
from azure.core.pipeline.transport import HttpRequest, HttpResponse, HttpTransport
from azure.mgmt.core.polling.arm_polling import ARMPolling
from requests.structures import CaseInsensitiveDict

from shared.core.errors import ProtocolError
from shared.core.lro import PollState, SubmissionState, read_poll, read_submission
from shared.core.response import Response
from tests.core import make

OTHER = make.LOCATION + "&t=2"
STATUS_URL = make.LOCATION + "&asyncResponse"
DEFAULT_S = 30


class ScriptedAnswer(HttpResponse):
    """One answer of a transcript as azure-core sees it."""

    def __init__(self, request: HttpRequest, answer: Response) -> None:
        super().__init__(request, None)
        self.status_code = answer.status
        self.headers = CaseInsensitiveDict(answer.headers)
        self.reason = str(answer.status)
        self.content_type = answer.headers.get("content-type", "application/json")
        self._content = answer.body

    def body(self) -> bytes:
        """Return the body."""
        return self._content


class TranscriptEnded(Exception):
    """The poller asked for more than the transcript holds: it takes the operation for running."""


class ScriptedTransport(HttpTransport[HttpRequest, HttpResponse]):
    """Answers from a transcript, and notes URLs and waits instead of connecting and sleeping."""

    def __init__(self, answers: Sequence[Response]) -> None:
        self._answers: Iterator[Response] = iter(answers)
        self.asked: list[str] = []
        self.waits: list[float] = []

    def send(self, request: HttpRequest, **_: Any) -> HttpResponse:
        """Return the next answer."""
        self.asked.append(request.url)
        answer = next(self._answers, None)
        if answer is None:
            raise TranscriptEnded
        return ScriptedAnswer(request, answer)

    def sleep(self, duration: float) -> None:
        """Note a wait."""
        self.waits.append(duration)

    def open(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def __enter__(self) -> ScriptedTransport:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


def _theirs(transcript: Sequence[Response]) -> tuple[str, ScriptedTransport]:
    """Return azure-core's word about a transcript: succeeded, failed, running, or how it crashed."""
    transport = ScriptedTransport(transcript)
    policies = [RequestIdPolicy()]
    client: PipelineClient[Any, Any] = PipelineClient(make.ORIGIN, transport=transport, policies=policies)
    polling = ARMPolling(timeout=DEFAULT_S, lro_options={"final-state-via": "location"})
    try:
        first = Pipeline(transport, policies).run(HttpRequest("POST", make.POST_URL))
        polling.initialize(client, first, lambda answer: answer)
        polling.run()
    except TranscriptEnded:
        return "running", transport
    except HttpResponseError:
        return "failed", transport
    except Exception as err:  # noqa: BLE001 - how it crashes is what the table says
        return type(err).__name__, transport
    return polling.status().lower(), transport


def _ours(transcript: Sequence[Response]) -> tuple[str, list[str]]:
    """Return our word about a transcript, and the URLs that were polled."""
    first, *polls = transcript
    try:
        submission = read_submission(first, request_url=make.POST_URL, now=make.NOW)
    except ProtocolError:
        return "refused", []
    operation = submission.operation
    if operation is None:
        words = {SubmissionState.COMPLETED: "succeeded", SubmissionState.REJECTED: "failed"}
        return words.get(submission.state, submission.state.value), []
    asked = []
    for answer in polls:
        asked.append(operation.location_url)
        try:
            status = read_poll(answer, operation=operation, now=make.NOW)
        except ProtocolError:
            continue
        operation = status.operation
        if status.state in {PollState.SUCCEEDED, PollState.FAILED}:
            return status.state.value, asked
    return "running", [*asked, operation.location_url]


A202 = make.response(202, location=make.LOCATION, retry_after="60")
GO_ON = make.response(202, location=make.LOCATION, retry_after="60")
DONE = make.response(200, make.resource())
ASYNC = make.response(202, azure_asyncoperation=STATUS_URL)

NO_REASON = "success needs a reason, and this answer names none"
READ_ONLY = "a fault of the read says nothing about the operation, so it is asked again"
SEES_NO_BODY = "azure-core does not look into the body of a Location's answer"

TRANSCRIPTS: dict[str, tuple[Sequence[Response], str, str, str]] = {
    "running twice, then the service": ([A202, GO_ON, GO_ON, DONE], "succeeded", "succeeded", ""),
    "still running": ([A202, GO_ON], "running", "running", ""),
    "polls without Location": ([A202, make.response(202), DONE], "succeeded", "succeeded", ""),
    "final 204": ([A202, make.response(204)], "succeeded", "succeeded", ""),
    "final 200 empty": ([A202, make.response(200)], "succeeded", "succeeded", ""),
    "final 200 null": ([A202, make.response(200, raw=b"null")], "succeeded", "succeeded", ""),
    "final 201": ([A202, make.response(201, make.resource())], "succeeded", "succeeded", ""),
    "JSON with BOM": (
        [A202, make.response(200, raw=b"\xef\xbb\xbf" + DONE.body)],
        "succeeded",
        "succeeded",
        "",
    ),
    "JSON as text/plain": (
        [A202, make.response(200, make.resource(), content_type="text/plain")],
        "succeeded",
        "succeeded",
        "",
    ),
    "final 400 with an envelope": ([A202, make.error(400, "RestoreFailed")], "failed", "failed", ""),
    "final 422 with an envelope": ([A202, make.error(422, "BackupFailed")], "failed", "failed", ""),
    "POST refused": ([make.error(400, "BadRequest", location=make.LOCATION)], "failed", "failed", ""),
    "POST 201 with Location": (
        [make.response(201, make.resource(), location=make.LOCATION), DONE],
        "succeeded",
        "succeeded",
        "",
    ),
    "Azure-AsyncOperation alone": (
        [ASYNC, make.response(200, {"status": "InProgress"}), make.response(200, {"status": "Succeeded"})],
        "succeeded",
        "succeeded",
        "",
    ),
    "Azure-AsyncOperation says Failed": (
        [ASYNC, make.response(200, {"status": "Failed", "error": {"code": "E", "message": "m"}})],
        "failed",
        "failed",
        "",
    ),
    "Azure-AsyncOperation says Canceled": (
        [ASYNC, make.response(200, {"status": "Canceled"})],
        "failed",
        "failed",
        "",
    ),
    "202 without Location": (
        [make.response(202)],
        "succeeded",
        "unclear",
        "azure-core finds nothing to poll and calls that success; we look for evidence",
    ),
    "POST 200 with the service": ([DONE], "succeeded", "succeeded", ""),
    "POST 204": ([make.response(204)], "succeeded", "unclear", NO_REASON),
    "200 Updating": (
        [A202, make.response(200, make.resource("Updating"))],
        "succeeded",
        "running",
        SEES_NO_BODY,
    ),
    "200 status InProgress": (
        [A202, make.response(200, {"status": "InProgress"})],
        "succeeded",
        "running",
        SEES_NO_BODY,
    ),
    "200 status Failed": (
        [A202, make.response(200, {"status": "Failed"})],
        "succeeded",
        "failed",
        SEES_NO_BODY,
    ),
    "200 provisioningState Failed": (
        [A202, make.response(200, make.resource("Failed"))],
        "succeeded",
        "failed",
        SEES_NO_BODY,
    ),
    "200 with an error": ([A202, make.error(200, "RestoreFailed")], "succeeded", "failed", SEES_NO_BODY),
    "200 bad JSON": ([A202, make.response(200, raw=b"{")], "succeeded", "running", NO_REASON),
    "200 HTML": ([A202, make.response(200, raw=b"<html>")], "succeeded", "running", NO_REASON),
    "400 from a proxy": ([A202, make.response(400, raw=b"<html>"), DONE], "failed", "succeeded", READ_ONLY),
    "401 once": ([A202, make.response(401), DONE], "failed", "succeeded", READ_ONLY),
    "403 once": ([A202, make.error(403, "AuthorizationFailed"), DONE], "failed", "succeeded", READ_ONLY),
    "404 once": ([A202, make.error(404, "NotFound"), DONE], "failed", "succeeded", READ_ONLY),
    "409 ServiceLocked once": (
        [A202, make.error(409, "ServiceLocked"), DONE],
        "failed",
        "succeeded",
        READ_ONLY,
    ),
    "409 with Retry-After": (
        [A202, make.error(409, "Conflict", retry_after="5"), DONE],
        "failed",
        "succeeded",
        READ_ONLY,
    ),
    "429 once": ([A202, make.response(429), DONE], "failed", "succeeded", READ_ONLY),
    "500 once": ([A202, make.response(500), DONE], "failed", "succeeded", READ_ONLY),
    "503 for long": ([A202, *[make.response(503)] * 9, DONE], "failed", "succeeded", READ_ONLY),
    "307 on a poll": (
        [A202, make.response(307, location=OTHER), DONE],
        "failed",
        "succeeded",
        "a redirect that stays at the origin is followed by the next poll",
    ),
    "POST 409 with Location": (
        [make.error(409, "ServiceLocked", location=make.LOCATION)],
        "failed",
        "busy",
        "a locked service is waited for",
    ),
    "POST 503 with Location": (
        [make.error(503, "ServerBusy", location=make.LOCATION)],
        "failed",
        "unclear",
        "after a 5xx the operation may have started",
    ),
    "POST 200 Failed with Location": (
        [make.response(200, make.resource("Failed"), location=make.LOCATION), DONE],
        "succeeded",
        "failed",
        SEES_NO_BODY,
    ),
    "POST names a foreign host": (
        [make.response(202, location="https://evil.example/x"), DONE],
        "succeeded",
        "refused",
        "azure-core follows a Location anywhere, and its pipeline attaches the token",
    ),
    "POST names http": (
        [make.response(202, location=make.LOCATION.replace("https", "http")), DONE],
        "succeeded",
        "refused",
        "azure-core leaves that to its authentication policy; we refuse before there is a token",
    ),
    "Azure-AsyncOperation without status": (
        [ASYNC, make.response(200, {"id": "x"}), make.response(200, {"status": "Succeeded"})],
        "failed",
        "succeeded",
        READ_ONLY,
    ),
    "Azure-AsyncOperation 400": (
        [ASYNC, make.error(400, "BadRequest"), make.response(200, {"status": "Succeeded"})],
        "failed",
        "succeeded",
        READ_ONLY,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("transcript", "theirs", "ours", "reason"), TRANSCRIPTS.values(), ids=TRANSCRIPTS)
def test_azure_core_and_we_agree_or_the_table_says_why(
    transcript: Sequence[Response], theirs: str, ours: str, reason: str
) -> None:
    """Both read the transcript as the table says, and a difference has a reason."""
    assert theirs == _theirs(transcript)[0]
    assert ours == _ours(transcript)[0]
    assert (theirs == ours) == (reason == "")


def test_both_follow_the_newest_location_verbatim() -> None:
    """The raw padding, the api-version and a changed URL reach the wire as they came."""
    transcript = [A202, make.response(202, location=OTHER), GO_ON, DONE]

    asked = _ours(transcript)[1]

    assert asked == [make.LOCATION, OTHER, make.LOCATION]
    assert asked == _theirs(transcript)[1].asked[1:]


def test_both_resolve_a_relative_location_that_begins_with_a_slash() -> None:
    """The contract says absolute, and proxies have sent others all the same."""
    path = make.LOCATION.removeprefix(make.ORIGIN)
    transcript = [make.response(202, location=path), DONE]

    assert _theirs(transcript)[1].asked[1:] == [make.LOCATION]
    assert _ours(transcript)[1] == [make.LOCATION]


WAITS: dict[str, tuple[dict[str, str], object, object, str]] = {
    "seconds": ({"retry_after": "17"}, 17, 17, ""),
    "milliseconds": ({"retry_after_ms": "2000"}, 2, 2, ""),
    "a fraction": ({"retry_after": "0.5"}, 0.5, 1, "whole seconds, never under one"),
    "zero": ({"retry_after": "0"}, DEFAULT_S, 1, "azure-core takes 0 for nothing, we for soon"),
    "negative": ({"retry_after": "-5"}, DEFAULT_S, 1, "azure-core takes it for nothing, we for soon"),
    "none": ({}, DEFAULT_S, None, "no time was named: the poller's own default applies"),
    "a day": ({"retry_after": "86400"}, 86400, 600, "bounded to what the contract promises"),
    "a date in the past": (
        {"retry_after": "Mon, 01 Jan 2024 00:00:00 GMT"},
        DEFAULT_S,
        1,
        "azure-core takes it for nothing, we for soon",
    ),
    "junk": ({"retry_after": "soon"}, "ValueError", None, "junk is no time; azure-core crashes on it"),
}


@pytest.mark.parametrize(("headers", "theirs", "ours", "reason"), WAITS.values(), ids=WAITS)
def test_the_wait_between_polls_agrees_or_the_table_says_why(
    headers: dict[str, str], theirs: object, ours: object, reason: str
) -> None:
    """What azure-core sleeps, and what we read, after the same answer."""
    word, transport = _theirs([A202, make.response(202, **headers), DONE])
    status = read_poll(make.response(202, **headers), operation=make.operation(), now=make.NOW)

    assert theirs == (transport.waits[0] if transport.waits else word)
    assert ours == status.operation.retry_after_s
    assert (theirs == ours) == (reason == "")
