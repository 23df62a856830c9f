"""Memory of the app's functions: the peak of single calls, and objects that are left when all is over."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import tracemalloc
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from devhost.app import Function
from devhost.invoke import Invoker, Worker

APP = ("shared", "backup_timer", "poll_status", "run_control", "operate_http", "restore_http")

OF_THE_NIGHT = frozenset({"back_up_fleet", "plan_night", "end_night", "run_states"})
FIRST = 20
EVERY = 50

_current = contextvars.ContextVar("name of the function that is being invoked", default="")


class MemoryMeter:
    """
    Memory that single calls of functions take at their peak, in bytes above what was there before.

    Calls of the night itself are all measured, of the others some: tracing slows everything down.
    """

    def __init__(self) -> None:
        self.peak_bytes: dict[str, int] = {}
        self._calls: Counter[str] = Counter()

    def measured(self, name: str, call: Callable[[], Any]) -> Any:
        """Run a call, and remember its peak if it is one of those that are measured."""
        self._calls[name] += 1
        number = self._calls[name]
        if name not in OF_THE_NIGHT and number > FIRST and number % EVERY:
            return call()
        tracemalloc.start()
        try:
            return call()
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            self.peak_bytes[name] = max(self.peak_bytes.get(name, 0), peak)


def attach(meter: MemoryMeter) -> None:
    """Let the virtual host run sync functions one at a time, measured."""
    invoke, call = Invoker.invoke, Worker.call

    async def named(self: Invoker, function: Function, *args: Any, **kwargs: Any) -> Any:
        _current.set(function.name)
        return await invoke(self, function, *args, **kwargs)

    async def metered(
        self: Worker, code: Callable[..., Any], arguments: Mapping[str, Any], *, is_async: bool
    ) -> Any:
        if is_async:
            return await call(self, code, arguments, is_async=True)
        name = _current.get()
        async with lock:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, lambda: meter.measured(name, lambda: code(**arguments))
            )

    lock = asyncio.Lock()
    Invoker.invoke = named  # type: ignore[method-assign]
    Worker.call = metered  # type: ignore[method-assign]


def kept_objects() -> int:
    """Return how many instances of the app's own classes are still there."""
    gc.collect()
    modules = (type(one).__dict__.get("__module__") for one in gc.get_objects())
    return sum(isinstance(module, str) and module.partition(".")[0] in APP for module in modules)
