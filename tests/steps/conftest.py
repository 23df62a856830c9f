"""Ports over memory, and Durable's client without a host."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from shared.core import names
from shared.core.restore_points import RestorePoint
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.points import make_point


class Lines(logging.Handler):
    """Every line of the app, its level, and in which thread it was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str, int]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append((record.getMessage(), record.levelname, threading.get_ident()))


@pytest.fixture
def logged() -> Iterator[list[tuple[str, str, int]]]:
    """Return what the app logs during a test."""
    logger, lines = logging.getLogger("apim_dr"), Lines()
    level = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    yield lines.lines
    logger.removeHandler(lines)
    logger.setLevel(level)


class FakeClient:
    """The part of Durable's client that the app uses; instances stay as they were put."""

    def __init__(self) -> None:
        self.instances: dict[str, SimpleNamespace] = {}
        self.started: list[tuple[str, str, Any]] = []
        self.on_start: Exception | None = None
        self.on_status: Exception | None = None

    async def start_new(self, name: str, instance_id: str | None = None, client_input: Any = None) -> str:
        """Start an instance, or raise what the test put there."""
        if self.on_start is not None:
            raise self.on_start
        assert instance_id is not None
        self.started.append((name, instance_id, client_input))
        self.put(instance_id, "Running", input_=client_input)
        return instance_id

    async def get_status(self, instance_id: str, **_options: Any) -> SimpleNamespace:
        """Return what is known of an instance, as the SDK does."""
        if self.on_status is not None:
            raise self.on_status
        empty = SimpleNamespace(runtime_status=None, output=None, custom_status=None, input_=None)
        return self.instances.get(instance_id, empty)

    def put(self, instance_id: str, status: str, *, input_: Any = None, custom_status: Any = None) -> None:
        """Set how an instance is; the host hands inputs back as JSON text."""
        self.instances[instance_id] = SimpleNamespace(
            runtime_status=SimpleNamespace(value=status),
            output=None,
            custom_status=custom_status,
            input_=None if input_ is None else json.dumps(input_),
        )


def run(coroutine: Any) -> Any:
    """Run an async function to its end."""
    return asyncio.run(coroutine)


def request(body: Any = None, *, url: str = "https://dr.example/api/restores", **route: str) -> Any:
    """Return an HTTP request as the host hands it over."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return func.HttpRequest(method="POST", url=url, body=content, route_params=route)


def body_of(response: func.HttpResponse) -> Any:
    """Return the JSON of an answer."""
    return json.loads(response.get_body())


def put_point(ports: FakePorts, at: dt.datetime = START - dt.timedelta(hours=1)) -> RestorePoint:
    """Store blob, inventory and record of a restore point of the first service."""
    return make_point(ports, at, names.backup_name(ports.first.name, at))


@pytest.fixture
def ports() -> FakePorts:
    """The ports of the app in the standby's region."""
    return FakePorts().in_region("northeurope")


@pytest.fixture
def client() -> FakeClient:
    """Durable's client."""
    return FakeClient()
