"""What the app answers an operator, as the demo tells it."""

from __future__ import annotations

from typing import Any

from demo import told

FAILOVER: dict[str, Any] = {
    "isReady": False,
    "checks": [
        {"name": "Exists", "verdict": "ok", "cause": "it is there"},
        {"name": "HoldsPoint", "verdict": "refusal", "cause": "neu holds nothing"},
        {"name": "HostNames", "verdict": "refusal", "cause": "no host name"},
    ],
    "recoveryPoint": {"newer": {"name": "n1", "isCopy": True, "ageS": 9}, "lost": "all of it"},
    "steps": [
        {"number": 1, "what": "Confirm", "isNeeded": True},
        {"number": 2, "what": "Nothing", "isNeeded": False},
        {"number": 3, "what": "Look", "isNeeded": None},
    ],
}
DRY_RUN: dict[str, Any] = {
    "point": {"name": "n1", "ageS": 9, "expiresAt": "2026-12-23T17:18:34Z"},
    "guards": [
        {"verdict": "ok"},
        {"verdict": "warning"},
        {"verdict": "ok"},
        {
            "verdict": "refusal",
            "name": "TargetUnlocked",
            "cause": "it is locked",
            "command": "az lock delete",
        },
    ],
    "replaced": {"added": 3, "altered": 1, "removed": 0},
    "missingAfterwards": [{"what": "a"}, {"what": "b"}],
}


def test_readiness_is_told_with_every_reason_and_the_needed_steps() -> None:
    """What speaks against it, the newest point, what would be lost; no steps that are not needed."""
    assert list(told.failover(FAILOVER)) == [
        "not ready: neu holds nothing; no host name",
        "newest point here: n1, a copy, 9 s old",
        "all of it",
        "1. Confirm",
        "3. Look",
    ]


def test_a_standby_that_is_ready_is_told_so() -> None:
    """Nothing speaks against it, and there is no newer point."""
    found = {**FAILOVER, "isReady": True, "recoveryPoint": {"newer": None, "lost": "nothing"}, "steps": []}

    assert list(told.failover(found)) == ["ready", "nothing"]


def test_a_dry_run_is_told_with_what_refuses() -> None:
    """Point, guards by their verdicts, each refusal, what would change, what will be missing."""
    assert list(told.dry_run(DRY_RUN)) == [
        "n1, 9 s old, can be restored until 2026-12-23",
        "4 guards: 2 ok, 1 warning, 1 refusal",
        "TargetUnlocked: it is locked; az lock delete",
        "entities of the target: 3 added, 1 altered, 0 removed",
        "missing afterwards: 2 things that no backup holds",
    ]


def test_a_long_line_is_cut() -> None:
    """It ends with an ellipsis; a short one stays."""
    assert told.cut("x" * 300) == "x" * (told.LINE_LENGTH_MAX - 1) + "…"
    assert told.cut("short") == "short"
