"""
`python -m tools.picture`: run the demo for real and write docs/images/demo.svg from what it printed.

The demo redraws one table while it runs and erases it at the end. The picture keeps that table as it stood
in the middle of the restore; every character in it was printed by the demo.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "demo.svg"
COLUMNS = 140
"""Wider than the demo's longest line; the picture is as wide as that line."""

SHOWN_AT = re.compile(r"restore\s+\S+\s+Running\s+1\d(\.\d)? s")
"""The moment whose table is kept: the restore has run for ten to twenty seconds."""

_CONTROL = re.compile(r"\x1b\[(\??\d*(?:;\d+)*)([A-Za-z])|(\r)|(\n)")


class Screen:
    """The few control sequences that rich sends, played onto lines that keep their colours."""

    def __init__(self) -> None:
        self.lines: list[str] = [""]
        self._row = 0

    def play(self, text: str) -> None:
        """Print a piece of output."""
        position = 0
        for match in _CONTROL.finditer(text):
            self._put(text[position : match.start()])
            position = match.end()
            self._obey(match)
        self._put(text[position:])

    def _obey(self, match: re.Match[str]) -> None:
        arguments, letter, _, newline = match.groups()
        if newline:
            self._row += 1
            if self._row == len(self.lines):
                self.lines.append("")
        elif letter == "A":
            self._row = max(0, self._row - int(arguments or 1))
        elif letter == "K":
            self.lines[self._row] = ""
        elif letter == "m":
            self._put(match.group())

    def _put(self, text: str) -> None:
        self.lines[self._row] += text


def main() -> int:
    """Return 0 when the picture is written, 1 when the demo failed or its table was never seen."""
    environment = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    command = [sys.executable, "-m", "demo", "--work", str(ROOT / "build" / "picture")]
    run = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=False)
    output = run.stdout.decode()
    if run.returncode:
        sys.stderr.write(f"the demo failed, so there is no picture:\n{output}")
        return 1
    lines = picture_lines(output)
    if not lines:
        sys.stderr.write("the demo's table was not seen in the middle of the restore\n")
        return 1
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(drawn(lines), encoding="utf-8")
    return 0


def picture_lines(output: str) -> list[str]:
    """Return the screen in the middle of the restore, followed by what was printed after the table."""
    screen = Screen()
    middle: list[str] = []
    for piece in re.split(r"(?=\r\x1b\[2K)", output):
        if middle:
            screen.play(piece)
            continue
        screen.play(piece)
        if SHOWN_AT.search(re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(screen.lines))):
            middle = [line.rstrip() for line in screen.lines]
    if not middle:
        return []
    end = screen.lines
    same = 0
    while same < min(len(middle), len(end)) and middle[same] == end[same].rstrip():
        same += 1
    return [*middle, *end[same:]]


def drawn(lines: list[str]) -> str:
    """Return the lines as SVG, without the web font that rich would ask for."""
    texts = [Text.from_ansi(line.rstrip()) for line in lines]
    while texts and not texts[-1].plain.strip():
        texts.pop()
    width = max(text.cell_len for text in texts) + 1
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    for text in texts:
        console.print(text, soft_wrap=True)
    svg = console.export_svg(title="python -m demo", unique_id="demo")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(main())
