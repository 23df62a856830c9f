"""What the client of Azure Resource Manager really puts on the wire, and what it makes of the answers."""

from __future__ import annotations

import json
import socket
import ssl

import pytest
import requests
import trustme

from shared.adapters import arm
from shared.core.access import AccessKeyAccess, BackupStorage, SystemAssignedAccess, UserAssignedAccess
from shared.core.errors import (
    AccessError,
    NotFoundError,
    ProtocolError,
    ThrottledError,
    UnavailableError,
)
from shared.core.response import BODY_LENGTH_MAX
from shared.core.services import ServiceRef
from tests.adapters.conftest import (
    Wire,
    answer,
    client_of,
    drop,
    reset,
    speak_no_tls,
    stay_silent,
)
from tests.fakes.ports import resource_id

SERVICE = ServiceRef(resource_id=resource_id("contoso-weu"), region="westeurope")
BY_IDENTITY = BackupStorage(
    account="drprimary",
    container="apim-backups",
    access=SystemAssignedAccess(type="SystemAssignedManagedIdentity"),
)
RESOURCE = {
    "id": SERVICE.resource_id,
    "location": "West Europe",
    "sku": {"name": "Standard", "capacity": 1},
    "properties": {"provisioningState": "Succeeded"},
}


def post(client, storage=BY_IDENTITY):
    """Send the POST of a backup."""
    return client.start(SERVICE, "backup", storage, "a.apimbackup")


def test_a_post_carries_the_documented_body(client, wire):
    """Account, container, name and access type, in the spelling that Azure documents."""
    wire.acts.append(answer(202))

    post(client)

    assert wire.seen[0].line == f"POST {SERVICE.resource_id}/backup?api-version=2024-05-01 HTTP/1.1"
    assert json.loads(wire.seen[0].body) == {
        "storageAccount": "drprimary",
        "containerName": "apim-backups",
        "backupName": "a.apimbackup",
        "accessType": "SystemAssignedManagedIdentity",
    }


def test_a_user_assigned_identity_is_named_by_its_client_id(client, wire):
    """The client id goes into clientId."""
    access = UserAssignedAccess(
        type="UserAssignedManagedIdentity", client_id="0b1f6471-1bf0-4dda-aec3-cb9272f09590"
    )
    wire.acts.append(answer(202))

    post(client, BY_IDENTITY.model_copy(update={"access": access}))

    assert json.loads(wire.seen[0].body)["clientId"] == access.client_id


def test_a_key_is_read_when_it_is_used(client, wire, monkeypatch):
    """The storage key is looked up at the call, so that a rotated one is used at once."""
    storage = BY_IDENTITY.model_copy(
        update={"access": AccessKeyAccess(type="AccessKey", key_setting="THE_KEY")}
    )
    wire.acts.extend([answer(202), answer(202)])

    for key in ("old", "new"):
        monkeypatch.setenv("THE_KEY", key)
        post(client, storage)

    assert [json.loads(request.body)["accessKey"] for request in wire.seen] == ["old", "new"]


def test_a_post_whose_connection_drops_is_seen_once(client, wire):
    """The body was read and the connection closed: exactly one request, and it may have taken effect."""
    wire.acts.append(drop)

    with pytest.raises(UnavailableError) as caught:
        post(client)

    assert len(wire.seen) == 1
    assert caught.value.maybe_sent


def test_a_post_on_a_connection_that_was_reused_is_seen_once(client, wire):
    """A kept connection that dies under the POST is not replaced by a second POST."""
    wire.acts.extend([answer(200, json.dumps(RESOURCE).encode()), drop])
    client.service_state(SERVICE)

    with pytest.raises(UnavailableError):
        post(client)

    assert [request.line.split(" ")[0] for request in wire.seen] == ["GET", "POST"]


def test_a_503_is_not_repeated(client, wire):
    """An answer that asks for patience is handed on; the caller decides."""
    wire.acts.append(answer(503, retry_after="1"))

    response = post(client)

    assert (response.status, response.headers["retry-after"]) == (503, "1")
    assert len(wire.seen) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(client, wire, status):
    """A redirected POST or GET is handed on as it is: no second request, no token elsewhere."""
    wire.acts.extend([answer(status, location="https://evil.example/")] * 2)

    assert post(client).status == status
    assert client.poll(f"{wire.url}/operation", refresh_token=False).status == status
    assert len(wire.seen) == 2


