"""
The pace of calls: never more at once than Azure Resource Manager's token bucket lets through.

Azure keeps one bucket for each region, subscription, caller and kind of call, and answers 429 when it is
empty; see docs/azure-facts.md, "Throttling". One worker process keeps a share of it here. What waits is the
thread that is about to send: there are never more of them than activities that run at once, times the
connections of an inventory, so that nobody waits longer than that many refills.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

SHARE = 0.8
"""
Of Azure's numbers. The rest is for other workers and for people who act as the same identity, for requests
that the network holds back and then delivers together, and because Azure says that its numbers may change.
"""

_SUBSCRIPTION = re.compile(r"/subscriptions/([^/?#]+)", re.IGNORECASE)
_KINDS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A token bucket: calls at once, and calls a second after that."""

    burst: float
    per_s: float


AZURE = {
    "reads": Limit(burst=250, per_s=25),
    "writes": Limit(burst=200, per_s=10),
    "deletes": Limit(burst=200, per_s=10),
}
"""As published, for one subscription."""


class Pace:
    """A token bucket for each subscription and kind of call. Safe to use from several threads."""

    def __init__(
        self,
        *,
        share: float = SHARE,
        speed: float = 1.0,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Make full buckets.

        Args:
            share: how much of Azure's numbers this process takes, above 0.
            speed: how much faster than Azure everything is (development only).
            now_s: seconds on a clock that never goes back.
            sleep: returns when that many seconds have gone by on it, not before.
        """
        self._limits = {
            kind: Limit(burst=limit.burst * share, per_s=limit.per_s * share * speed)
            for kind, limit in AZURE.items()
        }
        self._now_s = now_s
        self._sleep = sleep
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def wait(self, method: str, url: str) -> None:
        """Return when a call may be sent: at once while the bucket lasts, else in the order of asking."""
        subscription, kind = key_of(method, url)
        with self._lock:
            now_s = self._now_s()
            bucket = self._buckets.get((subscription, kind))
            if bucket is None:
                limit = self._limits[kind]
                bucket = self._buckets[subscription, kind] = _Bucket(limit, limit.burst, now_s)
            pause_s = bucket.take(now_s)
        if pause_s > 0:
            self._sleep(pause_s)


@dataclass(slots=True)
class _Bucket:
    """Tokens at a moment. Below zero they are promised to calls that wait."""

    limit: Limit
    tokens: float
    at_s: float

    def take(self, now_s: float) -> float:
        """Take one token and return the seconds until it is there."""
        refilled = self.tokens + (now_s - self.at_s) * self.limit.per_s
        self.tokens, self.at_s = min(self.limit.burst, refilled) - 1, now_s
        return max(0.0, -self.tokens / self.limit.per_s)


def key_of(method: str, url: str) -> tuple[str, str]:
    """Return (subscription in lower case, kind): which bucket of Azure's a call takes from."""
    found = _SUBSCRIPTION.search(url)
    return (found[1].lower() if found else "", _KINDS.get(method, "writes"))
