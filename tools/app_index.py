"""What a host sees of a function app: names, bindings, routes, levels, asked for in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.faults import ToolFault

SHOWN = frozenset(
    {"type", "direction", "name", "schedule", "runOnStartup", "useMonitor", "route", "methods"}
    | {"authLevel", "queueName", "connection"}
)
IMPORT_S_MAX = 120.0
_SCRIPT = """
import json, sys, time
begun = time.perf_counter()
import function_app
seconds = time.perf_counter() - begun
functions = {
    function.get_function_name(): [json.loads(binding) for binding in function.get_raw_bindings()]
    for function in function_app.app.get_functions()
}
files = sorted(module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None))
print(json.dumps({"functions": functions, "seconds": seconds, "files": files}))
"""

Bindings = list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One import of an app: its functions, what it wrote, how long it took, and which files it came from."""

    functions: dict[str, Bindings]
    log: str
    seconds: float
    files: list[Path]


def read(python: str | Path, folder: Path, settings: Mapping[str, str]) -> Index:
    """
    Import the app of a folder in a new process, with nothing in its environment but these settings.

    Raises:
        ToolFault: it cannot be imported; carries the end of what was said.
    """
    done = subprocess.run(
        # Without bytecode: the folder stays as it was, and the app's own modules are compiled each time.
        [str(python), "-B", "-c", _SCRIPT],
        cwd=folder,
        env={"PATH": os.environ.get("PATH", os.defpath), **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=IMPORT_S_MAX,
        check=False,
    )
    if done.returncode:
        raise ToolFault(f"the app cannot be imported: {done.stderr.strip().splitlines()[-1]}")
    answer = json.loads(done.stdout.splitlines()[-1])
    functions = {name: _shown(bindings) for name, bindings in answer["functions"].items()}
    files = [Path(file) for file in answer["files"]]
    return Index(functions=functions, log=done.stderr, seconds=answer["seconds"], files=files)


def _shown(bindings: Bindings) -> Bindings:
    """Keep what is compared of bindings, in the order of their types."""
    kept = [{key: value for key, value in binding.items() if key in SHOWN} for binding in bindings]
    return sorted(kept, key=lambda binding: str(binding["type"]))


def differences(found: Mapping[str, Bindings], listed: Mapping[str, Bindings]) -> list[str]:
    """Name every function that only one side has, or that has other bindings."""
    return [
        *(f"{name} is listed and not there" for name in sorted(listed.keys() - found.keys())),
        *(f"{name} is there and not listed" for name in sorted(found.keys() - listed.keys())),
        *(
            f"{name} has other bindings"
            for name in sorted(found.keys() & listed.keys())
            if found[name] != listed[name]
        ),
    ]
