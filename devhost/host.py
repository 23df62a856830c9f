"""
One running host: the app, the engine, the HTTP side, the timers and the queues, put together and taken apart.

This is the only module that knows all the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import pathlib
import signal
import socket
import sys
from collections.abc import Awaitable, Iterator
from typing import Any

from aiohttp import web

from devhost import config, durable_client, files
from devhost.app import App, Function, load
from devhost.clock import SystemClock
from devhost.durable_routes import DurableRoutes
from devhost.engine.runner import DurableEngine, Limits
from devhost.engine.store import Store
from devhost.http import HttpSide
from devhost.invoke import AppWorkers, Invoker, Worker
from devhost.keys import DURABLE, HOST, MASTER, Keys
from devhost.queues import QueueListener
from devhost.timers import ScheduleStore, Timer

log = logging.getLogger("devhost")

LOOPBACK = "127.0.0.1"
GRACE_S = 3.0  # for what runs when the host is asked to end; it runs again at the next start


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line of `start`."""

    app_dir: pathlib.Path
    port: int
    state: pathlib.Path
    task_hub: str
    settings: pathlib.Path | None = None
    enforces_keys: bool = False
    ready_file: pathlib.Path | None = None


class PortTakenError(Exception):
    """The port is in use; the text says which and what to do."""


class Host:
    """The parts of one host over an indexed app."""

    def __init__(self, app: App, store: Store, options: Options, base_url: str) -> None:
        self.app = app
        self.base_url = base_url
        self._options = options
        self.keys = Keys(store.database) if options.enforces_keys else None
        code = self.keys.get(*DURABLE) if self.keys else None
        self._worker = Worker()
        invoker = Invoker(
            app, self._worker, lambda: durable_client.binding_json(base_url, options.task_hub, code)
        )
        clock = SystemClock()
        limits = Limits(
            activities=app.host.activities_max,
            orchestrators=app.host.orchestrators_max,
            default_version=app.host.default_version,
        )
        self._engine = DurableEngine(store, clock, AppWorkers(app, invoker), limits)
        durable = DurableRoutes(self._engine, task_hub=options.task_hub, base_url=lambda: base_url, code=code)
        self.http = HttpSide(app, invoker, durable, self.keys, self.run_now)
        schedules = ScheduleStore(store.database)
        self.timers = {
            function.name: Timer(function, invoker, clock, schedules)
            for function in app.triggered_by("timerTrigger")
        }
        self._queues = {
            function.name: QueueListener(function, invoker, app.host.queues)
            for function in app.triggered_by("queueTrigger")
        }
        self._by_hand: set[asyncio.Future[object]] = set()

    async def run_now(self, function: Function, text: str) -> None:
        """Start a timer or queue function in the background, as somebody asked at the admin endpoint."""
        work: Awaitable[object]
        if function.name in self.timers:
            work = self.timers[function.name].run_now()
        else:
            work = self._queues[function.name].run_text(text, why="run by hand")
        task: asyncio.Future[object] = asyncio.ensure_future(work)
        self._by_hand.add(task)
        task.add_done_callback(self._by_hand.discard)

    async def serve(self, listening: socket.socket, stop: asyncio.Event) -> None:
        """
        Serve until `stop` is set.

        Raises:
            Exception: a defect of the devhost in one of its loops.
        """
        runner = web.AppRunner(
            self.http.build(), access_log=None, handle_signals=False, shutdown_timeout=GRACE_S
        )
        await runner.setup()
        await web.SockSite(runner, listening).start()
        loops = [self._engine.run()]
        loops += [timer.run() for timer in self.timers.values()]
        loops += [queue.run() for queue in self._queues.values()]
        tasks = [asyncio.create_task(loop) for loop in loops]
        stopping = asyncio.create_task(stop.wait())
        _announce(self, self._options)
        try:
            pending = {stopping, *tasks}
            while not stopping.done():
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {stopping}:
                    task.result()  # a loop that ended by itself is fine, one that raised is a defect
        finally:
            await self._engine.rest(GRACE_S)
            endings: list[asyncio.Future[Any]] = [stopping, *tasks, *self._by_hand]
            for ending in endings:
                ending.cancel()
            await asyncio.gather(*endings, return_exceptions=True)
            await runner.cleanup()
            self._worker.close()


