"""
The night's fleet: who is started next, who is at work, who has ended. Pure.

Each service is its own orchestration; the night only starts them, under a cap, and looks at them.
One service's failure, hang or refusal is therefore nothing to the others.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from shared.core.documents import Document, Utc, Value
from shared.core.intervals import Intervals
from shared.core.lro import Fault
from shared.core.reports import NightRecord, ServiceNight
from shared.core.runs import Outcome

LOOKS_PER_GENERATION = 20
LOST_LOOKS_MAX = 3
"""So many looks at a run that nothing drives, and it is given up: one look may meet it between two states."""


class ActiveRun(Value):
    """A run that was started."""

    service: str
    run_id: str
    instance_id: str
    lost_looks: int = 0


class FleetState(Document):
    """What the night carries from look to look."""

    night: str
    requested_at: Utc
    patience_until: Utc
    concurrency: int
    intervals: Intervals
    waiting: tuple[str, ...]
    active: tuple[ActiveRun, ...] = ()
    ended: tuple[ServiceNight, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether every service has its word."""
        return not self.waiting and not self.active


def to_start(state: FleetState) -> tuple[str, ...]:
    """Return the services to start now: in the plan's order, up to the cap."""
    return state.waiting[: max(0, state.concurrency - len(state.active))]


def started(state: FleetState, service: str, answer: Mapping[str, Any], now: dt.datetime) -> FleetState:
    """
    Return the state after one wish.

    Args:
        state: before.
        service: whose wish it was.
        answer: {"started": a word of shared.start.Started, "runId", "instanceId"}, or {"fault": Fault}.
        now: aware UTC.
    """
    rest = tuple(name for name in state.waiting if name != service)
    word = answer.get("started")
    if word in {"started", "running", "ended"}:
        run = ActiveRun(service=service, run_id=answer["runId"], instance_id=answer["instanceId"])
        return state.model_copy(update={"waiting": rest, "active": (*state.active, run)})
    if now < state.patience_until:
        return state.model_copy(update={"waiting": (*rest, service)})
    fault = Fault.model_validate(answer.get("fault") or {"code": "ServiceBusy"})
    night = ServiceNight(
        service=service, run_id=str(answer.get("runId", "")), outcome=Outcome.REFUSED, fault=fault
    )
    return state.model_copy(update={"waiting": rest, "ended": (*state.ended, night)})


def looked(state: FleetState, looks: Iterable[Mapping[str, Any]]) -> FleetState:
    """
    Return the state after a look.

    Args:
        state: before.
        looks: one for each active run: {"runId", "end": RunEnd or None, "driven": whether something
            drives it}.
    """
    by_id = {look["runId"]: look for look in looks}
    active: list[ActiveRun] = []
    ended = list(state.ended)
    for run in state.active:
        look = by_id.get(run.run_id, {})
        if look.get("end"):
            ended.append(_night_of(run, look["end"]))
        elif look.get("driven", True):
            active.append(run.model_copy(update={"lost_looks": 0}))
        elif run.lost_looks + 1 < LOST_LOOKS_MAX:
            active.append(run.model_copy(update={"lost_looks": run.lost_looks + 1}))
        else:
            fault = Fault(code="RunAbandoned", message="nothing drives this run any more")
            ended.append(
                ServiceNight(
                    service=run.service, run_id=run.run_id, outcome=Outcome.OUTCOME_UNKNOWN, fault=fault
                )
            )
    return state.model_copy(update={"active": tuple(active), "ended": tuple(ended)})


def record(state: FleetState, now: dt.datetime) -> NightRecord:
    """Return the night's record: every service with its word, in alphabetical order."""
    services = tuple(sorted(state.ended, key=lambda item: item.service))
    return NightRecord(night=state.night, requested_at=state.requested_at, ended_at=now, services=services)


def _night_of(run: ActiveRun, end: Mapping[str, Any]) -> ServiceNight:
    return ServiceNight.model_validate(
        {
            "service": run.service,
            "runId": run.run_id,
            "outcome": end["outcome"],
            "restorePoint": end.get("restorePoint"),
            "fault": end.get("fault"),
        }
    )
