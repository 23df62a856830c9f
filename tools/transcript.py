"""Run foreign programs (pip, npm, uv) quietly, with everything they say kept in one log."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tools.faults import ToolFault

SHOWN_LINES_MAX = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """The log of one set-up; begun anew by `begin`."""

    file: Path
    root: Path

    def begin(self) -> None:
        """Start the log anew."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text("")

    def run(self, doing: str, command: list[str], *, remedy: str, path_first: Path | None = None) -> None:
        """
        Run one program; its output goes to the log only.

        Args:
            doing: what is being done, as it stands on the screen.
            command: program and arguments.
            remedy: the sentence for whoever sees it fail.
            path_first: a folder that goes to the front of PATH.

        Raises:
            ToolFault: the program is missing or failed; carries the end of its output.
        """
        print(f"set-up: {doing} …", end="", flush=True)
        begun = time.monotonic()
        environment = dict(os.environ)
        if path_first is not None:
            environment["PATH"] = f"{path_first}{os.pathsep}{environment.get('PATH', os.defpath)}"
        with self.file.open("a") as log:
            log.write(f"\n$ {' '.join(command)}\n")
            log.flush()
            begin = log.tell()
            try:
                code = subprocess.run(
                    command,
                    cwd=self.root,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    check=False,
                ).returncode
            except BaseException:
                print(flush=True)
                raise
        if code:
            print(" failed", flush=True)
            raise ToolFault(self._failure(doing, code, remedy, begin))
        print(f" {time.monotonic() - begun:.0f} s", flush=True)

    def _failure(self, doing: str, code: int, remedy: str, begin: int) -> str:
        """Put the sentence together with the lines that name an error, or else with the last ones."""
        with self.file.open(errors="replace") as log:
            log.seek(begin)
            said = [line.rstrip() for line in log if line.strip()]
        telling = [line for line in said if "error" in line.lower()][:SHOWN_LINES_MAX] or said[
            -SHOWN_LINES_MAX:
        ]
        shown = "".join(f"\n    {line[:200]}" for line in telling)
        where = self.file.relative_to(self.root)
        return f"{doing}: failed with exit code {code}; {remedy} (all of its output: {where}){shown}"
