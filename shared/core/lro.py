"""
Reading Azure Resource Manager's answers about a long-running operation. Pure: answer and time in, value out.

Rules of the file:
1. A Location is opaque. It is used as it came, and refused when it leaves the origin it was asked from,
   before anybody could attach a token to it.
2. A verdict on the operation and a fault of the read are different things. Only the first ends a run.
3. Success needs a reason. A 202 without Location, or a 200 that says Failed or Updating, is none.

Source: docs/azure-facts.md, "Backup and restore calls", "Polling" and "What official clients do".
"""

from __future__ import annotations

import datetime as dt
import enum
from typing import Any

from pydantic import Field

from shared.core.documents import Document, Value
from shared.core.locations import LOCATION_LENGTH_MAX, checked_location
from shared.core.response import Response, read_error, read_error_json
from shared.core.retry_after import read_retry_after

BUSY_CODES = frozenset(
    {"servicelocked", "pessimisticconcurrencyconflict", "managementapirequestfailed", "conflictingoperation"}
)
"""Codes (lower case) that say "later", not "no"; see docs/azure-facts.md, "Errors"."""

_STATUS_SUCCEEDED = frozenset({"succeeded"})
_STATUS_FAILED = frozenset({"failed", "canceled", "cancelled"})
_HTTP_VERDICTS = frozenset(range(400, 500)) - {401, 403, 404, 408, 410, 425, 429}


class Follow(enum.StrEnum):
    """Which URL is followed. They speak differently: see read_poll."""

    LOCATION = "location"
    ASYNC_OPERATION = "asyncOperation"


_HEADERS = {Follow.LOCATION: "location", Follow.ASYNC_OPERATION: "azure-asyncoperation"}
_BLANKS = " \t"


class Operation(Document):
    """An accepted operation: the URL to poll, how it speaks, and when to ask next (None: we choose)."""

    location_url: str = Field(max_length=LOCATION_LENGTH_MAX)
    follow: Follow = Follow.LOCATION
    retry_after_s: int | None = None


class Fault(Value):
    """An error as data, safe to log: code, message (cut where it is not our own), a hint for the operator."""

    code: str
    message: str = ""
    hint: str = ""
    correlation_id: str = ""


class SubmissionState(enum.StrEnum):
    """What the answer to a POST says about the operation."""

    ACCEPTED = "accepted"
    """It runs; there is a URL to poll."""
    COMPLETED = "completed"
    """It is over, and succeeded."""
    UNCLEAR = "unclear"
    """It may or may not have started; only evidence can tell."""
    BUSY = "busy"
    """It did not start; the same POST may work later."""
    DENIED = "denied"
    """It did not start; our token or our rights were refused."""
    REJECTED = "rejected"
    """It did not start, and will not: a verdict."""


class Submission(Value):
    """The answer to a POST, read."""

    state: SubmissionState
    operation: Operation | None = None
    retry_after_s: int | None = None
    fault: Fault | None = None


