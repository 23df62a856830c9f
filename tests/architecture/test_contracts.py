"""The dependency rule: kept, and able to fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("shared", "backup_timer", "backup_http", "restore_http", "poll_status", "replicate_event",
            "change_event", "operate_http", "run_control", "usage_timer", "drill_timer", "catalog_keeping",
            "simulator", "devhost", "deploy")  # fmt: skip


def lint(folder: Path) -> tuple[int, str]:
    """Run the contracts of pyproject.toml over a tree and return (exit code, output)."""
    finished = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.returncode, finished.stdout + finished.stderr


def test_contracts_are_kept() -> None:
    """No module imports what its place forbids."""
    code, output = lint(ROOT)

    assert code == 0, output


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        pytest.param("shared/core/lro.py", "import requests", "shared.core holds values", id="core-io"),
        pytest.param(
            "poll_status/orchestrator.py", "import azure.core", "orchestrators and act", id="plan-azure"
        ),
        pytest.param(
            "restore_http/call.py", "import backup_timer.night", "trigger folders call", id="folders"
        ),
        pytest.param("run_control/activities.py", "import shared.wiring", "only seams and", id="wiring"),
        pytest.param("devhost/clock.py", "import shared.core", "simulator and devhost", id="tools"),
        pytest.param("shared/http.py", "import simulator", "the app imports nothing", id="app-tools"),
        pytest.param("shared/start.py", "import restore_http", "adapters know", id="upwards"),
        pytest.param("deploy/needs.py", "import shared.settings", "deploy imports shared", id="deploy"),
        pytest.param("shared/http.py", "import deploy", "nothing imports deploy", id="app-deploy"),
    ],
)
def test_contract_sees_a_planted_fault(tmp_path: Path, file: str, line: str, broken: str) -> None:
    """Each contract breaks when a forbidden import is planted, and names itself."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = tmp_path / file
    planted.write_text(planted.read_text() + f"\n{line}\n")

    code, output = lint(tmp_path)

    assert code != 0
    assert any(broken in row and "BROKEN" in row for row in output.splitlines()), output
