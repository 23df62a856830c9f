"""The one address in front of the accounts of both regions."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from demo import fleet, front
from demo.processes import Supervisor
from demo.workfolder import WorkFolder, take
from tests.azurite import make_certificates


class _Storage(BaseHTTPRequestHandler):
    """Answers with what it was asked; a 404 to every DELETE."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        said = f"{self.command} {self.path} {self.headers['x-ms-version']} ".encode() + self.rfile.read(
            length
        )
        self.send_response(404 if self.command == "DELETE" else 201)
        self.send_header("ETag", '"0x1"')
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_DELETE = do_PUT

    def log_message(self, *_words: object) -> None: ...


@pytest.fixture(scope="module")
def ca_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates for front and storage."""
    return make_certificates(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def storage(ca_dir: Path) -> Iterator[ThreadingHTTPServer]:
    """The storage of one region."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Storage)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(ca_dir / "cert.pem", ca_dir / "key.pem")
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[WorkFolder]:
    """The folder of a demo."""
    taken = take(tmp_path / "demo")
    yield taken
    taken.lock.close()


@pytest.fixture
def url(
    folder: WorkFolder, storage: ThreadingHTTPServer, ca_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of a front: `here` is served, nothing listens for `gone`."""
    monkeypatch.setattr("demo.interruption.ignore", lambda: None)
    at = {"here": f"https://127.0.0.1:{storage.server_port}", "gone": "https://127.0.0.1:1"}
    supervisor = Supervisor(roster=folder.path / "processes.json")
    program = fleet.front(folder, at, ca_dir)
    supervisor.start(program)
    yield supervisor.wait_ready(program)["url"]
    supervisor.stop()


def _send(url: str, ca_dir: Path, method: str = "PUT", **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(ca_dir / "ca.pem")
        return session.request(
            method, url, data=b"content", headers={"x-ms-version": "2021-12-02", **headers}, timeout=30
        )


def test_a_call_is_passed_on_as_it_came(url: str, ca_dir: Path) -> None:
    """Method, path with its escapes, query, headers and body reach the storage; its answer comes back."""
    answer = _send(f"{url}/here/box/a%2Fb?comp=list&prefix=x%2F", ca_dir)

    assert (answer.status_code, answer.headers["ETag"]) == (201, '"0x1"')
    assert answer.text == "PUT /here/box/a%2Fb?comp=list&prefix=x%2F 2021-12-02 content"


def test_an_answer_that_is_an_error_is_passed_on_too(url: str, ca_dir: Path) -> None:
    """The storage's own 404 is none of the front."""
    assert _send(f"{url}/here/box/blob", ca_dir, "DELETE").status_code == 404


@pytest.mark.parametrize("account", ["gone", "unknown"])
def test_an_account_that_does_not_answer_is_a_cut_connection(url: str, ca_dir: Path, account: str) -> None:
    """Whoever calls a lost region gets no answer at all."""
    with pytest.raises(requests.ConnectionError):
        _send(f"{url}/{account}/box/blob", ca_dir)


def test_each_call_is_in_the_log(url: str, ca_dir: Path, folder: WorkFolder) -> None:
    """Account, path, caller and status, also of calls that got no answer; no token."""
    claims = base64.urlsafe_b64encode(json.dumps({"oid": "somebody"}).encode()).decode().rstrip("=")
    _send(f"{url}/here/box/blob?sig=hush", ca_dir, Authorization=f"Bearer x.{claims}.y")
    with pytest.raises(requests.ConnectionError):
        _send(f"{url}/gone/box", ca_dir)
    text = folder.log("front").read_text()

    assert [json.loads(line) for line in text.splitlines()] == [
        {"account": "here", "method": "PUT", "path": "/here/box/blob", "caller": "somebody", "status": 201},
        {"account": "gone", "method": "PUT", "path": "/gone/box", "caller": "", "status": None},
    ]
    assert claims not in text


@pytest.mark.parametrize("header", ["", "SharedKey drprimary:abc", "Bearer none"])
def test_a_call_without_a_token_has_no_caller(header: str) -> None:
    """Nothing is made up."""
    assert front.caller_of(header) == ""
