"""Upgrades that break the rule, and that are taken back, in a night of twenty."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from tests.upgrade import trees
from tests.upgrade.changed import UNVERSIONED
from tests.upgrade.ground import Ground
from tests.upgrade.troubles import TROUBLES

pytestmark = pytest.mark.xdist_group("upgrade")

MINUTE, HALF_AN_HOUR = dt.timedelta(minutes=1), dt.timedelta(minutes=30)
DRIFT = "Non-Deterministic workflow detected"


def killed_in_the_middle(tree: Path, ground: Ground) -> str:
    """Begin the night and die at the twelfth POST; return the night."""
    with trees.running(tree) as app, app.at_work(ground, dies=("POST", 12)) as version:
        night: str = version.begin_night()
        version.run_to_death()
    return night


def begin_under(tree: Path, ground: Ground) -> None:
    """Let a version go on with the night until it polls what it began, and stop it."""
    with trees.running(tree) as app, app.at_work(ground) as version:
        version.host.run_for(7 * MINUTE)


def assert_twenty_true_words(version: Any, night: str) -> None:
    """Assert that each got its word of the scenario, that it is true, and that no run had a second POST."""
    words = {service: word for service, (word, _, _) in version.words(night).items()}
    assert words == {name: TROUBLES[name].word if name in TROUBLES else "Succeeded" for name in words}
    assert len(words) == 20
    assert version.lies(night) == []
    posts = version.posts()
    assert posts == {name: TROUBLES[name].posts if name in TROUBLES else 1 for name in posts}


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


def test_after_a_rollback_newer_instances_wait_until_their_version_is_back_or_they_are_terminated(
    ground: Ground, tree_a: Path, tree_b: Path
) -> None:
    """
    A does not touch them, the watch takes them for driven, their night waits. Those that an operator
    terminates are taken up by A, with the watch; to the others B comes back, and loses nothing.
    """
    night = killed_in_the_middle(tree_a, ground)
    begin_under(tree_b, ground)
    with trees.running(tree_a) as app, app.at_work(ground) as a:
        newer = a.of_version("2.0")
        a.pass_time(HALF_AN_HOUR)

        backups = sorted(name for name in newer if name.startswith("svc-"))
        assert len(backups) >= 2
        assert a.of_version("2.0") == newer
        assert not a.has_record(night)
        given_up, kept = backups[0], backups[1:]
        a.host.terminate(given_up, "rolled back")
        a.pass_time(HALF_AN_HOUR)

        taken_up = a.instances()[given_up]
        assert (taken_up.version, taken_up.status) == ("1.0", "Completed")
        assert all(a.instances()[name] == newer[name] for name in kept)
        assert not a.has_record(night)
    with trees.running(tree_b) as app, app.at_work(ground) as b:
        b.finish(night)

        assert_twenty_true_words(b, night)
        assert {b.instances()[name].status for name in backups} == {"Completed"}
        assert {b.instances()[name].version for name in kept} == {"2.0"}