def start(options: Options) -> None:
    """
    Run a host until it is interrupted.

    Raises:
        ConfigError, IndexingError, StateError, PortTakenError: it cannot start; the text says everything.
    """
    with _listen(options.port) as listening:
        port = listening.getsockname()[1]
        _prepare_environment(options, port)
        _leave_to_the_app(options.app_dir)
        app = load(options.app_dir)
        store = Store(options.state, task_hub=options.task_hub)
        try:
            asyncio.run(_run(app, store, options, listening, f"http://{LOOPBACK}:{port}"))
        finally:
            store.close()
            if options.ready_file:
                options.ready_file.unlink(missing_ok=True)


async def _run(app: App, store: Store, options: Options, listening: socket.socket, base_url: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await Host(app, store, options, base_url).serve(listening, stop)
    log.info("ended; the state is kept in %s", options.state)


@contextlib.contextmanager
def _listen(port: int) -> Iterator[socket.socket]:
    """Bind the port before anything else, so that the app can be told its own address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((LOOPBACK, port))
        except OSError as err:
            raise PortTakenError(
                f"port {port} on {LOOPBACK} cannot be used ({err.strerror}); choose another with --port,"
                " or --port 0 for any free one"
            ) from err
        yield listening


def _leave_to_the_app(app_dir: pathlib.Path) -> None:
    """
    Take the folder that the devhost itself came from off the module path, unless the app lies there too.

    An app from elsewhere must not find a module here that it lacks itself: in Azure it would be missing.
    """
    own = pathlib.Path(__file__).resolve().parent.parent
    if app_dir.resolve() != own:
        sys.path[:] = [entry for entry in sys.path if pathlib.Path(entry).resolve() != own]


def _prepare_environment(options: Options, port: int) -> None:
    """Set what the real host sets for its worker, then the settings file; what is there already wins."""
    settings = options.settings
    if settings is None and (options.app_dir / "local.settings.json").exists():
        settings = options.app_dir / "local.settings.json"
    if settings is not None:
        names = config.apply_settings(settings)
        log.info("settings from %s: %s", settings, ", ".join(names) or "none that was not set already")
    for name, value in {
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "AzureWebJobsScriptRoot": str(options.app_dir.resolve()),
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "WEBSITE_HOSTNAME": f"{LOOPBACK}:{port}",
    }.items():
        os.environ.setdefault(name, value)


def _announce(host: Host, options: Options) -> None:
    """Write the ready file, then tell what runs here."""
    if options.ready_file:
        ready: dict[str, object] = {"pid": os.getpid(), "url": host.base_url}
        if host.keys:
            ready["masterKey"] = host.keys.get(*MASTER)
            ready["hostKey"] = host.keys.get(*HOST)
        files.write_ready(options.ready_file, ready)
    log.info(
        "devhost at %s: task hub %s, state %s, keys %s",
        host.base_url,
        options.task_hub,
        options.state,
        "enforced" if host.keys else "not enforced (--auth)",
    )
    log.info("  app: %s", sys.modules["function_app"].__file__)
    for route in host.http.routes:
        methods = ",".join(sorted(route.methods or {"any"}))
        log.info("  %s: [%s] %s/%s", route.function.name, methods, host.base_url, route.template)
    for name, timer in host.timers.items():
        due = timer.next_run()
        when = due.strftime("%Y-%m-%d %H:%M:%SZ") if due else "never"
        log.info("  %s: timer, next at %s", name, when)
    for function in host.app.functions:
        if function.trigger.type == "queueTrigger":
            log.info("  %s: queue '%s'", function.name, function.trigger.raw["queueName"])
        elif function.trigger.type in ("orchestrationTrigger", "activityTrigger"):
            log.info("  %s: %s", function.name, function.trigger.type.removesuffix("Trigger"))
