"""The plans of an export over all services and of one service, as generators. Only yields and pure calls."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from typing import Any

from shared.core import usage_fleet
from shared.core.intervals import Intervals
from shared.core.lro import Fault
from shared.core.runs import Outcome
from shared.core.steps import Patience, StepResult, StepState, repeat
from shared.core.usage import Span
from shared.core.usage_fleet import DAYS_PER_GENERATION, LOOKS_PER_GENERATION, UsageFleet, UsageRun
from shared.operation import insist


def export_usage(context: Any) -> Generator[Any, Any, dict[str, Any] | None]:
    """
    Export the reports of every service that is to be exported, some services at a time.

    Input: {"requestedAt", "intervals"} at first, UsageFleet in later generations. Output: UsageFleet.
    """
    data = context.get_input()
    if "waiting" not in data:
        intervals = Intervals.model_validate(data["intervals"])
        planned = yield from repeat(context, "plan_usage", data, insist(context, intervals))
        if planned.state is StepState.END:
            raise RuntimeError(f"the export of usage data could not begin: {_why(planned)}")
        data = planned.value
    fleet = UsageFleet.from_json(data)
    for _ in range(LOOKS_PER_GENERATION):
        for service in usage_fleet.to_start(fleet):
            answer = yield from _start(context, fleet, service)
            fleet = usage_fleet.started(fleet, service, answer, context.current_utc_datetime)
        if fleet.is_over:
            yield from repeat(context, "end_usage", fleet.to_json(), insist(context, fleet.intervals))
            return fleet.to_json()
        wait = dt.timedelta(seconds=fleet.intervals.follow_s)
        yield context.create_timer(context.current_utc_datetime + wait)
        if fleet.active:
            looks = yield from _look(context, fleet)
            fleet = usage_fleet.looked(fleet, looks)
    context.continue_as_new(fleet.to_json())
    return None


def export_service_usage(context: Any) -> Generator[Any, Any, dict[str, Any] | None]:
    """
    Export the days that are due for one service, report by report, and write down what came of it.

    Input: UsageRun; starts anew with what is left every DAYS_PER_GENERATION days. Output: UsageEnd.
    """
    run = UsageRun.from_json(context.get_input())
    if run.patience_until is None:
        patience_s = run.intervals.busy_patience_s
        until = context.current_utc_datetime + dt.timedelta(seconds=patience_s)
        run = run.model_copy(update={"patience_until": until})
    patience = Patience(until=run.patience_until, intervals=run.intervals)
    if run.spans is None:
        run = yield from _plan(context, run, patience)
    for _ in range(DAYS_PER_GENERATION):
        if run.next_step is None:
            return (yield from _end(context, run))
        report, day = run.next_step
        wish = {"v": 1, "service": run.service, "report": report, "day": day.isoformat()}
        result = yield from repeat(context, "export_usage_day", wish, patience)
        if result.state is StepState.DONE:
            run = run.after(result.value)
        elif result.outcome is Outcome.REFUSED:
            run = run.stopped(_why(result))
        else:
            run = run.without_report(_why(result))
    context.continue_as_new(run.to_json())
    return None


def _plan(context: Any, run: UsageRun, patience: Patience) -> Generator[Any, Any, UsageRun]:
    wish = {"v": 1, "service": run.service}
    planned = yield from repeat(context, "plan_service_usage", wish, patience)
    if planned.state is StepState.END:
        return run.stopped(_why(planned))
    spans = tuple(Span.model_validate(item) for item in planned.value["spans"])
    return run.model_copy(update={"spans": spans})


def _end(context: Any, run: UsageRun) -> Generator[Any, Any, dict[str, Any]]:
    ended = run.end()
    written = yield from repeat(context, "end_service_usage", ended.to_json(), insist(context, run.intervals))
    if written.state is StepState.END:
        raise RuntimeError(f"the end of {run.run_id} could not be recorded: {ended.outcome}")
    return ended.to_json()


def _why(result: StepResult) -> Fault:
    return result.fault or Fault(code="Unclear", message="a step ended without a reason")


def _start(context: Any, fleet: UsageFleet, service: str) -> Generator[Any, Any, dict[str, Any]]:
    as_json = fleet.to_json()
    wish = {
        "v": 1,
        "service": service,
        "requestedAt": as_json["requestedAt"],
        "intervals": as_json["intervals"],
    }
    try:
        answer: dict[str, Any] = yield context.call_activity("start_usage_export", wish)
    except Exception:  # noqa: BLE001 - a service that cannot be started now must not hold up the others
        return {"started": False}
    return answer


def _look(context: Any, fleet: UsageFleet) -> Generator[Any, Any, list[dict[str, Any]]]:
    question = {"v": 1, "runs": [run.to_json() for run in fleet.active]}
    try:
        answer = yield context.call_activity("usage_states", question)
    except Exception:  # noqa: BLE001 - a look that failed says nothing about the exports
        return []
    looks: list[dict[str, Any]] = answer["runs"]
    return looks