def test_after_a_401_a_post_is_sent_with_a_new_token(client, wire):
    """401 has started nothing: sent once more, with a token of a new credential."""
    wire.acts.extend([answer(401), answer(202)])

    assert post(client).status == 202

    assert [request.headers["authorization"] for request in wire.seen] == ["Bearer t1", "Bearer t2"]


def test_a_second_401_is_handed_on(client, wire):
    """A new token that is refused as well is not tried a third time."""
    wire.acts.extend([answer(401), answer(401)])

    assert post(client).status == 401
    assert len(wire.seen) == 2


def test_a_read_after_a_401_has_a_new_token(client, wire):
    """A GET is repeated once with a new token."""
    wire.acts.extend([answer(401), answer(200, json.dumps(RESOURCE).encode())])

    assert client.service_state(SERVICE).tier == "Standard"
    assert [request.headers["authorization"] for request in wire.seen] == ["Bearer t1", "Bearer t2"]


def test_a_poll_refreshes_only_when_told(client, wire):
    """The same token serves poll after poll until a new one is asked for."""
    wire.acts.extend([answer(202)] * 3)

    for refresh in (False, False, True):
        client.poll(f"{wire.url}/operation", refresh_token=refresh)

    assert [request.headers["authorization"] for request in wire.seen] == [
        "Bearer t1", "Bearer t1", "Bearer t2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "target",
    [
        "/operationresults/YmFja3Vw==?api-version=2024-05-01",
        "/operationresults/YmFja3Vw%3D%3D?api-version=2024-05-01",
        "/operationresults/a%2Fb?t=1&c=MII%2B&s=a-b_c~d",
        "/operationresults/a+b,c;d:e@f!$'()*?x=/?:@",
        "/operationresults/a/../b/./c//d",
        "/operationresults/UPPER%20lower?empty=&bare",
    ],
)
def test_the_url_of_a_poll_is_sent_byte_for_byte(client, wire, target):
    """A Location is opaque: no character of it is escaped, unescaped, sorted or resolved."""
    wire.acts.append(answer(202))

    client.poll(wire.url + target, refresh_token=False)

    assert wire.seen[0].target == target


def test_only_hex_digits_of_escapes_change_their_case(client, wire):
    """The transport writes `%2f` as `%2F`, which is the same URL, and touches nothing else."""
    wire.acts.append(answer(202))

    client.poll(f"{wire.url}/operationresults/a%2fb?t=%3d", refresh_token=False)

    assert wire.seen[0].target == "/operationresults/a%2Fb?t=%3D"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/operation",
        "http://127.0.0.1:{port}/operation",
        "https://localhost:{port}/operation",
        "https://127.0.0.1:1/operation",
        "https://user@127.0.0.1:{port}/operation",
        "https://127.0.0.1:{port}@evil.example/operation",
        "//evil.example/operation",
        "/operation",
    ],
)
def test_no_request_leaves_the_origin(client, wire, url):
    """Another scheme, host or port, or user information: refused before a token is attached."""
    with pytest.raises(ProtocolError) as caught:
        client.poll(url.replace("{port}", str(wire.port)), refresh_token=False)

    assert caught.value.code == "ForeignLocation"
    assert wire.connections == 0


def test_every_call_has_time_outs(client):
    """Connect and read time-outs are set for POST, poll and read."""
    seen = []

    class Recorder(requests.adapters.HTTPAdapter):
        def send(self, request, **settings):
            seen.append((settings["timeout"], settings["stream"]))
            raise requests.ConnectTimeout("recorded")

    client._session.mount("https://", Recorder())
    calls = [
        lambda: post(client),
        lambda: client.poll(f"{client._cloud.resource_manager}/operation", refresh_token=False),
        lambda: client.service_state(SERVICE),
    ]
    for call in calls:
        with pytest.raises(UnavailableError):
            call()

    assert seen == [(arm.TIMEOUT_S, True)] * 3
    assert all(0 < seconds <= 120 for seconds in arm.TIMEOUT_S)


def test_a_body_is_read_up_to_its_bound(client, wire):
    """A body that does not end is cut at the bound instead of filling the memory."""

    def pour(secure):
        secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n")
        chunk = b"x" * 65536
        while True:
            secure.sendall(chunk)

    wire.acts.append(pour)

    response = client.poll(f"{wire.url}/operation", refresh_token=False)

    assert len(response.body) == BODY_LENGTH_MAX


