"""One table from foreign failures to ours. Foreign texts are cut; bodies, headers and URLs are never kept."""

from __future__ import annotations

import ssl

import requests
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from urllib3.exceptions import NewConnectionError

from shared.core.errors import (
    AccessError,
    ConflictError,
    DrError,
    NotFoundError,
    ProtocolError,
    ThrottledError,
    UnavailableError,
)
from shared.core.lro import fault_of
from shared.core.ports import Clock
from shared.core.response import Response
from shared.core.retry_after import read_retry_after

WRAPPERS_MAX = 5
"""Three are known."""


def from_requests(err: requests.RequestException) -> DrError:
    """
    Translate a failure of transport to Azure Resource Manager.

    A connection that was never made, or to a server whose certificate was refused, cannot have carried
    the request; after everything else it may have arrived, and then it may have taken effect. That
    includes other failures of TLS, which can come after the handshake as well.
    """
    never_sent = isinstance(err, requests.ConnectTimeout) or (
        isinstance(err, requests.ConnectionError)
        and isinstance(_cause(err), NewConnectionError | ssl.SSLCertVerificationError)
    )
    kind = type(err).__name__
    return UnavailableError(
        f"azure resource manager could not be reached: {kind}", code=kind, maybe_sent=not never_sent
    )


def from_status(response: Response, what: str, clock: Clock) -> DrError:
    """Translate an answer of Azure Resource Manager that is no success, for reads."""
    fault = fault_of(response)
    text = f"{what}: {response.status} {fault.code}" + (f", {fault.message}" if fault.message else "")
    retry_after_s = read_retry_after(response.headers, clock.now())
    if response.status == 404:
        return NotFoundError(text, code=fault.code)
    if response.status in {401, 403}:
        hint = "Give the app's identity the right to read this service; see docs/azure-facts.md, Permissions."
        return AccessError(text, hint=hint, code=fault.code)
    if response.status == 429:
        return ThrottledError(text, retry_after_s=retry_after_s, code=fault.code)
    if response.status == 408 or response.status >= 500:
        return UnavailableError(text, retry_after_s=retry_after_s, code=fault.code)
    return ProtocolError(text, code=fault.code)


def from_storage(err: AzureError, what: str) -> DrError:
    """Translate a failure of Azure Storage or of the token for it."""
    code = str(getattr(err, "error_code", None) or type(err).__name__)
    text = f"{what}: {code}"
    if isinstance(err, ResourceNotFoundError):
        return NotFoundError(text, code=code)
    if isinstance(err, ResourceExistsError | ResourceModifiedError):
        return ConflictError(text, code=code)
    status = err.status_code if isinstance(err, HttpResponseError) else None
    if isinstance(err, ClientAuthenticationError) or status in {401, 403}:
        hint = "Give the app's identity the role Storage Blob Data Contributor on this container."
        return AccessError(text, hint=hint, code=code)
    if status == 412:
        return ConflictError(text, code=code)
    if isinstance(err, ServiceRequestError | ServiceResponseError) or status is None:
        return UnavailableError(text, code=code)
    if status == 429 or status == 408 or status >= 500:
        return UnavailableError(text, code=code)
    return ProtocolError(text, code=code)


def _cause(err: BaseException) -> BaseException:
    """Return what lies at the bottom: requests wraps urllib3, which wraps itself, and then ssl."""
    for _ in range(WRAPPERS_MAX):
        inner = getattr(err, "reason", None) or (err.args[0] if err.args else None)
        if not isinstance(inner, BaseException):
            break
        err = inner
    return err
