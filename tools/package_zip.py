"""What goes into the zip for Azure, and what of it would be wrong."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

from tools.faults import ToolFault
from tools.funcignore import FuncIgnore

# The licence asks to go with every copy.
ROOT_FILES = frozenset({"function_app.py", "host.json", "requirements.txt", "LICENSE"})
BEGINNING_OF_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
FILE_MODE = 0o100644
UNIX = 3


def file_names(root: Path) -> list[str]:
    """Return what goes into the package, sorted: what git tracks, or the tree where there is no git."""
    ignored = FuncIgnore.of(root)
    if (root / ".git").exists() and shutil.which("git"):
        command = ["git", "ls-files", "-z"]
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout.decode()
        names = [name for name in listed.split("\0") if name]
    else:
        names = _tree(root, ignored)
    return sorted(name for name in names if not ignored.ignores(name))


def _tree(root: Path, ignored: FuncIgnore) -> list[str]:
    """List the files below a folder, without looking into folders that are ignored."""
    names: list[str] = []
    for place, folders, files in os.walk(root):
        here = Path(place).relative_to(root)
        folders[:] = [one for one in folders if not ignored.ignores((here / one).as_posix(), is_folder=True)]
        names += [(here / one).as_posix() for one in files]
    return names


def write_zip(root: Path, names: list[str], target: Path) -> None:
    """
    Write the zip; the same files make the same bytes, on any machine and at any time.

    Nothing is compressed: what zlib makes of a file differs from one build of it to the next.

    Raises:
        ToolFault: names every file that is not there, which git may still track.
    """
    if gone := [name for name in names if not (root / name).is_file()]:
        raise ToolFault(
            f"git tracks what is not there: {', '.join(gone)}; restore it, or remove it from git, too"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as package:
        for name in names:
            entry = zipfile.ZipInfo(name, BEGINNING_OF_ZIP_TIME)
            entry.create_system, entry.external_attr = UNIX, FILE_MODE << 16
            package.writestr(entry, (root / name).read_bytes())


def faults(root: Path, target: Path) -> list[str]:
    """Name everything that the zip of a tree lacks or should not hold, and requirements without hashes."""
    with zipfile.ZipFile(target) as package:
        names = set(package.namelist())
        requirements = package.read("requirements.txt").decode() if "requirements.txt" in names else ""
    folders = _folders_of_the_app(root)
    wanted = {
        path.relative_to(root).as_posix()
        for folder in folders
        for path in (root / folder).rglob("*.py")
        if not {"tests", "__pycache__"} & set(path.parts)
    } | ROOT_FILES
    lacking = [f"{name} is missing: is it known to git?" for name in sorted(wanted - names)]
    strange = [
        f"{name} does not belong there: name it in .funcignore, or register its folder in function_app.py"
        for name in sorted(names - wanted)
    ]
    return lacking + strange + _unhashed(requirements)


def _folders_of_the_app(root: Path) -> set[str]:
    """Return `shared` and the folders whose blueprints function_app.py imports."""
    app = ast.parse((root / "function_app.py").read_text(encoding="utf-8"))
    modules = {node.module or "" for node in ast.walk(app) if isinstance(node, ast.ImportFrom)}
    seams = {module for module in modules if module.endswith(".functions")}
    return {"shared"} | {seam.removesuffix(".functions") for seam in seams}


def _unhashed(requirements: str) -> list[str]:
    """Name every requirement without a hash, and every option that leads elsewhere."""
    lines = [line for line in re.sub(r"\\\n", " ", requirements).splitlines() if line.strip()]
    return [
        f"requirements.txt: '{line.split()[0]}' has no hash: run make lock"
        for line in lines
        if not line.startswith("#") and (line.startswith("-") or "--hash=sha256:" not in line)
    ]


def entries(target: Path) -> dict[str, int]:
    """Return what a zip holds, with the sizes in bytes."""
    with zipfile.ZipFile(target) as package:
        return {entry.filename: entry.file_size for entry in package.infolist()}


def unpack(target: Path, folder: Path) -> Path:
    """
    Unpack the zip into an empty folder.

    Raises:
        ToolFault: the folder is not empty.
    """
    if any(folder.iterdir()):
        raise ToolFault(f"{folder} is not empty")
    with zipfile.ZipFile(target) as package:
        package.extractall(folder)
    return folder
