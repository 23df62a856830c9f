"""Blobs that are read and written in pieces, over memory like over Azurite."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Iterator

import pytest

from shared.core.errors import ConflictError, NotFoundError

MEGABYTE = 1024 * 1024


def pieces(megabytes: int) -> Iterator[bytes]:
    """Yield so many pieces of one megabyte, each different."""
    for number in range(megabytes):
        yield hashlib.sha256(bytes([number])).digest() * (MEGABYTE // 32)


def digest_of(chunks) -> tuple[int, str]:
    """Return size and SHA-256 of pieces."""
    digest, size_bytes = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size_bytes += len(chunk)
    return size_bytes, digest.hexdigest()


def test_what_was_written_in_pieces_is_read_in_pieces(blobs):
    """The bytes come back in their order; the ETag is that of the blob."""
    etag = blobs.create_from("a", [b"one ", b"two ", b"three"])

    assert b"".join(blobs.chunks("a")) == b"one two three"
    assert etag.strip('"') == blobs.look("a").etag


def test_a_blob_of_no_pieces_is_empty(blobs):
    """It is there, with nothing in it."""
    blobs.create_from("a", [])

    assert (blobs.look("a").size_bytes, b"".join(blobs.chunks("a"))) == (0, b"")


def test_pieces_never_overwrite_a_blob(blobs):
    """One that exists is a conflict, and stays as it was."""
    blobs.create("a", b"first")

    with pytest.raises(ConflictError):
        blobs.create_from("a", [b"second"])
    assert blobs.read("a")[0] == b"first"


def test_a_blob_that_appears_while_pieces_are_sent_is_not_overwritten(blobs):
    """Somebody else is faster, between the first piece and the last: a conflict, and his blob stays."""

    def slow() -> Iterator[bytes]:
        yield b"slow "
        blobs.put("a", b"fast")  # on condition, the emulator takes staged blocks for a blob
        yield b"and steady"

    with pytest.raises(ConflictError):
        blobs.create_from("a", slow())
    assert blobs.read("a")[0] == b"fast"


def test_of_two_writers_of_pieces_one_wins(blobs):
    """One runs inside of the other: the second to end is told, and the blob is the first one's, whole."""

    def outer() -> Iterator[bytes]:
        yield b"outer "
        blobs.create_from("a", [b"inner ", b"pieces"])
        yield b"pieces"

    with pytest.raises(ConflictError):
        blobs.create_from("a", outer())
    assert blobs.read("a")[0] == b"inner pieces"


def test_pieces_that_fail_leave_nothing(blobs):
    """What the pieces raise comes through, no blob is there, and the name can be used."""

    class BrokenError(Exception):
        pass

    def broken() -> Iterator[bytes]:
        yield b"half of "
        raise BrokenError

    with pytest.raises(BrokenError):
        blobs.create_from("a", broken())
    assert (blobs.exists("a"), blobs.look("a"), list(blobs.keys(""))) == (False, None, [])
    blobs.create_from("a", [b"whole"])
    assert blobs.read("a")[0] == b"whole"


def test_pieces_of_nothing_are_not_found(blobs):
    """NotFoundError with the first piece, and not an empty blob."""
    with pytest.raises(NotFoundError):
        list(blobs.chunks("nothing"))


def test_pieces_in_a_missing_container_are_not_found(missing_blobs):
    """Reading and writing say so."""
    for call in (lambda: list(missing_blobs.chunks("a")), lambda: missing_blobs.create_from("a", [b"x"])):
        with pytest.raises(NotFoundError):
            call()


def test_a_container_that_is_there_can_be_made_again(blobs, missing_blobs):
    """Once made, it is there; made again, it stays as it is."""
    blobs.create("a", b"one")
    for _ in range(2):
        blobs.create_container()

    assert blobs.read("a")[0] == b"one"


def test_fifty_megabytes_are_streamed_as_they_are(blobs):
    """From one blob into another one: same size, same digest."""
    blobs.create_from("source", pieces(50))

    blobs.create_from("target", blobs.chunks("source"))

    facts = blobs.measure("target")
    assert (facts.size_bytes, facts.sha256) == digest_of(pieces(50))


@pytest.mark.parametrize("blobs", ["real"], indirect=True)
def test_a_copy_of_fifty_megabytes_holds_a_few_at_once(blobs):
    """No piece has more than 4 MB, and what a copy needs does not grow with the blob."""
    peaks, longest = [], 0

    def watched(chunks) -> Iterator[bytes]:
        nonlocal longest
        for chunk in chunks:
            longest = max(longest, len(chunk))
            yield chunk

    for megabytes in (10, 50):
        blobs.create_from(f"source{megabytes}", pieces(megabytes))
        tracemalloc.start()
        try:
            blobs.create_from(f"target{megabytes}", watched(blobs.chunks(f"source{megabytes}")))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()

    assert longest == 4 * MEGABYTE
    assert peaks[1] < min(64 * MEGABYTE, peaks[0] * 1.5)
