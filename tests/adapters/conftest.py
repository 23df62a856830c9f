"""A TLS server that does exactly what a test says, and Azurite."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from shared.adapters.arm import ArmClient
from shared.adapters.identity import Tokens
from shared.core.clouds import Cloud
from tests import azurite as processes
from tests.azurite import Azurite
from tests.fakes import FakeClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def target(self) -> str:
        """The second word of the request line."""
        return self.line.split(" ")[1]


Act = Callable[[ssl.SSLSocket], None]
"""What the server does after it has read a request."""


class Wire:
    """A TLS server on loopback: reads whole requests, then acts as it was told, one act a request."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.seen: list[Seen] = []
        self.connections = 0
        self.acts: deque[Act] = deque()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The origin."""
        return f"https://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), self._context.wrap_socket(connection, server_side=True) as secure:
            while (request := _read(secure)) is not None:
                self.seen.append(request)
                self.acts.popleft()(secure)


def answer(status: int = 200, body: bytes = b"{}", **headers: str) -> Act:
    """Return an act: a complete answer; `retry_after` becomes retry-after."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    data = "\r\n".join([*lines, "", ""]).encode() + body
    return lambda secure: secure.sendall(data)


def drop(secure: ssl.SSLSocket) -> None:
    """Close the connection without an answer."""
    secure.shutdown(socket.SHUT_RDWR)
    secure.close()


def reset(secure: ssl.SSLSocket) -> None:
    """Reset the connection."""
    secure.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    secure.close()


def speak_no_tls(secure: ssl.SSLSocket) -> None:
    """Send bytes that are no TLS record in the middle of a session, as a broken middlebox does."""
    with socket.socket(fileno=secure.detach()) as raw:
        raw.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        raw.recv(1)


def stay_silent(secure: ssl.SSLSocket) -> None:
    """Never answer; ends when the client goes."""
    secure.recv(1)


def _read(secure: ssl.SSLSocket) -> Seen | None:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = secure.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
    while len(body) < int(headers.get("content-length", 0)):
        body += secure.recv(65536)
    return Seen(line=line, headers=headers, body=body)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority."""
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Trust that authority, as a developer's machine does."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    return path


@pytest.fixture
def wire(authority: trustme.CA) -> Iterator[Wire]:
    """The server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    server = Wire(context)
    yield server
    server.close()


class Credential:
    """Gives out the tokens t1, t2, …: one for each credential that was made."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self._token = f"t{type(self).made}"

    def get_token(self, *_scopes: str, **_options: object) -> object:
        """Return this credential's token."""
        from azure.core.credentials import AccessToken

        return AccessToken(self._token, 4102444800)


def cloud(origin: str) -> Cloud:
    """Return a cloud whose Azure Resource Manager is at an origin."""
    return Cloud(
        resource_manager=origin,
        audience=origin,
        authority=origin,
        blob_endpoint="https://127.0.0.1:1/{account}",
    )


def client_of(origin: str) -> ArmClient:
    """Return a client with fresh credentials t1, t2, …"""
    made = type("Counted", (Credential,), {"made": 0})
    return ArmClient(cloud(origin), "2024-05-01", Tokens(made, f"{origin}/.default"), FakeClock())


@pytest.fixture
def client(wire: Wire, trusted: Path) -> ArmClient:
    """The client of the server."""
    return client_of(wire.url)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azurite, for the tests of one worker."""
    ca_dir = processes.make_certificates(tmp_path_factory.mktemp("ca"))
    with processes.azurite(ca_dir, tmp_path_factory.mktemp("azurite")) as running:
        yield running
