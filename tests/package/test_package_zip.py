"""The zip holds what Azure needs, nothing else, and the same bytes each time."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import package, package_zip
from tools.faults import ToolFault

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "shared", "backup_timer", "backup_http", "restore_http", "poll_status", "replicate_event", "change_event",
    "operate_http", "run_control", "usage_timer", "drill_timer", "catalog_keeping",
}  # fmt: skip


@pytest.fixture(scope="module")
def names() -> list[str]:
    """What goes into the package of this repository."""
    return package_zip.file_names(ROOT)


@pytest.fixture
def tree(tmp_path: Path, names: list[str]) -> Path:
    """A copy of what the package is made of, as a tree without git, and with things that stay behind."""
    root = tmp_path / "tree"
    for name in [*names, ".funcignore", "pyproject.toml", "README.md", "tests/conftest.py"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    return root


def test_the_package_holds_the_app_and_nothing_else(names: list[str]) -> None:
    """Four files, the folders of the blueprints and shared/; in them Python files alone."""
    assert {name for name in names if "/" not in name} == package_zip.ROOT_FILES
    assert {name.split("/")[0] for name in names if "/" in name} == FOLDERS
    assert {Path(name).suffix for name in names if "/" in name} == {".py"}
    assert names == sorted(names)


def test_two_builds_are_the_same_bytes(tree: Path, tmp_path: Path) -> None:
    """Times, permissions and the order in which files lie about do not matter."""
    first = package.build(tree, tmp_path / "first")
    for path in sorted(tree.rglob("*.py"), reverse=True):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    second = package.build(tree, tmp_path / "second")

    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as content:
        assert {entry.date_time for entry in content.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in content.infolist()} == {0o100644}


def test_a_tree_without_git_makes_the_package_of_the_repository(tree: Path, names: list[str]) -> None:
    """A release's source, unpacked, is enough to make the same zip."""
    (tree / "shared" / "__pycache__").mkdir()
    (tree / "shared" / "__pycache__" / "wiring.cpython-313.pyc").write_bytes(b"")

    assert package_zip.file_names(tree) == names


def test_the_name_of_the_package_has_the_version_of_the_project(tree: Path, tmp_path: Path) -> None:
    """The version stands in pyproject.toml, and nowhere else."""
    text = (tree / "pyproject.toml").read_text()
    (tree / "pyproject.toml").write_text(
        text.replace(f'version = "{package.version(ROOT)}"', 'version = "9.8.7"')
    )

    assert package.build(tree, tmp_path).name == "apim-dr-9.8.7.zip"


def stray_tests(tree: Path) -> None:
    """Leave a folder of tests within the app."""
    (tree / "shared" / "tests").mkdir()
    (tree / "shared" / "tests" / "test_x.py").write_text("")


def stray_folder(tree: Path) -> None:
    """Leave a folder that no blueprint comes from."""
    (tree / "notes").mkdir()
    (tree / "notes" / "x.py").write_text("")


def ignored_module(tree: Path) -> None:
    """Have .funcignore take a module of the app away."""
    with (tree / ".funcignore").open("a") as file:
        file.write("wiring.py\n")


def bare_requirement(tree: Path) -> None:
    """Add a requirement without a hash."""
    with (tree / "requirements.txt").open("a") as file:
        file.write("leftpad==1.0\n")


def another_index(tree: Path) -> None:
    """Have requirements come from elsewhere."""
    with (tree / "requirements.txt").open("a") as file:
        file.write("--find-links ./wheels\n")


def no_host_json(tree: Path) -> None:
    """Lose a file that Azure needs."""
    (tree / "host.json").unlink()


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (stray_tests, "shared/tests/test_x.py does not belong there"),
        (stray_folder, "notes/x.py does not belong there"),
        (ignored_module, "shared/wiring.py is missing"),
        (bare_requirement, "'leftpad==1.0' has no hash"),
        (another_index, "'--find-links' has no hash"),
        (no_host_json, "host.json is missing"),
    ],
)
def test_a_planted_fault_is_named(
    tree: Path, tmp_path: Path, plant: Callable[[Path], None], said: str
) -> None:
    """Whatever the zip lacks or has too much ends the build with its name."""
    plant(tree)

    with pytest.raises(ToolFault) as caught:
        package.build(tree, tmp_path)

    assert said in str(caught.value)
    assert str(caught.value).count("\n- ") == 1
    assert not list(tmp_path.glob("*.zip"))


def test_a_module_that_git_does_not_know_is_named(tree: Path, tmp_path: Path) -> None:
    """What was never added to git would be missing in Azure."""
    for command in (["init", "--quiet"], ["add", "."], ["rm", "--quiet", "--cached", "shared/submit.py"]):
        target = tree / "shared" / "submit.py"
        target.touch()
        subprocess.run(["git", *command], cwd=tree, check=True, capture_output=True)

    with pytest.raises(ToolFault, match=r"shared/submit\.py is missing: is it known to git\?"):
        package.build(tree, tmp_path)


def test_a_module_that_git_tracks_and_that_is_not_there_is_named(tree: Path, tmp_path: Path) -> None:
    """A deletion that git was not told of is one sentence, and no half of a zip."""
    for command in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", *command], cwd=tree, check=True, capture_output=True)
    (tree / "shared" / "submit.py").unlink()

    with pytest.raises(ToolFault, match=r"git tracks what is not there: shared/submit\.py; restore it"):
        package.build(tree, tmp_path)

    assert not list(tmp_path.glob("*.zip"))


def test_a_build_leaves_one_package_in_its_folder(tree: Path, tmp_path: Path) -> None:
    """The pages and the workflow say `apim-dr-*.zip`, which has to mean what was just built."""
    (tmp_path / "apim-dr-0.4.0.zip").write_bytes(b"")

    target = package.build(tree, tmp_path)

    assert list(tmp_path.glob("apim-dr-*.zip")) == [target]


def test_nothing_is_unpacked_over_something(tree: Path, tmp_path: Path) -> None:
    """The folder of the check is empty, or the check would be of something else."""
    target = package.build(tree, tmp_path)

    with pytest.raises(ToolFault, match="is not empty"):
        package_zip.unpack(target, tree)
