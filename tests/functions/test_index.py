"""What the host sees of the app: names, bindings, routes, levels. A change here changes the interface."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tools import app_index

ROOT = Path(__file__).parents[2]
EXPECTED = json.loads((Path(__file__).parent / "expected_index.json").read_text(encoding="utf-8"))


def index(environment: dict[str, str]) -> tuple[dict[str, list[dict[str, Any]]], str]:
    """Import the app in a new process and return (functions, what it wrote to standard error)."""
    seen = app_index.read(sys.executable, ROOT, environment)
    return seen.functions, seen.log


def test_functions_and_bindings_are_as_listed_with_an_empty_environment() -> None:
    """An app without any setting still shows all its functions: one missing setting must not hide them."""
    functions, _ = index({})

    assert functions == EXPECTED


def test_backup_schedule_is_a_setting() -> None:
    """The timer's expression comes from BACKUP_SCHEDULE."""
    functions, _ = index({"BACKUP_SCHEDULE": "0 30 4 * * *"})

    schedules = [binding.get("schedule") for binding in functions["backup_timer"]]
    assert "0 30 4 * * *" in schedules


def test_usage_schedule_is_a_setting() -> None:
    """The timer of the export has an expression of its own, from USAGE_SCHEDULE."""
    functions, _ = index({"USAGE_SCHEDULE": "0 15 */6 * * *"})

    assert "0 15 */6 * * *" in [binding.get("schedule") for binding in functions["usage_timer"]]
    assert "0 15 */6 * * *" not in [binding.get("schedule") for binding in functions["backup_timer"]]


def test_drill_schedule_is_a_setting() -> None:
    """The timer of drills has an expression of its own, from DRILL_SCHEDULE."""
    functions, _ = index({"DRILL_SCHEDULE": "0 0 7 * * 1"})

    assert "0 0 7 * * 1" in [binding.get("schedule") for binding in functions["drill_timer"]]


def test_no_route_is_anonymous() -> None:
    """Every HTTP route asks for a key; a restore by URL alone would be an open door."""
    routes = [b for bindings in EXPECTED.values() for b in bindings if b["type"] == "httpTrigger"]

    assert len(routes) == 24
    assert {str(route["authLevel"]).lower() for route in routes} == {"function"}


def test_timers_do_not_fire_at_start_and_are_monitored() -> None:
    """A deployment or a new instance must not cause a backup; a missed night must be noticed."""
    timers = [b for bindings in EXPECTED.values() for b in bindings if b["type"] == "timerTrigger"]

    assert timers
    assert all(not timer["runOnStartup"] and timer["useMonitor"] for timer in timers)


BROKEN = {
    "v": 1,
    "region": "westeurope",
    "regions": {"northeurope": {"account": "UPPER"}},
    "services": [{"name": "contoso", "resourceId": "nonsense", "region": "westeurope"}],
}


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        pytest.param({}, ["DR_PLAN", "must hold the plan"], id="missing"),
        pytest.param({"DR_PLAN": "{"}, ["DR_PLAN", "not JSON", "line 1"], id="not-json"),
        pytest.param({"DR_PLAN": "/nowhere/plan.json"}, ["DR_PLAN", "cannot be read"], id="no-file"),
        pytest.param(
            {"DR_PLAN": json.dumps(BROKEN), "DR_SPEED": "fast"},
            [
                "DR_PLAN", "$.regions.northeurope.account", "$.services[0].resourceId",
                "$.services[0].storage is missing", "$.region westeurope has no entry", "DR_SPEED",
            ],
            id="several-faults",
        ),
    ],
)  # fmt: skip
def test_start_names_every_fault_of_the_settings_at_once(
    environment: dict[str, str], named: list[str]
) -> None:
    """One start tells all there is to mend, with the setting's name."""
    _, log = index(environment)

    assert [text for text in named if text not in log] == []


def test_start_with_a_good_plan_reports_nothing() -> None:
    """The report at start is silent when there is nothing to mend."""
    account = {"type": "SystemAssignedManagedIdentity"}
    plan = {
        "v": 1,
        "region": "westeurope",
        "regions": {"westeurope": {"account": "drweu"}},
        "services": [
            {
                "name": "contoso",
                "resourceId": "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg"
                "/providers/Microsoft.ApiManagement/service/contoso",
                "region": "westeurope",
                "storage": {"account": "drweu", "container": "apim-backups", "access": account},
            }
        ],
    }

    _, log = index({"DR_PLAN": json.dumps(plan)})

    assert "config.invalid" not in log
