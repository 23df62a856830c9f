"""The steps of one restore: plain functions that take ports. Each may run more than once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from restore_http import checks
from restore_http.evidence import inventories_of
from restore_http.verify import take
from shared import clearance
from shared.beside import expected_inventories
from shared.core.inventory import compare
from shared.core.ports import Ports
from shared.core.requests import RestoreRequest
from shared.core.runs import Outcome
from shared.core.steps import StepResult, attempt, done, end
from shared.core.submission import Evidence, word_on_record
from shared.submit import submit_once


def check_restore(wish: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Ask all guards with everything as it is now, and read the blob through. Nothing is changed.

    Returns:
        StepResult; DONE of a run whose POST is sent already without asking any: they are asked again before
        another POST, and the run record keeps what they said then.
    """
    request = RestoreRequest.from_json(wish)
    return attempt(lambda: _check(request, ports), unproven=Outcome.REFUSED)


def _check(request: RestoreRequest, ports: Ports) -> StepResult:
    run, _ = ports.runs.read(request.run_id)
    ended = word_on_record(run)
    if ended is not None:
        return ended
    if run.is_under_way:
        return done()
    found = clearance.checks(request, ports, read_through=True)
    fault = checks.refusal_of(found) or checks.overtaken(request, run, ports)
    if fault is not None:
        return end(Outcome.REFUSED, fault)
    waiting = checks.busy(found)
    if waiting is not None:
        raise waiting
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
            lambda run: checks.last_check(request, run, ports),
        ),
        unproven=Outcome.OUTCOME_UNKNOWN,
    )
