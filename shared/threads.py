"""
Blocking calls in threads, with what they log.

The Functions host drops a line whose call it does not know, and a thread that the app starts by itself
belongs to none (docs/monitoring.md, "Lines that may be missing"). So what is logged in such threads is
logged by whoever waits for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from shared import telemetry

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T")


async def in_thread(call: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
    """
    Run a blocking call of an async function in a thread.

    Raises:
        whatever the call raises; what it had logged is logged all the same. If the task that waits is
            cancelled, the call goes on, and logs for itself what it has to say from then on.
    """
    with telemetry.kept_back():
        return await asyncio.to_thread(call, *args, **kwargs)


def in_threads(call: Callable[[_T], _R], items: Iterable[_T], *, at_once: int) -> list[_R]:
    """
    Run a blocking call for each item, so many at once, and return the answers in the items' order.

    Raises:
        what the first of them raises, after those that had begun have ended; no further one begins.
    """
    with telemetry.kept_back(), ThreadPoolExecutor(max_workers=at_once) as pool:
        answers = [pool.submit(copy_context().run, call, item) for item in items]
        try:
            return [answer.result() for answer in answers]
        finally:
            pool.shutdown(cancel_futures=True)
