"""A real bash for the commands of a page; the programs that would reach out are answered by the test."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).parents[2]
HANGS_AFTER_S = 600
"""A block that takes longer on a busy machine waits for something that never comes."""

_STAND_IN = """#!/bin/bash
exec 3<> /dev/tcp/127.0.0.1/{port}
printf '%s\\0' "$#" "${{0##*/}}" "$PWD" "$@" >&3
IFS= read -r -d '' -u 3 code
IFS= read -r -d '' -u 3 err
cat <&3
printf '%s' "$err" >&2
exit "$code"
"""
"""Passes its words on, each with a NUL behind it, their number first. In bash, which starts much faster."""

_PYTHON = """#!/bin/bash
if [ "$1 $2 $3" = "-m tools.deploy check" ]; then
  file=$PWD/$4
  cd {root} && exec {python} -m deploy check "$file"
fi
exec {python} "$@"
"""
"""The Python of these tests; the check of a plan is that of this repository, without its set-up."""

_LOOP = """
set -o pipefail
trap 'echo "ended with $?: $BASH_COMMAND" >&2' ERR
set -o errtrace
while IFS= read -r -d "" -u 3 block; do
  eval "$block"
  printf '\\0' >&4
done
"""
"""Reads blocks, which end with a NUL, and runs each in the same shell, as one that is typed into it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a program prints, and how it ends."""

    out: str = ""
    err: str = ""
    code: int = 0


Program = Callable[[list[str], Path], Reply]
"""Takes the words after its name, and the folder in which it was called."""


class Shell:
    """
    One bash session in a folder, with the programs that the test plays.

    Everything happens in the thread of the test: while a block runs, its calls of those programs are
    answered one after the other.
    """

    def __init__(self, folder: Path, programs: Mapping[str, Program]) -> None:
        self._programs = programs
        self._server = socket.create_server(("127.0.0.1", 0))
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        scripts = {"python3": _PYTHON.format(python=sys.executable, root=ROOT)}
        for name in programs:
            scripts[name] = _STAND_IN.format(port=self._server.getsockname()[1])
        for name, script in scripts.items():
            (bin_folder / name).write_text(script)
            (bin_folder / name).chmod(0o755)
        self._err_path = folder / "stderr"
        work = folder / "work"
        work.mkdir()
        blocks, done = os.pipe(), os.pipe()
        with self._err_path.open("wb") as err:
            self._process = subprocess.Popen(
                ["bash", "-c", f"exec 3<&{blocks[0]} 4>&{done[1]}; {_LOOP}"],
                cwd=work,
                env={"PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": str(work), "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                pass_fds=(blocks[0], done[1]),
            )
        os.close(blocks[0])
        os.close(done[1])
        self._blocks, self._done = blocks[1], done[0]
        self._selector = selectors.DefaultSelector()
        assert self._process.stdout is not None
        for source in (self._server, self._process.stdout, self._done):
            self._selector.register(source, selectors.EVENT_READ)

    def close(self) -> None:
        """End the session."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._selector.close()
        self._server.close()
        os.close(self._blocks)
        os.close(self._done)

    def run(self, block: str) -> tuple[str, str]:
        """Run a block to its end; return what it wrote, and what went wrong in it."""
        assert self._process.stdout is not None
        before = self._err_path.stat().st_size
        os.write(self._blocks, block.encode() + b"\0")
        said = b""
        while True:
            ready = self._selector.select(HANGS_AFTER_S)
            assert ready, f"the block does not end:\n{block}\nit wrote: {said.decode()}"
            sources = [key.fileobj for key, _ in ready]
            if self._server in sources:
                self._serve()
            elif self._process.stdout in sources:
                chunk = os.read(self._process.stdout.fileno(), 65536)
                assert chunk, f"the shell has ended:\n{self._err_path.read_text()}"
                said += chunk
            else:
                os.read(self._done, 1)
                break
        return said.decode(), self._err_path.read_bytes()[before:].decode()

    def _serve(self) -> None:
        line, _ = self._server.accept()
        with line, line.makefile("rb") as sent:
            words = int(_word(sent))
            name, folder, *rest = (_word(sent) for _ in range(words + 2))
            reply = self._programs[name](rest, Path(folder))
            line.sendall(f"{reply.code}\0{reply.err}\0{reply.out}".encode())


def _word(sent: BinaryIO) -> str:
    """Read up to the next NUL."""
    return b"".join(iter(lambda: sent.read(1), b"\0")).decode()
