"""
The URL of an operation: opaque, taken as it came, and refused when it leaves the origin it was asked from.

What is compared is what would be connected to. Whatever parsers read differently (user information,
backslashes, control characters, ports that are none) therefore has no origin at all.

Source: docs/azure-facts.md, "Polling".
"""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from shared.core.errors import ProtocolError, cut

LOCATION_LENGTH_MAX = 4096
"""Clients must accept URLs up to 4 KB; a longer one is a broken answer, not a URL to store."""

_DEFAULT_PORTS = {"https": 443, "http": 80}

_PRINTABLE = re.compile(r"[!-\[\]-~]+")
"""ASCII without space and backslash: several headers joined by a comma and a space are no URL either."""

_DISGUISE = re.compile(r"[\x00-\x1f\x7f\\]")
"""Parsers drop some of these and keep others, so one string can mean two hosts."""

Origin = tuple[str, str, int]


def same_origin(url: str, other: str) -> bool:
    """
    Tell whether scheme, host and port agree (default ports filled in, host compared without case).

    A text that is no plain http(s) URL has no origin, and agrees with nothing.
    """
    origin = _origin(url)
    return origin is not None and origin == _origin(other)


def checked_location(sent: str, asked: str) -> str:
    """
    Return the URL as sent (a relative one resolved against the URL that was asked).

    Raises:
        ProtocolError: it leaves the origin asked, is not http(s), over 4 KB, or no URL.
    """
    if len(sent) > LOCATION_LENGTH_MAX:
        raise _too_long(sent)
    if not _PRINTABLE.fullmatch(sent):
        raise ProtocolError("the operation's URL holds spaces, backslashes or characters that no URL holds")
    try:
        url = sent if urlsplit(sent).scheme else urljoin(asked, sent)
    except ValueError as err:
        raise ProtocolError("the operation's URL names a host that cannot be read") from err
    if len(url) > LOCATION_LENGTH_MAX:
        raise _too_long(url)
    if not same_origin(url, asked):
        raise ProtocolError(
            f"the operation's URL points to {_shown_origin(url)}, not to {_shown_origin(asked)}",
            hint="No token was sent there. Check the proxy or endpoint between this app and Azure.",
            code="ForeignLocation",
        )
    return url


def _origin(url: str) -> Origin | None:
    if _DISGUISE.search(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname
    except ValueError:  # a bracket that does not close, a port that is no number
        return None
    if "@" in parts.netloc:  # user information in a URL is a classic way to disguise its host
        return None
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not host:
        return None
    return scheme, host.lower(), _DEFAULT_PORTS[scheme] if port is None else port


def _shown_origin(url: str) -> str:
    origin = _origin(url)
    if origin is None:
        return "no plain http(s) origin"
    scheme, host, port = origin
    return cut(f"{scheme}://{f'[{host}]' if ':' in host else host[:80]}:{port}")


def _too_long(url: str) -> ProtocolError:
    return ProtocolError(
        f"the operation's URL has {len(url)} characters, {LOCATION_LENGTH_MAX} are the most that is accepted"
    )
