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
import email.utils
import enum
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from pydantic import Field

from shared.core.documents import Document, Value
from shared.core.errors import ProtocolError
from shared.core.intervals import RETRY_AFTER_S_MAX, RETRY_AFTER_S_MIN
from shared.core.response import Response, read_error, read_error_json

LOCATION_LENGTH_MAX = 4096
"""Clients must accept URLs up to 4 KB; a longer one is a broken answer, not a URL to store."""

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


class Operation(Document):
    """An accepted operation: the URL to poll, how it speaks, and when to ask next (None: we choose)."""

    location_url: str = Field(max_length=LOCATION_LENGTH_MAX)
    follow: Follow = Follow.LOCATION
    retry_after_s: int | None = None


class Fault(Value):
    """An error as data: code, message (cut, safe to log), and a hint for the operator."""

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
        ProtocolError: a Location of another origin, not http(s), or over 4 KB.
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
    if response.status == 429 or code in BUSY_CODES or (response.status < 500 and retry_after_s is not None):
        return Submission(state=SubmissionState.BUSY, retry_after_s=retry_after_s, fault=fault)
    if response.status in {401, 403}:
        return Submission(state=SubmissionState.DENIED, fault=fault)
    if response.status == 408 or response.status >= 500 or response.status < 400:
        return Submission(state=SubmissionState.UNCLEAR, retry_after_s=retry_after_s, fault=fault)
    return Submission(state=SubmissionState.REJECTED, fault=fault)


def read_poll(response: Response, *, operation: Operation, now: dt.datetime) -> OperationStatus:
    """
    Read one answer of the operation's URL.

    A Location answers 202 while the operation runs and, when it is over, what the call would have
    answered at once: a 2xx with the service, or an error status with the error envelope. An
    Azure-AsyncOperation answers 200 with a `status`, and an error status only when the read failed.

    Args:
        response: status, lower-case headers, body.
        operation: what was asked about; its URL is used verbatim, never parsed apart or rebuilt.
        now: aware UTC; used when Retry-After is a date.

    Returns:
        State, fault if any, and the operation to ask next: the newest Location that was sent, or
        the one we had; `retry_after_s` in 1..600, or None when none was sent that can be read.

    Raises:
        ProtocolError: a Location of another origin, not http(s), or over 4 KB.
    """
    following = _next_operation(response, operation, now)
    if 300 <= response.status < 400:
        return _read_redirect(response, operation, following)
    if 200 <= response.status < 300:
        return _read_success(response, following)
    fault = fault_of(response)
    if response.status == 401:
        return OperationStatus(state=PollState.UNAUTHENTICATED, operation=following, fault=fault)
    if response.status == 403:
        return OperationStatus(state=PollState.DENIED, operation=following, fault=fault)
    if response.status in {404, 410}:
        return OperationStatus(state=PollState.NOT_FOUND, operation=following, fault=fault)
    if _is_verdict(response, following, fault):
        return OperationStatus(state=PollState.FAILED, operation=following, fault=fault)
    return OperationStatus(state=PollState.FAULT, operation=following, fault=fault)


def read_retry_after(headers: Mapping[str, str], now: dt.datetime) -> int | None:
    """
    Return the wait that the answer asks for, in whole seconds bounded to 1..600.

    Accepts milliseconds in `retry-after-ms` and `x-ms-retry-after-ms`, seconds (also with a
    fraction, rounded up) and HTTP dates. 0 and dates in the past become 1. None means: nothing was
    sent, or nothing that can be read.
    """
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        seconds = _number(headers.get(name, ""))
        if seconds is not None:
            return _bounded(seconds / 1000)
    text = headers.get("retry-after", "").strip()
    seconds = _number(text)
    if seconds is not None:
        return _bounded(seconds)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    return _bounded((when - now).total_seconds())


def same_origin(url: str, other: str) -> bool:
    """Tell whether scheme, host and port agree (default ports filled in, host compared without case)."""
    return _origin(url) == _origin(other)


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
    except (ValueError, UnicodeDecodeError):
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


