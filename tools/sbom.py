"""
`python3 -m tools.sbom`: list the parts of the package, with versions and hashes, as CycloneDX.

The parts are those of requirements.txt. The same requirements make the same file.
"""

from __future__ import annotations

import sys

from tools import installation, machine, package, stamps
from tools.faults import told
from tools.transcript import Transcript

ROOT = installation.ROOT
ENVIRONMENT = installation.Environment(folder=ROOT / "build" / "sbom", lock=ROOT / "requirements-sbom.txt")
SPECIFICATION = "1.6"


def main() -> int:
    """Write the list beside the package; 0 when it is there, and valid by the schema of CycloneDX."""
    return told("sbom", write)


def write() -> int:
    """
    Make the environment of the program that writes the list, and run it.

    Raises:
        ToolFault: the environment could not be made, or the list is not valid.
    """
    with stamps.one_at_a_time(ROOT / "build" / "package.lock"):
        log = Transcript(file=package.FOLDER / "sbom.log", root=ROOT)
        log.begin()
        installation.make_environment(ENVIRONMENT, machine.base_python(), log)
        target = package.FOLDER / f"apim-dr-{package.version(ROOT)}.cdx.json"
        command = [str(ENVIRONMENT.folder / "bin" / "cyclonedx-py"), "requirements", "--validate"]
        command += ["--output-reproducible", "--spec-version", SPECIFICATION, "--output-format", "JSON"]
        command += ["--pyproject", "pyproject.toml", "--output-file", str(target), "requirements.txt"]
        log.run(str(target.relative_to(ROOT)), command, remedy="is requirements.txt a lock of make lock?")
    return 0


if __name__ == "__main__":
    sys.exit(main())
