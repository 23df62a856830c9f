"""The rule: what changes the order of an orchestrator's steps has a new version, and keeps the old steps."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import function_app
from backup_timer import orchestrator
from devhost.replay import find_drift
from devhost.testing import VirtualHost
from tests.upgrade import kept
from tests.upgrade.cases import CASES
from tests.upgrade.kept import History

FILES = tuple(kept.paths())


@pytest.fixture(scope="module")
def host() -> Iterator[VirtualHost]:
    """Today's orchestrators."""
    with VirtualHost(function_app.app) as host:
        yield host


def drift(host: VirtualHost, history: History) -> str | None:
    """Replay a history with today's code."""
    run = host._workers.app.run_orchestrator
    return asyncio.run(find_drift(run, history.orchestrator, history.payload, history.answer))


def orchestrators() -> set[str]:
    """Return the names of the app's orchestrators, as its kept index has them."""
    index = json.loads((kept.ROOT / "tests/functions/expected_index.json").read_text())
    return {name for name, function in index.items() if "orchestrationTrigger" in json.dumps(function)}


def test_the_version_is_one_that_the_host_compares_as_a_number() -> None:
    """ "10" would come before "9": numbers need a point to be numbers for the host."""
    assert re.fullmatch(r"[1-9]\d*\.0", kept.VERSION)


def test_every_orchestrator_has_histories_of_the_present_version() -> None:
    """A new orchestrator, or a raised version, is recorded: python -m tests.upgrade.record."""
    recorded = {kept.read(path)[0].orchestrator for path in kept.paths(kept.VERSION)}

    assert recorded == orchestrators()


def test_every_case_is_kept_and_every_file_is_a_case() -> None:
    """What the recorder would record now lies in the folder of the present version."""
    cases = {f"{name}-{case}.json.gz" for name, several in CASES.items() for case in several}

    assert {path.name for path in kept.paths(kept.VERSION)} == cases


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name[:-8]}")
def test_a_recorded_history_replays_with_the_same_steps(host: VirtualHost, path: Path) -> None:
    """Instances of every kept version, begun before an upgrade, go on after it."""
    for history in kept.read(path):
        assert kept.folder(history.version or "") == path.parent.name
        assert drift(host, history) is None


def history_of(name: str) -> History:
    """Return the first generation of a kept case."""
    return kept.read(kept.HISTORIES / "v1" / f"{name}.json.gz")[0]


def changed(monkeypatch: pytest.MonkeyPatch, *, is_versioned: bool) -> None:
    """Give the backup one more step before all others, behind its version or for everybody."""
    backup = orchestrator._back_up

    def one_more(context: Any, request: Any) -> Any:
        if not is_versioned or context.version not in (None, "1.0"):
            yield context.call_activity("run_states", {"v": 1, "runs": []})
        return (yield from backup(context, request))

    monkeypatch.setattr(orchestrator, "_back_up", one_more)


def test_one_more_step_before_the_others_is_found(host: VirtualHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard names the action at which the replay leaves the history."""
    changed(monkeypatch, is_versioned=False)

    found = [drift(host, history_of(f"back_up_service-{case}")) for case in CASES["back_up_service"]]

    assert all(text and "prepare_backup" in text and "run_states" in text for text in found), found


def test_the_same_step_behind_its_version_passes(host: VirtualHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instances of the old version keep the old steps."""
    changed(monkeypatch, is_versioned=True)

    found = [drift(host, history_of(f"back_up_service-{case}")) for case in CASES["back_up_service"]]

    assert set(found) == {None}


def test_a_step_more_at_the_end_is_found(host: VirtualHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance that had ended on record must end in a replay."""
    conclude = orchestrator.conclude

    def and_one_more(context: Any, request: Any, end: Any) -> Any:
        output = yield from conclude(context, request, end)
        yield context.call_activity("run_states", {"v": 1, "runs": []})
        return output

    monkeypatch.setattr(orchestrator, "conclude", and_one_more)

    assert "scheduled 'run_states'" in (drift(host, history_of("back_up_service-succeeded")) or "")


def test_a_step_less_is_found(host: VirtualHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the one that is left out at the end."""

    def no_pruning(context: Any, request: Any) -> Any:
        return ()
        yield

    monkeypatch.setattr(orchestrator, "_prune", no_pruning)

    assert "prune_restore_points" in (drift(host, history_of("back_up_service-succeeded")) or "")


def test_another_wait_and_another_input_are_no_drift(
    host: VirtualHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host holds neither against a replay, so neither needs a version."""
    glance = orchestrator.glance
    monkeypatch.setattr(orchestrator, "glance", lambda state: {**glance(state), "more": True})

    assert drift(host, history_of("back_up_fleet-several")) is None


def test_no_history_holds_a_secret_or_names_a_machine() -> None:
    """Nothing that looks like a token, a key, a signature or a path of whoever recorded it."""
    for path in FILES:
        text = json.dumps([history.payload for history in kept.read(path)])
        assert not re.search(r"Bearer |AccountKey|sig=|eyJ[A-Za-z0-9]|File \W*/", text), path.name
