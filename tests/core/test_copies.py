"""What may be copied, and what a stream must be to become a copy."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.copies import as_recorded, storage_of
from shared.core.errors import UnusableBackupError
from shared.core.restore_points import RestorePoint
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.points import make_point
from tests.steps.copies import copying_ports

PIECES = st.lists(st.binary(max_size=20), max_size=8)


def recorded(content: bytes) -> RestorePoint:
    """Return the record of a backup with that content."""
    point = make_point(FakePorts(), START, "contoso_20261123T020000Z.apimbackup")
    sha256 = hashlib.sha256(content).hexdigest()
    return point.model_copy(update={"size_bytes": len(content), "sha256": sha256})


@given(pieces=PIECES)
def test_what_was_recorded_passes_however_it_is_cut(pieces):
    """Every piece, in order, as it came."""
    assert list(as_recorded(pieces, recorded(b"".join(pieces)))) == pieces


@given(content=st.binary(max_size=60), pieces=PIECES)
def test_what_was_not_recorded_never_ends_well(content, pieces):
    """Whoever takes the pieces is told before their end, and never gets more than was recorded."""
    if b"".join(pieces) == content:
        return
    seen = b""
    with pytest.raises(UnusableBackupError) as caught:
        for piece in as_recorded(pieces, recorded(content)):
            seen += piece
    assert caught.value.code == "BlobAsRecorded"
    assert len(seen) <= len(content)


def test_copies_are_kept_by_the_app_of_the_standby_s_region_alone():
    """Where its standby names storage."""
    service = copying_ports().first

    assert storage_of(service, "northeurope").container == "apim-copies"
    assert storage_of(service, "westeurope") is None
    assert storage_of(FakePorts().first, "northeurope") is None
