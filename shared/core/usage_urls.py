"""
What is written of the URL of a request. Pure.

A URL may hold a key anywhere: in a parameter of any name, behind a semicolon, in percent signs, in the
authority. A list of names that look like keys is never complete, so there is one of harmless names instead.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

MASK = "***"
SHOWN = frozenset(
    {"api-version", "top", "skip", "orderby", "count", "page", "pagesize", "page_size", "per_page", "limit"}
    | {"offset", "sort", "order", "lang", "locale", "format"}
)
"""Parameters whose values are kept, with or without a dollar sign before them, in lower case."""

_FRAGMENT = re.compile(r"#|%23")
_QUERY = re.compile(r"\?|%3f", re.IGNORECASE)
_USER = re.compile(r"^((?:[a-z][a-z0-9+.-]*:)?//)[^/]*@", re.IGNORECASE)
_PATH_PARAMETER = re.compile(r"(?:;|%3b)[^/]*", re.IGNORECASE)
_NAME = re.compile(r"\$?[A-Za-z][A-Za-z0-9_.\[\]-]{0,39}")
# too short for a key, and without a sign behind which another parameter could hide
_VALUE = re.compile(r"[A-Za-z0-9_.:,+-]{1,20}")


def written(url: str, *, keep_personal_data: bool) -> str:
    """Return a URL without its fragment and its keys; the masked query stays with personal data only."""
    whole = _FRAGMENT.split(url, maxsplit=1)[0]
    address, *rest = _QUERY.split(whole, maxsplit=1)
    address = _PATH_PARAMETER.sub(f";{MASK}", _USER.sub(r"\1", address))
    return f"{address}?{_masked(rest[0])}" if keep_personal_data and rest and rest[0] else address


def _masked(pairs: str) -> str:
    """Return a query with every value masked that is not known to be harmless."""
    return "&".join(_shown(pair) for pair in re.split("[&;]", pairs) if pair)


def _shown(pair: str) -> str:
    quoted, _, value = pair.partition("=")
    name = unquote_plus(quoted)
    # what has no value, or begins with another =, may be a key as a whole, such as one in base64
    if not _NAME.fullmatch(name) or not value or value.startswith("="):
        return MASK
    is_harmless = name.lower().removeprefix("$") in SHOWN and _VALUE.fullmatch(value)
    return f"{name}={value if is_harmless else MASK}"
