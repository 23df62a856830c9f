"""Storage of a region that does not answer: how often it is asked, and how long it is waited for."""

from __future__ import annotations

import pytest
import requests

from shared.adapters import blobs as adapter
from shared.adapters.blobs import BlobContainer
from shared.core.errors import UnavailableError
from tests.adapters.conftest import drop
from tests.azurite import StorageToken

TRIES = 3
PAUSE_MAX_S = 6
ABOUT_A_MINUTE_S = 75


@pytest.fixture
def pauses(monkeypatch):
    """How long the SDK wants to wait between its tries; it does not wait here."""
    found = []
    monkeypatch.setattr("time.sleep", found.append)
    return found


CALLS = [
    lambda blobs: blobs.read("a"),
    lambda blobs: list(blobs.chunks("a")),
    lambda blobs: blobs.create("a", b"x"),
    lambda blobs: blobs.create_from("a", [b"x"]),
    lambda blobs: list(blobs.keys("")),
    lambda blobs: blobs.look("a"),
]
NAMES = ["read", "chunks", "create", "create_from", "keys", "look"]


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_storage_that_hangs_up_is_asked_three_times(wire, trusted, pauses, call):
    """Every connection ends without an answer: three requests, and then it is temporary."""
    wire.acts.extend([drop] * 10)

    with pytest.raises(UnavailableError):
        call(BlobContainer(f"{wire.url}/drprimary", "drprimary", "apim-dr", StorageToken()))

    assert len(wire.seen) == TRIES


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_a_port_that_refuses_is_asked_three_times(pauses, call):
    """Nobody listens: two pauses between three tries."""
    with pytest.raises(UnavailableError):
        call(BlobContainer("https://127.0.0.1:1/drprimary", "drprimary", "apim-dr", StorageToken()))

    assert len(pauses) == TRIES - 1


def test_a_host_that_takes_connections_and_says_nothing_is_left_after_about_a_minute(pauses):
    """The longest that all tries of one call, each of its patience, and the pauses between can take."""
    with pytest.raises(UnavailableError):
        BlobContainer("https://127.0.0.1:1/x", "x", "y", StorageToken()).read("a")

    assert all(pause <= PAUSE_MAX_S for pause in pauses)
    longest_s = TRIES * max(adapter.ANSWER_PATIENCE_S, adapter.CONNECT_PATIENCE_S)
    assert longest_s + (TRIES - 1) * PAUSE_MAX_S <= ABOUT_A_MINUTE_S


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_each_try_has_its_patience(monkeypatch, pauses, call):
    """Seconds to connect and to answer, as the transport is told them."""
    told = []

    def send(_self, *_args, timeout, **_options):
        told.append(timeout)
        raise requests.ConnectionError

    monkeypatch.setattr("requests.Session.request", send)
    blobs = BlobContainer("https://drprimary.blob.example", "drprimary", "apim-dr", StorageToken())

    with pytest.raises(UnavailableError):
        call(blobs)

    assert set(told) == {(adapter.CONNECT_PATIENCE_S, adapter.ANSWER_PATIENCE_S)}
