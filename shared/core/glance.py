"""
What is shown of a night while it is under way: counts, and the services by name as far as there is room.

It is the custom status of the night's orchestration, and so bounded (docs/azure-facts.md, "Functions and
Durable"). Whoever is at work or in trouble is named first.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from shared.core.fleet import FleetState, words
from shared.core.runs import Outcome

CHARS_MAX = 7500
"""Durable takes 16 KB of UTF-16, which is 8192 characters."""

SEPARATORS = 8
"""Quotation marks, colon, comma and blanks around two texts; neither holds anything that JSON escapes."""

_KINDS = {"active": "runId", "waiting": "dueAt", "ended": "outcome"}


def glance(state: FleetState) -> dict[str, Any]:
    """Return {"counts", "active": {service: run id}, "waiting": {service: time or None}, "ended": …}."""
    shown: dict[str, dict[str, str | None]] = {kind: {} for kind in _KINDS}
    room = CHARS_MAX
    for kind, service, fact in _entries(state):
        room -= len(service) + len(fact or "null") + SEPARATORS
        if room < 0:
            break
        shown[kind][service] = fact
    counts = {"waiting": len(state.waiting) + len(state.later), "active": len(state.active), **words(state)}
    everybody = len(state.waiting) + len(state.later) + len(state.active) + len(state.ended)
    return {"counts": counts, **shown, "notShown": everybody - sum(map(len, shown.values()))}


def services(status: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the services of a glance as a list: {"service", "state", and "runId", "dueAt" or "outcome"}."""
    return [
        {"service": service, "state": kind, name: fact}
        for kind, name in _KINDS.items()
        for service, fact in status.get(kind, {}).items()
    ]


def _entries(state: FleetState) -> Iterator[tuple[str, str, str | None]]:
    in_trouble = [one for one in state.ended if one.word is not Outcome.SUCCEEDED]
    good = [one for one in state.ended if one.word is Outcome.SUCCEEDED]
    return itertools.chain(
        (("active", run.service, run.run_id) for run in state.active),
        (("ended", one.service, one.word.value) for one in in_trouble),
        (("waiting", turn.service, f"{turn.due_at:%Y-%m-%dT%H:%M:%SZ}") for turn in state.later),
        (("waiting", name, None) for name in state.waiting),
        (("ended", one.service, one.word.value) for one in good),
    )
