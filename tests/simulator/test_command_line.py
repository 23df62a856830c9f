"""The command line: certificates, ready file, ports, and a clean end."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme

from simulator import certificates

ROOT = Path(__file__).resolve().parents[2]
NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simulator", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def _bytes(found: certificates.Certificates) -> list[bytes]:
    return [path.read_bytes() for path in (found.ca, found.cert, found.key)]


def test_help_names_every_option_of_the_contract() -> None:
    """Everything that others start the simulator with is explained."""
    done = _run("--help")

    assert done.returncode == 0
    for option in (
        "https-port",
        "http-port",
        "speed",
        "ca-dir",
        "blob-endpoint",
        "account-key",
        "ready-file",
    ):
        assert f"--{option}" in done.stdout


def test_certificates_are_made_once_and_then_reused(tmp_path: Path) -> None:
    """Two runs over one folder leave the same files."""
    outputs = [_run("certificates", "--ca-dir", str(tmp_path / "ca")).stdout.strip()]
    first = {path.name: path.read_bytes() for path in (tmp_path / "ca").iterdir()}
    outputs.append(_run("certificates", "--ca-dir", str(tmp_path / "ca")).stdout.strip())

    assert first.keys() == {"ca.pem", "cert.pem", "key.pem"}
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "ca").iterdir()}
    assert outputs == [str(tmp_path / "ca" / "ca.pem")] * 2


def test_private_key_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    """Nobody else on the machine may read the key."""
    found = certificates.ensure(tmp_path, now=NOW)

    assert found.key.stat().st_mode & 0o077 == 0


def test_certificate_is_for_loopback_by_address_and_name(simulator: Any) -> None:
    """Both https://127.0.0.1 and https://localhost are trusted with the authority's certificate."""
    context = ssl.create_default_context(cafile=simulator.ca)
    port = int(simulator.https.rpartition(":")[2])
    for name in ("127.0.0.1", "localhost"):
        with socket.create_connection(("127.0.0.1", port)) as plain:
            tls = context.wrap_socket(plain, server_hostname=name)
            subject = dict(tls.getpeercert()["subjectAltName"])  # type: ignore[index,arg-type]  # verified, so not empty
            tls.close()
            assert subject == {"DNS": "localhost", "IP Address": "127.0.0.1"}


@pytest.mark.parametrize(("days", "is_reused"), [(0, True), (80, True), (89.5, False), (400, False)])
def test_certificate_that_ends_within_a_day_is_made_again(
    tmp_path: Path, days: float, is_reused: bool
) -> None:
    """Good ones are kept, those that are over or about to be are replaced."""
    before = _bytes(certificates.ensure(tmp_path, now=NOW))
    after = _bytes(certificates.ensure(tmp_path, now=NOW + dt.timedelta(days=days)))

    assert (before == after) is is_reused


@pytest.mark.parametrize("name", ["ca.pem", "cert.pem", "key.pem"])
def test_missing_file_means_a_new_set(tmp_path: Path, name: str) -> None:
    """A set that lost a file is no set."""
    before = _bytes(certificates.ensure(tmp_path, now=NOW))
    (tmp_path / name).unlink()
    after = _bytes(certificates.ensure(tmp_path, now=NOW))

    assert set(before).isdisjoint(after)


@pytest.mark.parametrize("content", [b"", b"junk"])
def test_unreadable_certificate_means_a_new_set(tmp_path: Path, content: bytes) -> None:
    """A damaged file is replaced with the rest of its set."""
    before = _bytes(certificates.ensure(tmp_path, now=NOW))
    (tmp_path / "cert.pem").write_bytes(content)
    after = _bytes(certificates.ensure(tmp_path, now=NOW))

    assert set(before).isdisjoint(after)


def test_certificate_of_another_authority_means_a_new_set(tmp_path: Path) -> None:
    """A server certificate that the authority did not sign is of no use."""
    certificates.ensure(tmp_path, now=NOW)
    (tmp_path / "ca.pem").write_bytes(trustme.CA(organization_name="other").cert_pem.bytes())
    found = certificates.ensure(tmp_path, now=NOW)

    ssl.create_default_context(cafile=found.ca)
    assert certificates.ensure(tmp_path, now=NOW) == found
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(found.cert, found.key)


def test_ready_file_has_everything_a_client_needs(simulator: Any) -> None:
    """Base URLs have no slash at the end, and the identity endpoint is on the plain port."""
    assert simulator.https.startswith("https://127.0.0.1:")
    assert simulator.http.startswith("http://127.0.0.1:")
    assert not simulator.https.endswith("/")
    assert simulator.identity_endpoint == f"{simulator.http}/msi/token"
    assert Path(simulator.ca).is_file()


@pytest.mark.parametrize("which", ["http", "https"])
def test_listeners_are_on_loopback_only(simulator: Any, which: str) -> None:
    """Another address of the machine, even a loopback one, reaches nothing."""
    port = int(getattr(simulator, which).rpartition(":")[2])

    with pytest.raises(OSError):  # refused or unreachable, as the system has it
        socket.create_connection(("127.0.0.2", port), timeout=5)


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_cleanly_and_takes_the_ready_file_along(tmp_path: Path, which: signal.Signals) -> None:
    """The exit code is 0, nothing is complained about, and no stale ready file stays."""
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "simulator", "--ca-dir", str(tmp_path), "--ready-file", str(ready)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        written = json.loads(ready.read_text())
        mode = ready.stat().st_mode & 0o777
        os.kill(written["pid"], which)
        _, complaints = process.communicate(timeout=20)

    assert (process.returncode, complaints) == (0, "")
    assert (written["pid"], mode) == (process.pid, 0o600)
    assert written["identityHeader"] not in said
    assert not ready.exists()


def test_taken_port_is_told_in_one_sentence(tmp_path: Path) -> None:
    """The exit code is not 0, and the message says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = _run("--ca-dir", str(tmp_path), "--https-port", port)

    assert done.returncode == 1
    assert done.stderr.startswith("simulator: cannot listen")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--speed", "0"),
        ("--speed", "fast"),
        ("--https-port", "70000"),
        ("--account-key", "key"),
        ("--client", "a="),
    ],
)
def test_wrong_option_is_refused(tmp_path: Path, arguments: tuple[str, str]) -> None:
    """A slip on the command line ends before anything listens."""
    done = _run("--ca-dir", str(tmp_path), *arguments)

    assert done.returncode == 2
    assert arguments[0] in done.stderr
