"""The steps of one restore: plain functions that take ports. Each may run more than once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from restore_http import checks
from restore_http.verify import expected_inventories, inventories_of, take
from shared.core import guards
from shared.core.errors import ServiceBusyError
from shared.core.inventory import (
    compare,
)
from shared.core.ports import Ports
from shared.core.requests import RestoreRequest
from shared.core.runs import Outcome
from shared.core.steps import StepResult, attempt, done, end
from shared.core.submission import Evidence
from shared.submit import submit_once


def check_restore(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Run all guards against the target as it is now. Nothing is changed."""
    request = RestoreRequest.from_json(wish)
    return attempt(lambda: _check(request, ports), unproven=Outcome.REFUSED)


def _check(request: RestoreRequest, ports: Ports) -> StepResult:
    target = ports.arm.service_state(request.target)
    refusals = guards.restore_refusals(
        request.point, target, request.target, ports.arm.api_version, ports.clock.now()
    )
    refusals += checks.blob_refusals(request.point, ports)
    if refusals:
        return end(Outcome.REFUSED, checks.refusal_of(refusals))
    run, _ = ports.runs.read(request.run_id)
    objection = None if run.is_under_way else checks.objection(request, run, ports)
    if objection is not None:
        return objection
    if target.is_in_transition and not run.is_under_way:  # else the transition may be our own
        raise ServiceBusyError(f"service {request.target.name} is {target.provisioning_state}")
    return done()


def begin_restore(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Start the restore once; see shared.submit."""
    request = RestoreRequest.from_json(wish)

    def look() -> Evidence:
        if ports.arm.service_state(request.target).is_in_transition:
            return Evidence(in_transition=True, effect_seen=None)
        posted_at = ports.runs.read(request.run_id)[0].posted_at
        grace = dt.timedelta(seconds=request.intervals.evidence_grace_s)
        if posted_at is not None and ports.clock.now() - posted_at < grace:
            # a target that equals the point may have done so before, with the restore about to begin
            return Evidence(in_transition=False, effect_seen=None)
        expected = expected_inventories(request.point, ports)
        if expected is None:
            return Evidence(in_transition=False, effect_seen=None)
        actual = take(request, "look", ports)
        differences = compare(inventories_of(expected), actual)
        is_seen = None if set(actual.not_read) - set(expected.before.not_read) else True
        return Evidence(in_transition=False, effect_seen=False if differences else is_seen)

    return attempt(
        lambda: submit_once(
            ports,
            request,
            "restore",
            request.point.name,
            look,
            lambda run: checks.objection(request, run, ports),
        ),
        unproven=Outcome.OUTCOME_UNKNOWN,
    )
