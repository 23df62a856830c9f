"""The whole app against the whole simulator, in virtual time: real requests, real orchestrators, no sleep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeClock, MemoryStorage
from tests.fakes.ports import plan_json
from tests.world import azure
from tests.world.app import World, WorldPorts
from tests.world.apps import AzureLine, lines_of
from tests.world.azure import Azure
from tests.world.operators import AtShell
from tests.world.runbooks import Operator

MakeWorld = Callable[..., World]
COPIES = {"account": "drstandby", "container": "apim-copies", "createContainer": True}


@pytest.fixture(scope="session")
def ca_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the simulator's certificates."""
    return tmp_path_factory.mktemp("ca")


@pytest.fixture
def clock() -> FakeClock:
    """The one clock of app, host and simulator."""
    return FakeClock()


@pytest.fixture
def storage() -> MemoryStorage:
    """All storage accounts."""
    return MemoryStorage()


@pytest.fixture
def cloud(
    clock: FakeClock, storage: MemoryStorage, ca_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Azure]:
    """The simulator, on that clock and that storage."""
    with azure.running(clock, storage, ca_dir, monkeypatch.setenv) as running:
        yield running


@pytest.fixture
def make_world(
    cloud: Azure, clock: FakeClock, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeWorld]:
    """
    Return a function that makes the app; it is replayed from scratch when its test is over.

    With `copies` the standbys name storage of their own.
    """
    made: list[World] = []

    def make(
        *services: str, stand_ins: dict[str, Any] | None = None, copies: bool = False, **plan: Any
    ) -> World:
        document = plan_json(services or ("contoso",), **plan)
        for service in document["services"] if copies else ():
            service["standby"]["storage"] = dict(COPIES)
        ports = WorldPorts(document, azure=cloud, clock=clock, storage=storage)
        made.append(World(monkeypatch, ports, stand_ins))
        return made[-1]

    yield make
    try:
        for world in made:
            for app in world.with_descent():
                app.check_determinism()
    finally:
        for world in made:
            for app in world.with_descent():
                app.host.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """The app with one service."""
    return make_world()


@pytest.fixture
def at_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AtShell]:
    """Return a function that sits down at a prepared shell; it is closed when the test is over."""
    made: list[Operator] = []

    def sit_down(
        apps: dict[str, World],
        azure: dict[str, AzureLine] | None = None,
        gateways: dict[str, int] | None = None,
    ) -> Operator:
        known = lines_of(apps, monkeypatch) | (azure or {})
        made.append(Operator(tmp_path, apps, known, gateways or {}))
        made[-1].prepare()
        return made[-1]

    yield sit_down
    for operator in made:
        operator.close()
