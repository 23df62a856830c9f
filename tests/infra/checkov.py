"""Running the policy scanner checkov once, cut off from every network, and reading what it says."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCANNER = ROOT / "build/checkov/bin/checkov"
MISSING = f"{SCANNER.relative_to(ROOT)} is missing; python3 -m tools.setup --worker makes it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Below each folder: what was found, as (check, `file symbol`), and what could not be read; calls out."""

    findings: dict[str, set[tuple[str, str]]]
    unread: dict[str, set[str]]
    calls: int


def scan(folder: Path, parts: tuple[str, ...]) -> Scan:
    """
    Scan a folder with one run; `parts` are the folders in it that are told apart.

    A run takes seconds, nearly all of them the start. Nothing may go out: no downloads, no look for updates,
    no key; and whoever tried all the same would have to go through a proxy that counts and hangs up.
    """
    with socket.create_server(("127.0.0.1", 0)) as door:
        calls: list[int] = []
        threading.Thread(target=_count, args=(door, calls), daemon=True).start()
        proxy = f"http://127.0.0.1:{door.getsockname()[1]}"
        names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true",
            **dict.fromkeys(names, proxy),
        }
        command = [str(SCANNER), "-d", str(folder), "--framework", "bicep", "--compact", "-o", "json"]
        command += ["--skip-download", "--soft-fail"]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)["results"]
    found = Scan(
        findings={part: set() for part in parts}, unread={part: set() for part in parts}, calls=len(calls)
    )
    for item in report["failed_checks"]:
        part, file = _place(folder, item["file_abs_path"])
        found.findings[part].add((item["check_id"], f"{file} {item['resource'].rpartition('.')[2]}"))
    for name in report["parsing_errors"]:
        part, file = _place(folder, name)
        found.unread[part].add(file)
    return found


def _place(folder: Path, name: str) -> tuple[str, str]:
    part, *rest = Path(name).relative_to(folder).parts
    return part, "/".join(rest)


def _count(door: socket.socket, calls: list[int]) -> None:
    """Count and end every connection, until the door is closed."""
    while True:
        try:
            caller, _ = door.accept()
        except OSError:
            return
        calls.append(1)
        caller.close()
