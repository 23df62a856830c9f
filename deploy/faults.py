"""What can go wrong while deploying: sentences for whoever reads the terminal."""

from __future__ import annotations

from collections.abc import Sequence

INTERRUPTED = 130


class DeployFault(Exception):
    """The work cannot be done; the text says why, and what to do."""


class DeployFaults(DeployFault):
    """Several things are wrong at once; all of them are named."""

    def __init__(self, message: str, faults: Sequence[str], hint: str = "") -> None:
        lines = [f"{message}:", *(f"  {fault}" for fault in faults)]
        super().__init__("\n".join(lines + ([hint] if hint else [])))
        self.faults = tuple(faults)
