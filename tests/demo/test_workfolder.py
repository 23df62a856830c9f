"""The folder of a demo: locked, wiped, and never somebody else's."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from demo import watchdog, workfolder
from demo.faults import DemoFault, last_lines


def test_the_folder_is_wiped_at_the_start(tmp_path: Path) -> None:
    """What an earlier demo left is gone."""
    first = workfolder.take(tmp_path / "demo")
    (first.path / "summary.json").write_text("{}")
    first.lock.close()
    second = workfolder.take(tmp_path / "demo")

    assert second.path == tmp_path / "demo"
    assert not (second.path / "summary.json").exists()
    assert second.taken == ()


def test_a_second_demo_takes_its_own_folder(tmp_path: Path) -> None:
    """While one runs, the next one gets another folder and is told which was taken."""
    first = workfolder.take(tmp_path / "demo")
    (first.path / "mine").write_text("")
    second = workfolder.take(tmp_path / "demo")

    assert second.path == tmp_path / "demo-2"
    assert second.taken == (first.path,)
    assert (first.path / "mine").exists()


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    """A folder that no demo made is not wiped."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years of work")

    with pytest.raises(DemoFault, match="holds files that no demo left there"):
        workfolder.take(tmp_path / "home")
    assert (tmp_path / "home" / "thesis.txt").read_text() == "years of work"


def test_the_watchdog_kills_what_was_not_ended() -> None:
    """Started and not ended: that is what is left when the demo is gone."""
    assert watchdog.watch(io.StringIO("+10\n+11\n-10\n+12\n")) == {11, 12}
    assert watchdog.watch(io.StringIO("+10\n-10\n")) == set()


def test_the_last_lines_of_a_log_are_those_that_say_something(tmp_path: Path) -> None:
    """At most twelve lines, blank ones left out; a missing log has none."""
    log = tmp_path / "a.log"
    log.write_text("\n\n".join(f"line {number}" for number in range(40)) + "\n\n")

    assert last_lines(log) == [f"line {number}" for number in range(28, 40)]
    assert last_lines(tmp_path / "none.log") == []
    assert last_lines(None) == []
