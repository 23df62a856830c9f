"""Ready files: how a process that started another learns that it listens, and where."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping


def write_ready(path: pathlib.Path, content: Mapping[str, object]) -> None:
    """Write JSON at once: a reader sees the whole file or none. It may hold keys: only the owner reads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(dict(content), file)
    unfinished.replace(path)
