"""
A call and its answer, without any web framework.

Handlers take a `Call` and return an `Answer`; `server` is the only module that knows aiohttp.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from simulator import errors

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it came in."""

    method: str
    base_url: str
    """Scheme, host and port as the client called them, without a slash at the end."""
    path: str
    """The path exactly as sent, percent-encoding included, without the query."""
    segments: tuple[str, ...]
    """The path's parts, decoded, empty ones left out."""
    query: Mapping[str, str]
    """Names in lower case, decoded."""
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes = b""

    def json_object(self) -> dict[str, Any]:
        """
        Return the body as a JSON object; an empty body counts as an empty object.

        Raises:
            WireError: 400, the body is something else.
        """
        if not self.body.strip():
            return {}
        try:
            found = json.loads(self.body)
        except ValueError as err:
            raise errors.invalid_request_content(f"the request body is not JSON: {err}") from err
        if not isinstance(found, dict):
            raise errors.invalid_request_content("the request body must be a JSON object")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    One response.

    `content` is None (Content-Length 0 and no Content-Type), bytes sent as they are, or a value sent as JSON.
    """

    status: int
    content: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_headers(self, more: Mapping[str, str]) -> Answer:
        """Return the same answer with headers added; those it has already win."""
        return replace(self, headers={**more, **self.headers})

    def encoded(self) -> tuple[bytes, dict[str, str]]:
        """Return the body as bytes, and the headers with the Content-Type that goes with it."""
        if self.content is None:
            return b"", dict(self.headers)
        if isinstance(self.content, bytes):
            return self.content, dict(self.headers)
        named = {name.lower() for name in self.headers}
        typed = {} if "content-type" in named else {"Content-Type": JSON_TYPE}
        return json.dumps(self.content, separators=(",", ":")).encode(), {**typed, **self.headers}


def paged(call: Call, found: Sequence[Any], *, size: int) -> Answer:
    """Return one page of a list, with a nextLink when there is more."""
    token = call.query.get("$skiptoken", "0")
    if not token.isdecimal():
        raise errors.invalid_request_content("the $skiptoken is none of ours")
    first = int(token)
    content: dict[str, Any] = {"value": list(found[first : first + size])}
    if first + size < len(found):
        query = {**call.query, "$skiptoken": str(first + size)}
        content["nextLink"] = f"{call.base_url}{call.path}?{urlencode(query)}"
    return Answer(status=200, content=content)


def refused(error: errors.WireError) -> Answer:
    """Return the answer that a catalogued error stands for."""
    return Answer(status=error.status, content=error.body, headers=error.headers)
