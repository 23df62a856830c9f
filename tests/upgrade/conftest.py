"""A ground for versions of the app to come and go on, and the versions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.upgrade import trees
from tests.upgrade.changed import VERSION_B
from tests.upgrade.ground import START, Ground, laid


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """Azure, storage and the state file."""
    with laid(tmp_path, tmp_path / "ca", START, monkeypatch.setenv) as ground:
        yield ground


@pytest.fixture(scope="session")
def tree_a(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Today's app."""
    return trees.copy(tmp_path_factory.mktemp("a"))


@pytest.fixture(scope="session")
def tree_b(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A newer version."""
    return trees.copy(tmp_path_factory.mktemp("b"), VERSION_B)