def _read_success(response: Response, following: Operation) -> OperationStatus:
    if response.status == 202:
        return OperationStatus(state=PollState.RUNNING, operation=following)
    try:
        body = response.json()
    except (ValueError, UnicodeDecodeError):
        unreadable = Fault(code="BodyUnreadable", message=f"answer {response.status} is not JSON")
        return OperationStatus(state=PollState.FAULT, operation=following, fault=unreadable)
    if following.follow is Follow.ASYNC_OPERATION and not (isinstance(body, dict) and body.get("status")):
        missing = Fault(code="StatusMissing", message="the operation's status answer has no status")
        return OperationStatus(state=PollState.FAULT, operation=following, fault=missing)
    state, fault = _state_in(body)
    return OperationStatus(state=state, operation=following, fault=fault)


def _state_in(body: Any) -> tuple[PollState, Fault | None]:
    """Find what a 2xx body says: an operation's `status`, else the resource's `provisioningState`."""
    if not isinstance(body, dict):
        return PollState.SUCCEEDED, None
    properties = body.get("properties")
    provisioning = properties.get("provisioningState") if isinstance(properties, dict) else None
    for said in (body.get("status"), provisioning):
        if not isinstance(said, str) or not said:
            continue
        if said.lower() in _STATUS_FAILED:
            envelope = read_error_json(body.get("error"))
            code, message = (envelope.code, envelope.message) if envelope else (f"Operation{said}", "")
            return PollState.FAILED, Fault(code=code, message=message)
        if said.lower() not in _STATUS_SUCCEEDED:
            return PollState.RUNNING, None
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
        and "retry-after" not in response.headers
    )


def _read_redirect(response: Response, asked: Operation, following: Operation) -> OperationStatus:
    if following.location_url == asked.location_url:
        fault = Fault(code=f"Http{response.status}", message="redirected to nowhere new")
        return OperationStatus(state=PollState.FAULT, operation=following, fault=fault)
    return OperationStatus(state=PollState.RUNNING, operation=following)


def _operation_of(response: Response, request_url: str, retry_after_s: int | None) -> Operation | None:
    """Return the operation that a POST's answer names; Azure-AsyncOperation is preferred if sent."""
    for header, follow in (
        ("azure-asyncoperation", Follow.ASYNC_OPERATION),
        ("location", Follow.LOCATION),
    ):
        sent = response.headers.get(header, "").strip()
        if sent:
            url = _checked_url(sent, request_url)
            return Operation(location_url=url, follow=follow, retry_after_s=retry_after_s)
    return None


def _next_operation(response: Response, operation: Operation, now: dt.datetime) -> Operation:
    """Return what to ask next; only an answer that says "go on" may change the URL."""
    header = "location" if operation.follow is Follow.LOCATION else "azure-asyncoperation"
    if 300 <= response.status < 400:
        header = "location"
    goes_on = response.status == 202 or 300 <= response.status < 400
    if operation.follow is Follow.ASYNC_OPERATION:
        goes_on = response.status < 400
    sent = response.headers.get(header, "").strip() if goes_on else ""
    url = _checked_url(sent, operation.location_url) if sent else operation.location_url
    return operation.model_copy(
        update={"location_url": url, "retry_after_s": read_retry_after(response.headers, now)}
    )


def _checked_url(sent: str, asked: str) -> str:
    """Return the URL as sent (a relative one resolved), refused unless it stays at the origin asked."""
    url = sent if urlsplit(sent).scheme else urljoin(asked, sent)
    if len(url) > LOCATION_LENGTH_MAX:
        raise ProtocolError(f"the operation's URL has {len(url)} characters, {LOCATION_LENGTH_MAX} at most")
    if not same_origin(url, asked):
        raise ProtocolError(
            f"the operation's URL points to {_shown_origin(url)}, not to {_shown_origin(asked)}",
            hint="No token was sent there. Check the proxy or endpoint between this app and Azure.",
            code="ForeignLocation",
        )
    return url


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.username is not None or parts.password is not None:
        port = -1  # user information in a URL is a classic way to disguise its host
    default = {"https": 443, "http": 80}.get(parts.scheme.lower())
    return parts.scheme.lower(), (parts.hostname or "").lower(), default if port is None else port


def _shown_origin(url: str) -> str:
    scheme, host, port = _origin(url)
    return f"{scheme}://{host[:80]}:{port}"


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _bounded(seconds: float) -> int:
    return min(RETRY_AFTER_S_MAX, max(RETRY_AFTER_S_MIN, math.ceil(seconds)))