def test_names_of_headers_come_in_lower_case(client, wire):
    """Location and LOCATION are the same header."""
    wire.acts.append(answer(202, LOCATION="https://x/", Retry_After="60"))

    headers = post(client).headers

    assert (headers["location"], headers["retry-after"]) == ("https://x/", "60")


def test_a_read_time_out_may_have_been_sent(client, wire, monkeypatch):
    """No answer in time says nothing about the effect."""
    monkeypatch.setattr(arm, "TIMEOUT_S", (5, 0.05))
    wire.acts.append(stay_silent)

    with pytest.raises(UnavailableError) as caught:
        post(client)

    assert (caught.value.maybe_sent, len(wire.seen)) == (True, 1)


def test_a_reset_after_the_request_may_have_been_sent(client, wire):
    """A connection reset after the body was read may have come after the effect."""
    wire.acts.append(reset)

    with pytest.raises(UnavailableError) as caught:
        post(client)

    assert (caught.value.maybe_sent, len(wire.seen)) == (True, 1)


def test_a_tls_failure_after_the_request_may_have_been_sent(client, wire):
    """TLS that breaks in the middle of a session is no failed handshake: the POST had arrived."""
    wire.acts.append(speak_no_tls)

    with pytest.raises(UnavailableError) as caught:
        post(client)

    assert len(wire.seen) == 1
    assert caught.value.maybe_sent


def test_an_answer_that_breaks_off_may_have_been_sent(client, wire):
    """Half a body, then the end: the effect is not known."""

    def half(secure):
        secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        drop(secure)

    wire.acts.append(half)

    with pytest.raises(UnavailableError) as caught:
        post(client)

    assert caught.value.maybe_sent


def test_a_refused_connection_was_never_sent(trusted):
    """Nobody listens: the request never left this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        client = client_of(f"https://127.0.0.1:{free.getsockname()[1]}")

        with pytest.raises(UnavailableError) as caught:
            post(client)

    assert not caught.value.maybe_sent


def test_a_name_that_does_not_resolve_was_never_sent(trusted):
    """No address: the request never left this machine."""
    with pytest.raises(UnavailableError) as caught:
        post(client_of("https://nowhere.invalid"))

    assert not caught.value.maybe_sent


def test_an_untrusted_certificate_was_never_sent(wire, tmp_path, monkeypatch):
    """The server is not who it should be: nothing was said to it."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))

    with pytest.raises(UnavailableError) as caught:
        post(client_of(wire.url))

    assert not caught.value.maybe_sent
    assert wire.seen == []


def test_a_certificate_of_another_host_was_never_sent(authority, trusted):
    """A certificate for another name is refused like one of nobody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example").configure_cert(context)
    server = Wire(context)

    with pytest.raises(UnavailableError) as caught:
        post(client_of(server.url))

    server.close()
    assert not caught.value.maybe_sent
    assert server.seen == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, NotFoundError),
        (403, AccessError),
        (429, ThrottledError),
        (408, UnavailableError),
        (500, UnavailableError),
        (503, UnavailableError),
        (400, ProtocolError),
        (204, ProtocolError),
    ],
)
def test_a_read_that_fails_is_one_of_our_errors(client, wire, status, kind):
    """Each status of a read has its error, with ARM's code in it."""
    body = b"" if status == 204 else b'{"error": {"code": "Why", "message": "because"}}'
    wire.acts.append(answer(status, body, retry_after="7"))

    with pytest.raises(kind) as caught:
        client.service_state(SERVICE)

    if status != 204:
        assert caught.value.code == "Why"
    assert getattr(caught.value, "retry_after_s", 7) == 7


@pytest.mark.parametrize("body", [b"<html>", b"\xff\xfe", b'{"id": 1}', b"[]", b"null", b""])
def test_a_service_that_cannot_be_read_is_a_protocol_error(client, wire, body):
    """A 200 that is no service resource never passes as one."""
    wire.acts.append(answer(200, body))

    with pytest.raises(ProtocolError):
        client.service_state(SERVICE)


def test_a_service_is_read_with_its_region_in_canonical_form(client, wire):
    """`West Europe` and `westeurope` are the same region."""
    wire.acts.append(answer(200, json.dumps(RESOURCE).encode()))

    assert client.service_state(SERVICE).region == "westeurope"


def test_errors_hold_neither_token_nor_body(client, wire):
    """What went wrong is told without what was sent."""
    wire.acts.append(drop)

    with pytest.raises(UnavailableError) as caught:
        post(client)

    assert "t1" not in str(caught.value)
    assert "drprimary" not in str(caught.value)
