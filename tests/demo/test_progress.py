"""Progress where there is no terminal: a line for each change, and only then."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from demo.progress import LiveScreen, PlainScreen, Row, open_screen, plain_line

WAITING = Row(service="weu", run="backup")
RUNNING = Row(service="weu", run="backup", phase="Running", elapsed_s=3, polls=2, next_poll_s=0.8)
ENDED = Row(service="weu", run="backup", phase="Ended", outcome="Succeeded", elapsed_s=13, polls=11)


def _lines(*shown: tuple[Row, ...]) -> list[str]:
    output = io.StringIO()
    screen = PlainScreen(Console(file=output, width=118), speed=60)
    with screen:
        for rows in shown:
            screen.show(rows)
    return output.getvalue().splitlines()


def test_one_line_per_change() -> None:
    """The same state twice is one line; time alone is no change."""
    later = dataclasses.replace(RUNNING, elapsed_s=4, next_poll_s=0.1)

    assert len(_lines((RUNNING,), (RUNNING,), (later,))) == 1
    assert len(_lines((RUNNING,), (dataclasses.replace(RUNNING, polls=3),), (ENDED,))) == 3


def test_what_waits_is_not_told() -> None:
    """A run that does not exist yet has no line."""
    assert _lines((WAITING,)) == []


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (RUNNING, "  backup   weu          Running     after  3 s  polls 2  next poll in 0.8 s"),
        (ENDED, "  backup   weu          Succeeded   after 13 s  polls 11"),
    ],
)
def test_a_line_says_service_phase_elapsed_polls_and_next_poll(row: Row, line: str) -> None:
    """What is known is said, what is not known is left out."""
    assert plain_line(row) == line


def test_the_screen_fits_the_output() -> None:
    """A terminal gets a live table, anything else gets lines."""
    assert isinstance(open_screen(Console(force_terminal=True), speed=60), LiveScreen)
    assert isinstance(open_screen(Console(file=io.StringIO()), speed=60), PlainScreen)


def test_the_live_table_shows_every_column() -> None:
    """Service, run, phase, elapsed, polls and next poll stand in the live table."""
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=110)
    with LiveScreen(console, speed=60) as screen:
        screen.show((RUNNING, Row(service="neu", run="restore")))
    text = output.getvalue()

    for word in ("weu", "backup", "Running", "3 s", "3 min", "0.8 s", "neu", "waiting"):
        assert word in text
