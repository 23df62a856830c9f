"""Lets these tests import the checks that lie beside them; works out once what the templates would deploy."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import bicep
import deploying
import scenarios


@pytest.fixture(scope="session")
def files() -> Mapping[Path, bicep.File]:
    """Every Bicep file of the repository."""
    return bicep.read(scenarios.ROOT)


@pytest.fixture(scope="session")
def deployments(files: Mapping[Path, bicep.File]) -> Mapping[tuple[str, str], deploying.Deployment]:
    """What each template deploys in each scenario."""
    return scenarios.deployments(scenarios.ROOT, files)
