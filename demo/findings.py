"""What a demo found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from demo import clock
from demo.inventory import Difference
from demo.storage import Evidence, Recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One run at its end. Seconds are real ones."""

    run_id: str
    outcome: str
    seconds: float
    polls: int
    ended_at: str
    restore_point: str | None = None
    """The name of the point that it made or used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A region that was lost, and the calls that were made to it afterwards; None: not counted."""

    region: str
    arm_calls: int | None = None
    storage_calls: int | None = None

    @property
    def faults(self) -> list[str]:
        """What speaks against the app having done without the region."""
        if self.arm_calls is None or self.storage_calls is None:
            return [f"whether the app called {self.region} after its loss was not looked at"]
        if self.arm_calls or self.storage_calls:
            calls = f"{self.arm_calls} of ARM, {self.storage_calls} of storage"
            return [f"the app called {self.region} after its loss: {calls}"]
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything that the demo found out; None and empty where it did not get so far."""

    speed: float
    addresses: Mapping[str, str]
    backup: Ended | None = None
    recorded: Recorded | None = None
    copied: Recorded | None = None
    """The same restore point, as the standby's region has it."""
    restore: Ended | None = None
    evidence: Evidence | None = None
    """What the restore left in storage."""
    lost: Lost | None = None
    """None in stories without a lost region."""
    entities: int = 0
    lost_seed: tuple[str, ...] = ()
    """Kinds of which the primary itself has less than was put into it."""
    differences: tuple[Difference, ...] | None = None
    """None: not compared."""
    compare_s: float = 0.0
    counts: Mapping[str, int] | None = None
    """None: not read."""
    fault: str | None = None
    """What ended the demo early; what was not looked at then is not judged."""

    @property
    def posts(self) -> tuple[int, int]:
        """How many backups and how many restores ARM was asked for."""
        counts = self.counts or {}
        return counts.get("POST backup", 0), counts.get("POST restore", 0)

    @property
    def recovery_point_age_s(self) -> float | None:
        """How old the data on the standby was when it was ready to serve."""
        if self.recorded is None or self.restore is None:
            return None
        age = clock.parse(self.restore.ended_at) - clock.parse(self.recorded.started_at)
        return age.total_seconds()
