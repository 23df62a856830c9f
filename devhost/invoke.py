"""
Run the app's functions: decode what triggered them, call them, encode what they return.

Decoding and encoding are done by azure-functions' own binding converters. Sync functions run in a thread
pool, async ones on an event loop of their own; in the real host both live in another process. Code that
blocks a loop must not stop the host.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import dataclasses
import logging
import os
import pathlib
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any

from azure.functions import meta

from devhost.app import App, Function
from devhost.engine.protocol import ActivityError

log = logging.getLogger("devhost.functions")

Datum = meta.Datum
_CONVERTERS: Any = meta.get_binding_registry()  # type: ignore[no-untyped-call]  # has no annotations

_DEVHOST = pathlib.Path(__file__).parent

# Orchestrators are replayed at every step; their starts and ends are told by the engine instead.
QUIET_TRIGGERS = frozenset({"orchestrationTrigger"})


class FunctionFailure(Exception):
    """A function raised; `error` is its exception."""

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(f"{name}: {type(error).__name__}: {error}")
        self.error = error


@dataclasses.dataclass(frozen=True, slots=True)
class Invocation:
    """What a parameter named `context` receives: who is running."""

    invocation_id: str
    function_name: str
    function_directory: str


class Worker:
    """Threads for sync functions, a loop for async ones."""

    def __init__(self, threads_max: int | None = None) -> None:
        """Make a worker; PYTHON_THREADPOOL_THREAD_COUNT sets the number of threads, as in Azure."""
        count = threads_max or int(os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT") or 0) or None
        self._threads = concurrent.futures.ThreadPoolExecutor(count, "function")

    async def call(self, code: Callable[..., Any], arguments: Mapping[str, Any], *, is_async: bool) -> Any:
        """Call a function with keyword arguments and wait for its result."""
        if is_async:
            future = asyncio.run_coroutine_threadsafe(code(**arguments), function_loop())
            return await asyncio.wrap_future(future)
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: code(**arguments))

    def close(self) -> None:
        """Take no more calls; what runs is left to end by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


_loop_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def function_loop() -> asyncio.AbstractEventLoop:
    """
    Return the one event loop for async functions, in a thread of its own.

    One for the whole process: the durable SDK keeps a single HTTP session in a global, and a session works on
    one loop only.
    """
    global _loop
    with _loop_lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="async functions", daemon=True).start()
            atexit.register(_close_client_session)
        return _loop


def _close_client_session() -> None:
    """Close the durable SDK's HTTP session, which it never closes by itself and complains about at exit."""
    with contextlib.suppress(Exception):
        from azure.durable_functions.models.utils import http_utils

        closing: Coroutine[Any, Any, None] = http_utils._close_session()
        asyncio.run_coroutine_threadsafe(closing, function_loop()).result(timeout=1)


