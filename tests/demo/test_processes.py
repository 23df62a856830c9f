"""Starting and ending processes: what dies is started again, but not for ever; nothing is left running."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo import processes
from demo.faults import DemoFault
from demo.processes import Program, Ready, Supervisor, read_json


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """A supervisor that leaves the signals of pytest alone."""
    monkeypatch.setattr("demo.interruption.ignore", lambda: None)
    made = Supervisor(roster=tmp_path / "processes.json")
    yield made
    made.stop()


def _program(
    folder: Path, script: str, *, is_restarted: bool = False, ready: Callable[[], Ready | None] | None = None
) -> Program:
    command = ("/bin/sh", "-c", script)
    return Program(
        name="sample",
        title="the sample",
        command=command,
        environment=os.environ,
        folder=folder,
        log=folder / "sample.log",
        ready=ready or (lambda: read_json(folder / "ready.json")),
        again=(lambda _ready: command) if is_restarted else None,
    )


def test_a_process_that_says_it_is_ready_is_waited_for(tmp_path: Path, supervisor: Supervisor) -> None:
    """What it wrote is returned, and its process id stands in the roster."""
    program = _program(tmp_path, 'echo \'{"url": "http://x"}\' > ready.json; sleep 100')
    supervisor.start(program)

    assert supervisor.wait_ready(program) == {"url": "http://x"}
    roster = read_json(tmp_path / "processes.json")
    assert roster is not None
    os.kill(roster["sample"], 0)

    supervisor.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(roster["sample"], 0)


def test_a_process_that_fails_at_its_start_is_told_with_its_log(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    """Even one that may be started again: it would fail again."""
    program = _program(tmp_path, "echo cannot listen; exit 3", is_restarted=True)
    supervisor.start(program)

    with pytest.raises(DemoFault, match="the sample ended with exit code 3") as caught:
        supervisor.wait_ready(program)
    assert caught.value.log == program.log
    assert program.log.read_text() == "cannot listen\n"


def test_a_process_that_is_killed_is_started_again_until_it_is_too_often(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    """Five times, each of them told; then the demo is called off."""
    program = _program(tmp_path, "echo started; kill -9 $$", is_restarted=True)
    supervisor.start(program)

    with pytest.raises(DemoFault, match="was ended by SIGKILL, 6 times by now: given up"):
        supervisor.wait_ready(program)
    assert program.log.read_text().count("started") == 1 + processes.RESTARTS_MAX
    assert supervisor.notices.qsize() == processes.RESTARTS_MAX


def test_a_process_that_must_not_end_calls_the_demo_off(tmp_path: Path, supervisor: Supervisor) -> None:
    """Azurite and the simulator hold everything in memory or in files of their own: their end is a fault."""
    program = _program(tmp_path, "kill -9 $$")
    supervisor.start(program)

    with pytest.raises(DemoFault, match="the sample was ended by SIGKILL"):
        supervisor.wait_ready(program)
    assert not supervisor.is_well


def test_a_process_that_does_not_want_to_end_is_killed(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked first, killed afterwards."""
    monkeypatch.setattr(processes, "GRACE_S", 0.1)
    script = "trap '' TERM; echo '{}' > ready.json; while :; do sleep 1; done"
    program = _program(tmp_path, script)
    supervisor.start(program)
    supervisor.wait_ready(program)
    roster = read_json(tmp_path / "processes.json")
    assert roster is not None

    supervisor.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(roster["sample"], 0)


def test_a_process_that_is_ended_for_good_is_not_missed(tmp_path: Path, supervisor: Supervisor) -> None:
    """Neither is it started again, nor does its end call the demo off."""
    program = _program(tmp_path, "echo '{}' > ready.json; sleep 100", is_restarted=True)
    supervisor.start(program)
    supervisor.wait_ready(program)
    roster = read_json(tmp_path / "processes.json")
    assert roster is not None
    supervisor.end("sample")
    supervisor.wait(processes.LOOK_EVERY_S)

    assert (supervisor.is_well, supervisor.starts("sample"), supervisor.notices.qsize()) == (True, 1, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(roster["sample"], 0)


def test_a_program_that_is_not_there_is_told(tmp_path: Path, supervisor: Supervisor) -> None:
    """The shell's own sentence stands in the log."""
    program = _program(tmp_path, "exec /nowhere/node")
    supervisor.start(program)

    with pytest.raises(DemoFault, match="ended with exit code 127"):
        supervisor.wait_ready(program)
    assert "not found" in program.log.read_text()
