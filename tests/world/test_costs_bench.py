"""What docs/costs.md counts is what the app does: the part of it that needs no month of history."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import costs

WITHOUT_HISTORY = ("executions", "armCalls", "hostCalls")
"""Counts that do not grow with the number of restore points."""
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two nights of one service with its standby; the second is counted."""
    return costs.measure(1, nights=2, work=tmp_path_factory.mktemp("bench"))


def test_the_page_counts_what_the_app_does(measured: dict[str, Any]) -> None:
    """Executions, calls of Azure Resource Manager and calls of the host, for each part of a day."""
    page = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
    said = {
        cells[0].strip(" `"): int(cells[1].replace(",", ""))
        for line in page.splitlines()
        if line.startswith("| `") and "." in line and (cells := line.strip("|").split("|"))[0].count(".") == 1
    }
    counted = {
        f"{part}.{name}": count
        for part in costs.PARTS
        for name, count in costs.rows(measured[part]).items()
        if name in WITHOUT_HISTORY
    }

    assert {name: said.get(name, 0) for name in counted} == counted


def test_a_quiet_hour_starts_nothing(measured: dict[str, Any]) -> None:
    """Its timers look, and leave it at that: no activity, no orchestration, no write."""
    for part in ("idleHour", "idleHourOfTheStandby"):
        assert measured[part]["executions"] == {"timerTrigger": 24}
        assert "writes" not in measured[part]["storage"]
