"""
Start, watch and end the demo's processes.

All of them are started by one thread of ours, so that Ctrl-C in the main thread never falls between starting
a process and remembering it. Each gets a session of its own: Ctrl-C on the terminal reaches the demo only.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from demo import interruption
from demo.faults import DemoFault

RESTARTS_MAX = 5
"""A devhost that dies more often than this has a fault of its own."""

READY_S_MAX = 60.0
"""Starting takes 1 to 3 seconds; a busy machine gets much more."""

GRACE_S = 3.0
"""Everything that runs would survive being killed; waiting longer only tries the patience of a person."""

LOOK_EVERY_S = 0.05

ENTER_AND_RUN = 'echo "+$$" >&0; exec "$@" </dev/null'
"""
Standard input is the watchdog's pipe at first. The watchdog sees its end only when every process that was
forked has written its line, so none can be missed, not even when the demo is killed in between.
"""

Ready = dict[str, Any]
Command = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One process to run. `again` gives the command that starts it anew; None: its end is a fault."""

    name: str
    title: str
    command: Command
    environment: Mapping[str, str]
    folder: Path
    log: Path
    ready: Callable[[], Ready | None]
    again: Callable[[Ready], Command] | None = None


@dataclass(slots=True)
class Child:
    """A program that was started."""

    program: Program
    process: subprocess.Popen[bytes]
    starts: int = 1
    is_noted: bool = False
    """Whether it has ended for good, and that has had its consequences."""


@dataclass(slots=True)
class Supervisor:
    """Runs programs; starts those again that may be started again; ends all of them."""

    roster: Path
    """File of names and process ids, rewritten at every start."""
    notices: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    _children: dict[str, Child] = field(default_factory=dict)
    _wanted: queue.SimpleQueue[Program] = field(default_factory=queue.SimpleQueue)
    _unwanted: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _wake: threading.Event = field(default_factory=threading.Event)
    _fault: DemoFault | None = None
    _thread: threading.Thread | None = None
    _watchdog: subprocess.Popen[str] | None = None

    @property
    def is_well(self) -> bool:
        """Whether no process has failed."""
        return self._fault is None

    def start(self, program: Program) -> None:
        """Have a program started."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
            self._thread.start()
        self._wanted.put(program)
        self._wake.set()

    def end(self, name: str) -> None:
        """Kill one process for good, and return when it is gone."""
        self._unwanted.put(name)
        self._wake.set()
        while self._children[name].process.poll() is None:
            self.wait(LOOK_EVERY_S)

    def starts(self, name: str) -> int:
        """Return how often a process has been started."""
        return self._children[name].starts

    def wait_ready(self, program: Program) -> Ready:
        """
        Wait until a program says that it is ready.

        Raises:
            DemoFault: it ended or is silent; carries its log.
        """
        deadline = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline:
            found = program.ready()
            if found is not None:
                return found
            self.wait(LOOK_EVERY_S)
        raise DemoFault(f"{program.title} was not ready within {READY_S_MAX:.0f} s", log=program.log)

    def wait(self, seconds: float) -> None:
        """
        Wait in the main thread.

        Raises:
            DemoFault: a process ended that must not end.
            Interrupted: a signal came.
        """
        interruption.check()
        if self._fault is None:
            self._stopping.wait(seconds)
        if self._fault is not None:
            raise self._fault
        interruption.check()

    def stop(self) -> None:
        """End every process: asked first, killed after GRACE_S. May be called twice."""
        interruption.ignore()
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        running = [
            child.process for child in reversed(self._children.values()) if child.process.poll() is None
        ]
        for process in running:
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        for process in running:
            if process.poll() is None:
                _signal_group(process, signal.SIGKILL)
                process.wait()
        self._end_watchdog()

    def _supervise(self) -> None:
        """Start what is wanted, look at what runs; the only thread that starts processes."""
        try:
            self._start_watchdog()
            while not self._stopping.is_set():
                self._wake.wait(LOOK_EVERY_S)
                self._wake.clear()
                with contextlib.suppress(queue.Empty):
                    while not self._stopping.is_set():
                        program = self._wanted.get_nowait()
                        self._children[program.name] = Child(program, self._spawn(program, program.command))
                        self._write_roster()
                with contextlib.suppress(queue.Empty):
                    self._kill(self._children[self._unwanted.get_nowait()])
                for child in self._children.values():
                    if child.process.poll() is not None and not self._stopping.is_set():
                        self._look_after(child)
        except OSError as err:
            self._fail(DemoFault(f"a process could not be started: {err.strerror}: {err.filename}"))

    def _kill(self, child: Child) -> None:
        """End a process that is not missed."""
        child.is_noted = True
        _signal_group(child.process, signal.SIGKILL)
        child.process.wait()
        self._take_off(child.process.pid)

    def _look_after(self, child: Child) -> None:
        """Start an ended process again, or call the demo off."""
        program, code = child.program, child.process.returncode
        if child.is_noted:
            return
        self._take_off(child.process.pid)
        never_ran = code >= 0 and program.ready() is None
        if program.again is None or never_ran:
            child.is_noted = True
            self._fail(DemoFault(f"{program.title} {_ending(code)}", log=program.log))
        elif child.starts > RESTARTS_MAX:
            child.is_noted = True
            text = f"{program.title} {_ending(code)}, {child.starts} times by now: given up"
            self._fail(DemoFault(text, log=program.log))
        else:
            self.notices.put(f"{program.title} {_ending(code)}: started again with the same state and port")
            child.starts += 1
            child.process = self._spawn(program, program.again(program.ready() or {}))
            self._write_roster()

    def _spawn(self, program: Program, command: Command) -> subprocess.Popen[bytes]:
        """Start a process that first enters itself in the watchdog's list, whatever becomes of us."""
        with program.log.open("ab") as log:
            return subprocess.Popen(
                ("/bin/sh", "-c", ENTER_AND_RUN, "sh", *command),
                cwd=program.folder,
                env=dict(program.environment),
                stdin=self._watchdog.stdin if self._watchdog else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _fail(self, fault: DemoFault) -> None:
        self._fault = self._fault or fault
        self._stopping.set()

    def _write_roster(self) -> None:
        pids = {name: child.process.pid for name, child in self._children.items()}
        write_json(self.roster, pids)

    def _start_watchdog(self) -> None:
        self._watchdog = subprocess.Popen(
            [sys.executable, "-m", "demo.watchdog"],
            cwd=Path(__file__).resolve().parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    def _take_off(self, pid: int) -> None:
        """Take an ended process off the watchdog's list."""
        pipe: IO[str] | None = self._watchdog.stdin if self._watchdog else None
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.write(f"-{pid}\n")
                pipe.flush()

    def _end_watchdog(self) -> None:
        if self._watchdog is None:
            return
        for child in self._children.values():
            self._take_off(child.process.pid)
        if self._watchdog.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._watchdog.stdin.close()
        self._watchdog.wait()
        self._watchdog = None


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the session of a process that we have not yet waited for, so that its id cannot be another's."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _ending(code: int) -> str:
    """Say how a process ended."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
        return f"was ended by signal {-code}"
    return f"ended with exit code {code}"


def read_json(path: Path) -> Ready | None:
    """Return a JSON object from a file; None while it is missing."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file so that whoever sees it sees all of it."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    draft.replace(path)
