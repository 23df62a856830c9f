"""How a demo ends when it does not end well."""

from __future__ import annotations

from pathlib import Path

LINES_SHOWN_MAX = 12
TAIL_BYTES_MAX = 64 * 1024


class DemoFault(Exception):
    """The demo failed; the text is for the person who runs it. `log` is the file to read, if there is one."""

    def __init__(self, text: str, *, log: Path | None = None) -> None:
        super().__init__(text)
        self.log = log


def last_lines(log: Path | None) -> list[str]:
    """Return the last lines of a log that say something; none if it is missing or empty."""
    if log is None or not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES_MAX))
        text = file.read().decode(errors="replace")
    return [line.rstrip()[:300] for line in text.splitlines() if line.strip()][-LINES_SHOWN_MAX:]
