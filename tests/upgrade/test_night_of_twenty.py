"""
An upgrade in the middle of a night of twenty services: version A begins it, is killed, and B ends it.

A is today's app. B is of a newer version: other steps for what it begins, the old ones for what it finds, and
another activity. Both are copied trees, over one state file, one storage and one Azure in virtual time. Nine
of the twenty have a trouble (tests/upgrade/troubles.py), some under A, some under B, some under both.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.upgrade import trees
from tests.upgrade.changed import NEW_STEP, WARNING
from tests.upgrade.ground import START, Death, laid
from tests.upgrade.troubles import SUCCEED, TROUBLES

pytestmark = pytest.mark.xdist_group("upgrade")

POST = ("POST", 12)
"""Accepted by Azure, and nobody knows of it: the third of those that came after the first ones had ended."""
RECORD = ("record_restore_point", 5)
"""The restore point is on record, and its run does not know. Not B goes on then, but A again."""
NIGHT = ("end_night", 1)
"""The record of the night is written, and its orchestration does not know."""

in_the_middle = pytest.mark.parametrize("upgraded", [POST], ids=["POST"], indirect=True, scope="module")
SEEN = {
    POST: {"Succeeded", "Failed", "Refused", "Running", "Requested", "Submitting", "not begun"},
    RECORD: {"Succeeded", "Failed", "Refused", "Running", "Verifying", "not begun"},
    NIGHT: {"Succeeded", "Failed", "Refused", "PollDenied"},
}
"""Where runs stood when A died, or the words they had ended in."""

at_any_moment = pytest.mark.parametrize(
    "upgraded", [POST, RECORD, NIGHT], ids=["POST", "record", "night"], indirect=True, scope="module"
)


@dataclass(frozen=True, kw_only=True)
class Upgraded:
    """What was there when A died, and when the night had ended under B."""

    dies: Death
    at_death: Counter[str]
    left: dict[str, Any]
    """The backups' instances as A left them, by service."""
    record: Any
    words: dict[str, tuple[str, str, int]]
    lies: list[str]
    posts: Counter[str]
    instances: dict[str, Any]
    backups: dict[str, Any]
    points: tuple[Any, ...]

    @property
    def fresh(self) -> set[str]:
        """The services whose last run was begun by B: the first one, or another try."""
        again = {name for name in self.left if TROUBLES.get(name) and TROUBLES[name].runs > 1}
        return (self.backups.keys() - self.left.keys()) | again


@pytest.fixture(scope="module")
def upgraded(
    request: pytest.FixtureRequest, tree_a: Path, tree_b: Path, tmp_path_factory: pytest.TempPathFactory
) -> Upgraded:
    """The night, begun by A, killed at the moment of the parameter, and ended by its successor."""
    dies: Death = request.param
    folder, ca = tmp_path_factory.mktemp("upgrade"), tmp_path_factory.mktemp("ca")
    with pytest.MonkeyPatch.context() as patch, laid(folder, ca, START, patch.setenv) as ground:
        with trees.running(tree_a) as app, app.at_work(ground, dies=dies) as a:
            night = a.begin_night()
            a.run_to_death()
            at_death, left = a.phases(), a.backups()
        with trees.running(tree_a if dies == RECORD else tree_b) as app, app.at_work(ground) as b:
            b.finish(night)
            b.check_determinism()
            return Upgraded(
                dies=dies,
                at_death=at_death,
                left=left,
                record=b.night_record(night),
                words=b.words(night),
                lies=b.lies(night),
                posts=b.posts(),
                instances=b.instances(),
                backups=b.backups(),
                points=b.points(),
            )


@at_any_moment
def test_death_came_at_the_moment_that_is_meant(upgraded: Upgraded) -> None:
    """In the middle some had ended, some were polled, one was sent without an answer, some had not begun."""
    assert set(+upgraded.at_death) == SEEN[upgraded.dies]


