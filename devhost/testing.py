"""
Run an app's orchestrators in a test: the real SDK, the real replay, the real JSON, and a clock that jumps.

`VirtualHost` runs the devhost's engine on a state in memory and a `VirtualClock`. When nothing is left to do
at the present time, the clock jumps to the next timer, so hours of polling take the time of their replays.
Activities are the app's own or stand-ins given by name. An activity with a durable client gets a real one,
which talks to the rpc routes on a free loopback port.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import inspect
import json
import pathlib
import weakref
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Any, Self

import azure.functions as func
from aiohttp import web

from devhost import app, clock, config, durable_client, replay
from devhost.durable_routes import DurableRoutes
from devhost.engine.protocol import Instance, Status, Wish, Workers
from devhost.engine.runner import DurableEngine, Limits
from devhost.engine.store import Store
from devhost.invoke import AppWorkers, Invoker, Worker, activity_error

TASK_HUB = "virtual"
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

# A stand-in takes the activity's input (decoded JSON) and returns its result; it may be async. None stands
# for an activity that returns nothing.
StandIn = Callable[[Any], Any] | None


class StuckError(Exception):
    """The instance waits for something that will not come by itself, or not within the time given."""


class InstanceStatus:
    """What is known of an instance, decoded."""

    def __init__(self, instance: Instance) -> None:
        self.instance_id = instance.instance_id
        self.name = instance.name
        self.runtime_status = str(instance.status)
        self.input: Any = _load(instance.input)
        self.output: Any = _load(instance.output)
        self.custom_status: Any = _load(instance.custom_status)
        self.created = instance.first_created_at  # of the first generation
        self.updated = instance.updated_at

    def __repr__(self) -> str:
        return f"<{self.name} '{self.instance_id}' {self.runtime_status}: {self.output!r}>"


class VirtualHost:
    """
    An engine on a virtual clock over an app's functions.

    Use it in a `with` statement, or call `close`; one that is forgotten closes itself.
    """

    clock: clock.VirtualClock
    calls: list[tuple[str, Any]]

    def __init__(
        self,
        functions: func.FunctionRegister,
        *,
        activities: Mapping[str, StandIn] | None = None,
        start: dt.datetime = START,
        state: pathlib.Path | None = None,
        default_version: str | None = None,
    ) -> None:
        """
        Make a host over an app object.

        Args:
            functions: a `df.DFApp`; blueprints are registered in it as usual.
            activities: stand-ins by activity name; names the app does not have are added.
            start: aware; the first present time.
            state: a state file, to take up what an earlier host left; None keeps the state in memory.
            default_version: what host.json would say, which no app object has.

        Raises:
            IndexingError: the app cannot be indexed.
        """
        here = pathlib.Path()
        found = app.index(functions, needs_settings=False)
        host = config.HostConfig(default_version=default_version)
        indexed = app.App(directory=here, functions=found, host=host)
        self._open(indexed, activities or {}, start, state)

    @classmethod
    def from_app(
        cls,
        source: pathlib.Path | str | func.FunctionRegister,
        activities: Mapping[str, StandIn] | None = None,
        start: dt.datetime = START,
    ) -> Self:
        """Make a host over a folder with a function_app.py, or over an app object; see `__init__`."""
        if isinstance(source, func.FunctionRegister):
            return cls(source, activities=activities, start=start)
        host = cls.__new__(cls)
        host._open(app.load(pathlib.Path(source), needs_settings=False), activities or {}, start, None)
        return host

    def _open(
        self,
        indexed: app.App,
        stand_ins: Mapping[str, StandIn],
        start: dt.datetime,
        state: pathlib.Path | None,
    ) -> None:
        self.clock = clock.VirtualClock(start)
        self.calls = []
        self._runner = asyncio.Runner()
        self._resources = contextlib.ExitStack()
        self._resources.callback(self._runner.close)
        self._close = weakref.finalize(self, self._resources.close)
        worker = Worker(threads_max=4)
        self._resources.callback(worker.close)
        store = Store(state, task_hub=TASK_HUB)
        self._resources.callback(store.close)
        server = _RpcServer()
        self._resources.callback(_stop, self._runner, server)
        invoker = Invoker(
            indexed, worker, lambda: durable_client.binding_json(server.base_url, TASK_HUB, None)
        )
        self._workers = _Workers(AppWorkers(indexed, invoker), stand_ins, self.calls)
        limits = Limits(default_version=indexed.host.default_version)
        self._engine = DurableEngine(store, self.clock, self._workers, limits)
        if any(binding.type == "durableClient" for one in indexed.functions for binding in one.bindings):
            routes = DurableRoutes(
                self._engine, task_hub=TASK_HUB, base_url=lambda: server.base_url, code=None
            )
            self._runner.run(server.start(routes))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back the port, the threads and the memory."""
        self._close()

    # Orchestrations.

    def start(self, name: str, input: Any = None, instance_id: str | None = None) -> str:
        """
        Schedule an orchestrator and return the instance's id; nothing runs yet.

        Raises:
            InstanceExistsError, UnknownFunctionError: as `Engine.start`.
        """
        payload = None if input is None else json.dumps(input)
        return self._runner.run(self._engine.start(name, payload, instance_id))

    def run_until_done(self, instance_id: str, within: dt.timedelta = dt.timedelta(days=1)) -> InstanceStatus:
        """
        Run until an instance ended, jumping from timer to timer.

        Raises:
            StuckError: it waits for an event, or has not ended within this time.
        """
        deadline = self.clock.now() + within
        while True:
            self.settle()
            status = self.get(instance_id)
            if status is None:
                raise StuckError(f"there is no instance '{instance_id}'")
            if Status(status.runtime_status).is_final:
                return status
            due = self._engine.next_timer()
            if due is None:
                raise StuckError(f"{status!r} is not done, and nothing will wake it: it waits for an event")
            if due > deadline:
                self.clock.advance_to(deadline)
                raise StuckError(f"{status!r} is not done after {within}; the next timer is due at {due}")
            self.clock.advance_to(due)

    def run_for(self, duration: dt.timedelta) -> None:
        """Let time pass, with every timer at its own moment."""
        end = self.clock.now() + duration
        self.settle()
        while (due := self._engine.next_timer()) is not None and due <= end:
            self.clock.advance_to(due)
            self.settle()
        self.clock.advance_to(end)

    def settle(self) -> None:
        """Do everything that can be done at the present time."""
        self._runner.run(self._engine.settle())

    def get(self, instance_id: str) -> InstanceStatus | None:
        """Return an instance, or None."""
        instance = self._runner.run(self._engine.get(instance_id))
        return None if instance is None else InstanceStatus(instance)

    def history(self, instance_id: str) -> list[dict[str, Any]]:
        """Return the events of the current generation."""
        return [json.loads(event) for event in self._runner.run(self._engine.history(instance_id))]

    def raise_event(self, instance_id: str, name: str, payload: Any = None) -> None:
        """Send an event; see `Engine.raise_event`."""
        self._runner.run(self._engine.raise_event(instance_id, name, json.dumps(payload)))

    def terminate(self, instance_id: str, reason: str = "") -> None:
        """End an instance; see `Engine.set_state`."""
        self._runner.run(self._engine.set_state(instance_id, Wish.TERMINATE, reason))

    def suspend(self, instance_id: str, reason: str = "") -> None:
        """Hold an instance; see `Engine.set_state`."""
        self._runner.run(self._engine.set_state(instance_id, Wish.SUSPEND, reason))

    def resume(self, instance_id: str, reason: str = "") -> None:
        """Let a suspended instance go on; see `Engine.set_state`."""
        self._runner.run(self._engine.set_state(instance_id, Wish.RESUME, reason))

    def purge(self, instance_id: str) -> bool:
        """Forget an ended instance; see `Engine.purge`."""
        return self._runner.run(self._engine.purge(instance_id))

    def check_determinism(self, instance_id: str) -> int:
        """
        Replay every generation of an instance from scratch and compare the actions.

        Returns:
            How many generations were compared.

        Raises:
            DeterminismError: a replay decided otherwise.
        """
        workers = self._workers
        return self._runner.run(workers.recorder.check(workers.app.run_orchestrator, instance_id))


