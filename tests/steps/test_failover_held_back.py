"""GET /api/services/{name}/failover where replication holds the newest point back."""

from __future__ import annotations

import json
from typing import Any

from shared.core import layout
from shared.core.replication import Approval, ReplicationWord
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from tests.fakes import FakePorts
from tests.steps.standbys import back_up, copy, replicate, restored, say, with_copies
from tests.steps.takeovers import ask, cause, emptied, step, verdicts


def an_emptied_service(*, good_between: bool = False) -> tuple[FakePorts, RestorePoint, RestorePoint | None]:
    """Return the standby's app, a copy of an emptied service, and a good one that is older."""
    primary = FakePorts(with_copies())
    held = back_up(primary, 27)
    copy(primary, held)
    replicate(primary, held)
    good = copy(primary, back_up(primary, 9)) if good_between else None
    newest = copy(primary, back_up(primary, 3))
    ports = primary.in_region("northeurope")
    return ports, emptied(ports, newest), good


def commands(body: Any) -> str:
    """Return all lines of all steps."""
    return json.dumps([one["commands"] for one in body["steps"]])


def test_a_service_that_was_emptied_is_not_brought_in_a_hurry() -> None:
    """What the standby holds is better: the third step restores nothing, and says what is held back."""
    ports, newest, _ = an_emptied_service()

    _, body = ask(ports)

    assert (step(body, 3)["isNeeded"], step(body, 3)["commands"]) == (False, [])
    assert newest.name in step(body, 3)["what"]
    assert "much smaller" in step(body, 3)["what"]
    assert newest.name not in commands(body)
    assert verdicts(body)["HoldsNewest"] == "warning"
    assert "much smaller" in cause(body, "HoldsNewest")
    assert body["recoveryPoint"]["newer"] is None
    (told,) = body["recoveryPoint"]["heldBack"]
    assert (told["name"], "much smaller" in told["reasons"][0]) == (newest.name, True)
    assert "cannot be restored from here" not in json.dumps(body)


def test_the_newest_good_copy_is_offered_and_the_one_that_is_held_back_is_named() -> None:
    """It is newer than what the standby holds, and nothing speaks against it."""
    ports, newest, good = an_emptied_service(good_between=True)
    assert good is not None

    _, body = ask(ports)

    assert body["recoveryPoint"]["newer"]["name"] == good.name
    assert good.name in step(body, 3)["commands"][0]
    assert newest.name not in commands(body)
    assert newest.name in step(body, 3)["what"]
    assert f"{newest.name} is newer" in body["recoveryPoint"]["lost"]
    assert f"{newest.name} is newer" in cause(body, "HoldsNewest")


def test_what_an_operator_has_let_through_is_offered() -> None:
    """He has looked at it."""
    ports, newest, _ = an_emptied_service()
    approval = Approval(service="contoso", name=newest.name, reason="meant", approved_at=ports.clock.now())
    ports.records().put(layout.approval_key("contoso", newest.name), approval.to_bytes())

    _, body = ask(ports)

    assert newest.name in step(body, 3)["commands"][0]
    assert body["recoveryPoint"]["heldBack"] == []


def test_what_replication_says_is_told_with_the_check() -> None:
    """Whatever it is about."""
    ports, _, _ = an_emptied_service(good_between=True)
    say(ports, ReplicationWord.HELD_BACK, reasons=("a record could not be read",))

    _, body = ask(ports)

    assert "replication is held back: a record could not be read" in cause(body, "HoldsNewest")
    assert "a record could not be read" in step(body, 3)["what"]


def test_a_standby_that_holds_nothing_leaves_it_to_a_person() -> None:
    """There is only what is held back: its restore is shown, and not advised."""
    primary = FakePorts(with_copies())
    only = copy(primary, back_up(primary, 3))
    ports = primary.in_region("northeurope")
    record = only.model_copy(update={"inventory": None})
    ports.records().put(layout.restore_point_key("contoso", only.name), record.to_bytes())

    _, body = ask(ports)

    assert step(body, 3)["isNeeded"] is None
    assert only.name in step(body, 3)["commands"][0]
    assert "no inventory" in step(body, 3)["what"]
    assert body["isReady"] is False


def test_what_the_standby_held_is_restored_again_after_a_failed_restore_and_not_what_is_held_back() -> None:
    """What it holds is not certain; the newest point that nothing speaks against makes it so."""
    ports, newest, _ = an_emptied_service()
    held = json.dumps(ask(ports)[1]["recoveryPoint"]["name"]).strip('"')
    key = layout.restore_point_key("contoso", held)
    restored(ports, RestorePoint.from_bytes(ports.records().read(key)[0]), Outcome.FAILED)

    _, body = ask(ports)

    assert held in step(body, 3)["commands"][0]
    assert newest.name not in commands(body)
