"""SIGKILL of either devhost at any moment ends in the same summary: one backup, one restore, two equals."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import DemoProcess

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("demo")]
Start = Callable[..., "DemoProcess"]
POLL = "GET operationresults"


def _assert_same_end(demo: DemoProcess, *, kills: int) -> None:
    """Assert what every demo must come to, and that the kills were real ones."""
    assert demo.end() == 0, demo.text()
    summary = demo.summary()
    assert summary["result"] == "Succeeded"
    assert summary["differences"] == []
    assert summary["counts"] == {"backupPosts": 1, "restorePosts": 1}
    assert summary["backup"]["sha256"] == summary["backup"]["blobSha256"]
    assert demo.text().count("was ended by SIGKILL: started again") >= kills
    assert not demo.survivors()


def test_kills_right_after_each_post(start_demo: Start) -> None:
    """Each POST took effect and nobody may know: the host's, ARM's for the backup, ARM's for the restore."""
    demo = start_demo()
    demo.until(lambda: "/admin/functions/" in demo.text(), "the timer is fired")
    demo.kill("primary")
    demo.until(lambda: demo.count("POST backup") == 1, "the backup was asked for")
    demo.kill("primary")
    demo.until(lambda: demo.count("POST restore") == 1, "the restore was asked for")
    demo.kill("standby")

    _assert_same_end(demo, kills=3)


def test_kills_while_polling(start_demo: Start) -> None:
    """In the middle of polling a backup, and of polling a restore: the polling goes on."""
    demo = start_demo()
    demo.until(lambda: demo.count(POLL) >= 1, "the backup is polled")
    demo.kill("primary")
    demo.until(lambda: demo.count("POST restore") == 1, "the restore was asked for")
    before = demo.count(POLL)
    demo.until(lambda: demo.count(POLL) > before, "the restore is polled")
    demo.kill("standby")

    _assert_same_end(demo, kills=2)


def test_the_idle_sides_are_killed(start_demo: Start) -> None:
    """The standby dies while the primary backs up, the primary dies while the standby is restored."""
    demo = start_demo()
    demo.until(lambda: demo.count("POST backup") == 1, "the backup was asked for")
    demo.kill("standby")
    demo.until(lambda: demo.count("POST restore") == 1, "the restore was asked for")
    demo.kill("primary")

    _assert_same_end(demo, kills=2)


@pytest.mark.parametrize("seed", [11])
def test_kills_at_random_moments(start_demo: Start, seed: int) -> None:
    """Up to two kills of each devhost, at moments that nobody chose."""
    chance = random.Random(seed)
    demo = start_demo()
    demo.until(lambda: "standby" in demo.pids(), "the devhosts are started")
    pause = threading.Event()
    victims = ["primary", "standby"] * 2
    chance.shuffle(victims)
    for victim in victims:
        pause.wait(chance.uniform(0.5, 3.0))
        if not demo.summary():
            demo.kill(victim)

    _assert_same_end(demo, kills=2)
