"""
The catalogue of every error that the simulator can put on the wire.

Two layers answer, and their envelopes differ: Azure Resource Manager itself (`{"error": {code, message}}`)
and API Management behind it (`{"error": {code, message, details, innerError}}`, the last two null when there
is nothing to say). Where no recording of an answer is known, the entry says "assumed".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class WireError(Exception):
    """An answer of 4xx, raised where it is found out and sent as it is."""

    def __init__(self, status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with a body: where, and what."""

    target: str
    message: str


# --- Azure Resource Manager -----------------------------------------------------------------------


def _arm(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> WireError:
    return WireError(status, {"error": {"code": code, "message": message}}, headers)


def _unauthorized(code: str, message: str, *, authority: str) -> WireError:
    # Quotes would end the header's quoted string early.
    description = message.replace('"', "'")
    challenge = (
        f'Bearer authorization_uri="{authority}", error="invalid_token", error_description="{description}"'
    )
    return _arm(401, code, message, {"WWW-Authenticate": challenge})


def authentication_missing(*, authority: str) -> WireError:
    """401: the call has no bearer token."""
    message = "Authentication failed. The 'Authorization' header is missing or holds no bearer token."
    return _unauthorized("AuthenticationFailed", message, authority=authority)


def invalid_authentication_token(*, authority: str) -> WireError:
    """401: the bearer token was not made here, or is damaged."""
    return _unauthorized("InvalidAuthenticationToken", "The access token is invalid.", authority=authority)


def wrong_audience(audience: str, allowed: Sequence[str], *, authority: str) -> WireError:
    """401: the token is for somebody else."""
    message = (
        f"The access token was obtained for the wrong audience or resource '{audience}'. "
        f"The allowed audiences are {', '.join(repr(one) for one in allowed)}."
    )
    return _unauthorized("InvalidAuthenticationToken", message, authority=authority)


def expired_authentication_token(expired: dt.datetime, now: dt.datetime, *, authority: str) -> WireError:
    """401: the token's time is over."""
    message = f"The access token expired at '{expired.isoformat()}'; the current time is '{now.isoformat()}'."
    return _unauthorized("ExpiredAuthenticationToken", message, authority=authority)


def authorization_failed(*, client_id: str, object_id: str, action: str, scope: str) -> WireError:
    """403: the principal may not do this here."""
    message = (
        f"The client '{client_id}' with object id '{object_id}' does not have authorization to perform "
        f"action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, "
        "please refresh your credentials."
    )
    return _arm(403, "AuthorizationFailed", message)


def missing_api_version() -> WireError:
    """400: no api-version in the query."""
    message = "The api-version query parameter (?api-version=) is required for all requests."
    return _arm(400, "MissingApiVersionParameter", message)


def invalid_api_version(found: str) -> WireError:
    """400: the api-version is not a date with an optional suffix."""
    return _arm(400, "InvalidApiVersionParameter", f"The api-version '{found}' is invalid.")


def retired_api_version(found: str, oldest: str) -> WireError:
    """400: older than the oldest version that API Management still answers (wording assumed)."""
    message = (
        f"No registered resource provider found for API version '{found}' for type 'service'. "
        f"Versions older than {oldest} are retired; the supported ones start with '{oldest}'."
    )
    return _arm(400, "NoRegisteredProviderFound", message)


def resource_not_found(type_and_name: str, group: str) -> WireError:
    """404: no such service. A missing resource group is told the same way."""
    message = f"The Resource '{type_and_name}' under resource group '{group}' was not found."
    return _arm(404, "ResourceNotFound", message)


def subscription_not_found(subscription: str) -> WireError:
    """404: no such Azure subscription."""
    return _arm(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")


def scope_locked(scope: str, locked: str, *, verb: str) -> WireError:
    """409: a management lock on the scope or above it forbids the call."""
    message = (
        f"The scope '{scope}' cannot perform {verb} operation because following scope(s) are locked: "
        f"'{locked}'. Please remove the lock and try again."
    )
    return _arm(409, "ScopeLocked", message)


def invalid_request_content(message: str) -> WireError:
    """400: the body cannot be read at all."""
    return _arm(400, "InvalidRequestContent", message)


def no_such_route(method: str, path: str) -> WireError:
    """404: nothing of Azure's that the simulator knows has this path."""
    return _arm(404, "InvalidResourceType", f"the simulator has nothing at {method} {path}")


def method_not_allowed(method: str, path: str) -> WireError:
    """405: the path exists, the method does not."""
    return _arm(405, "MethodNotAllowed", f"{method} is not supported for {path}")


# --- API Management -------------------------------------------------------------------------------


def apim_body(
    code: str, message: str, details: list[dict[str, Any]] | None = None
) -> dict[str, dict[str, Any]]:
    """Return API Management's envelope, with the nulls that the recording shows."""
    return {"error": {"code": code, "message": message, "details": details, "innerError": None}}


def _apim(status: int, code: str, message: str) -> WireError:
    return WireError(status, apim_body(code, message))


def service_locked(name: str) -> WireError:
    """409: an operation runs. Recorded for PUT, PATCH and DELETE, without Retry-After; assumed for POST."""
    return _apim(
        409, "ServiceLocked", f"The API service {name} is transitioning at this time, try again later."
    )


def service_exists(name: str) -> WireError:
    """409: the name is taken by a service elsewhere."""
    return _apim(409, "ServiceAlreadyExists", f"API service with name {name} already exists.")


def service_soft_deleted(name: str) -> WireError:
    """409: a deleted service keeps the name until it is purged (wording assumed)."""
    message = (
        f"Api service {name} was soft-deleted. In order to create the new service with the same name, "
        "you have to either undelete the service or purge it."
    )
    return _apim(409, "ServiceAlreadyExistsInSoftDeletedState", message)


def validation(faults: Sequence[Fault]) -> WireError:
    """400: fields of a body are missing or wrong; every one is named."""
    details = [{"code": "ValidationError", "target": one.target, "message": one.message} for one in faults]
    message = "One or more fields contain incorrect values: " + "; ".join(one.message for one in faults)
    return WireError(400, apim_body("ValidationError", message, details))


def not_in_tier(action: str, tier: str) -> WireError:
    """400: the tier has no backup and restore (code assumed)."""
    return _apim(400, "MethodNotAllowedInPricingTier", f"{action} is not supported in the '{tier}' tier")


def identity_not_enabled(message: str) -> WireError:
    """400: the service has no such managed identity (code assumed after a similar refusal for Key Vault)."""
    return _apim(400, "InvalidOperation", message)


def storage_refused(message: str) -> WireError:
    """
    400 on the POST: the storage account did not let the service in. Users report a plain 400 (body assumed).
    """
    return _apim(400, "BadRequest", message)


def entity_not_found(kind: str) -> WireError:
    """404: no such entity in the service."""
    return _apim(404, "ResourceNotFound", f"{kind} not found.")


def precondition_failed() -> WireError:
    """412: If-Match names another version of the entity."""
    return _apim(412, "PreconditionFailed", "Resource was modified since last retrieval.")


# --- The simulator's own control routes -----------------------------------------------------------


def impossible_scenario(faults: Sequence[Fault]) -> WireError:
    """400: a control request asks for something that cannot be; every fault is named."""
    details = [{"code": "InvalidField", "target": one.target, "message": one.message} for one in faults]
    message = "; ".join(f"{one.target}: {one.message}" for one in faults)
    return WireError(400, {"error": {"code": "ImpossibleScenario", "message": message, "details": details}})
