"""
`.funcignore`: what Azure does not get.

The file has the meaning of a .gitignore, and is read by azd, by func and here. Only plain patterns are
taken, of which all three make the same: a name with or without `*`, `/` before it for the root alone,
`/` after it for folders alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tools.faults import ToolFault

_PLAIN = re.compile(r"(?P<anchor>/?)(?P<name>(?!.*\*\*)[\w.*-]+)(?P<folder>/?)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One line of the file."""

    name: str
    is_anchored: bool
    is_for_folders: bool


class FuncIgnore:
    """The patterns of one file."""

    def __init__(self, text: str) -> None:
        """
        Read the text of a .funcignore.

        Raises:
            ToolFault: names every line that is no plain pattern.
        """
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        matches = {line: _PLAIN.fullmatch(line) for line in lines}
        if faults := [repr(line) for line, match in matches.items() if match is None]:
            raise ToolFault(
                f".funcignore: no plain pattern: {', '.join(faults)}; write a name, with / before it "
                "for the root alone, with / after it for folders alone, and * for any characters"
            )
        self._patterns = [
            Pattern(
                name=match["name"], is_anchored=bool(match["anchor"]), is_for_folders=bool(match["folder"])
            )
            for match in matches.values()
            if match is not None
        ]

    @classmethod
    def of(cls, root: Path) -> FuncIgnore:
        """Read the .funcignore of a folder."""
        return cls((root / ".funcignore").read_text(encoding="utf-8"))

    def ignores(self, path: str, *, is_folder: bool = False) -> bool:
        """Tell whether a path is ignored, by itself or through a folder above it; written with `/`."""
        parts = path.split("/")
        return any(
            fnmatchcase(part, pattern.name)
            for pattern in self._patterns
            for place, part in enumerate(parts[:1] if pattern.is_anchored else parts)
            if is_folder or place < len(parts) - 1 or not pattern.is_for_folders
        )
