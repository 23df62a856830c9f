"""
An upgrade in the middle of a night of twenty services: version A begins it, is killed, and B ends it.

A is today's app. B is of a newer version: other steps for what it begins, the old ones for what it finds, and
another activity. Both are copied trees, over one state file, one storage and one Azure in virtual time.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.upgrade import trees
from tests.upgrade.changed import NEW_STEP, VERSION_B, WARNING
from tests.upgrade.ground import Ground, laid

pytestmark = pytest.mark.xdist_group("upgrade")

START = dt.datetime(2026, 11, 23, 2, tzinfo=dt.UTC)
DEATH = 13
"""The POST after which A is killed: the third of the second five."""


@dataclass(frozen=True, kw_only=True)
class Upgraded:
    """What was there when A died, and when the night had ended under B."""

    at_death: Counter[str]
    left: dict[str, Any]
    """The backups' instances as A left them, by service."""
    record: Any
    lies: list[str]
    posts: Counter[str]
    instances: dict[str, Any]
    backups: dict[str, Any]
    points: tuple[Any, ...]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Azure, storage and the state file."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("upgrade")
        with laid(folder, tmp_path_factory.mktemp("ca"), START, patch.setenv) as ground:
            yield ground


@pytest.fixture(scope="module")
def upgraded(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Upgraded:
    """The night, begun by A and ended by B."""
    tree_a = trees.copy(tmp_path_factory.mktemp("a"))
    tree_b = trees.copy(tmp_path_factory.mktemp("b"), VERSION_B)
    with trees.running(tree_a) as app, app.at_work(ground, dies_after_posts=DEATH) as a:
        night = a.begin_night()
        a.run_to_death()
        at_death, left = a.phases(), a.backups()
    with trees.running(tree_b) as app, app.at_work(ground) as b:
        b.finish(night)
        b.check_determinism()
        return Upgraded(
            at_death=at_death,
            left=left,
            record=b.night_record(night),
            lies=b.lies(night),
            posts=b.posts(),
            instances=b.instances(),
            backups=b.backups(),
            points=b.points(),
        )


def test_the_upgrade_came_in_the_middle(upgraded: Upgraded) -> None:
    """Some had ended, some were polled, some written down, one sent without an answer, some not begun."""
    assert all(
        upgraded.at_death[phase] > 0 for phase in ("Ended", "Running", "Requested", "Submitting", "not begun")
    ), upgraded.at_death


def test_twenty_of_twenty_succeeded(upgraded: Upgraded) -> None:
    """The record of the night has the word Succeeded for every service."""
    assert upgraded.record.words == {"Succeeded": 20}
    assert len(upgraded.record.services) == 20
    assert upgraded.record.starts == 1


def test_every_word_is_true(upgraded: Upgraded) -> None:
    """Azure's own account bears out every word, every point and every hash."""
    assert upgraded.lies == []
    assert len(upgraded.points) == 20


def test_nobody_got_a_second_post(upgraded: Upgraded) -> None:
    """Also not the one whose answer died with A."""
    assert set(upgraded.posts.values()) == {1}


def test_no_orchestration_failed(upgraded: Upgraded) -> None:
    """Every instance of both versions completed."""
    assert {one.status for one in upgraded.instances.values()} == {"Completed"}


def test_who_began_under_a_was_run_by_the_old_steps(upgraded: Upgraded) -> None:
    """The version stays with the instance, and the old branch with the version."""
    assert len(upgraded.left) == 15
    for service in upgraded.left:
        assert upgraded.backups[service].version == "1.0"
        assert NEW_STEP not in upgraded.backups[service].scheduled


def test_who_began_under_b_was_run_by_the_new_steps(upgraded: Upgraded) -> None:
    """A new instance has the new version, and its first step is the new one."""
    fresh = upgraded.backups.keys() - upgraded.left.keys()

    assert len(fresh) == 5
    for service in fresh:
        assert upgraded.backups[service].version == "2.0"
        assert upgraded.backups[service].scheduled[0] == NEW_STEP


def test_the_night_stayed_an_old_one_to_its_end(upgraded: Upgraded) -> None:
    """Over all of its generations, though the version that ended it is newer."""
    (night,) = [one for one in upgraded.instances.values() if one.name == "back_up_fleet"]

    assert night.version == "1.0"


def test_changed_activities_serve_both(upgraded: Upgraded) -> None:
    """What was verified after the upgrade was verified by B's code, whoever had begun it."""
    by_b = {point.service for point in upgraded.points if WARNING in point.warnings}
    old = {service for service, one in upgraded.left.items() if one.status != "Completed"}

    assert by_b == old | (upgraded.backups.keys() - upgraded.left.keys())
    assert by_b & upgraded.left.keys()
