"""What is seen while the demo runs: a live table on a terminal, one plain line per change elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from demo import clock

WAITING = "waiting"
WIDTH_PLAIN = 118


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the progress: a service and its run. Seconds are real ones."""

    service: str
    run: str
    phase: str = WAITING
    elapsed_s: float | None = None
    polls: int = 0
    next_poll_s: float | None = None
    outcome: str | None = None

    @property
    def state(self) -> str:
        """The outcome once there is one, the phase before."""
        return self.outcome or self.phase


class Screen(Protocol):
    """Where the demo speaks."""

    console: Console

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def say(self, text: str | Text) -> None:
        """Say a line that stays."""

    def show(self, rows: tuple[Row, ...]) -> None:
        """Show where the runs stand."""


def open_screen(console: Console, *, speed: float) -> Screen:
    """Return the screen that fits: live on a terminal, plain otherwise."""
    return LiveScreen(console, speed=speed) if console.is_terminal else PlainScreen(console, speed=speed)


class PlainScreen:
    """One line per change."""

    def __init__(self, console: Console, *, speed: float) -> None:
        self.console = console
        self._speed = speed
        self._seen: dict[str, tuple[str, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def say(self, text: str | Text) -> None:
        """Print a line."""
        self.console.print(text, soft_wrap=True)

    def show(self, rows: tuple[Row, ...]) -> None:
        """Print a line for each row that has changed since the last time."""
        for row in rows:
            now = (row.state, row.polls)
            if row.state != WAITING and self._seen.get(row.run) != now:
                self._seen[row.run] = now
                self.say(plain_line(row))


def plain_line(row: Row) -> str:
    """Write one row as a line of text."""
    parts = [f"  {row.run:<8} {row.service:<12} {row.state:<10}"]
    if row.elapsed_s is not None:
        parts.append(f"after {row.elapsed_s:2.0f} s")
    if row.polls:
        parts.append(f"polls {row.polls}")
    if row.next_poll_s is not None and row.outcome is None:
        parts.append(f"next poll in {row.next_poll_s:.1f} s")
    return "  ".join(parts).rstrip()


class LiveScreen:
    """A table that is drawn again at every change; refreshed by its callers, no thread of its own."""

    def __init__(self, console: Console, *, speed: float) -> None:
        self.console = console
        self._speed = speed
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, fault, trace)

    def say(self, text: str | Text) -> None:
        """Print a line above the table."""
        self.console.print(text)

    def show(self, rows: tuple[Row, ...]) -> None:
        """Draw the table."""
        self._live.update(self._table(rows), refresh=True)

    def _table(self, rows: tuple[Row, ...]) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
        for title in ("  Run", "Service", "Phase"):
            table.add_column(title)
        for title in ("Elapsed", "in Azure", "Polls", "Next poll"):
            table.add_column(title, justify="right")
        for row in rows:
            elapsed = row.elapsed_s
            table.add_row(
                f"  {row.run}",
                row.service,
                Text(row.state, style=style_of(row)),
                "" if elapsed is None else f"{elapsed:.0f} s",
                "" if elapsed is None else clock.stretch(elapsed, speed=self._speed),
                str(row.polls) if row.polls else "",
                "" if row.next_poll_s is None or row.outcome else f"{row.next_poll_s:.1f} s",
            )
        return table


def style_of(row: Row) -> str:
    """Return the colour of a row's state."""
    if row.outcome is not None:
        return "green" if row.outcome == "Succeeded" else "red"
    return "dim" if row.phase == WAITING else "cyan"
