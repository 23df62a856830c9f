"""`check`: a plan file against the app's own model."""

from __future__ import annotations

from pathlib import Path

from deploy.plan_file import is_empty, read_plan
from shared.core.plan import Plan
from shared.core.plan_warnings import warnings
from shared.core.services import canonical_region


def check(file: Path, region: str | None) -> int:
    """
    Say what the plan in a file comes to.

    Raises:
        DeployFault: the file cannot be read.
        ConfigError: every fault of the plan.
    """
    if is_empty(file):
        print(f"{file} is still empty: the first deployment asks for a service, and writes the plan")
        return 0
    plan = read_plan(file, canonical_region(region) if region else None)
    print(f"{file} is a usable plan")
    for name in plan.regions:
        print(f"  {name:<20} {_tasks(plan, name)}")
    print("".join(f"warning: {one}\n" for one in warnings(plan)), end="")
    return 0


def _tasks(plan: Plan, region: str) -> str:
    primaries = [one.name for one in plan.services if one.region == region]
    standbys = [one.name for one in plan.services if one.standby and one.standby.region == region]
    drills = [one.name for one in plan.services if one.drill_target and one.drill_target.region == region]
    parts = [
        f"{verb} {', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"
        for verb, names in (
            ("backs up", primaries),
            ("restores into standbys of", standbys),
            ("rehearses", drills),
        )
        if names
    ]
    if plan.discover is not None:
        parts.append("backs up what has the tags")
    return "; ".join(parts) or "nothing to do"
