"""Pruning over random catalogues, with storage that fails and a process that dies at random calls."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_keeping import pruning
from shared.core import layout, names
from shared.core.errors import AccessError, ConflictError, UnavailableError
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome, RunPhase
from shared.core.steps import StepState
from tests.fakes.clock import START
from tests.fakes.ports import FakePorts
from tests.fakes.stormy import Call, DiedError, Fault
from tests.steps.keeping import (
    ALIVE,
    add_point,
    add_replica,
    hold,
    keeping_ports,
    open_restore,
    prune,
    recorded,
    storm,
    traces,
)

FOREIGN = (
    "contoso_by-hand.apimbackup",
    "contoso_20260101T000000Z.apimbackup.bak",
    "contosob_20261101T000000Z.apimbackup",
    "notes.txt",
)
FATES = ["held", "unproven", "replaced", "deleted", "replicated"]
FAULTS = st.builds(
    Fault,
    error=st.sampled_from(
        [
            DiedError(),
            DiedError(),
            UnavailableError("storage: ServerBusy"),
            AccessError("storage: AuthorizationFailure"),
            ConflictError("storage: LeaseIdMissing"),
        ]
    ),
    takes_effect=st.booleans(),
)
STORMS = st.lists(st.dictionaries(st.integers(0, 120), FAULTS, max_size=4), max_size=4)
"""For each run that is disturbed: at which call what happens."""


@dataclass
class World:
    """A catalogue in storage, and what a reader of the documentation expects of its pruning."""

    ports: FakePorts
    fresh: RestorePoint
    points: list[RestorePoint]
    untouchable: set[str] = field(default_factory=set)
    """Points that may not lose anything: held, being restored, or with a replaced blob."""
    replaced: set[str] = field(default_factory=set)
    """Of these, the points whose rules let them die, and whose blob forbids it."""
    gone: set[str] = field(default_factory=set)
    """Points whose blob somebody else had deleted before; if they are most of them, nothing may go."""
    newest_replica: RestorePoint | None = None
    is_readable: bool = True
    is_restoring: bool = False
    """Whether a restore of any point is at work, and all of them are read-only."""

    @property
    def rules(self):
        """The rules of the plan."""
        return self.ports.first.retention

    def usable(self) -> list[RestorePoint]:
        """Return the points that could be restored at the beginning, newest first."""
        alive = [point for point in self.points if point.expires_at > START and point.name not in self.gone]
        return sorted(alive, key=lambda point: point.started_at, reverse=True)

    def must_stay(self) -> set[str]:
        """Return the names that no pruning may take, by the rules as the documentation tells them."""
        usable, stay = self.usable(), set(self.untouchable)
        stay |= {point.name for point in usable[: self.rules.keep_last]}
        young = dt.timedelta(days=self.rules.keep_within_days)
        stay |= {point.name for point in self.points if START - point.started_at < young}
        if self.ports.first.standby is not None:
            since = self.newest_replica
            stay |= {point.name for point in usable if since is None or point.started_at > since.started_at}
        is_frozen = self.is_restoring or not self.is_readable
        return {point.name for point in self.points} if is_frozen else stay

    def check(self) -> None:
        """Compare what is stored with what was promised, at a moment when nothing runs."""
        whole = {point.name for point in self.points if traces(self.ports, point) == ALIVE}
        assert self.must_stay() - self.gone <= whole
        there = [
            point for point in self.usable()
            if traces(self.ports, point)["record"] and traces(self.ports, point)["backup"]
        ]  # fmt: skip
        assert there[:1] == self.usable()[:1]
        assert len(there) >= min(len(self.usable()), self.rules.keep_at_least)
        for point in self.points:
            found = traces(self.ports, point)
            assert found["backup"] or not found["record"] or point.name in self.gone
            assert found["record"] or found["tombstone"]
            is_left_over = any(found[what] for what in ("backup", "manifest", "inventory", "sidecar"))
            assert found["record"] or found["mark"] or not is_left_over


@st.composite
def worlds(draw):
    """Make a catalogue with holds, restores, replicas, missing and replaced blobs, and foreign things."""
    rules = {
        "keepLast": draw(st.integers(1, 5)),
        "keepWithinDays": draw(st.integers(0, 35)),
        "keepAtLeast": draw(st.integers(1, 5)),
    }
    ports = keeping_ports(rules, has_standby=draw(st.booleans()))
    ages = draw(st.lists(st.integers(1, 45 * 4), unique=True, max_size=9))
    older = [add_point(ports, quarter / 4) for quarter in ages]
    world = World(ports=ports, fresh=add_point(ports, 0), points=older)
    fates = st.sampled_from(["plain"] * 10 + ["restored"] + FATES * 2)
    for point in older:
        backups = ports.backups(point.account, point.container)
        match draw(fates):
            case "held":
                hold(ports, point)
                world.untouchable.add(point.name)
            case "restored":
                open_restore(ports, point)
                world.is_restoring = True
            case "unproven":  # it has ended, and nobody knows whether Azure reads the backup still
                open_restore(ports, point, phase=RunPhase.ENDED, outcome=Outcome.OUTCOME_UNKNOWN)
                world.untouchable.add(point.name)
            case "replaced":
                backups.put(point.name, b"something else")
                world.untouchable.add(point.name)
                world.replaced.add(point.name)
            case "deleted":
                backups.delete(point.name)
                world.gone.add(point.name)
            case "replicated" if ports.first.standby is not None:
                add_replica(ports, point)
                newest = max([point, world.newest_replica or point], key=lambda one: one.started_at)
                world.newest_replica = newest
    world.points.append(world.fresh)
    world.is_readable = len(world.gone) < 2 or 2 * len(world.gone) <= len(world.points)
    for key in FOREIGN:
        ports.backups(world.fresh.account, world.fresh.container).put(key, b"foreign")
        ports.records().put(f"somewhere/{key}", b"foreign")
    if not draw(st.integers(0, 9)):
        broken = layout.restore_point_key("contoso", "contoso_20260601T000000Z.apimbackup")
        ports.records().put(broken, b'{"v": 99}')
        world.is_readable = False
    return world


def watch(world: World) -> None:
    """Check every single deletion at the moment when it is asked for."""
    ports = world.ports

    def listener(call: Call) -> None:
        if call.method != "delete":
            return
        assert world.is_readable
        assert not any(call.key.endswith(key) for key in FOREIGN)
        parsed = layout.parse_restore_point_key(call.key)
        if parsed:
            assert ports.records().exists(layout.pruned_key(*parsed)), "a record went without a tombstone"
        if names.is_own_backup(call.key.removesuffix(".json")) and "apim-backups" in call.place:
            name = call.key.removesuffix(".json")
            key = layout.restore_point_key("contoso", name)
            assert not ports.records().exists(key), "a blob went before its record"
            assert ports.records().exists(layout.pruned_key("contoso", name))

    storm(ports).on_call = listener


def foreign(world: World) -> list[bytes]:
    """Return the content of everything foreign that is left."""
    stored = storm(world.ports).contents()
    return [content for (_, _, key), content in stored.items() if key.endswith(FOREIGN)]


def disturbed(world: World, faults: dict[int, Fault]) -> None:
    """Run the step through one storm, repeated as an orchestration would, until it has an end or dies."""
    storm(world.ports).calm(faults)
    for _ in range(3):
        try:
            result = prune(world.ports, world.fresh)
        except DiedError:
            return
        if result.state is not StepState.RETRY:
            return


@pytest.mark.parametrize("at_most", [1, 3, 20])
@given(world=worlds(), storms=STORMS)
@settings(max_examples=100)
def test_whatever_happens_the_promises_hold(at_most, world, storms):
    """Newest usable, floor, holds, foreign blobs survive; records go first; nothing is left over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pruning, "DELETIONS_MAX", at_most)
        watch(world)
        for faults in storms:
            disturbed(world, faults)
            listener, storm(world.ports).on_call = storm(world.ports).on_call, None
            storm(world.ports).calm()
            world.check()
            storm(world.ports).on_call = listener
        for _ in range(2 * len(world.points) + 2):  # undisturbed runs, until there is nothing left to do
            storm(world.ports).calm()
            result = prune(world.ports, world.fresh)
            assert len(result.value.get("pruned", [])) <= at_most
    storm(world.ports).on_call = None
    world.check()
    assert len(foreign(world)) == 2 * len(FOREIGN)
    if not world.is_readable:
        assert result.state is StepState.END
        return
    if result.state is StepState.END:  # so many went that the missing ones are most of those that are left
        assert "restore points are not in their containers" in result.fault.message
        return
    assert list(world.ports.records().keys(layout.OPEN_PRUNES)) == []
    left = set(recorded(world.ports))
    assert {key for key in left if key not in world.must_stay()} <= floor_of(world)
    for point in world.points:
        if point.name not in left:
            found = traces(world.ports, point)
            assert [what for what, is_there in found.items() if is_there] == ["tombstone"]


def floor_of(world: World) -> set[str]:
    """Return the usable points that only the floor keeps: never more of them than it asks for."""
    usable = {point.name for point in world.usable()}
    extra = {name for name in recorded(world.ports) if name not in world.must_stay()}
    assert extra <= usable
    counted = usable & set(recorded(world.ports)) - world.replaced
    assert not extra or len(counted) <= world.rules.keep_at_least
    return extra
