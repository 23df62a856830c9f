"""What is wrong with the settings is said when the app starts, with the setting's name and the reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared import settings, telemetry, wiring
from shared.core.errors import ConfigError
from tests.core import make

SCHEDULES = ("BACKUP_SCHEDULE", "USAGE_SCHEDULE", "DRILL_SCHEDULE")


def faults(**environment: str) -> list[tuple[str, str]]:
    """Return what is wrong with an environment, without its missing plan."""
    found = [fault for error in settings.faults(environment) for fault in error.faults]
    return [(name, what) for name, what in found if name != "DR_PLAN"]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("61 0 25 * * *", "61 is no second: it goes from 0 to 59; 25 is no hour", id="fields"),
        pytest.param("every night", "six fields are needed", id="no-schedule"),
        pytest.param("0 0 2 31 2 *", "is never due", id="never"),
    ],
)
def test_a_schedule_that_is_not_usable_is_named_with_its_reason(name: str, text: str, reason: str) -> None:
    """Each timer's schedule, by its own name."""
    ((named, what),) = faults(**{name: text})

    assert named == name
    assert reason in what


def test_all_schedules_are_named_at_once() -> None:
    """One start tells of each."""
    assert [name for name, _ in faults(BACKUP_SCHEDULE="x", USAGE_SCHEDULE="y", DRILL_SCHEDULE="z")] == list(
        SCHEDULES
    )


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("text", ["", "0 30 4 * * *", "30 4 * * *", "0 15 */6 * * mon-fri", "0 0 2 29 2 *"])
def test_a_schedule_that_the_host_takes_is_no_fault(name: str, text: str) -> None:
    """Empty is the default; a leap day comes."""
    assert faults(**{name: text}) == []


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_start_logs_a_schedule_that_is_not_usable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """config.invalid, with the setting and what is wrong with it."""
    logged: list[tuple[str, str]] = []
    monkeypatch.setattr(
        telemetry, "log", lambda event, level=0, **fields: logged.append((event.value, fields["message"]))
    )
    monkeypatch.setenv(name, "0 0 25 * * *")

    wiring.report_configuration()

    (message,) = [text for event, text in logged if event == "config.invalid" and name in text]
    assert "25 is no hour: it goes from 0 to 23" in message


def test_the_schedule_of_exports_is_read() -> None:
    """And refused with every field that is wrong."""
    assert settings.read_usage_schedule({"USAGE_SCHEDULE": "0 15 * * * *"}).expression == "0 15 * * * *"
    with pytest.raises(ConfigError, match="USAGE_SCHEDULE"):
        settings.read_usage_schedule({"USAGE_SCHEDULE": "x"})


def test_a_plan_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    """Some editors write one, and nobody sees it."""
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(make.plan()), encoding="utf-8-sig")

    assert settings.read_plan({"DR_PLAN": str(file)}).services
