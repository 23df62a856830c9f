"""
Replication with things going wrong beside it: restores that fail, operators that restore, copies, the region.

Whatever the schedule, nothing is brought twice, and what could be brought was.
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import standby
from shared.core import layout
from shared.core.errors import UnavailableError
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome, RunRecord
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.ports import plan_json
from tests.orchestrators.conftest import Stage
from tests.orchestrators.replicating import COPIES, HOUR, MINUTE, said, target

SCHEDULES = int(os.environ.get("DELIVERIES_SCHEDULES", "12"))
DOWN = UnavailableError("the records: connection refused")
FAILING_MINUTES = 25
END = 16 * 60
"""Minutes: long enough for every try that a point has."""


@dataclass(frozen=True)
class Trouble:
    """What goes wrong, or what an operator does, at a minute."""

    minute: int
    what: str
    point: int = 0


POINTS = st.lists(st.integers(0, 240), min_size=1, max_size=4, unique=True)
TROUBLES = st.lists(
    st.builds(
        Trouble,
        minute=st.integers(0, 300),
        what=st.sampled_from(["restores fail", "operator restores", "operator restores", "copies fail"]),
        point=st.integers(0, 3),
    ),
    max_size=4,
)


def content(number: int) -> dict[str, str]:
    """Return what a point holds: no two are equal."""
    return {f"/apis/a{one}": f"{number:016d}" for one in range(4)}


def lose_region(stage: Stage) -> None:
    """Take the primary's region away for good."""
    for blobs in (stage.ports.records("westeurope"), stage.ports.backups("drprimary", "apim-backups")):
        for method in ("keys", "read", "exists", "look", "measure", "chunks"):
            blobs.faults[method].extend([DOWN] * 100_000)


def here(stage: Stage) -> list[RestorePoint]:
    """Return the points that the standby's app can restore, oldest first."""
    records = stage.ports.records(stage.ports.first.shelf("northeurope"))
    keys = list(records.keys(layout.restore_points_prefix("contoso")))
    return [RestorePoint.from_bytes(records.read(key)[0]) for key in keys]


def do(stage: Stage, trouble: Trouble) -> None:
    """Let a trouble begin."""
    if trouble.what == "restores fail":
        target(stage).loses = frozenset({"/apis/a0"})
    elif trouble.what == "restores work":
        target(stage).loses = frozenset()
    elif trouble.what == "copies fail":
        stage.ports.backups("drprimary", "apim-backups").faults["chunks"].extend([DOWN] * 4)
    elif trouble.what == "region":
        lose_region(stage)
    elif (points := here(stage)) and not stage.ports.runs.open_ids():
        stage.start_restore(points[trouble.point % len(points)])


def runs_of(stage: Stage) -> list[RunRecord]:
    """Return all restores that were sent, in the order of their wishes."""
    runs = stage.ports.runs.newest(99, stage.ports.clock.now())
    return sorted((run for run in runs if run.is_under_way), key=lambda run: run.requested_at)


@settings(
    max_examples=SCHEDULES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    minutes=POINTS,
    troubles=TROUBLES,
    has_copies=st.booleans(),
    lost_at=st.one_of(st.none(), st.integers(30, 300)),
)
def test_nothing_comes_twice_and_what_can_be_brought_is(
    monkeypatch: pytest.MonkeyPatch,
    minutes: list[int],
    troubles: list[Trouble],
    has_copies: bool,
    lost_at: int | None,
) -> None:
    """No point that was brought is sent again; the newest one that is here has come, or had its tries."""
    plan = plan_json(region="northeurope")
    if has_copies:
        plan["services"][0]["standby"]["storage"] = COPIES
    stage = Stage(monkeypatch, FakePorts(plan))
    happens = [*troubles, *(Trouble(minute, "point", number) for number, minute in enumerate(minutes))]
    happens += [
        Trouble(one.minute + FAILING_MINUTES, "restores work")
        for one in troubles
        if one.what == "restores fail"
    ]
    if lost_at is not None and has_copies:
        happens = [one for one in happens if one.what != "point" or one.minute < lost_at]
        happens.append(Trouble(lost_at, "region"))
    happens += [Trouble(minute, "look") for minute in range(7, END, 10)]
    try:
        for one in sorted(happens, key=lambda one: one.minute):
            stage.host.run_for(max(START + one.minute * MINUTE - stage.host.clock.now(), dt.timedelta()))
            if one.what == "point":
                stage.put_point(stage.ports.clock.now(), content(one.point))
            elif one.what == "look":
                stage.fire("find_unreplicated")
            else:
                do(stage, one)
        stage.host.settle()
        _assert_end(stage)
        stage.check_determinism()
    finally:
        stage.host.close()


def _assert_end(stage: Stage) -> None:
    sent = runs_of(stage)
    brought = ""
    for run in sent:
        assert run.restore_point is not None
        if run.kind == "replicate":
            assert run.restore_point > brought
        if run.word is Outcome.SUCCEEDED:
            brought = max(brought, run.restore_point)
    points = here(stage)
    replicated = [run for run in sent if run.kind == "replicate"]
    failed = [run for run in replicated if run.word is not Outcome.SUCCEEDED]
    assert len(replicated) <= len(points) + len(failed)
    if not points:
        return
    tries = [run for run in failed if run.restore_point == points[-1].name]
    assert brought == points[-1].name or len(tries) == 3, said(stage)
    ref = stage.ports.first.standby.ref
    held = standby.brought("contoso", ref, START - HOUR, stage.ports).held
    if held is not None and sent[-1].word is Outcome.SUCCEEDED:
        content_of = {point.name: point.inventory.digest for point in points}
        assert content_of[held.name] == stage.ports.take_inventory(ref).digest
