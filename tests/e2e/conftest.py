"""Demos as processes: started here, watched through what they write, ended here by their process ids."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
SPEED = "240"
END_S_MAX = 150.0
LOOK_EVERY_S = 0.005


class DemoProcess:
    """One `python -m demo`, in a session of its own."""

    def __init__(self, work: Path, *arguments: str) -> None:
        self.work = work
        self.output = work.with_name(f"{work.name}-{os.urandom(3).hex()}.out")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "demo", "--work", str(work), "--speed", SPEED, *arguments],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.seen_pids: set[int] = set()

    def pids(self) -> dict[str, int]:
        """Return the process ids of this run by name."""
        pids: dict[str, int] = self._json(self.work / "processes.json")
        self.seen_pids.update(pids.values())
        return pids

    def simulator(self, path: str) -> Any:
        """Ask the simulator's control side."""
        ready = self._json(self.work / "ready" / "simulator.json")
        return requests.get(f"{ready['http']}/_sim/{path}", timeout=10).json()

    def count(self, call: str, service: str = "") -> int:
        """Return how often the simulator saw a call; 0 while there is no simulator yet."""
        if not (self.work / "ready" / "simulator.json").exists():
            return 0
        with contextlib.suppress(requests.RequestException):
            return int(self.simulator(f"counts?service={service}").get(call, 0))
        return 0

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something is so, as long as the demo runs."""
        deadline = time.monotonic() + END_S_MAX
        pause = threading.Event()
        while not condition():
            assert self.process.poll() is None, f"the demo ended before {what}:\n{self.text()}"
            assert time.monotonic() < deadline, f"waited too long until {what}:\n{self.text()}"
            pause.wait(LOOK_EVERY_S)

    def kill(self, name: str) -> int:
        """SIGKILL one of the demo's processes, return its id."""
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def end(self) -> int:
        """Wait for the demo's own end; return its exit code."""
        code = self.process.wait(END_S_MAX)
        self.pids()
        return code

    def summary(self) -> dict[str, Any]:
        """Return summary.json."""
        return self._json(self.work / "summary.json")

    def text(self) -> str:
        """Return everything that was printed."""
        return self.output.read_text(errors="replace")

    def survivors(self) -> list[int]:
        """Return which processes of this run still run: those it told of, and those that name its folder."""
        named = {
            int(file.parent.name)
            for file in Path("/proc").glob("[0-9]*/cmdline")
            if str(self.work).encode() in _content(file)
        }
        return [pid for pid in sorted(self.seen_pids | named) if _is_alive(pid)]

    def leaves_nobody(self) -> bool:
        """Wait until none of its processes runs; False when it takes too long."""
        deadline = time.monotonic() + END_S_MAX
        pause = threading.Event()
        while self.survivors():
            if time.monotonic() > deadline:
                return False
            pause.wait(LOOK_EVERY_S)
        return True

    def stop(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _json(self, path: Path) -> dict[str, Any]:
        with contextlib.suppress(FileNotFoundError):
            found: dict[str, Any] = json.loads(path.read_text())
            return found
        return {}


def _content(file: Path) -> bytes:
    """Return what a file of /proc says; nothing when its process is gone."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and was not yet collected does not."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        os.kill(pid, 0)
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.fixture
def start_demo(tmp_path: Path) -> Iterator[Callable[..., DemoProcess]]:
    """Start demos, by default in one folder of the test; end what is left of them."""
    started: list[DemoProcess] = []

    def start(*arguments: str, work: Path | None = None) -> DemoProcess:
        demo = DemoProcess(work or tmp_path / "demo", *arguments)
        started.append(demo)
        return demo

    yield start
    for demo in started:
        demo.stop()
