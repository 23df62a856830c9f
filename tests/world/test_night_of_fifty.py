"""
A night over fifty services with many misfortunes: what the app says of each is what the simulator says.

One night is run for all tests of this file. The expected words are derived from the simulator's account.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.core.reports import NightRecord
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from tests.fakes import FakeClock, MemoryStorage
from tests.fakes.ports import SUBSCRIPTION, plan_json
from tests.world import azure, misfortunes
from tests.world.app import World, WorldPorts
from tests.world.azure import WrittenBlob
from tests.world.truth import Truth, disagreements, tell

pytestmark = pytest.mark.xdist_group("night-of-fifty")

SERVICES = 50


@dataclass(frozen=True, kw_only=True)
class Night:
    """What was there when the night's record had been written."""

    record: NightRecord
    points: tuple[RestorePoint, ...]
    truths: dict[str, Truth]
    written: tuple[WrittenBlob, ...]
    posts: Counter[str]
    """POSTs that arrived, by service."""

    def disagreements(self) -> list[str]:
        """Compare the app's statements with the simulator's account."""
        return disagreements(self.record, self.points, self.truths, self.written)

    def false_in(self, record: NightRecord, points: tuple[RestorePoint, ...] | None = None) -> list[str]:
        """Return what is false in other statements, and not in those of the app."""
        found = disagreements(record, points or self.points, self.truths, self.written)
        return [text for text in found if text not in self.disagreements()]

    def of(self, misfortune: str) -> dict[str, Outcome]:
        """Return the words of the services that had this misfortune."""
        return {
            one.service: one.outcome
            for one in self.record.services
            if misfortunes.of(one.service) == misfortune
        }


def plan_of_fifty() -> dict[str, Any]:
    """Return the plan: fifty services, ten at a time, three hours for each."""
    plan = plan_json(misfortunes.fleet(SERVICES), deadlineHours=3)
    for entry in plan["services"]:
        del entry["standby"]
        more = misfortunes.IN_THE_PLAN.get(misfortunes.of(entry["name"]), {})
        entry["storage"] |= more.get("storage", {})
        entry |= {key: value for key, value in more.items() if key != "storage"}
    return plan


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The app and its Azure, with a quiet night behind them for those whose blob will be tiny."""
    clock, storage = FakeClock(), MemoryStorage()
    with (
        pytest.MonkeyPatch.context() as patch,
        azure.running(clock, storage, tmp_path_factory.mktemp("ca"), patch.setenv) as cloud,
    ):
        world = World(patch, WorldPorts(plan_of_fifty(), azure=cloud, clock=clock, storage=storage))
        storage.container("drprimary", "missing").is_there = False
        forbid_storage(world)
        tiny = tuple(name for name in misfortunes.fleet(SERVICES) if misfortunes.of(name) == "tinyblob")
        world.fleet(trigger="http", scheduled_at=None, services=tiny)
        world.host.run_for(dt.timedelta(hours=20))
        yield world
        world.host.close()


def forbid_storage(world: World) -> None:
    """Put an account where some backups should go, to which no identity has a role."""
    account = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dr/providers/Microsoft.Storage"
    body = {"location": "northeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}}
    world.azure.simulator.arm("PUT", f"{account}/storageAccounts/norole", body)


@pytest.fixture(scope="module")
def night(world: World) -> Night:
    """The night, when its record has just been written."""
    refs = {service.name: service.ref for service in world.ports.plan.services}
    for name, service in refs.items():
        misfortunes.MISFORTUNES.get(misfortunes.of(name), lambda *_: None)(world.azure, service)
    began_at = world.ports.clock.now()
    before = {name: world.azure.posts(service) for name, service in refs.items()}
    record, _ = world.fleet()
    truths = tell(world.azure, refs)
    for name, truth in truths.items():
        own = tuple(one for one in truth.operations if one.started_at >= began_at)
        truths[name] = replace(truth, operations=own)
    records = world.ports.records()
    keys = list(records.keys("restore-points/"))
    return Night(
        record=record,
        points=tuple(RestorePoint.from_bytes(records.read(key)[0]) for key in keys),
        truths=truths,
        written=tuple(world.azure.vault.written),
        posts=Counter({name: world.azure.posts(service) - before[name] for name, service in refs.items()}),
    )


def test_the_words_of_all_fifty_are_the_simulators_own_account(night):
    """No statement of the app about any of the fifty is other than what happened."""
    assert len(night.record.services) == SERVICES
    assert night.disagreements() == []


def test_the_night_had_misfortunes_enough_to_prove_something(night):
    """Twenty-three kinds of them, and each of the five words was the true one for somebody."""
    assert len({misfortunes.of(one.service) for one in night.record.services} - {"well"}) == 23
    assert {truth.word() for truth in night.truths.values()} == set(Outcome)


def test_who_had_no_misfortune_succeeded(night):
    """Nobody's trouble became somebody else's."""
    assert set(night.of("well").values()) == {Outcome.SUCCEEDED}


def test_a_failure_that_goes_away_is_tried_again_in_the_same_night(night):
    """Two operations, two runs, two blobs' names; the second one is the restore point."""
    for name in night.of("failsonce"):
        first, second = night.truths[name].operations
        assert (first.state, second.state) == ("Failed", "Succeeded")
        assert first.blob != second.blob


