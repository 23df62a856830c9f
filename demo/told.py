"""What the standby's app answers an operator, in lines for a person. Pure; the whole answers are in files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

LINE_LENGTH_MAX = 112

Json = Mapping[str, Any]


def failover(found: Json) -> Iterator[str]:
    """Tell what speaks against taking over now, what would be lost, and the steps."""
    point = found["recoveryPoint"]
    newer = point.get("newer")
    against = [str(one["cause"]) for one in found["checks"] if one["verdict"] == "refusal"]
    yield "ready" if found["isReady"] else "not ready: " + "; ".join(against)
    if newer is not None:
        origin = "a copy" if newer.get("isCopy") else "an original"
        yield f"newest point here: {newer['name']}, {origin}, {newer['ageS']} s old"
    yield str(point["lost"])
    for step in found["steps"]:
        if step["isNeeded"] is not False:
            yield f"{step['number']}. {step['what']}"


def dry_run(shown: Json) -> Iterator[str]:
    """Tell the chosen point, the guards' verdicts, and what would change."""
    point, replaced = shown["point"], shown.get("replaced") or {}
    yield f"{point['name']}, {point['ageS']} s old, can be restored until {str(point['expiresAt'])[:10]}"
    verdicts = Counter(str(one["verdict"]) for one in shown["guards"])
    told = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    yield f"{len(shown['guards'])} guards: {told}"
    for one in shown["guards"]:
        if one["verdict"] == "refusal":
            yield f"{one['name']}: {one['cause']}; {one['command']}"
    if replaced:
        changes = ", ".join(f"{replaced[how]} {how}" for how in ("added", "altered", "removed"))
        yield f"entities of the target: {changes}"
    yield f"missing afterwards: {len(shown['missingAfterwards'])} things that no backup holds"


def cut(line: str) -> str:
    """Return a line that fits the screen."""
    return line if len(line) <= LINE_LENGTH_MAX else f"{line[: LINE_LENGTH_MAX - 1]}…"
