"""
`python -m tools.package`: make the zip that Azure gets, and check it as far as it can be checked here.

The zip is unpacked far from the repository, its requirements alone are installed, its functions are compared
with tests/functions/expected_index.json, and one night is played with the app as it was unpacked.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from tools import app_index, installation, machine, package_zip, stamps
from tools.faults import ToolFault, told
from tools.transcript import Transcript

ROOT = installation.ROOT
FOLDER = ROOT / "build" / "package"
EXPECTED_INDEX = Path("tests/functions/expected_index.json")
IMPORTS = 5
NIGHT_SPEED = 240


def main() -> int:
    """Make and check the package; 0 when it is good."""
    return told("package", make_and_check)


def make_and_check() -> int:
    """
    Do all of it, one make at a time, and say each result in a line.

    Raises:
        ToolFault: what is wrong with the package.
    """
    with stamps.one_at_a_time(ROOT / "build" / "package.lock"):
        target = build(ROOT, FOLDER)
        say(f"{target.relative_to(ROOT)}, {sizes(target)}, of {origin(ROOT)}")
        say(f"SHA-256 {digest(target)}")
        # Outside of the tree, so that nothing of the repository can be found by a relative path.
        with tempfile.TemporaryDirectory(prefix="apim-dr-package-") as place:
            unpacked = package_zip.unpack(target, Path(place).resolve())
            python = clean_python(unpacked)
            check_index(python, unpacked)
            play_night(unpacked, FOLDER / "night")
    return 0


def build(root: Path, folder: Path) -> Path:
    """
    Write the zip of a tree into a folder, as the only one: `apim-dr-*.zip` there means one file.

    Raises:
        ToolFault: it would lack something, or hold something that does not belong there.
    """
    for older in folder.glob("apim-dr-*.zip"):
        older.unlink()
    target = folder / f"apim-dr-{version(root)}.zip"
    package_zip.write_zip(root, package_zip.file_names(root), target)
    if faults := package_zip.faults(root, target):
        target.unlink()
        raise ToolFault(f"{target.name} is not what it should be:" + "".join(f"\n- {one}" for one in faults))
    return target


def version(root: Path) -> str:
    """Read the version of the project, for instance `0.5.0`."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def origin(root: Path) -> str:
    """Name what the tree is: a tag or a commit, with `-dirty` behind it where files were changed since."""
    command = ["git", "-C", str(root), "describe", "--always", "--tags", "--dirty"]
    is_in_git = (root / ".git").exists()
    return (machine.answer(command) if is_in_git else None) or "a tree without git"


def digest(target: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(target.read_bytes()).hexdigest()


def sizes(target: Path) -> str:
    """Tell how large the zip is, packed and unpacked, and how many files it holds."""
    contents = package_zip.entries(target)
    packed, unpacked = target.stat().st_size / 1024, sum(contents.values()) / 1024
    return f"{packed:,.0f} KiB: {len(contents)} files, {unpacked:,.0f} KiB unpacked"


def clean_python(unpacked: Path) -> Path:
    """
    Return a Python that has nothing but the package's own requirements, each proven by its hash.

    It is one of the version that Azure runs where this machine has one, since the requirements of another
    version are others. It is kept under build/ and made anew only when the requirements change.

    Raises:
        ToolFault: it could not be made.
    """
    log = Transcript(file=FOLDER / "set-up.log", root=ROOT)
    log.begin()
    environment = installation.Environment(folder=FOLDER / "venv", lock=unpacked / "requirements.txt")
    installation.make_environment(environment, machine.find_worker_python() or machine.base_python(), log)
    return environment.python


def versions_of(python: str | Path) -> str:
    """Tell which Python this is and which azure-functions it has, and whether Azure has the same Python."""
    asks = (
        "import importlib.metadata as m, platform as p; "
        "print(p.python_version(), 'with azure-functions', m.version('azure-functions'))"
    )
    said = machine.answer([str(python), "-c", asks]) or "that does not run"
    same = machine.python_version(python) == machine.WORKER_PYTHON
    return f"on Python {said}{'' if same else f'; Azure runs {machine.WORKER_PYTHON}'}"


def check_index(python: Path, unpacked: Path) -> None:
    """
    Import the app without any setting, several times, and compare what a host would see with the list.

    Raises:
        ToolFault: it cannot be imported, takes modules from elsewhere, or has other functions.
    """
    seen = [app_index.read(python, unpacked, {}) for _ in range(IMPORTS)]
    allowed = (unpacked, python.parent.parent)
    strange = [
        str(file)
        for file in seen[0].files
        if file.is_relative_to(ROOT) and not any(file.is_relative_to(folder) for folder in allowed)
    ]
    if strange:
        raise ToolFault(f"the unpacked app takes modules from the repository: {', '.join(strange)}")
    expected = json.loads((ROOT / EXPECTED_INDEX).read_text(encoding="utf-8"))
    if faults := app_index.differences(seen[0].functions, expected):
        raise ToolFault(
            f"its functions are not those of {EXPECTED_INDEX}:" + "".join(f"\n- {one}" for one in faults)
        )
    say(f"{len(expected)} functions, with the bindings that {EXPECTED_INDEX} lists")
    seconds = statistics.median(one.seconds for one in seen)
    say(f"imported in {seconds:.2f} s (median of {IMPORTS} new processes), without any setting,")
    say(f"  {versions_of(python)}")


def play_night(unpacked: Path, work: Path) -> None:
    """
    Play one night, its replication and the comparison with the app as it was unpacked.

    Raises:
        ToolFault: it did not end well, or the app did not come from the unpacked folder.
    """
    command = [sys.executable, "-m", "demo", "--app", str(unpacked), "--work", str(work)]
    command += ["--speed", str(NIGHT_SPEED)]
    log = work.with_name(f"{work.name}.log")
    say(f"one night with the unpacked app, against the simulator with a clock {NIGHT_SPEED} times faster,")
    say(f"  {versions_of(sys.executable)} …")
    with log.open("w") as output:
        code = subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        ).returncode
    if code:
        raise ToolFault(f"the night did not end well: read {log.relative_to(ROOT)}")
    for host in ("primary", "standby"):
        if f"  app: {unpacked / 'function_app.py'}\n" not in (work / "logs" / f"{host}.log").read_text():
            raise ToolFault(f"the devhost of the {host} did not run the unpacked app")
    summary = json.loads((work / "summary.json").read_text(encoding="utf-8"))
    backup, restore = summary["backup"], summary["restore"]
    say(f"the night: backup {backup['outcome']}, restore {restore['outcome']}, both services equal")


def say(text: str) -> None:
    """Print one line."""
    print(f"package: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
