"""`.funcignore` means here what it means to git, azd and func."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.faults import ToolFault
from tools.funcignore import FuncIgnore

ROOT = Path(__file__).resolve().parents[2]
STAYS = (
    "function_app.py",
    "host.json",
    "requirements.txt",
    "LICENSE",
    "shared/wiring.py",
    "shared/core/plan.py",
)
NOT_IN_GIT = (
    ".env",
    ".github/workflows/ci.yml",
    ".python_packages/lib/x.py",
    "build/package/venv/bin/python",
    "local.settings.json",
    "node_modules/azurite/package.json",
    "requirements-new.txt",
    "shared/.hidden",
    "shared/__pycache__/wiring.cpython-313.pyc",
    "shared/core/demo/x.py",
    "shared/docs/x.py",
    "shared/x.md",
)


def ignored_by_git(names: list[str], excludes: Path, folder: Path) -> set[str]:
    """Ask git, in a repository without any other rule, which names it would ignore."""
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True, capture_output=True)
    # The folders must be there for git to know that a rule for folders means them.
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    command = ["git", "-c", f"core.excludesFile={excludes}", "check-ignore", "--no-index", "-z", "--stdin"]
    asked = subprocess.run(
        command, cwd=folder, input="\0".join(names).encode(), capture_output=True, check=False
    )
    assert asked.returncode in {0, 1}, asked.stderr
    return {name for name in asked.stdout.decode().split("\0") if name}


def tracked() -> list[str]:
    """Return the names of all files of the repository, and of those that are about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [name for name in listed.split("\0") if name]


def test_what_is_ignored_is_what_git_would_ignore(tmp_path: Path) -> None:
    """Our reading and git's agree on every file of the repository, and on names that are not in it."""
    names = sorted({*tracked(), *NOT_IN_GIT})
    ignored = FuncIgnore.of(ROOT)

    ours = {name for name in names if ignored.ignores(name)}

    assert ours == ignored_by_git(names, ROOT / ".funcignore", tmp_path)
    assert {"tests/conftest.py", "tools/setup.py", ".funcignore", "README.md"} <= ours
    assert not ours & set(STAYS)


@pytest.mark.parametrize("line", ["!shared/", "a/b", "**/x", "x?", "[ab]", "name ", "\\#x"])
def test_a_pattern_that_others_may_read_otherwise_is_refused(line: str) -> None:
    """Only what git, azd and func are sure to read alike is taken; the fault names the line."""
    with pytest.raises(ToolFault, match="no plain pattern") as caught:
        FuncIgnore(f"tests/\n{line}\n")

    assert repr(line) in str(caught.value)
    assert "tests/" not in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "path", "is_ignored"),
    [
        ("/tests/", "tests/a.py", True),
        ("/tests/", "shared/tests/a.py", False),
        ("/tests/", "tests", False),
        ("tests/", "shared/tests/a.py", True),
        ("*.md", "shared/a.md", True),
        ("/*.md", "shared/a.md", False),
        ("/*.md", "a.md", True),
        (".*", "shared/.x/y.py", True),
    ],
)
def test_slashes_say_root_and_folder(pattern: str, path: str, *, is_ignored: bool) -> None:
    """`/` before a name means the root alone, `/` after it means folders alone."""
    assert FuncIgnore(pattern).ignores(path) is is_ignored
