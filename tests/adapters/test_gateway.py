"""Asking a gateway for its status: what goes over the wire, and what comes of every answer."""

from __future__ import annotations

import pytest

from shared.adapters import gateway
from shared.adapters.gateway import probe_gateway
from tests.adapters.conftest import answer, drop, reset, speak_no_tls, stay_silent


@pytest.fixture(autouse=True)
def _trusted(trusted):
    """The server's certificate is trusted."""


def test_the_status_path_is_asked_without_a_token(wire):
    """One GET of the documented path; no Authorization, no cookie."""
    wire.acts.append(answer(200, b""))

    found = probe_gateway(wire.url)

    (seen,) = wire.seen
    assert seen.line == "GET /status-0123456789abcdef HTTP/1.1"
    assert not {"authorization", "cookie"} & set(seen.headers)
    assert (found.status, found.is_answering) == (200, True)
    assert found.url == f"{wire.url}/status-0123456789abcdef"


def test_a_file_of_this_machine_adds_no_credentials(wire, tmp_path, monkeypatch):
    """A .netrc that knows the host would have been used."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    wire.acts.append(answer(200, b""))

    probe_gateway(wire.url)

    assert "authorization" not in wire.seen[0].headers


def test_a_path_of_the_gateway_url_is_kept(wire):
    """With or without a slash at its end."""
    wire.acts.extend([answer(200, b""), answer(200, b"")])

    probe_gateway(f"{wire.url}/gateways/contoso")
    probe_gateway(f"{wire.url}/gateways/contoso/")

    assert [seen.target for seen in wire.seen] == ["/gateways/contoso/status-0123456789abcdef"] * 2


@pytest.mark.parametrize("status", [204, 401, 403, 404, 500, 502, 503])
def test_any_other_status_is_no_success(wire, status):
    """It is told as it came, and what the server calls it."""
    wire.acts.append(answer(status, b""))

    found = probe_gateway(wire.url)

    assert (found.status, found.said, found.is_answering) == (status, "Whatever", False)


def test_a_redirect_is_not_followed(wire):
    """Whoever answers in the gateway's place leads nowhere."""
    wire.acts.append(answer(302, b"", location=f"{wire.url}/login"))

    found = probe_gateway(wire.url)

    assert (found.status, found.said) == (302, "a redirect, which was not followed")
    assert len(wire.seen) == 1


def test_a_body_is_not_read(wire):
    """An answer that announces gigabytes and sends nothing of them is an answer."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n"
    wire.acts.append(lambda secure: secure.sendall(head))

    assert probe_gateway(wire.url).status == 200


@pytest.mark.parametrize("act", [drop, reset, speak_no_tls, stay_silent], ids=lambda act: act.__name__)
def test_what_cannot_be_reached_is_said_once(wire, act, monkeypatch):
    """No status, the kind of failure, and no second try."""
    monkeypatch.setattr(gateway, "TIMEOUT_S", (1, 0.2))
    wire.acts.append(act)

    found = probe_gateway(wire.url)

    assert (found.status, found.is_answering) == (None, False)
    assert found.said.isidentifier()
    assert len(wire.seen) == 1


def test_a_certificate_that_is_not_trusted_is_no_answer(wire, monkeypatch):
    """Whoever it is, it is not the gateway."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")

    assert probe_gateway(wire.url).said == "SSLError"
    assert wire.seen == []


@pytest.mark.parametrize(
    "url", ["", "http://127.0.0.1:{port}", "https://", "https://user:secret@127.0.0.1:{port}", "file:///etc"]
)
def test_only_plain_https_is_asked(wire, url):
    """Nothing leaves for any other URL, whatever Azure said it was."""
    found = probe_gateway(url.format(port=wire.port))

    assert (found.status, wire.connections) == (None, 0)
    assert "https" in found.said
