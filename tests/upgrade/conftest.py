"""A ground for versions of the app to come and go on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.upgrade.ground import Ground, laid

START = dt.datetime(2026, 11, 23, 2, tzinfo=dt.UTC)


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """Azure, storage and the state file."""
    with laid(tmp_path, tmp_path / "ca", START, monkeypatch.setenv) as ground:
        yield ground
