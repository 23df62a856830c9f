"""Upgrades that change nothing, that break the rule, and that are taken back, in a night of twenty."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from tests.upgrade import trees
from tests.upgrade.changed import UNVERSIONED, VERSION_B
from tests.upgrade.ground import Ground

pytestmark = pytest.mark.xdist_group("upgrade")

MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
DRIFT = "Non-Deterministic workflow detected"


@pytest.fixture
def tree_a(tmp_path: Path) -> Path:
    """Today's app."""
    return trees.copy(tmp_path / "a")


@pytest.fixture
def tree_b(tmp_path: Path) -> Path:
    """A newer version."""
    return trees.copy(tmp_path / "b", VERSION_B)


def killed_in_the_middle(tree: Path, ground: Ground) -> str:
    """Begin the night and die at the thirteenth POST; return the night."""
    with trees.running(tree) as app, app.at_work(ground, dies_after_posts=13) as version:
        night: str = version.begin_night()
        version.run_to_death()
    return night


def begin_under(tree: Path, ground: Ground) -> None:
    """Let a version go on with the night until it polls what it began, and stop it."""
    with trees.running(tree) as app, app.at_work(ground) as version:
        version.host.run_for(12 * MINUTE)


def assert_twenty_true_words(version: Any, night: str) -> None:
    """Assert that all succeeded, that it is true, and that nobody got a second POST."""
    assert version.night_record(night).words == {"Succeeded": 20}
    assert version.lies(night) == []
    assert set(version.posts().values()) == {1}


def test_the_same_version_again_changes_nothing(ground: Ground, tree_a: Path, tmp_path: Path) -> None:
    """Another copy of the same app goes on where the first one stopped."""
    night = killed_in_the_middle(tree_a, ground)

    with trees.running(trees.copy(tmp_path / "again")) as app, app.at_work(ground) as again:
        again.finish(night)

        assert_twenty_true_words(again, night)
        assert {(one.status, one.version) for one in again.instances().values()} == {("Completed", "1.0")}
        assert again.night_record(night).starts == 1


def test_an_unversioned_change_fails_what_is_in_flight_and_the_words_are_true_all_the_same(
    ground: Ground, tree_a: Path, tmp_path: Path
) -> None:
    """
    What was in flight fails, as drift or by a result that belongs to another step; watch and catch-up start
    the runs and the night again, and nothing is sent twice.
    """
    night = killed_in_the_middle(tree_a, ground)

    with trees.running(trees.copy(tmp_path / "u", UNVERSIONED)) as app, app.at_work(ground) as wrong:
        wrong.host.run_for(MINUTE)
        failed = {name: one for name, one in wrong.instances().items() if one.status == "Failed"}
        wrong.finish(night)

        assert {one.name for one in failed.values()} == {"back_up_fleet", "back_up_service"}
        assert any(DRIFT in one.output for one in failed.values())
        assert_twenty_true_words(wrong, night)
        assert wrong.night_record(night).starts == 2


def test_after_a_rollback_newer_instances_wait_until_their_version_is_back(
    ground: Ground, tree_a: Path, tree_b: Path
) -> None:
    """A does not touch them, the watch takes them for driven, their night waits; B loses nothing."""
    night = killed_in_the_middle(tree_a, ground)
    begin_under(tree_b, ground)
    with trees.running(tree_a) as app, app.at_work(ground) as a:
        newer = a.of_version("2.0")
        a.pass_time(HOUR)

        assert len({name for name in newer if name.startswith("svc-")}) == 5
        assert a.of_version("2.0") == newer
        assert {one.status for one in newer.values()} == {"Running"}
        assert not a.has_record(night)
    with trees.running(tree_b) as app, app.at_work(ground) as b:
        b.finish(night)

        assert_twenty_true_words(b, night)
        assert {one.status for one in b.instances().values()} == {"Completed"}


def test_after_a_rollback_runs_that_are_terminated_are_taken_up_by_the_older_version(
    ground: Ground, tree_a: Path, tree_b: Path
) -> None:
    """An operator who does not want B back terminates the services' instances; the watch does the rest."""
    night = killed_in_the_middle(tree_a, ground)
    begin_under(tree_b, ground)
    with trees.running(tree_a) as app, app.at_work(ground) as a:
        a.pass_time(HOUR)
        waiting = [
            name for name, one in a.instances().items() if one.status == "Running" and name.startswith("svc-")
        ]
        for name in waiting:
            a.host.terminate(name, "rolled back")
        a.finish(night)

        assert_twenty_true_words(a, night)
        assert {a.instances()[name].version for name in waiting} == {"1.0"}
