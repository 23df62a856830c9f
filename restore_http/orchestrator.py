"""The plan of one restore, as a generator. Only yields, pure calls and returns."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from shared.core.requests import RestoreRequest
from shared.core.runs import Outcome, RunEnd
from shared.core.steps import StepState, repeat
from shared.operation import busy_patience, conclude, ended, insist, operate


def restore_service(context: Any) -> Generator[Any, Any, dict[str, Any]]:
    """
    Restore one point into one target and compare.

    Input: RestoreRequest, whose run record exists. Output: RunEnd.
    """
    request = RestoreRequest.from_json(context.get_input())
    end = yield from _restore(context, request)
    output = yield from conclude(context, request, end)
    return output


def _restore(context: Any, request: RestoreRequest) -> Generator[Any, Any, RunEnd]:
    checked = yield from repeat(context, "check_restore", request.to_json(), busy_patience(context, request))
    if checked.state is StepState.END:
        return ended(request, checked)
    operated = yield from operate(context, request, "begin_restore")
    polls = int(operated.value.get("polls", 0))
    if operated.state is StepState.END:
        return ended(request, operated, polls)
    wish = {**request.to_json(), "runningAt": operated.value.get("runningAt")}
    verified = yield from repeat(context, "verify_restore", wish, insist(context, request.intervals))
    if verified.state is StepState.END:
        return ended(request, verified, polls)
    return RunEnd(
        run_id=request.run_id, outcome=Outcome.SUCCEEDED, polls=polls, restore_point=request.point.name
    )
