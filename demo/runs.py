"""What the app says about its runs, over HTTP, as an operator reads it. A dead app is simply asked again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from demo import clock
from demo.faults import DemoFault

CALL_S_MAX = 10.0
KINDS_OF_RESTORE = frozenset({"restore", "replicate"})
GOOD = "Succeeded"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as `GET /api/runs` shows it."""

    run_id: str
    kind: str
    phase: str
    outcome: str | None
    polls: int
    started_at: str | None
    elapsed_s: float | None
    next_poll_at: str | None
    message: str | None

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> Run:
        """Read one run; fields that only some phases have may be missing."""
        elapsed = found.get("elapsedS", found.get("durationS"))
        return Run(
            run_id=str(found["runId"]),
            kind=str(found["kind"]),
            phase=str(found["phase"]),
            outcome=found.get("outcome"),
            polls=int(found.get("polls") or 0),
            started_at=found.get("startedAt"),
            elapsed_s=None if elapsed is None else float(elapsed),
            next_poll_at=found.get("nextPollAt"),
            message=found.get("message"),
        )

    @property
    def has_ended(self) -> bool:
        """Whether there is an outcome."""
        return self.outcome is not None


class App:
    """The HTTP side of one function app. The devhost may be killed and started again at any moment."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def fire(self, function: str) -> bool:
        """Start a timer's function as the host's operators do; False if there was no answer."""
        try:
            answer = self._session.post(f"{self.url}/admin/functions/{function}", json={}, timeout=CALL_S_MAX)
        except requests.RequestException:
            return False
        if answer.status_code != requests.codes.accepted:
            raise DemoFault(f"POST /admin/functions/{function} was answered with status {answer.status_code}")
        return True

    def runs(self) -> list[Run] | None:
        """Return the runs, newest first; None if the app does not answer now."""
        content = self._get("/api/runs")
        return None if content is None else [Run.from_json(one) for one in content[1].get("value", [])]

    def run(self, run_id: str) -> tuple[int, Json] | None:
        """Return status and body of one run; None if the app does not answer now."""
        return self._get(f"/api/runs/{run_id}")

    def ask(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        """
        Make one call as an operator does; return status and body.

        Raises:
            DemoFault: there was no answer, or none in JSON.
        """
        try:
            answer = self._session.request(method, self.url + path, json=body, timeout=CALL_S_MAX)
            return answer.status_code, answer.json()
        except requests.RequestException as err:
            raise DemoFault(f"{method} {path} failed: {type(err).__name__}") from err

    def _get(self, path: str) -> tuple[int, Json] | None:
        try:
            answer = self._session.get(self.url + path, timeout=CALL_S_MAX)
            content = answer.json()
        except requests.RequestException:
            return None
        if answer.status_code in (502, 503, 504) and "error" not in content:
            return None
        if not isinstance(content, dict):
            raise DemoFault(f"GET {path} answered something else than a JSON object")
        return answer.status_code, content


def pick_backup(runs: list[Run]) -> Run | None:
    """Return tonight's backup: the oldest one, since the demo begins with none."""
    return next((run for run in reversed(runs) if run.kind == "backup"), None)


def pick_restore(runs: list[Run]) -> Run | None:
    """
    Return the run that restored the standby.

    An event may come twice, and the second run of it may be refused: a good one counts, then one that still
    runs, then any.
    """
    restores = [run for run in reversed(runs) if run.kind in KINDS_OF_RESTORE]
    order = (lambda run: run.outcome == GOOD, lambda run: not run.has_ended, lambda run: True)
    return next((run for fits in order for run in restores if fits(run)), None)


def told_failure(status: int, content: Mapping[str, Any]) -> str:
    """Put the app's error envelope into words."""
    error = content.get("error")
    if not isinstance(error, dict):
        return f"status {status}"
    details = [f"{one.get('code')}: {one.get('message')}" for one in error.get("details") or () if one]
    return "; ".join([f"{error.get('code')}: {error.get('message')}", *details])[:1000]


def seconds_until(moment: str | None) -> float | None:
    """Return how long it is until a moment the app names; None if it names none."""
    return None if moment is None else max(0.0, (clock.parse(moment) - clock.now()).total_seconds())
