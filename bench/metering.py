"""Meters: calls against Azure's token buckets, and CPU time by thread."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from devhost.replay import RunOrchestrator
from shared.adapters.pace import AZURE, Pace, key_of


class Metronome:
    """
    Seconds for a pace under a virtual clock, which stands still while activities work.

    Who has to wait for a token gets it at a later moment; the clock that the pace sees goes on to there.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._local = threading.local()
        self.waited_s_max = 0.0

    def now_s(self) -> float:
        """Return the present moment."""
        return self._now_s()

    def sleep(self, seconds: float) -> None:
        """Note a wait instead of waiting."""
        self._local.waited_s = seconds
        self.waited_s_max = max(self.waited_s_max, seconds)

    def take_wait_s(self) -> float:
        """Return what the calling thread has just been told to wait, and forget it."""
        waited_s: float = getattr(self._local, "waited_s", 0.0)
        self._local.waited_s = 0.0
        return waited_s


class MeteredPace(Pace):
    """The real pace, which writes down at which virtual second each call would have been sent."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.metronome = Metronome(now_s)
        super().__init__(now_s=self.metronome.now_s, sleep=self.metronome.sleep)
        self.sent_at_s: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self._sent_lock = threading.Lock()

    def wait(self, method: str, url: str) -> None:
        """Ask the real pace and write the moment down."""
        super().wait(method, url)
        at_s = self.metronome.now_s() + self.metronome.take_wait_s()
        with self._sent_lock:
            self.sent_at_s[key_of(method, url)].append(at_s)


def bucket_report(sent_at_s: dict[tuple[str, str], list[float]]) -> dict[str, Any]:
    """Return, for each kind, the busiest second and the fewest tokens that Azure's bucket had left."""
    report: dict[str, Any] = {}
    for (_subscription, kind), moments in sent_at_s.items():
        limit = AZURE[kind]
        tokens, at_s, fewest = limit.burst, 0.0, limit.burst
        for moment in sorted(moments):
            tokens = min(limit.burst, tokens + (moment - at_s) * limit.per_s) - 1
            at_s, fewest = moment, min(fewest, tokens)
        busiest = max(Counter(int(moment) for moment in moments).values())
        known = report.get(kind, {"calls": 0, "busiestSecond": 0, "tokensLeftMin": limit.burst})
        report[kind] = {
            "calls": known["calls"] + len(moments),
            "busiestSecond": max(known["busiestSecond"], busiest),
            "tokensLeftMin": round(min(known["tokensLeftMin"], fewest), 1),
            "bucket": limit.burst,
        }
    return report


class CpuMeter:
    """CPU seconds of the process, with those of the simulator's and of the host's thread apart."""

    def __init__(self) -> None:
        """Start now; the simulator's thread is found by its name, the caller's is the host's."""
        (simulator,) = [one for one in threading.enumerate() if one.name == "simulator"]
        assert simulator.ident is not None
        self._simulator_clock = time.pthread_getcpuclockid(simulator.ident)
        self._start = self._now()

    def _now(self) -> tuple[float, float, float]:
        return time.process_time(), time.thread_time(), time.clock_gettime(self._simulator_clock)

    def read(self) -> dict[str, float]:
        """Return the CPU seconds since the start: of the app, of the host, of the simulator."""
        whole, host, simulator = (now - then for now, then in zip(self._now(), self._start, strict=True))
        return {"app": whole - host - simulator, "host": host, "simulator": simulator}


class Replays:
    """
    How much history orchestrators are fed: what a machine's load does not change.

    At each step the whole history of a generation is read anew, so this is where a night could grow faster
    than its services.
    """

    def __init__(self) -> None:
        self.bytes_read: Counter[str] = Counter()

    async def run(self, run: RunOrchestrator, name: str, payload: str) -> str:
        """Run an orchestrator, and count what it was fed."""
        self.bytes_read[name] += len(payload)
        return await run(name, payload)