class _Workers:
    """The app's functions with stand-ins in front, and a record of what was called."""

    def __init__(
        self, functions: Workers, stand_ins: Mapping[str, StandIn], calls: list[tuple[str, Any]]
    ) -> None:
        self.app = functions
        self.recorder = replay.Recorder()
        self.orchestrators: Collection[str] = functions.orchestrators
        self.activities: Collection[str] = {*functions.activities, *stand_ins}
        self._stand_ins = stand_ins
        self._calls = calls

    async def run_orchestrator(self, name: str, payload: str) -> str:
        return await self.recorder.run(self.app.run_orchestrator, name, payload)

    async def run_activity(self, name: str, input_json: str | None) -> str:
        given = _load(input_json)
        self._calls.append((name, given))
        if name not in self._stand_ins:
            return await self.app.run_activity(name, input_json)
        stand_in = self._stand_ins[name]
        try:
            result = stand_in(given) if stand_in else None
            if inspect.isawaitable(result):
                result = await result
            return json.dumps(result)
        except Exception as err:
            raise activity_error(name, err) from err


class _RpcServer:
    """The rpc routes on a free loopback port."""

    def __init__(self) -> None:
        self.base_url = "http://127.0.0.1:0"  # until started; only a client that is never used sees it
        self._runner: web.AppRunner | None = None

    async def start(self, routes: DurableRoutes) -> None:
        application = web.Application()
        for prefix in (durable_client.RPC_PATH, durable_client.WEBHOOK_PATH):
            routes.add_to(application.router, prefix, lambda handler: handler)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()


def _stop(runner: asyncio.Runner, server: _RpcServer) -> None:
    runner.run(server.stop())


def _load(text: str | None) -> Any:
    return None if text is None else json.loads(text)
