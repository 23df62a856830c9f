"""An operation's URL: taken as it came, and refused when it leaves its origin."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.errors import ProtocolError
from shared.core.locations import LOCATION_LENGTH_MAX, checked_location, same_origin
from tests.core import make

TAIL = "/subscriptions/x/operationresults/"

VERBATIM = {
    "padding": f"{make.ORIGIN}{TAIL}YWJj==?api-version=2022-08-01",
    "escaped padding": f"{make.ORIGIN}{TAIL}YWJj%3D%3D?api-version=2016-10-10",
    "escaped in lower case": f"{make.ORIGIN}{TAIL}YWJj%3d?api-version=2016-10-10",
    "segments in other case": f"{make.ORIGIN}/SUBSCRIPTIONS/x/operationResults/a?api-version=2022-08-01",
    "an api-version of its own": f"{make.ORIGIN}{TAIL}a?api-version=2014-02-14&api-version=x",
    "a double slash": f"{make.ORIGIN}/subscriptions//x",
    "dots": f"{make.ORIGIN}/a/../b/./c",
    "an empty query": f"{make.ORIGIN}{TAIL}a?",
    "scheme and host in upper case": f"HTTPS://MANAGEMENT.AZURE.COM{TAIL}a",
    "the default port": f"https://management.azure.com:443{TAIL}a",
    "an empty port": f"https://management.azure.com:{TAIL}a",
    "an at sign in the query": f"{make.ORIGIN}{TAIL}a?mail=a@b",
}


@pytest.mark.parametrize("url", VERBATIM.values(), ids=VERBATIM)
def test_an_absolute_url_of_the_same_origin_is_kept_byte_for_byte(url: str) -> None:
    """Nothing is decoded, encoded, sorted or put in other case."""
    assert url == checked_location(url, make.LOCATION)


RELATIVE = {
    "from the root": ("/operations/1?api-version=2", f"{make.ORIGIN}/operations/1?api-version=2"),
    "with raw padding": ("/operations/YQ==", f"{make.ORIGIN}/operations/YQ=="),
    "from the path": ("next?x=1", make.LOCATION.rsplit("/", 1)[0] + "/next?x=1"),
    "a query": ("?x=1", make.LOCATION.split("?")[0] + "?x=1"),
    "a colon later on": ("/operations/a:b", f"{make.ORIGIN}/operations/a:b"),
    "an authority that is empty": ("///evil.example/x", f"{make.ORIGIN}/evil.example/x"),
}


@pytest.mark.parametrize(("sent", "expected"), RELATIVE.values(), ids=RELATIVE)
def test_a_relative_url_is_resolved_at_the_url_that_was_asked(sent: str, expected: str) -> None:
    """The contract says absolute; proxies have sent relative ones all the same."""
    assert expected == checked_location(sent, make.LOCATION)


FOREIGN = {
    "another host": "https://evil.example/x",
    "a longer host": "https://management.azure.com.evil.example/x",
    "a host with a final dot": "https://management.azure.com./x",
    "another port": "https://management.azure.com:8443/x",
    "a port that is none": "https://management.azure.com:+443/x",
    "a port that is too large": "https://management.azure.com:99999/x",
    "a port in other digits": "https://management.azure.com:\uff14\uff14\uff13/x",
    "http": "http://management.azure.com/x",
    "http at the same port": "http://management.azure.com:443/x",
    "another scheme": "ftp://management.azure.com/x",
    "a script": "javascript:alert(1)",
    "a file": "file:///etc/passwd",
    "protocol-relative": "//evil.example/x",
    "no slashes": "https:evil.example",
    "one slash": "https:/management.azure.com/x",
    "three slashes": "https:///management.azure.com/x",
    "our host as user": "https://management.azure.com@evil.example/x",
    "our host as user and password": "https://management.azure.com:443@evil.example/x",
    "an empty user": "https://@management.azure.com/x",
    "a user at our host": "https://user@management.azure.com/x",
    "a backslash before the at sign": "https://evil.example\\@management.azure.com/x",
    "a backslash after the host": "https://management.azure.com\\.evil.example/x",
    "backslashes for slashes": "\\\\evil.example\\x",
    "slash and backslash": "/\\evil.example/x",
    "a space": "https://management.azure.com/a b",
    "two headers in one": f"{make.LOCATION}, {make.LOCATION}",
    "a line feed in the host": "https://management.\nazure.com/x",
    "a carriage return in the path": "https://management.azure.com/a\rb",
    "a tab": "https://management.azure.com\t/x",
    "a null": "https://management.azure.com/\x00",
    "a control character in front": "\x01https://management.azure.com/x",
    "letters that fold to ours": "https://\uff4danagement.azure.com/x",
    "a full stop that folds to ours": "https://management\u3002azure.com/x",
    "letters that are not ASCII": "https://management.azure.com/é",
    "IPv6": "https://[::1]/x",
    "a bracket that does not close": "https://[::1/x",
    "a bracket that does not close, protocol-relative": "//[::1",
    "no address in brackets": "https://[evil]/x",
    "an escaped dot": "https://management%2eazure.com/x",
    "nothing": "",
}


@pytest.mark.parametrize("url", FOREIGN.values(), ids=FOREIGN)
def test_whatever_leaves_the_origin_or_hides_it_is_refused(url: str) -> None:
    """The refusal is a ProtocolError, before anybody could attach a token."""
    with pytest.raises(ProtocolError):
        checked_location(url, make.LOCATION)


@pytest.mark.parametrize("at", ["https://[::1]:8443", "https://127.0.0.1:8443", "http://localhost:80"])
def test_any_origin_may_be_the_one_asked(at: str) -> None:
    """IPv6 addresses, other ports and plain http serve where the endpoint itself is like that."""
    assert f"{at}/next" == checked_location(f"{at}/next", f"{at}/first")


def test_ipv6_is_compared_and_shown_with_its_port() -> None:
    """The error names both origins as they would be written."""
    with pytest.raises(ProtocolError, match=r"points to https://\[::2\]:8443, not to https://\[::1\]:8443"):
        checked_location("https://[::2]:8443/x", "https://[::1]:8443/y")


@pytest.mark.parametrize("extra", [0, 1])
def test_a_url_may_have_4_kilobytes_and_no_more(extra: int) -> None:
    """The boundary itself is accepted."""
    url = f"{make.ORIGIN}/".ljust(LOCATION_LENGTH_MAX + extra, "a")

    if extra:
        with pytest.raises(ProtocolError, match="4097"):
            checked_location(url, make.LOCATION)
    else:
        assert url == checked_location(url, make.LOCATION)


def test_a_relative_url_counts_in_full() -> None:
    """What is stored is what is measured."""
    with pytest.raises(ProtocolError, match="characters"):
        checked_location("/" + "a" * (LOCATION_LENGTH_MAX - 2), make.LOCATION)


def test_the_refusal_shows_no_more_than_the_origin() -> None:
    """Path and query of a foreign URL may hold anything, and are not repeated."""
    with pytest.raises(ProtocolError) as caught:
        checked_location("https://evil.example/secret?token=abc", make.LOCATION)

    assert (caught.value.code, "secret" in str(caught.value)) == ("ForeignLocation", False)
    assert "No token was sent there" in caught.value.hint


ALIKE = {
    "case": ("https://A.example/x", "HTTPS://a.EXAMPLE/y", True),
    "default port": ("https://a.example:443", "https://a.example", True),
    "other port": ("https://a.example:444", "https://a.example", False),
    "port 0 is not the default": ("https://a.example:0", "https://a.example", False),
    "scheme": ("http://a.example:443", "https://a.example:443", False),
    "two that have user information": ("https://u@a.example", "https://u@a.example", False),
    "two that are no URLs": ("x", "x", False),
    "two of another scheme": ("ftp://a.example", "ftp://a.example", False),
    "two that cannot be read": ("https://[::1", "https://[::1", False),
    "two with a line feed": ("https://a.exa\nmple", "https://a.example", False),
}


@pytest.mark.parametrize(("url", "other", "expected"), ALIKE.values(), ids=ALIKE)
def test_same_origin_compares_scheme_host_and_port(url: str, other: str, expected: bool) -> None:
    """What has no plain origin agrees with nothing, itself included, and nothing raises."""
    assert expected is same_origin(url, other)


PIECES = st.sampled_from(
    ["https://", "http://", "//", "/", "\\", "@", ":", "443", "management.azure.com", "evil.example", "?",
     "#", "..", "[", "]", "::1", "\t", " ", "%2f", ".", "a"]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(sent=st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=40))
def test_what_is_accepted_is_sent_to_the_origin_by_requests_too(sent: str) -> None:
    """Our parser and the one that will connect agree on the host of every URL that is let through."""
    try:
        url = checked_location(sent, make.LOCATION)
    except ProtocolError:
        return

    prepared = requests.Request("GET", url).prepare()
    parts = urlsplit(prepared.url or "")
    assert (parts.scheme, parts.hostname) == ("https", "management.azure.com")
    assert parts.port in (None, 443)
