"""Planted faults: a copy of the templates with one edit, of which the checks say exactly that."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import checks
import pytest
import scenarios
import yaml

FAULTS = yaml.safe_load((Path(__file__).parent / "planted_faults.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["title"])
def test_a_planted_fault_is_named(fault: dict[str, str], tmp_path: Path) -> None:
    """One edit in a copy of the templates; every sentence is about it, and there is at least one."""
    shutil.copytree(scenarios.ROOT / "infra", tmp_path / "infra")
    shutil.copy(scenarios.ROOT / "azure.yaml", tmp_path)
    file = tmp_path / fault["file"]
    content = file.read_text(encoding="utf-8")
    assert fault["old"] in content, f"{fault['file']} has changed: plant this fault anew"
    file.write_text(content.replace(fault["old"], fault["new"], 1), encoding="utf-8")

    found = checks.all_faults(tmp_path)

    assert found
    assert [sentence for sentence in found if not re.search(fault["says"], sentence)] == []


def test_faults_are_planted_once_each() -> None:
    """Two cases of one name would hide one another."""
    assert len({fault["title"] for fault in FAULTS}) == len(FAULTS)