@at_any_moment
def test_everybody_got_the_word_that_the_scenario_says(upgraded: Upgraded) -> None:
    """With the code of the fault and the number of runs: none is Succeeded that has a trouble."""
    told = {service: upgraded.words[service] for service in TROUBLES}
    well = {upgraded.words[service] for service in upgraded.words.keys() - TROUBLES.keys()}

    assert told == {service: (one.word, one.code, one.runs) for service, one in TROUBLES.items()}
    assert well == {("Succeeded", "", 1)}


@at_any_moment
def test_the_nights_record_counts_the_words(upgraded: Upgraded) -> None:
    """All twenty, and it was begun once."""
    assert upgraded.record.words == {"Succeeded": SUCCEED, "Failed": 5, "Refused": 2, "PollDenied": 2}
    assert len(upgraded.record.services) == 20
    assert upgraded.record.starts == 1


@at_any_moment
def test_every_word_is_true(upgraded: Upgraded) -> None:
    """Azure's own account bears out every word, every point and every hash."""
    assert upgraded.lies == []
    assert len(upgraded.points) == SUCCEED


@at_any_moment
def test_nobody_got_a_second_post(upgraded: Upgraded) -> None:
    """One for each run, none for who was refused; also not the one whose answer died with A."""
    assert upgraded.posts == Counter(
        {name: TROUBLES[name].posts if name in TROUBLES else 1 for name in upgraded.words}
    )


@at_any_moment
def test_no_orchestration_failed(upgraded: Upgraded) -> None:
    """Every instance of both versions completed."""
    assert {one.status for one in upgraded.instances.values()} == {"Completed"}


@in_the_middle
def test_who_began_under_a_was_run_by_the_old_steps(upgraded: Upgraded) -> None:
    """The version stays with the instance, and the old branch with the version."""
    old = upgraded.left.keys() - upgraded.fresh

    assert len(old) >= 10
    for service in old:
        scheduled = upgraded.backups[service].scheduled
        assert upgraded.backups[service].version == "1.0"
        assert NEW_STEP not in scheduled
        assert is_recorded_before_pruning(scheduled) in ({True} if is_well(service) else {None})


@in_the_middle
def test_who_began_under_b_was_run_by_the_new_steps(upgraded: Upgraded) -> None:
    """A new instance has the new version: its first step is the new one, and two come in the other order."""
    assert upgraded.fresh > {"svc-15", "svc-02", "svc-16"}
    for service in upgraded.fresh:
        scheduled = upgraded.backups[service].scheduled
        assert upgraded.backups[service].version == "2.0"
        assert scheduled[0] == NEW_STEP
        assert is_recorded_before_pruning(scheduled) in ({False} if is_well(service) else {None})


def is_well(service: str) -> bool:
    """Tell whether a service has no trouble."""
    return service not in TROUBLES


def is_recorded_before_pruning(scheduled: tuple[str, ...]) -> bool | None:
    """Return which of two steps came first; None if a run ended before both."""
    steps = [name for name in scheduled if name in ("record_restore_point", "prune_restore_points")]
    return steps[0] == "record_restore_point" if len(steps) == 2 else None


@at_any_moment
def test_the_same_version_again_begins_nothing_newer(upgraded: Upgraded) -> None:
    """And an upgrade at the night's end finds nothing left to begin; one in the middle does."""
    versions = {one.version for one in upgraded.instances.values()}

    assert versions == ({"1.0", "2.0"} if upgraded.dies == POST else {"1.0"})


@at_any_moment
def test_the_night_stayed_an_old_one_to_its_end(upgraded: Upgraded) -> None:
    """Over all of its generations, though the version that ended it is newer."""
    (night,) = [one for one in upgraded.instances.values() if one.name == "back_up_fleet"]

    assert night.version == "1.0"


@in_the_middle
def test_changed_activities_serve_both(upgraded: Upgraded) -> None:
    """What was verified after the upgrade was verified by B's code, whoever had begun it."""
    by_b = {point.service for point in upgraded.points if WARNING in point.warnings}
    old = {service for service, one in upgraded.left.items() if one.status != "Completed"}

    assert by_b == {service for service in old | upgraded.fresh if is_well(service)}
    assert by_b & upgraded.left.keys()
