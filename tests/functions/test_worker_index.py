"""The app as Microsoft's own worker library indexes it: here functions vanish as they would in Azure."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "build" / "venv313" / "bin" / "python"
EXPECTED = json.loads((Path(__file__).parent / "expected_index.json").read_text(encoding="utf-8"))

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="no Python 3.13 on this machine, so no build/venv313: index not checked"
)


def index(folder: Path) -> dict[str, object]:
    """Return what the worker library says of the app in a folder."""
    finished = subprocess.run(
        [str(PYTHON), str(Path(__file__).parent / "worker_index.py"), str(folder)],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    answer: dict[str, object] = json.loads(finished.stdout.splitlines()[-1])
    return answer


def test_worker_library_indexes_every_function_without_an_error() -> None:
    """Python 3.13's worker sees the same functions with the same kinds of bindings."""
    answer = index(ROOT)

    kinds = {name: sorted(str(b["type"]) for b in bindings) for name, bindings in EXPECTED.items()}
    assert answer == {"functions": kinds}


def test_worker_library_refuses_an_annotation_that_hides_all_functions(tmp_path: Path) -> None:
    """The check can fail: a generic annotation on an activity's input is refused, as in Azure."""
    for name in ("shared", "backup_timer", "backup_http", "restore_http", "poll_status", "replicate_event",
                 "change_event", "operate_http", "run_control", "usage_timer", "drill_timer",
                 "catalog_keeping"):  # fmt: skip
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("function_app.py", "host.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    seam = tmp_path / "poll_status" / "functions.py"
    seam.write_text(seam.read_text().replace("question: dict)", "question: dict[str, str])"))

    answer = index(tmp_path)

    assert "functions" not in answer
    assert "poll_once" in str(answer["error"])
