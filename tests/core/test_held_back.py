"""Which points are held back, judged anew by replication's rules and by what it has said."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.ends import Standby
from shared.core.held_back import why_held_back
from shared.core.replication import ReplicationState, ReplicationWord
from shared.core.reports import Replica
from shared.core.restore_points import InventorySummary, RestorePoint
from tests.core import make
from tests.core.takeovers import facts

STANDBY = Standby.model_validate(make.standby())
INVENTORY = InventorySummary(
    account="drstandby", container="apim-dr", key="inventories/contoso/x.json", digest="d", counts={"apis": 7}
)
POINT = make.restore_point(age_days=0.5).model_copy(update={"inventory": INVENTORY})


def said(word: ReplicationWord, *reasons: str) -> ReplicationState:
    """Return what replication has said."""
    return ReplicationState(service="contoso", target=STANDBY.ref, at=make.NOW, word=word, reasons=reasons)


def held(**counts: int) -> Replica:
    """Return what the standby holds, with so many entities of each kind."""
    found = facts().held
    assert isinstance(found, Replica)
    return found.model_copy(update={"counts": counts})


def why(point: RestorePoint = POINT, before: Replica | None = None, **more: Any) -> tuple[str, ...]:
    """Judge a point."""
    replication, approved_at = more.get("said"), more.get("approved_at")
    return why_held_back(point, STANDBY, before, replication, make.NOW, approved_at=approved_at)


def test_a_good_point_is_not_held_back() -> None:
    """As large as what is held, with an inventory, made by a backup."""
    assert why() == ()
    assert why(before=held(apis=7)) == ()


def test_a_service_that_was_emptied_is_seen_before_replication_has_looked() -> None:
    """Its region was lost a moment later, and nothing was said of the point."""
    (smaller, how) = why(before=held(apis=1000))

    assert "much smaller" in smaller
    assert "lets it through" in how


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"inventory": None}, "no inventory"), ({"rebuilt_at": make.NOW}, "made anew by a rebuild")],
)
def test_what_nobody_has_verified_is_held_back(change: dict[str, Any], expected: str) -> None:
    """By the rules of replication itself."""
    assert expected in why(POINT.model_copy(update=change))[0]


def test_what_replication_has_said_of_the_point_counts() -> None:
    """For whatever reason; what it says of another point does not."""
    reason = f"{POINT.name} is not to be trusted"

    assert why(said=said(ReplicationWord.HELD_BACK, reason, "other is old")) == (reason,)
    assert why(said=said(ReplicationWord.HELD_BACK, "other is not to be trusted")) == ()
    assert why(said=said(ReplicationWord.IN_SYNC, reason)) == ()


def test_what_an_operator_has_let_through_is_not_held_back() -> None:
    """He has looked."""
    reason = f"{POINT.name} is much smaller"
    found = said(ReplicationWord.HELD_BACK, reason)

    assert why(before=held(apis=1000), said=found, approved_at=make.NOW) == ()
