"""The calls behind GET /api/services/{name}/failover and /failback: readiness, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import azure.functions as func

from operate_http.services import find
from operate_http.takeover import Reading, read_failback, read_failover
from shared import http
from shared.core import failover, preflight, role_swap
from shared.core.ends import Standby
from shared.core.errors import DrError, RefusedError
from shared.core.failback_steps import failback_steps
from shared.core.failover_steps import failover_steps, recovery_point
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.takeover_steps import Apps
from shared.threads import in_thread


async def show_failover(req: func.HttpRequest, ports: Ports) -> func.HttpResponse:
    """Answer whether the standby of a service can take over, what is lost, and the steps."""
    return await _answer(lambda: _failover(req, ports))


async def show_failback(req: func.HttpRequest, ports: Ports) -> func.HttpResponse:
    """Answer whether the old primary can take back, and the steps."""
    return await _answer(lambda: _failback(req, ports))


async def _answer(show: Callable[[], dict[str, Any]]) -> func.HttpResponse:
    try:
        return http.answer(200, await in_thread(show))
    except DrError as err:
        return http.failure(err)


def _failover(req: func.HttpRequest, ports: Ports) -> dict[str, Any]:
    service, standby = _with_standby(req, ports)
    reading = read_failover(service, standby, ports)
    facts, faults = reading.facts, role_swap.faults_of_swap(ports.plan, service)
    checks = failover.judge(facts, failover.FAILOVER)
    return {
        **_head(service, reading, ports),
        "isReady": failover.is_ready(checks),
        "verdict": preflight.worst(checks),
        "checks": [check.to_json() for check in checks],
        "recoveryPoint": recovery_point(facts).to_json(),
        "guards": [check.to_json() for check in reading.guards],
        **_tail(reading),
        "steps": [
            step.to_json() for step in failover_steps(facts, reading.missing, _apps(req, ports), faults)
        ],
        "planEntry": role_swap.swapped_entry(ports.plan, service),
    }


def _failback(req: func.HttpRequest, ports: Ports) -> dict[str, Any]:
    service, standby = _with_standby(req, ports)
    reading = read_failback(service, standby, ports)
    facts, faults = reading.facts, role_swap.faults_of_swap(ports.plan, service)
    checks = failover.judge(facts, failover.FAILBACK)
    return {
        **_head(service, reading, ports),
        "isReady": failover.is_ready(checks) and not faults,
        "verdict": preflight.worst(checks),
        "checks": [check.to_json() for check in checks],
        **_tail(reading),
        "steps": [
            step.to_json() for step in failback_steps(facts, reading.missing, _apps(req, ports), faults)
        ],
        "planEntry": role_swap.swapped_entry(ports.plan, service),
    }


def _head(service: ProtectedService, reading: Reading, ports: Ports) -> dict[str, Any]:
    facts = reading.facts
    region = facts.end.region
    is_here = region == ports.plan.region
    return {
        "service": service.name,
        "from": facts.instead_of.name,
        "to": facts.name,
        "at": f"{facts.now:%Y-%m-%dT%H:%M:%SZ}",
        "ask": "" if is_here else f"the app of {region}: it restores into {facts.name}, and knows its runs",
    }


def _tail(reading: Reading) -> dict[str, Any]:
    return {
        "missing": [fix_up.to_json() for fix_up in reading.missing],
        "notRead": list(reading.not_read),
    }


def _apps(req: func.HttpRequest, ports: Ports) -> Apps:
    # without the query: a function key in it must not come back in an answer
    url = req.url.split("?", 1)[0]
    return Apps(own_region=ports.plan.region, own_url=url[: url.rindex("/api/")] if "/api/" in url else url)


def _with_standby(req: func.HttpRequest, ports: Ports) -> tuple[ProtectedService, Standby]:
    service = find(req, ports)
    if service.standby is None:
        message = f"{service.name} has no standby that could take over"
        raise RefusedError(message, hint="Name one in the plan: docs/plan.md.", code="NoStandby")
    return service, service.standby
