"""
Reading the records of several regions for one answer.

A region that does not answer is asked once: a lost region must not cost an answer its time again and again.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TypeVar

from shared import survey
from shared.core import layout
from shared.core.errors import DrError, TemporaryError
from shared.core.ports import Blobs, Ports
from shared.core.preflight_facts import Unseen
from shared.core.restore_points import VALIDITY

_T = TypeVar("_T")

RUNS_SINCE = VALIDITY + dt.timedelta(days=1)
"""A restore before that was of a point that has expired since."""

_RESTORE = re.compile(r"[0-9]{8}T[0-9]{6}Z-(?:restore|replicate|drill)-(?P<rest>.+)")
_TAIL = re.compile(r"-[0-9a-f]{8}")


class Regions:
    """The records of all regions, for one answer; threads may share it."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._silent: dict[str, Unseen] = {}
        self._restores: dict[str, Mapping[str, tuple[str, ...]] | Unseen] = {}
        self._lock = threading.Lock()

    def read(self, region: str, of: Callable[[Blobs], _T]) -> _T | Unseen:
        """
        Return what is read of a region's records, or why it could not be.

        Args:
            region: one of the plan's.
            of: reads; whatever it raises of our errors becomes the reason.
        """
        if region in self._silent:
            return self._silent[region]
        try:
            return of(self._ports.records(region))
        except DrError as err:
            why = survey.unseen(err, "Storage Blob Data Contributor on the records container")
            if isinstance(err, TemporaryError):
                self._silent[region] = why
            return why

    def restores_of(self, service: str, region: str) -> tuple[str, ...] | Unseen:
        """Return the ids of a month's runs that may have restored points of a service, newest first."""
        with self._lock:  # listed once, and not by every thread
            if region not in self._restores:
                self._restores[region] = self.read(region, self._list_restores)
        found = self._restores[region]
        return found if isinstance(found, Unseen) else found.get(service, ())

    def _list_restores(self, records: Blobs) -> Mapping[str, tuple[str, ...]]:
        today = self._ports.clock.now().date()
        found: defaultdict[str, list[str]] = defaultdict(list)
        for prefix in layout.runs_prefixes(today - RUNS_SINCE, today):
            for key in records.keys(prefix):
                run_id = key.removeprefix(layout.RUNS).removesuffix(".json")
                for name in _services_of(run_id):
                    found[name].append(run_id)
        return {name: tuple(sorted(ids, reverse=True)) for name, ids in found.items()}


@functools.lru_cache(maxsize=4096)
def _services_of(run_id: str) -> tuple[str, ...]:
    """Return the services that a run with this id may be a restore of: an id may end in a tail, or not."""
    match = _RESTORE.fullmatch(run_id)
    if match is None:
        return ()
    rest = match["rest"]
    return (rest, rest[:-9]) if _TAIL.fullmatch(rest[-9:]) else (rest,)
