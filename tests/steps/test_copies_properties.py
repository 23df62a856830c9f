"""Retention of copies over random catalogues: the own rules, whatever becomes of the primary's region."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core import layout
from shared.core.errors import AccessError, UnavailableError
from shared.core.restore_points import RestorePoint
from shared.core.tombstones import Tombstone
from tests.fakes.clock import START
from tests.fakes.ports import FakePorts
from tests.fakes.stormy import DiedError, Fault
from tests.steps.copies import add_copy, copies_of, copying_ports, let_copies_go, standby_of
from tests.steps.keeping import ALIVE, PRUNED, add_replica, hold, storm, traces

FAULTS = st.builds(
    Fault,
    error=st.sampled_from([DiedError(), UnavailableError("ServerBusy"), AccessError("AuthorizationFailure")]),
    takes_effect=st.booleans(),
)
STORMS = st.lists(st.dictionaries(st.integers(0, 120), FAULTS, max_size=4), max_size=3)
HERE = ["plain", "plain", "held", "replicated", "expired"]
THERE = ["kept", "held", "being pruned", "pruned", "record lost", "blob lost"]


@dataclass
class World:
    """Copies in the standby's region, and what a reader of the documentation expects of their pruning."""

    ports: FakePorts
    standby: FakePorts
    copies: list[RestorePoint]
    held: set[str] = field(default_factory=set)
    expired: set[str] = field(default_factory=set)
    holds_since: dt.datetime | None = None
    """When the newest point started that the standby holds."""

    def usable(self) -> list[RestorePoint]:
        """Return the copies that could be restored at the beginning, newest first."""
        alive = [copy for copy in self.copies if copy.name not in self.expired]
        return sorted(alive, key=lambda copy: copy.started_at, reverse=True)

    def must_stay(self) -> set[str]:
        """Return the names that the rules keep, as the documentation tells them."""
        rules, usable = self.standby.first.retention, self.usable()
        young = dt.timedelta(days=rules.keep_within_days)
        return (
            self.held
            | {copy.name for copy in usable[: rules.keep_last]}
            | {copy.name for copy in self.copies if START - copy.started_at < young}
            | {copy.name for copy in usable if not self.holds_since or copy.started_at >= self.holds_since}
        )

    def check(self) -> None:
        """Compare what is stored with what was promised, at a moment when nothing runs."""
        whole = {copy.name for copy in self.copies if traces(self.standby, copy) == ALIVE}
        assert self.must_stay() <= whole
        assert self.usable()[0].name in whole
        usable = {copy.name for copy in self.usable()}
        floor = self.standby.first.retention.keep_at_least
        assert len(usable & whole) >= min(len(usable), floor)


@st.composite
def worlds(draw):
    """Make copies of random ages and fates, and a primary's region in which anything has happened since."""
    rules = {
        "keepLast": draw(st.integers(1, 4)),
        "keepWithinDays": draw(st.integers(0, 20)),
        "keepAtLeast": draw(st.integers(1, 4)),
    }
    ports = copying_ports(rules)
    ages = sorted(draw(st.lists(st.integers(1, 28), unique=True, max_size=8)), reverse=True)
    copies = [add_copy(ports, age) for age in [*ages, 0]]
    standby = standby_of(ports)
    world = World(ports=ports, standby=standby, copies=copies)
    for copy in copies[:-1]:
        match draw(st.sampled_from(HERE)):
            case "held":
                hold(standby, copy)
                world.held.add(copy.name)
            case "replicated":
                add_replica(ports, copy)
                world.holds_since = copy.started_at
            case "expired":
                key = layout.restore_point_key("contoso", copy.name)
                standby.records().put(key, copy.model_copy(update={"expires_at": START}).to_bytes())
                world.expired.add(copy.name)
    for copy in copies:
        meanwhile(ports, copy, draw(st.sampled_from(THERE)))
    return world


def meanwhile(ports: FakePorts, copy: RestorePoint, what: str) -> None:
    """Let something become of the original."""
    records, backups = ports.records(), ports.backups(copy.copied.account, copy.copied.container)
    if what == "held":
        hold(ports, copy)
    if what in {"being pruned", "pruned"}:
        tombstone = Tombstone(point=copy, reasons=(), pruned_at=START, run_id="r")
        records.put(layout.pruned_key("contoso", copy.name), tombstone.to_bytes())
    if what == "being pruned":
        records.put(layout.open_prune_key("contoso", copy.name), b"")
    if what in {"pruned", "record lost"}:
        records.delete(layout.restore_point_key("contoso", copy.name))
    if what in {"pruned", "blob lost"}:
        backups.delete(copy.name)


def primary(world: World) -> dict[tuple[str, str, str], bytes]:
    """Return everything that is stored in the primary's region."""
    stored = storm(world.ports).contents()
    return {place: content for place, content in stored.items() if place[0] == "drprimary"}


@given(world=worlds(), storms=STORMS)
@settings(max_examples=150)
def test_copies_go_by_their_own_rules_alone(world, storms):
    """Through all storms the promises hold; in the end exactly what the rules let go is gone."""
    before, asked = primary(world), set()
    for faults in [*storms, {}, {}]:
        storm(world.ports).calm(faults)
        with contextlib.suppress(DiedError):
            let_copies_go(world.standby)
        asked |= {call.place.split("/")[0] for call in storm(world.ports).calls}
        storm(world.ports).calm()
        world.check()

    left, stay = set(copies_of(world.standby)), world.must_stay()
    usable, floor = {copy.name for copy in world.usable()}, world.standby.first.retention.keep_at_least
    assert not (left - stay) & usable or len(left & usable) <= floor
    assert left - stay <= usable or len(left) <= floor, "only validityDays had let them expire"
    assert all(traces(world.standby, copy) == PRUNED for copy in world.copies if copy.name not in left)
    assert (asked, primary(world)) == ({"drstandby"}, before)