class Invoker:
    """The functions of one app, callable by name."""

    def __init__(self, app: App, worker: Worker, client_json: Callable[[], str]) -> None:
        """
        Make an invoker.

        Args:
            app: the indexed app.
            worker: where the functions run.
            client_json: gives the JSON text of the durable client binding.
        """
        self._functions = {function.name: function for function in app.functions}
        self._directory = app.directory
        self._worker = worker
        self._client_json = client_json

    async def invoke(
        self, function: Function, trigger: Datum, metadata: Mapping[str, Datum] | None = None, why: str = ""
    ) -> Datum | None:
        """
        Run a function once.

        Args:
            function: what to run.
            trigger: what its trigger binding decodes.
            metadata: the trigger's metadata by name.
            why: for the log line, for example "timer".

        Returns:
            The encoded return value; None if the function has no place for one.

        Raises:
            FunctionFailure: the function raised, or returned what its binding cannot take.
        """
        quiet = function.trigger.type in QUIET_TRIGGERS
        started = time.monotonic()
        if not quiet:
            log.info("%s: started%s", function.name, f" ({why})" if why else "")
        try:
            arguments = self._arguments(function, trigger, metadata or {})
            result = await self._worker.call(function.code, arguments, is_async=function.is_async)
            encoded: Datum | None = _encode(function, result)
        except Exception as err:
            if not quiet:
                log.warning("%s: failed after %s: %s", function.name, _since(started), self._describe(err))
            raise FunctionFailure(function.name, err) from err
        if not quiet:
            log.info("%s: succeeded in %s", function.name, _since(started))
        return encoded

    def _arguments(self, function: Function, trigger: Datum, metadata: Mapping[str, Datum]) -> dict[str, Any]:
        registry = _CONVERTERS
        arguments: dict[str, Any] = {}
        for binding in function.bindings:
            if binding is function.trigger:
                converter = registry.get(binding.type)
                value = converter.decode(trigger, trigger_metadata=metadata)
                arguments[binding.name] = value
            elif binding.type == "durableClient":
                client = Datum(type="string", value=self._client_json())
                arguments[binding.name] = registry.get(binding.type).decode(client, trigger_metadata={})
        if "context" in function.parameters and "context" not in arguments:
            arguments["context"] = Invocation(uuid.uuid4().hex, function.name, str(self._directory))
        return arguments

    def _describe(self, err: BaseException) -> str:
        """Name an exception and the line of the app that raised it."""
        text = f"{type(err).__name__}: {err}"
        for frame in reversed(traceback.extract_tb(err.__traceback__)):
            path = pathlib.Path(frame.filename)
            is_ours = path.is_relative_to(_DEVHOST) or "site-packages" in path.parts
            if path.is_relative_to(self._directory) and not is_ours:
                return f"{text} ({path.relative_to(self._directory)}:{frame.lineno})"
        return text


class AppWorkers:
    """The engine's `Workers`, on an invoker."""

    def __init__(self, app: App, invoker: Invoker) -> None:
        self._invoker = invoker
        self._orchestrators = _by_function_name(app, "orchestrationTrigger", "orchestration")
        self._activities = _by_function_name(app, "activityTrigger", "activity")
        self.orchestrators: Collection[str] = self._orchestrators.keys()
        self.activities: Collection[str] = self._activities.keys()

    async def run_orchestrator(self, name: str, payload: str) -> str:
        """See `Workers.run_orchestrator`."""
        trigger = Datum(type="string", value=payload)
        try:
            result = await self._invoker.invoke(self._orchestrators[name], trigger)
        except FunctionFailure as err:
            raise err.error from err
        return str(result.value) if result else "null"

    async def run_activity(self, name: str, input_json: str | None) -> str:
        """See `Workers.run_activity`."""
        trigger = Datum(type="json", value="null" if input_json is None else input_json)
        try:
            result = await self._invoker.invoke(self._activities[name], trigger, why="activity")
        except FunctionFailure as err:
            raise activity_error(name, err.error) from err
        return str(result.value) if result else "null"


def activity_error(name: str, error: BaseException) -> ActivityError:
    """Put an activity's exception into the words of the real host, stack included."""
    stack = "".join(traceback.format_tb(error.__traceback__))
    reason = f"Activity function '{name}' failed: {type(error).__name__}: {error}"
    return ActivityError(
        reason, f"Result: Failure\nException: {type(error).__name__}: {error}\nStack: {stack}"
    )


def _by_function_name(app: App, trigger: str, key: str) -> dict[str, Function]:
    """Map the name that orchestrators use (the decorator may set one) to the function."""
    found = app.triggered_by(trigger)
    return {function.trigger.raw.get(key) or function.name: function for function in found}


def _encode(function: Function, result: Any) -> Any:
    """Encode a return value the way the worker does."""
    converter: Any = _CONVERTERS.get(function.trigger.type)
    if function.return_binding is not None:
        if result is None:
            return None
        converter = _CONVERTERS.get(function.return_binding.type)
        return converter.encode(result, expected_type=None)
    if function.trigger.type in ("activityTrigger", "orchestrationTrigger"):
        return converter.encode(result, expected_type=None)
    if result is not None:
        raise RuntimeError(f"function '{function.name}' without a $return binding returned a non-None value")
    return None


def _since(started: float) -> str:
    return f"{(time.monotonic() - started) * 1000:.0f} ms"