class PollState(enum.StrEnum):
    """What one answer says: three about the operation, four about the read."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FAULT = "fault"
    UNAUTHENTICATED = "unauthenticated"
    DENIED = "denied"
    NOT_FOUND = "notFound"


_HTTP_FAULTS = {
    401: PollState.UNAUTHENTICATED,
    403: PollState.DENIED,
    404: PollState.NOT_FOUND,
    410: PollState.NOT_FOUND,
}


class OperationStatus(Document):
    """One answer to one poll; `operation` is what to ask next time."""

    state: PollState
    operation: Operation
    fault: Fault | None = None


def read_submission(response: Response, *, request_url: str, now: dt.datetime) -> Submission:
    """
    Read the answer to the POST that starts a backup or a restore.

    Args:
        response: status, lower-case headers, body.
        request_url: absolute URL of the POST; its origin is the only one a Location may have.
        now: aware UTC; used when Retry-After is a date.

    Returns:
        A submission; `operation` is set exactly when its state is ACCEPTED.

    Raises:
        ProtocolError: a Location of another origin, not http(s), over 4 KB, or no URL.
    """
    retry_after_s = read_retry_after(response.headers, now)
    if 200 <= response.status < 300:
        operation = _operation_of(response, request_url, retry_after_s)
        if operation is not None and response.status != 200:
            return Submission(
                state=SubmissionState.ACCEPTED, operation=operation, retry_after_s=retry_after_s
            )
        return _read_synchronous_answer(response, operation)
    fault = fault_of(response)
    code = fault.code.lower()
    if response.status == 408 or not 400 <= response.status < 500:
        # a proxy, a time-out or a fault of the provider: it may have started before that
        return Submission(state=SubmissionState.UNCLEAR, retry_after_s=retry_after_s, fault=fault)
    if response.status in {425, 429} or code in BUSY_CODES or retry_after_s is not None:
        return Submission(state=SubmissionState.BUSY, retry_after_s=retry_after_s, fault=fault)
    if response.status in {401, 403}:
        return Submission(state=SubmissionState.DENIED, fault=fault)
    return Submission(state=SubmissionState.REJECTED, fault=fault)


def read_poll(response: Response, *, operation: Operation, now: dt.datetime) -> OperationStatus:
    """
    Read one answer of the operation's URL.

    A Location answers 202 while the operation runs and, when it is over, what the call would have
    answered at once: a 2xx with the service, or an error status with the error envelope. An
    Azure-AsyncOperation answers 200 with a `status`, and an error status only when the read failed.

    Args:
        response: status, lower-case headers, body.
        operation: what was asked about; its URL is used verbatim, never rebuilt.
        now: aware UTC; used when Retry-After is a date.

    Returns:
        State, fault if any, and the operation to ask next: the newest URL if the operation goes on and
        one was sent, else the one we had; `retry_after_s` in 1..600, or None when none can be read.

    Raises:
        ProtocolError: a Location of another origin, not http(s), over 4 KB, or no URL.
    """
    asked = operation.model_copy(update={"retry_after_s": read_retry_after(response.headers, now)})
    if 200 <= response.status < 300:
        state, said = _read_success(response, asked.follow)
        # only an answer that says "go on" may change the URL: an end stays one whatever its headers say
        following = _newest(response, asked, _HEADERS[asked.follow]) if state is PollState.RUNNING else asked
        return OperationStatus(state=state, operation=following, fault=said)
    if 300 <= response.status < 400:
        return _read_redirect(response, asked)
    fault = fault_of(response)
    state = _HTTP_FAULTS.get(response.status, PollState.FAULT)
    if _is_verdict(response, asked, fault):
        state = PollState.FAILED
    return OperationStatus(state=state, operation=asked, fault=fault)


def fault_of(response: Response) -> Fault:
    """Return the error that an answer carries, or one made of its status."""
    envelope = read_error(response)
    if envelope is None:
        return Fault(code=f"Http{response.status}", correlation_id=response.correlation_id())
    return Fault(code=envelope.code, message=envelope.message, correlation_id=response.correlation_id())


def _read_synchronous_answer(response: Response, operation: Operation | None) -> Submission:
    """Read a 2xx that is over at once, or that says neither what runs nor that it is over."""
    try:
        body = response.json()
    except ValueError:
        body = None
    state, fault = _state_in(body)
    if operation is not None and state is not PollState.FAILED:
        return Submission(state=SubmissionState.ACCEPTED, operation=operation)
    if response.status == 200 and body is not None and state is PollState.SUCCEEDED:
        return Submission(state=SubmissionState.COMPLETED)
    if state is PollState.FAILED:
        return Submission(state=SubmissionState.REJECTED, fault=fault)
    missing = Fault(code="LocationMissing", message=f"answer {response.status} names no Location to follow")
    return Submission(state=SubmissionState.UNCLEAR, fault=missing)


def _read_success(response: Response, follow: Follow) -> tuple[PollState, Fault | None]:
    if response.status == 202 and follow is Follow.LOCATION:
        return PollState.RUNNING, None
    try:
        body = response.json()
    except ValueError:
        unreadable = Fault(code="BodyUnreadable", message=f"answer {response.status} is not JSON")
        return (PollState.RUNNING, None) if response.status == 202 else (PollState.FAULT, unreadable)
    if follow is Follow.ASYNC_OPERATION and not (isinstance(body, dict) and body.get("status")):
        if response.status == 202:
            return PollState.RUNNING, None
        return PollState.FAULT, Fault(
            code="StatusMissing", message="the operation's status answer has no status"
        )
    return _state_in(body)


def _state_in(body: Any) -> tuple[PollState, Fault | None]:
    """Find what a 2xx body says: an operation's `status`, and the resource's `provisioningState`."""
    if body is None:
        return PollState.SUCCEEDED, None
    if not isinstance(body, dict):
        return PollState.FAULT, Fault(code="BodyUnexpected", message="the answer's body is not an object")
    properties = body.get("properties")
    provisioning = properties.get("provisioningState") if isinstance(properties, dict) else None
    envelope = read_error_json(body.get("error"))
    for said in (body.get("status"), provisioning):
        if said is None or said == "":
            continue
        if not isinstance(said, str):
            return PollState.FAULT, Fault(code="StatusUnreadable", message="the status is not a text")
        if said.lower() in _STATUS_FAILED:
            code, message = (envelope.code, envelope.message) if envelope else (f"Operation{said}", "")
            return PollState.FAILED, Fault(code=code, message=message)
        if said.lower() not in _STATUS_SUCCEEDED:
            return PollState.RUNNING, None
    if envelope is not None:  # an error under a 200 is no reason to call it success
        return PollState.FAILED, Fault(code=envelope.code, message=envelope.message)
    return PollState.SUCCEEDED, None


def _is_verdict(response: Response, following: Operation, fault: Fault) -> bool:
    """
    Tell a verdict on the operation from a fault of the read.

    A verdict is a 4xx at a Location with an error code that can be read, unless the code or a
    Retry-After says "later". A 4xx without an envelope came from something in between.
    """
    return (
        following.follow is Follow.LOCATION
        and response.status in _HTTP_VERDICTS
        and read_error(response) is not None
        and fault.code.lower() not in BUSY_CODES
        and following.retry_after_s is None
        and "retry-after" not in response.headers  # one that cannot be read says "later" as well
    )


def _read_redirect(response: Response, asked: Operation) -> OperationStatus:
    following = _newest(response, asked, "location")
    if following.location_url == asked.location_url:
        fault = Fault(code=f"Http{response.status}", message="redirected to nowhere new")
        return OperationStatus(state=PollState.FAULT, operation=following, fault=fault)
    return OperationStatus(state=PollState.RUNNING, operation=following)


def _operation_of(response: Response, request_url: str, retry_after_s: int | None) -> Operation | None:
    """Return the operation that a POST's answer names; Azure-AsyncOperation is preferred if sent."""
    for follow in (Follow.ASYNC_OPERATION, Follow.LOCATION):
        sent = response.headers.get(_HEADERS[follow], "").strip(_BLANKS)
        if sent:
            url = checked_location(sent, request_url)
            return Operation(location_url=url, follow=follow, retry_after_s=retry_after_s)
    return None


def _newest(response: Response, asked: Operation, header: str) -> Operation:
    """Return the operation under the URL that the answer names, or as it is."""
    sent = response.headers.get(header, "").strip(_BLANKS)
    if not sent:
        return asked
    return asked.model_copy(update={"location_url": checked_location(sent, asked.location_url)})