def test_a_failure_that_stays_is_tried_three_times_and_no_more(night):
    """Each try is an operation that the simulator ended as failed."""
    for name in night.of("failsalways"):
        assert [one.state for one in night.truths[name].operations] == ["Failed"] * 3


def test_no_post_was_sent_twice_where_the_first_took_effect(night):
    """As many POSTs as operations, but where a POST was lost before its effect."""
    twice = {
        name: night.posts[name]
        for name in night.posts
        if night.posts[name] > len(night.truths[name].operations)
    }

    assert {misfortunes.of(name) for name in twice} == {"post503"}
    assert set(twice.values()) == {2}


def test_who_was_refused_was_sent_no_post(night):
    """Refused says that nothing was changed: the simulator's counter bears it out."""
    refused = [one.service for one in night.record.services if one.outcome is Outcome.REFUSED]

    assert {night.posts[name] for name in refused} == {0}
    assert {misfortunes.of(name) for name in refused} >= {"wrongtier", "nocontainer", "norole", "deleted"}


def test_every_word_but_success_says_why(night):
    """A fault with a code for each; and none for a success."""
    for told in night.record.services:
        assert (told.fault is None) == (told.outcome is Outcome.SUCCEEDED), told


def test_a_configuration_that_changed_meanwhile_is_said_of_its_point(night):
    """Where the simulator changed something during the backup, and nowhere else."""
    changed = {point.service for point in night.points if point.inventory.changed_while_running}

    assert changed == set(night.of("changed"))


def test_a_tiny_blob_is_a_success_with_a_warning(night):
    """It may be right, and only the service's own history says that it is odd."""
    warned = {one.service for one in night.record.services if "suspiciously small" in " ".join(one.warnings)}

    assert warned == set(night.of("tinyblob"))
    assert set(night.of("tinyblob").values()) == {Outcome.SUCCEEDED}


def test_every_blob_without_a_record_belongs_to_a_run_without_proof(night):
    """What the simulator wrote is on record, or the app says that it does not know."""
    on_record = {point.name for point in night.points}
    words = {one.service: one.outcome for one in night.record.services}
    strays = {one.name.partition("_")[0] for one in night.written} - {p.service for p in night.points}

    assert on_record <= {one.name for one in night.written}
    assert {misfortunes.of(name) for name in strays} == {"polls403", "polls404", "failsafter", "emptyblob"}
    assert not [name for name in strays if words[name] is Outcome.SUCCEEDED]


LIES = {
    "a success that was none": ("failsalways-a", {"outcome": Outcome.SUCCEEDED}),
    "a failure that was none": ("well-00", {"outcome": Outcome.FAILED, "restore_point": None}),
    "a refusal after an operation": ("polls403-a", {"outcome": Outcome.REFUSED}),
    "no proof where nothing was sent": ("deleted-a", {"outcome": Outcome.OUTCOME_UNKNOWN}),
    "a restore point of nobody": ("well-00", {"restore_point": "well-00_20990101T000000Z.apimbackup"}),
}


@pytest.mark.parametrize("lie", LIES)
def test_the_comparison_finds_a_lie(night, lie):
    """One word changed in the app's record, and the comparison names that service, and only it."""
    name, changes = LIES[lie]
    services = tuple(
        told.model_copy(update=changes) if told.service == name else told for told in night.record.services
    )

    found = night.false_in(night.record.model_copy(update={"services": services}))

    assert found
    assert {text.partition(":")[0] for text in found} == {name}


def test_the_comparison_finds_a_service_that_was_forgotten(night):
    """A night's record that leaves somebody out is no true one."""
    services = tuple(told for told in night.record.services if told.service != "well-00")

    found = night.false_in(night.record.model_copy(update={"services": services}))

    assert found == ["well-00: no word at all"]


def test_the_comparison_finds_a_record_of_a_blob_that_nobody_wrote(night):
    """A restore point whose hash is not that of what the simulator wrote."""
    false = night.points[0].model_copy(update={"sha256": "0" * 64})

    found = night.false_in(night.record, points=(false, *night.points[1:]))

    assert len(found) == 1
    assert "never written" in found[0]


def test_what_the_night_could_not_prove_is_settled_by_the_watch(night, world):
    """Polls can be read again: within hours those runs have the word that is true of them."""
    world.azure.simulator.control("DELETE", "faults")

    world.let_pass(dt.timedelta(hours=6))

    unproven = [*night.of("polls403"), *night.of("polls404")]
    runs = {one.service: one.run_ids[-1] for one in night.record.services if one.run_ids}
    words = {name: world.ports.runs.read(runs[name])[0].word for name in unproven}
    assert words == dict.fromkeys(unproven, Outcome.SUCCEEDED)
    assert {name: night.posts[name] for name in unproven} == dict.fromkeys(unproven, 1)


def test_the_night_is_deterministic(night, world):
    """Every orchestration of the night, replayed from scratch, decides the same."""
    world.check_determinism()
