"""One HTTP answer as a value, and how its error envelope is read. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.core.errors import cut

BODY_LENGTH_MAX = 4 * 1024 * 1024
"""No body of Azure Resource Manager that we read is near this; more is cut, and then not readable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Status, headers with lower-case names, and the body, of at most BODY_LENGTH_MAX bytes."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """
        Return the body as JSON whatever its Content-Type says, None if it is empty.

        Raises:
            ValueError: there is a body and it is not JSON.
        """
        text = self.body.decode("utf-8-sig", errors="strict").strip()
        try:
            return json.loads(text) if text else None
        except RecursionError as err:
            raise ValueError("the body is nested too deeply") from err

    def correlation_id(self) -> str:
        """Return the id that Azure support asks for, or an empty string."""
        found = self.headers.get("x-ms-correlation-request-id") or self.headers.get("x-ms-request-id", "")
        return cut(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorEnvelope:
    """`{"error": {"code", "message"}}` as Azure Resource Manager sends it; message cut."""

    code: str
    message: str


def read_error(response: Response) -> ErrorEnvelope | None:
    """Return the error envelope of an answer, or None if it carries none that can be read."""
    try:
        body = response.json()
    except ValueError:
        return None
    return read_error_json(body)


def read_error_json(body: object) -> ErrorEnvelope | None:
    """Return the envelope in a parsed body; a bare {"code", "message"} is accepted as well."""
    if not isinstance(body, dict):
        return None
    inner = body.get("error", body)
    if not isinstance(inner, dict) or not isinstance(inner.get("code"), str) or not cut(inner["code"]):
        return None
    message = inner.get("message")
    return ErrorEnvelope(code=cut(inner["code"]), message=cut(message if isinstance(message, str) else ""))
